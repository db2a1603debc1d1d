"""One data unit of an answer as the FITS HDU it was made from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from dashboard.dispatcher.payload import Records, decode
from dashboard.errors import MalformedAnswer

# What FITS says about the layout of the data: derived from the data themselves, never taken over.
_LAYOUT: Final = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|EXTEND|TFIELDS|THEAP|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM"
    r"|CONTINUE|END|EXTNAME|(TTYPE|TFORM|TDIM)\d+|)"
)
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
        return _table(data, cards, str(header.get("XTENSION", "")))
    return (fits.PrimaryHDU if unit.get("hdu_type") == "primary" else fits.ImageHDU)(data, cards)


def _cards(header: Mapping[str, Any]) -> Iterator[fits.Card]:
    for key, value in header.items():
        if _LAYOUT.fullmatch(key) or not _KEYWORD.fullmatch(key):
            continue
        if isinstance(value, list):
            value = ",".join(str(part) for part in value)
        if isinstance(value, str):
            value = _ascii(value)
            lines = re.findall(r".{1,72}", value) if key in ("COMMENT", "HISTORY") else [value]
            yield from (fits.Card(key, line) for line in lines)
        elif value is None or (isinstance(value, float) and not math.isfinite(value)):
            yield fits.Card(key, fits.card.UNDEFINED)
        elif isinstance(value, bool | int | float):
            yield fits.Card(key, value)


def _ascii(text: str) -> str:
    return re.sub(r"[^ -~]", " ", text)
