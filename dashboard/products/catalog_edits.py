"""What a user may do to a source list, and which names and positions it takes.

`which` is an entry's exact name, or its row number where several share a name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from dashboard.errors import RequestError
from dashboard.products.catalog import CatalogSource, SourceCatalog

LONGEST_NAME = 64  # what the backend's catalogue column holds
FITTED = 2  # ISGRI_FLAG of an entry that is fitted whether or not imaging finds it


def added(catalog: SourceCatalog, name: str, ra: float, dec: float, instrument: str) -> SourceCatalog:
    """The catalogue with one more entry at its end, flagged for extraction.

    Parameters
    ----------
    name
        "" takes the name from the position.
    ra, dec
        Degrees, FK5.

    Raises
    ------
    RequestError
        For a position that is none, a name that is in the catalogue, or one the instrument's backend would not extract.
    """
    checked_position(ra, dec)
    name = _free_name(catalog, name.strip() or position_name(ra, dec), instrument)
    return SourceCatalog((*catalog.sources, listed(name, ra, dec, instrument)))


def dropped(catalog: SourceCatalog, which: Iterable[str | int]) -> SourceCatalog:
    """The catalogue without some entries; RequestError for one it does not have."""
    gone = {row for one in which for row in _rows(catalog, one)}
    return SourceCatalog(tuple(source for row, source in enumerate(catalog.sources) if row not in gone))


def flagged(catalog: SourceCatalog, which: str | int, *, flag: int | None = None, isgri_flag: int | None = None) -> SourceCatalog:
    """The catalogue with FLAG (0 to 3) or ISGRI_FLAG (0 to 2) of an entry set; those not given stay.

    Raises
    ------
    RequestError
        For an entry that is not there, or a flag out of bounds.
    """
    for title, value, most in (("FLAG", flag, 3), ("ISGRI_FLAG", isgri_flag, 2)):
        if value is not None and not 0 <= value <= most:
            raise RequestError(f"{title} is {value}: give a whole number from 0 to {most}.")
    sources = list(catalog.sources)
    for row in _rows(catalog, which):
        before = sources[row]
        sources[row] = replace(
            before,
            flag=before.flag if flag is None else int(flag),
            isgri_flag=before.isgri_flag if isgri_flag is None else int(isgri_flag),
        )
    return SourceCatalog(tuple(sources))


def renamed(catalog: SourceCatalog, which: str | int, name: str, instrument: str) -> SourceCatalog:
    """The catalogue with one entry under another name, which makes it a known source.

    Raises
    ------
    RequestError
        For an entry that is not there or not the only one of its name, or a name that `added` would refuse.
    """
    rows = _rows(catalog, which)
    if len(rows) > 1:
        raise RequestError(f"The catalogue holds {which!r} {len(rows)} times: choose one by its row.")
    (row,) = rows
    others = SourceCatalog((*catalog.sources[:row], *catalog.sources[row + 1 :]))
    source = replace(catalog.sources[row], name=_free_name(others, name.strip(), instrument), new_source=0)
    return SourceCatalog((*catalog.sources[:row], source, *catalog.sources[row + 1 :]))


def listed(name: str, ra: float, dec: float, instrument: str) -> CatalogSource:
    """An entry that is extracted though nothing was detected there."""
    return CatalogSource(name, ra, dec, isgri_flag=FITTED if instrument == "isgri" else 0, flag=1, new_source=0)


def checked_position(ra: float, dec: float) -> None:
    """RequestError unless RA is within 0 to 360 and Dec within -90 to 90 degrees."""
    if not (math.isfinite(ra) and math.isfinite(dec) and 0 <= ra <= 360 and -90 <= dec <= 90):
        raise RequestError(f"RA {ra:g}, Dec {dec:g} is no position: give RA from 0 to 360 and Dec from -90 to 90 degrees.")


def extractable(name: str, instrument: str) -> bool:
    """Whether the backend takes an entry of that name: JEM-X's passes over names that contain "NEW"."""
    return instrument == "isgri" or "NEW" not in name


def position_name(ra: float, dec: float) -> str:
    """JHHMMSS.s+DDMMSS, truncated as the IAU's rule for designations asks.

    >>> position_name(83.6332, 22.0145)
    'J053431.9+220052'
    """
    tenths = int(np.floor(ra % 360 / 15 * 36000 + 1e-6)) % 864000
    seconds = int(np.floor(abs(dec) * 3600 + 1e-6))
    clock = f"{tenths // 36000:02d}{tenths // 600 % 60:02d}{tenths // 10 % 60:02d}.{tenths % 10}"
    return f"J{clock}{'-' if dec < 0 else '+'}{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def same_name(one: str, other: str) -> bool:
    """Whether two names differ in nothing but blanks and case."""
    return _key(one) == _key(other)


def _key(name: str) -> str:
    return "".join(name.lower().split())


def _free_name(catalog: SourceCatalog, name: str, instrument: str) -> str:
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A source needs a name of 1 to {LONGEST_NAME} printable characters, not {name[:LONGEST_NAME]!r}.")
    if not extractable(name, instrument):
        raise RequestError(f"JEM-X extracts no source whose name contains NEW: call {name!r} something else.")
    if any(same_name(name, known) for known in catalog.names):
        raise RequestError(f"The catalogue holds {name!r} already: choose another name, or drop that entry first.")
    return name


def _rows(catalog: SourceCatalog, which: str | int) -> list[int]:
    rows = [which] if isinstance(which, int) else [row for row, name in enumerate(catalog.names) if name == which]
    if not rows or not 0 <= rows[0] < len(catalog):
        raise RequestError(f"The catalogue has no {f'row {which}' if isinstance(which, int) else f'source {which!r}'}.")
    return rows
