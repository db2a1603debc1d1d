"""One data unit of an answer as the FITS HDU it was made from."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from dashboard.dispatcher.payload import Records, decode
from dashboard.dispatcher.token import redact
from dashboard.errors import MalformedAnswer

# What FITS says about the layout of the data: derived from the data themselves, never taken over.
_LAYOUT: Final = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|EXTEND|TFIELDS|THEAP|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM"
    r"|CONTINUE|END|EXTNAME|(TTYPE|TFORM|TDIM|TDISP)\d+|)"
)
_PRIVATE: Final = ("URL", "TOKEN", "SESSION")  # a dispatcher notes the whole request, token included, in some headers
_KEYWORD: Final = re.compile(r"[A-Z0-9_-]{1,8}")
_LETTERS: Final = {"i2": "I", "i4": "J", "i8": "K", "u1": "B", "f4": "E", "f8": "D", "c8": "C", "c16": "M"}
_WIDENED: Final = {"i1": "i2", "u2": "i4", "u4": "i8", "f2": "f4"}


def hdu_from_unit(unit: Mapping[str, Any]) -> fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU:
    """Decode a data unit.

    The unit's own name becomes EXTNAME: a dispatcher renames the extensions of responses there and nowhere else.

    Raises
    ------
    UnsafePayload, MalformedAnswer
        As `dashboard.dispatcher.payload.decode`; MalformedAnswer also for a unit that is no HDU.
    """
    name = str(unit.get("name") or "")
    if unit.get("data") is not None:
        raise MalformedAnswer(f"The data of {name!r} are sent as text, which is not supported: ask the operators to send arrays.")
    data = None if unit.get("binarys") is None else decode(unit["binarys"])
    header = dict(unit.get("header") or {})
    if isinstance(data, Records):
        units = unit.get("units_dict") or {}
        header.update({f"TUNIT{i}": units[column] for i, column in enumerate(data.rows.dtype.names or (), 1) if column in units})
    cards = fits.Header(list(_cards(header)))
    if name:
        cards["EXTNAME"] = name
    if isinstance(data, Records):
        return _table(data, cards, {i for i in range(1, 1000) if "L" in str(header.get(f"TFORM{i}", ""))})
    return (fits.PrimaryHDU if unit.get("hdu_type") == "primary" else fits.ImageHDU)(data, cards)


def _cards(header: Mapping[str, Any]) -> Iterator[fits.Card]:
    for key, value in header.items():
        if _LAYOUT.fullmatch(key) or not _KEYWORD.fullmatch(key) or key in _PRIVATE:
            continue
        if isinstance(value, list):
            value = ",".join(str(part) for part in value)
        if isinstance(value, str):
            value = _ascii(redact(value))
            lines = re.findall(r".{1,72}", value) if key in ("COMMENT", "HISTORY") else [value]
            yield from (fits.Card(key, line) for line in lines)
        elif value is None or (isinstance(value, float) and not math.isfinite(value)):
            yield fits.Card(key, fits.card.UNDEFINED)
        elif isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
            yield fits.Card(key, value)


def _ascii(text: str) -> str:
    return re.sub(r"[^ -~]", " ", text)


def _table(data: Records, cards: fits.Header, logical: set[int]) -> fits.BinTableHDU:
    """A binary table laid out by the rows' own type; scaling, units and nulls come from the header's cards.

    `logical` holds the numbers of the columns whose signed bytes are truth values.
    """
    rows, heap = data.rows, bytearray()
    names = rows.dtype.names or ()
    layout: dict[str, str] = {}
    columns = []
    for number, name in enumerate(names, 1):
        if name in data.ragged:
            column, form = _descriptors(data.ragged[name], heap)
            shape: tuple[int, ...] = ()
        else:
            column, form = _column(rows[name], number in logical)
            shape = column.shape[:0:-1]
        text = column.dtype.kind == "S"
        layout |= {f"TTYPE{number}": _ascii(name), f"TFORM{number}": form}
        if len(shape) > (0 if text else 1):
            layout[f"TDIM{number}"] = "({})".format(",".join(map(str, (column.dtype.itemsize, *shape) if text else shape)))
        if column.dtype.kind not in "iu":
            cards.remove(f"TNULL{number}", ignore_missing=True)
        columns.append((name, column))
    packed = np.empty(len(rows), [(name, column.dtype.newbyteorder(">"), column.shape[1:]) for name, column in columns])
    for name, column in columns:
        packed[name] = column
    body = packed.tobytes() + bytes(heap)
    header = fits.Header(
        [
            *[("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", packed.dtype.itemsize), ("NAXIS2", len(rows))],
            *[("PCOUNT", len(heap)), ("GCOUNT", 1), ("TFIELDS", len(names))],
            *layout.items(),
        ]
    )
    header.extend(cards, strip=False)
    padding = -len(body) % 2880
    return fits.BinTableHDU.readfrom(io.BytesIO(header.tostring().encode("ascii") + body + bytes(padding)))


def _column(column: NDArray[Any], logical: bool) -> tuple[NDArray[Any], str]:
    """A column in a type FITS has, and its TFORM."""
    kind = column.dtype.str[1:]
    repeat = math.prod(column.shape[1:])
    if column.dtype.kind == "U":
        column = np.char.encode(column, "ascii", "replace")
    if column.dtype.kind == "S":
        return column, f"{column.dtype.itemsize * repeat}A"
    if kind == "b1":
        return np.where(column, np.uint8(ord("T")), np.uint8(ord("F"))), f"{repeat}L"
    if kind == "i1" and logical:
        return column, f"{repeat}L"
    kind = _WIDENED.get(kind, kind)
    if kind not in _LETTERS:
        raise MalformedAnswer(f"A table in the answer of the dispatcher has a column of type {kind}, which FITS does not know.")
    return column.astype(kind, copy=False), f"{repeat}{_LETTERS[kind]}"


def _descriptors(cells: list[NDArray[Any]], heap: bytearray) -> tuple[NDArray[np.int64], str]:
    """Append cells of variable length to the heap: (count, offset) of each, and the TFORM."""
    kind = cells[0].dtype.str[1:] if cells else "f4"
    if kind not in _LETTERS:
        raise MalformedAnswer(f"A table in the answer of the dispatcher has cells of type {kind}, which FITS does not know.")
    places = np.empty((len(cells), 2), np.int64)
    for place, cell in zip(places, cells, strict=True):
        place[:] = cell.size, len(heap)
        heap += cell.astype(f">{kind}", copy=False).tobytes()
    return places, f"Q{_LETTERS[kind]}({int(places[:, 0].max(initial=0))})"
