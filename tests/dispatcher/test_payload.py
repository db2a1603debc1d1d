from __future__ import annotations

import base64
import contextlib
import copyreg
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashboard.dispatcher.payload import Records, decode
from dashboard.errors import MalformedAnswer, UnsafePayload

DTYPES = ["<f4", ">f4", "<f8", ">f8", "<i2", ">i4", "<i8", "u1", "?", "<c16", "S7", "<U5", ">U3"]


def text(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


@settings(max_examples=60, deadline=None)
@given(
    array=st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))),
    protocol=st.sampled_from([3, 4, 5]),
    fortran=st.booleans(),
)
def test_any_array_comes_back_as_it_was(array: np.ndarray[Any, Any], protocol: int, fortran: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    back = decode(text(pickle.dumps(array, protocol)))
    assert isinstance(back, np.ndarray)
    assert back.shape == array.shape
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_a_structured_array_keeps_its_fields() -> None:
    rows = np.zeros(3, [("NAME", "S8"), ("RATE", ">f4"), ("MATRIX", ">f4", (2, 3))])
    rows["RATE"] = [1, 2, np.nan]
    rows["MATRIX"] = np.arange(18).reshape(3, 2, 3)
    back = decode(text(pickle.dumps(rows)))
    assert isinstance(back, Records)
    assert back.rows.dtype == rows.dtype
    assert back.rows.tobytes() == rows.tobytes()
    assert back.ragged == {}


def test_a_table_of_astropy_comes_as_rows_as_stored_and_its_ragged_columns() -> None:
    cells = np.array([np.arange(n, dtype="f4") for n in (2, 0, 3)], dtype=object)
    columns = [
        fits.Column("N", "I", bzero=32768, array=np.array([1, 40000, 65535], "u2")),
        fits.Column("MATRIX", "PE()", array=cells),
    ]
    file = io.BytesIO()
    fits.BinTableHDU.from_columns(columns).writeto(file)
    file.seek(0)
    with fits.open(file) as hdus:
        data = hdus[1].data
        assert data["MATRIX"][2].sum() == 3
        back = decode(text(pickle.dumps(data)))
    assert isinstance(back, Records)
    assert back.rows["N"].tolist() == [1 - 32768, 40000 - 32768, 65535 - 32768]
    assert [cell.tolist() for cell in back.ragged["MATRIX"]] == [[0, 1], [], [0, 1, 2]]


class Reduced:
    """Pickles as a call of whatever it is given."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


def global_(module: str, name: str) -> bytes:
    return b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)) + b"\x93"


def string(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def call(module: str, name: str, *args: str) -> bytes:
    """A protocol 4 pickle that calls a global with texts."""
    return b"\x80\x04" + global_(module, name) + b"(" + b"".join(map(string, args)) + b"tR."


def crafted(marker: Path) -> dict[str, bytes]:
    command = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w').close()"
    pipeline = Reduced(eval, (code,))
    array = pickle.dumps(np.zeros(3))
    state = (5, np.dtype("f4"), [pipeline])
    return {
        "os.system": call("os", "system", command),
        "posix.system": call("posix", "system", command),
        "builtins.eval": call("builtins", "eval", code),
        "builtins.exec, GLOBAL opcode": b"cbuiltins\nexec\n(V" + code.encode() + b"\ntR.",
        "subprocess": call("subprocess", "getoutput", command),
        "numpy.load": call("numpy", "load", str(marker)),
        "numpy.fromfile": call("numpy", "fromfile", str(marker)),
        "numpy's runner of strings": call("numpy.testing._private.utils", "runstring", code, "x"),
        "numpy.f2py": call("numpy.f2py.diagnose", "run_command", command),
        "f2py's eval": call("numpy.f2py.crackfortran", "myeval", code),
        "getattr of a module": b"\x80\x04" + global_("builtins", "getattr") + global_("os", "path") + string("os") + b"\x86R.",
        "dotted STACK_GLOBAL": call("numpy", "load.__globals__.__getitem__", "os"),
        "dotted from an allowed module": call("numpy", "ndarray.__class__.__base__.__subclasses__"),
        "dotted through astropy": call("astropy.io.fits.fitsrec", "np.load", str(marker)),
        "persistent id": b"\x80\x04Pmarker\n.",
        "binary persistent id": b"\x80\x04" + string("x") + b"Q.",
        "INST": b"(V" + command.encode() + b"\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nV" + command.encode() + b"\no.",
        "object array that carries a call": pickle.dumps(np.array([pipeline], dtype=object)),
        "call inside a table's state": pickle.dumps([state]),
        "call beside a good array": pickle.dumps((np.zeros(2), pipeline)),
        "import of nothing": call("dashboard.no_such_module", "x"),
        "a plain list": pickle.dumps([1, 2, 3]),
        "a class instead of an array": b"\x80\x04" + global_("numpy", "ndarray") + b".",
        "attributes onto a class": b"\x80\x04" + global_("numpy", "ndarray") + b"N}" + string("build") + string("x") + b"s\x86b.",
        "attributes onto an array": array[:-1] + b"N}" + string("build") + string("x") + b"s\x86b" + b"\x85.",
        "oversized memo": b"\x80\x04Nr" + struct.pack("<I", 2**31 - 1) + b".",
    }


@pytest.mark.parametrize("attack", crafted(Path("marker")))
def test_code_is_refused_and_does_not_run(attack: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(UnsafePayload):
        decode(text(crafted(marker)[attack]))
    assert not marker.exists()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Unrestricted unpickling does run the first ones, so that their refusal means something."""
    for number, attack in enumerate(("os.system", "builtins.eval", "builtins.exec, GLOBAL opcode", "object array that carries a call")):
        marker = tmp_path / str(number)
        pickle.loads(crafted(marker)[attack])
        assert marker.exists(), attack


def test_the_extension_registry_is_no_way_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes registered with copyreg would be resolved from a cache, past the allow-list."""
    copyreg.add_extension("os", "getcwd", 240)
    try:
        payload = b"\x80\x02\x82" + bytes([240]) + b")R."
        assert isinstance(pickle.loads(payload), str)
        with pytest.raises(UnsafePayload):
            decode(text(payload))
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


def forged(shape: tuple[int, ...], dtype: Any, data: bytes) -> bytes:
    """A pickle of an array with any shape and bytes."""
    reconstruct = np.zeros(0).__reduce__()[0]
    return pickle.dumps(Reduced(reconstruct, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, data)))


@pytest.mark.parametrize(
    ("shape", "dtype", "data"),
    [
        ((10**6, 10**6), np.dtype("f8"), b"12345678"),
        ((2**62, 4), np.dtype("f8"), b""),
        ((-1,), np.dtype("u1"), b"1"),
        ((1,) * 40, np.dtype("u1"), b"1"),
        ((2,), np.dtype("f8"), b"12345678"),
        ((1,), np.dtype("f8"), b"12345678" * 2),
        ((1,), np.dtype("O"), b"12345678"),
        ((1,), np.dtype([("a", "O")]), b"12345678"),
        ((1,), np.dtype([("a", [("b", "f8")])]), b"12345678"),
        ((1,), np.dtype("M8[s]"), b"12345678"),
        ((1,), np.dtype("V8"), b"12345678"),
        ((10**12,), np.dtype("S0"), b""),
    ],
    ids=str,
)
def test_shapes_and_types_that_do_not_fit_the_bytes_are_refused(shape: tuple[int, ...], dtype: Any, data: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        decode(text(forged(shape, dtype, data)))


def test_a_forged_type_cannot_smuggle_pointers() -> None:
    """A record type whose flags hide an object field makes numpy itself follow pointers in the data."""
    honest = pickle.dumps(np.dtype([("a", "O")]))
    assert b"O8" in honest
    hidden = Reduced(np.dtype, ("V8", False, True), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0))
    with pytest.raises(MalformedAnswer):
        decode(text(forged((1,), hidden, b"\x41" * 8)))


@pytest.mark.parametrize("keep", [0, 1, 10, 60, 150])
def test_a_cut_payload_is_malformed(keep: int) -> None:
    with pytest.raises(MalformedAnswer):
        decode(text(pickle.dumps(np.arange(100.0))[:keep]))


def test_a_claim_of_more_bytes_than_there_are_is_malformed() -> None:
    with pytest.raises(MalformedAnswer):
        decode(text(b"\x80\x04\x8e" + struct.pack("<Q", 2**45) + b"abc."))


def test_text_that_is_no_base64_is_malformed() -> None:
    with pytest.raises(MalformedAnswer):
        decode("abc")
    with pytest.raises(MalformedAnswer):
        decode("ünicode")


def test_repeating_one_array_in_a_ragged_column_does_not_multiply_memory() -> None:
    cells = np.array([np.arange(100.0)] * 3, dtype=object)
    data = fits.BinTableHDU.from_columns([fits.Column("M", "PD()", array=cells)]).data
    shared = np.arange(1e4)
    data._converted["M"] = np.empty(50, object)
    data._converted["M"][:] = [shared] * 50
    with pytest.raises(UnsafePayload):
        decode(text(pickle.dumps(data)))


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_no_flipped_byte_escapes_the_tree_of_errors(position: int, value: int) -> None:
    payload = bytearray(pickle.dumps(np.zeros(4, [("A", ">f4"), ("B", "S3")])))
    payload[position % len(payload)] = value
    with contextlib.suppress(UnsafePayload, MalformedAnswer):
        decode(text(bytes(payload)))
