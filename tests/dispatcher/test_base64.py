from __future__ import annotations

import base64
import random

import pytest

from dashboard.dispatcher.base64 import SHORT, decode_base64


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, *range(SHORT * 3 // 4 - 3, SHORT * 3 // 4 + 5), 200_001])
def test_it_undoes_the_encoding(size: int) -> None:
    data = random.Random(size).randbytes(size)
    text = base64.b64encode(data)
    assert bytes(decode_base64(text)) == bytes(decode_base64(text.decode())) == bytes(decode_base64(memoryview(text))) == data


@pytest.mark.parametrize("length", [400, 400_000])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 201, -1])
@pytest.mark.parametrize("character", [b"=", b"-", b"\x80", b" "])
def test_one_wrong_character_is_noticed_wherever_it_is(length: int, place: int, character: bytes) -> None:
    text = bytearray(b"QUJD" * (length // 4))
    text[place : place + 1 or None] = character
    if (place, character) != (-1, b"="):
        with pytest.raises(ValueError):
            decode_base64(bytes(text))


@pytest.mark.parametrize("length", [5, 6, 7, 400_001, 400_002, 400_003])
def test_a_cut_text_is_noticed(length: int) -> None:
    with pytest.raises(ValueError):
        decode_base64("A" * length)
