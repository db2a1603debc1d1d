from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.dispatcher.document import parse

BASE64 = st.text("ABCxyz019+/=", max_size=40)
KEYS = st.sampled_from(["binarys", "name", 'x"binarys', '"binarys": "', "null"])
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), KEYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["name", 'x"binarys', "null"]), inner, max_size=4),
        st.fixed_dictionaries({"binarys": st.one_of(st.none(), BASE64), "header": inner}),
    ),
    max_leaves=15,
)


def plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    return [plain(item) for item in tree] if isinstance(tree, list) else bytes(tree).decode() if isinstance(tree, memoryview) else tree


@given(tree=TREES, indent=st.sampled_from([None, 1]))
def test_any_document_is_the_one_json_reads(tree: Any, indent: int | None) -> None:
    text = json.dumps(tree, indent=indent)
    if '\\"binarys"' not in text:
        assert plain(parse(text.encode())) == json.loads(text)


def test_arrays_are_views_of_the_bytes_received() -> None:
    content = b'[{"binarys": "QUJD"}, {"binarys" :\n"REVG", "x": "\\"binarys\\": \\"no\\""}, {"binarys": null}]'
    first, second, third = parse(content)
    assert first["binarys"].obj is content
    assert (bytes(second["binarys"]), second["x"], third["binarys"]) == (b"REVG", '"binarys": "no"', None)


def test_numbers_json_does_not_know_are_nan() -> None:
    assert all(math.isnan(value) for value in parse(b"[NaN, Infinity, -Infinity]"))
    assert math.isnan(parse(b'{"binarys": "QUJD", "DEADC": NaN}')["DEADC"])


@pytest.mark.parametrize("content", [b"", b"{", b'{"binarys": "QUJ', b'{"binarys": "Q\\"U"}', b'{"binarys": "A"', b"\xff\xfe", b"<html>"])
def test_a_cut_or_foreign_document_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse(content)
