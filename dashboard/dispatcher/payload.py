"""Arrays out of pickles, without running what a pickle says.

A dispatcher sends every array as a base64 pickle of a numpy array or an astropy `FITS_rec`. Unpickling calls whatever
the sender names, and even numpy's own classes are no shelter: a forged dtype state makes numpy read pointers out of the
data. So no foreign class is touched at all. Every name on the allow-list becomes a stand-in that only records its
arguments, any other name is refused, and the arrays are built afterwards from the recorded shapes, types and bytes,
each checked. What astropy says about columns is ignored: the header tells the same, and of any astropy version.
"""

from __future__ import annotations

import binascii
import io
import math
import pickle
import pickletools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import MalformedAnswer, UnsafePayload

OPCODES: Final = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("STACK_GLOBAL", "GLOBAL", "REDUCE", "NEWOBJ", "BUILD"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
MAX_DIMENSIONS: Final = 8
MAX_NESTING: Final = 3
_SIMPLE_TYPE: Final = re.compile(r"b1|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,7}")

Array = NDArray[Any]
_LOAD_ERRORS = (
    *(pickle.UnpicklingError, AttributeError, TypeError, ValueError, LookupError),
    *(EOFError, ImportError, MemoryError, OverflowError, RecursionError),
)


@dataclass(frozen=True, eq=False)
class Records:
    """A FITS table as sent.

    Attributes
    ----------
    rows
        (n,); structured, fields as stored in the file (not scaled by TSCAL and TZERO).
    ragged
        Columns of variable length: one array a row.
    """

    rows: Array
    ragged: Mapping[str, list[Array]] = field(default_factory=dict)


class _Ignored:
    """Stands for classes that say nothing an array needs.

    Every stand-in is a type with `__setstate__`: the BUILD opcode can then neither add attributes to an instance nor,
    for lack of an argument, to the type itself.
    """

    __slots__ = ("args", "state")

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _DType(_Ignored):
    """`numpy.dtype`: args (code, align, copy), state (version, order, subarray, names, fields, itemsize, ...)."""

    __slots__ = ()

    @property
    def of_objects(self) -> bool:
        return bool(self.args) and self.args[0] in ("O8", "O4", "O")

    def build(self, nesting: int = 0) -> np.dtype[Any]:
        if nesting > MAX_NESTING:
            raise ValueError("types nested too deeply")
        order, subarray, names, fields, itemsize = self.state[1:6]
        if subarray is not None:
            inner, shape = subarray
            return np.dtype((inner.build(nesting + 1), _shape(shape)))
        if names is not None:
            columns = [fields[name] for name in names]
            formats = [column[0].build(nesting + 1) for column in columns]
            spec = {"names": list(names), "formats": formats, "offsets": [column[1] for column in columns], "itemsize": itemsize}
            return np.dtype(spec)  # type: ignore[call-overload]
        code = self.args[0]
        if not isinstance(code, str) or not _SIMPLE_TYPE.fullmatch(code):
            raise ValueError("no numeric or text type")
        return np.dtype(f"{order}{code}" if order in ("<", ">") else code)


class _Array(_Ignored):
    """`numpy...._reconstruct`: state (version, shape, dtype, Fortran order, data[, astropy's values, their names])."""

    __slots__ = ()

    def build(self) -> Array:
        _, shape, dtype, fortran, data = self.state[:5]
        return _array(data, dtype, shape, "F" if fortran else "C")

    def ragged(self) -> Iterator[tuple[str, list[Array]]]:
        """Columns of variable length among the values a `FITS_rec` has converted already."""
        if len(self.state) < 7:
            return
        converted = dict(zip(self.state[6], self.state[5], strict=True)).get("_converted") or {}
        for name, column in converted.items():
            if isinstance(column, _Array) and column.state[2].of_objects:
                yield str(name), [cell.build() for cell in column.state[4]]


class _Buffer(_Ignored):
    """`numpy...._frombuffer` of pickle protocol 5: args (data, dtype, shape, order)."""

    __slots__ = ()

    def build(self) -> Array:
        data, dtype, shape, order = self.args
        return _array(data, dtype, shape, "F" if order == "F" else "C")


def _names(modules: str, names: str, stand_in: type[_Ignored]) -> dict[tuple[str, str], type[_Ignored]]:
    return dict.fromkeys(product(modules.split(), names.split()), stand_in)


ALLOWED: Final[Mapping[tuple[str, str], type[_Ignored]]] = {
    **_names("numpy.core.multiarray numpy._core.multiarray", "_reconstruct", _Array),
    **_names("numpy.core.numeric numpy._core.numeric", "_frombuffer", _Buffer),
    **_names("numpy", "dtype", _DType),
    **_names("numpy.core.multiarray numpy._core.multiarray", "scalar", _Ignored),
    **_names("numpy numpy.rec numpy.core.records numpy._core.records", "ndarray record recarray", _Ignored),
    **_names("numpy numpy.char numpy.core.defchararray numpy._core.defchararray", "chararray", _Ignored),
    **_names("astropy.utils.compat.numpycompat", "chararray", _Ignored),
    **_names("astropy.io.fits.fitsrec", "FITS_rec FITS_record", _Ignored),
    **_names("astropy.io.fits.column", "ColDefs Column _ColumnFormat _AsciiColumnFormat _FormatP _FormatQ _FormatX _VLF", _Ignored),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> type[_Ignored]:
        stand_in = ALLOWED.get((module_name, global_name))
        if stand_in is None:
            raise _unsafe(f"{module_name}.{global_name}")
        return stand_in


def _unsafe(what: str) -> UnsafePayload:
    shown = re.sub(r"[^\w.]", "?", what)[:80]
    return UnsafePayload(f"The answer of the dispatcher holds {shown}, which is no array: it was not decoded. Report it to its operators.")


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("no shape")
    return shape


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """View of the bytes, once they are exactly as many as shape and type say."""
    kind, size = dtype.build(), math.prod(_shape(shape))
    if not isinstance(data, bytes | bytearray) or size * kind.itemsize != len(data):
        raise ValueError("size of data and shape differ")
    return np.frombuffer(data, kind).reshape(shape, order=order) if data else np.zeros(shape, kind)


def _scan(payload: bytes) -> None:
    """Read the opcodes without obeying them.

    Refused are those that reach objects past the allow-list (extension registry, persistent ids, INST, OBJ) and memo
    indices that would make the unpickler reserve more memory than the payload could ever use.
    """
    try:
        for opcode, argument, _ in pickletools.genops(payload):
            if opcode.name not in OPCODES:
                raise _unsafe(f"the pickle opcode {opcode.name}")
            if opcode.name.endswith("PUT") and int(str(argument)) > len(payload):
                raise _unsafe("an oversized memo")
    except ValueError as error:
        raise MalformedAnswer("An array in the answer of the dispatcher is cut short or garbled: ask again.") from error


def decode(text: str) -> Array | Records:
    """The array or table in a `binarys` field.

    Parameters
    ----------
    text
        Base64 of a pickle.

    Returns
    -------
    ndarray or Records
        Read-only views of the decoded bytes, in the byte order sent.

    Raises
    ------
    UnsafePayload
        When the pickle names anything but arrays, or uses opcodes arrays do not need.
    MalformedAnswer
        When it is truncated, or shapes, types and bytes do not fit together.
    """
    try:
        payload = binascii.a2b_base64(text)
    except (binascii.Error, ValueError) as error:
        raise MalformedAnswer("An array in the answer of the dispatcher is not base64: ask again.") from error
    _scan(payload)
    try:
        found = _Unpickler(io.BytesIO(payload)).load()
    except _LOAD_ERRORS:
        raise _unsafe("a pickle that misuses arrays") from None
    if not isinstance(found, _Array | _Buffer):
        raise _unsafe(f"a {type(found).__name__}")
    try:
        array = found.build()
        ragged = dict(found.ragged()) if isinstance(found, _Array) else {}
    except _LOAD_ERRORS as error:
        raise MalformedAnswer(f"An array in the answer of the dispatcher is inconsistent ({type(error).__name__}): ask again.") from None
    if sum(cell.nbytes for cells in ragged.values() for cell in cells) > len(payload):
        raise _unsafe("columns larger than itself")
    return array if array.dtype.names is None else Records(array, ragged)
