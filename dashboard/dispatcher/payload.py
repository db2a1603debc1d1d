"""Arrays out of pickles, without unpickling.

A dispatcher sends every array as a base64 pickle of a numpy array or an astropy `FITS_rec`. Unpickling calls whatever
the sender names, and even numpy's own classes are no shelter: a forged dtype state makes numpy read pointers out of the
data. So the pickle is read, not run: a small reader follows its opcodes and notes the calls it asks for, refusing every
name but those of arrays; nothing is imported, called or given attributes. Arrays are then built as views of the bytes
from the noted shapes and types, each checked. What astropy says about columns is ignored: the header tells the same, and
of any astropy version.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.dispatcher.base64 import decode_base64
from dashboard.errors import MalformedAnswer, UnsafePayload

MAX_DIMENSIONS: Final = 8
MAX_NESTING: Final = 3
MAX_NAME: Final = 256
_STOP: Final = ord(".")
_SIMPLE_TYPE: Final = re.compile(r"b1|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,7}")

Array = NDArray[Any]
_GARBLED: Final = (ValueError, TypeError, AttributeError, LookupError, OverflowError, MemoryError, RecursionError, struct.error)


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


class _Call:
    """A call the pickle asks for: of a class whose values an array does not need."""

    __slots__ = ("args", "state")

    def __init__(self, args: Any) -> None:
        self.args = args
        self.state: Any = None


class _DType(_Call):
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
            if nesting:
                raise ValueError("records within records")
            columns = [fields[name] for name in names]
            formats = [column[0].build(nesting + 1) for column in columns]
            spec = {"names": list(names), "formats": formats, "offsets": [column[1] for column in columns], "itemsize": itemsize}
            return np.dtype(spec)  # type: ignore[call-overload]
        code = self.args[0]
        if not isinstance(code, str) or not _SIMPLE_TYPE.fullmatch(code):
            raise ValueError("no numeric or text type")
        return np.dtype(f"{order}{code}" if order in ("<", ">") else code)


class _Array(_Call):
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


class _Buffer(_Call):
    """`numpy...._frombuffer` of pickle protocol 5: args (data, dtype, shape, order)."""

    __slots__ = ()

    def build(self) -> Array:
        data, dtype, shape, order = self.args
        return _array(data, dtype, shape, "F" if order == "F" else "C")


def _names(modules: str, names: str, stand_in: type[_Call]) -> dict[tuple[str, str], type[_Call]]:
    return dict.fromkeys(product(modules.split(), names.split()), stand_in)


ALLOWED: Final[Mapping[tuple[str, str], type[_Call]]] = {
    **_names("numpy.core.multiarray numpy._core.multiarray", "_reconstruct", _Array),
    **_names("numpy.core.numeric numpy._core.numeric", "_frombuffer", _Buffer),
    **_names("numpy", "dtype", _DType),
    **_names("numpy.core.multiarray numpy._core.multiarray", "scalar", _Call),
    **_names("numpy numpy.rec numpy.core.records numpy._core.records", "ndarray record recarray", _Call),
    **_names("numpy numpy.char numpy.core.defchararray numpy._core.defchararray", "chararray", _Call),
    **_names("astropy.utils.compat.numpycompat", "chararray", _Call),
    **_names("astropy.io.fits.fitsrec", "FITS_rec FITS_record", _Call),
    **_names("astropy.io.fits.column", "ColDefs Column _ColumnFormat _AsciiColumnFormat _FormatP _FormatQ _FormatX _VLF", _Call),
}


class _Reader:
    """The stack machine of pickle protocols 2 to 5, as far as arrays need it."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self.payload = memoryview(payload)
        self.position = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def read(self) -> Any:
        while (opcode := self.payload[self.position]) != _STOP:
            self.position += 1
            follow = _OPCODES.get(opcode)
            if follow is None:
                raise _unsafe(f"the pickle opcode 0x{opcode:02x}")
            follow(self)
        return self.stack.pop()

    def take(self, size: int) -> memoryview:
        start, self.position = self.position, self.position + size
        if self.position > len(self.payload):
            raise ValueError("cut short")
        return self.payload[start : self.position]

    def number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self, size: int) -> str:
        return str(self.take(self.number(size)), "utf-8")

    def line(self) -> str:
        size = bytes(self.payload[self.position : self.position + MAX_NAME]).index(b"\n") + 1
        return str(self.take(size), "utf-8")[:-1]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        """The last values; an IndexError rather than fewer of them."""
        start = len(self.stack) - count
        if start < 0:
            raise IndexError("empty stack")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def since_mark(self) -> list[Any]:
        return self.pop(len(self.stack) - self.marks.pop())

    def extend(self, items: list[Any]) -> None:
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def name(self, module: Any, name: Any) -> None:
        if (module, name) not in ALLOWED:
            raise _unsafe(f"{module}.{name}")
        self.push(ALLOWED[module, name])

    def call(self) -> None:
        kind, args = self.pop(2)
        if not isinstance(kind, type):
            raise _unsafe("a call of no class")
        self.push(kind(args))

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Call):
            raise _unsafe("attributes for no array")
        self.stack[-1].state = state


_OPCODES: Final[Mapping[int, Callable[[_Reader], Any]]] = {
    0x80: lambda r: r.take(1),  # PROTO
    0x95: lambda r: r.take(8),  # FRAME
    0x94: lambda r: r.memo.__setitem__(len(r.memo), r.stack[-1]),  # MEMOIZE
    ord("q"): lambda r: r.memo.__setitem__(r.number(1), r.stack[-1]),
    ord("r"): lambda r: r.memo.__setitem__(r.number(4), r.stack[-1]),
    ord("h"): lambda r: r.push(r.memo[r.number(1)]),
    ord("j"): lambda r: r.push(r.memo[r.number(4)]),
    ord("N"): lambda r: r.push(None),
    0x88: lambda r: r.push(True),
    0x89: lambda r: r.push(False),
    ord("K"): lambda r: r.push(r.number(1)),
    ord("M"): lambda r: r.push(r.number(2)),
    ord("J"): lambda r: r.push(r.number(4, signed=True)),
    0x8A: lambda r: r.push(r.number(r.number(1), signed=True)),  # LONG1
    ord("G"): lambda r: r.push(struct.unpack(">d", r.take(8))[0]),
    0x8C: lambda r: r.push(r.text(1)),
    ord("X"): lambda r: r.push(r.text(4)),
    0x8D: lambda r: r.push(r.text(8)),
    ord("C"): lambda r: r.push(r.take(r.number(1))),
    ord("B"): lambda r: r.push(r.take(r.number(4))),
    0x8E: lambda r: r.push(r.take(r.number(8))),  # BINBYTES8
    0x96: lambda r: r.push(r.take(r.number(8))),  # BYTEARRAY8
    ord("("): lambda r: r.marks.append(len(r.stack)),
    ord(")"): lambda r: r.push(()),
    0x85: lambda r: r.push(tuple(r.pop(1))),
    0x86: lambda r: r.push(tuple(r.pop(2))),
    0x87: lambda r: r.push(tuple(r.pop(3))),
    ord("t"): lambda r: r.push(tuple(r.since_mark())),
    ord("]"): lambda r: r.push([]),
    ord("a"): lambda r: r.extend(r.pop(1)),
    ord("e"): lambda r: r.extend(r.since_mark()),
    ord("}"): lambda r: r.push({}),
    ord("s"): lambda r: r.set_items(r.pop(2)),
    ord("u"): lambda r: r.set_items(r.since_mark()),
    ord("c"): lambda r: r.name(r.line(), r.line()),
    0x93: lambda r: r.name(*r.pop(2)),  # STACK_GLOBAL
    ord("R"): _Reader.call,
    0x81: _Reader.call,  # NEWOBJ
    ord("b"): _Reader.build,
}


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
    if not isinstance(data, memoryview) or size * kind.itemsize != len(data):
        raise ValueError("size of data and shape differ")
    return np.frombuffer(data, kind).reshape(shape, order=order) if data else np.zeros(shape, kind)


def decode(text: str | memoryview) -> Array | Records:
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
        payload = decode_base64(text)
    except ValueError as error:
        raise MalformedAnswer("An array in the answer of the dispatcher is not base64: retry the batch.") from error
    try:
        found = _Reader(payload).read()
        if not isinstance(found, _Array | _Buffer):
            raise _unsafe("something")
        array = found.build()
        ragged = dict(found.ragged()) if isinstance(found, _Array) else {}
    except _GARBLED as error:
        raise MalformedAnswer(
            f"An array in the answer of the dispatcher is garbled or cut short ({type(error).__name__}): retry the batch."
        ) from None
    if sum(cell.nbytes for cells in ragged.values() for cell in cells) > len(payload):
        raise _unsafe("a column larger than itself")
    return array if array.dtype.names is None else Records(array, ragged)
