"""A snapshot: all science windows of the mission in one FITS file, from which coverage is served when no archive answers.

FITS, because astropy reads and writes it and any astronomer's tool opens it; parquet would need another dependency for a
table of some 10 MB.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.io import fits

from dashboard.archive.archives import ScwArchive
from dashboard.archive.pointings import SNAPSHOT_OF, Pointings
from dashboard.archive.sightings import Sightings
from dashboard.errors import ArchiveError, StorageFull
from dashboard.request.times import MISSION, TimePoint, TimeSpan

FILE_NAME: Final = "science-windows.fits"
EXTENSION: Final = "SCIENCE_WINDOWS"
WHOLE_SKY_DEG: Final = 180.0
_COLUMNS: Final = {  # ours: name and unit in the file
    "ra_scx": ("RA_SCX", "deg"),
    "dec_scx": ("DEC_SCX", "deg"),
    "ra_scz": ("RA_SCZ", "deg"),
    "dec_scz": ("DEC_SCZ", "deg"),
    "tstart": ("TSTART", "d"),
    "tstop": ("TSTOP", "d"),
    "telapse": ("TELAPSE", "s"),
}


def yearly() -> Iterator[TimeSpan]:
    """The mission in pieces of at most a year, so that no answer is too large."""
    edges = [MISSION[0], *(f"{year}-01-01T00:00:00" for year in range(int(MISSION[0][:4]) + 1, int(MISSION[1][:4]) + 1)), MISSION[1]]
    for start, stop in pairwise(edges):
        yield TimeSpan(TimePoint("utc", start), TimePoint("utc", stop))


def collect(archive: ScwArchive, tell: Callable[[str], None] = lambda _: None) -> Sightings:
    """All pointings of the mission as an archive has them, year by year.

    Parameters
    ----------
    tell
        Hears a line for each year.

    Raises
    ------
    ArchiveError
        When the archive does not answer all questions, or knows no science window.
    """
    parts: list[Sightings] = []
    for span in yearly():
        parts.append(archive.sightings([span], 0.0, 0.0, WHOLE_SKY_DEG, "CONS"))
        tell(f"{str(span.start)[:4]}: {len(parts[-1])} science windows")
    whole = _joined(parts)
    if not len(whole):
        raise ArchiveError("The archive lists no science window at all: no snapshot was made, choose another archive.")
    return whole


def write_snapshot(path: Path, sightings: Sightings) -> None:
    """Write the file whole or not at all.

    Raises
    ------
    StorageFull
        When it cannot be written.
    """
    windows = sightings.pointings
    columns = [fits.Column("SWID", "12A", array=np.array(windows.swid, dtype="S12"))]
    columns.append(fits.Column("SCW_VER", "3A", array=np.array(windows.version or ("",) * len(windows), dtype="S3")))
    if windows.observation:
        columns.append(fits.Column("OBS_ID", f"{max(map(len, windows.observation))}A", array=np.array(windows.observation, dtype=str)))
    columns += [fits.Column(name, "D", unit=unit, array=getattr(windows, ours)) for ours, (name, unit) in _COLUMNS.items()]
    columns.append(fits.Column("SCIENCE", "L", array=sightings.science))
    columns.append(fits.Column("PUBLIC", "I", array=sightings.public))
    columns += [fits.Column(f"GOOD_{name.upper()}", "D", unit="s", array=seconds) for name, seconds in sightings.good.items()]
    table = fits.BinTableHDU.from_columns(columns, name=EXTENSION)
    cards = {"ARCHIVE": (windows.origin, "who listed them"), "ASKED": (windows.asked, "UTC"), "INDEXVER": (windows.index_version, "")}
    table.header.update(cards)
    table.header["TIMESYS"], table.header["MJDREF"] = "TT", 51544.0
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(partial, overwrite=True, checksum=True)
        partial.replace(path)
    except OSError as error:
        raise StorageFull(f"{path} cannot be written: {error.strerror or error}. Free some space, or name another file.") from error
    finally:
        partial.unlink(missing_ok=True)


def read_snapshot(path: Path) -> Sightings:
    """The content of a snapshot; `Pointings.origin` says that it is one, and of what.

    Raises
    ------
    ArchiveError
        When it is no snapshot.
    """
    try:
        with fits.open(path, memmap=False) as file:
            header, table = file[EXTENSION].header, file[EXTENSION].data
            swid, version = (tuple(word.strip() for word in table[name]) for name in ("SWID", "SCW_VER"))
            columns: dict[str, Any] = {ours: np.array(table[name], dtype=float) for ours, (name, _) in _COLUMNS.items()}
            science, public = np.array(table["SCIENCE"], dtype=bool), np.array(table["PUBLIC"], dtype=np.int8)
            good = {name[5:].lower(): np.array(table[name], dtype=float) for name in table.names if name.startswith("GOOD_")}
            observation = tuple(str(ids).strip() for ids in table["OBS_ID"]) if "OBS_ID" in table.names else ()
            asked, origin, index = (str(header[name]) for name in ("ASKED", "ARCHIVE", "INDEXVER"))
    except (OSError, KeyError, ValueError, TypeError, AttributeError):
        raise ArchiveError(f"{path} is no snapshot of an archive: make it again with `integral-dashboard archive snapshot`.") from None
    pointings = Pointings(
        swid,
        **columns,
        index_version=index,
        origin=SNAPSHOT_OF + origin,
        asked=asked,
        version=version if any(version) else (),
        public=tuple(public.tolist()) if (public >= 0).any() else (),
        observation=observation,
        good=good,
    )
    return Sightings(pointings, science, public, good)


def around(sightings: Sightings, ra: float, dec: float, radius: float) -> Sightings:
    """Those that point within `radius` of a direction, all in degrees."""
    return sightings.take(np.flatnonzero(sightings.pointings.off_axis(ra, dec) < radius))


def _joined(parts: list[Sightings]) -> Sightings:
    """All parts as one list, a science window that lies in two years once."""
    names = dict.fromkeys(name for part in parts for name in part.good)
    good = {name: np.concatenate([part.good.get(name, np.full(len(part), np.nan)) for part in parts]) for name in names}
    lists = [part.pointings for part in parts]
    public = np.concatenate([part.public for part in parts])
    observation = tuple(ids for windows in lists for ids in windows.observation or ("",) * len(windows))
    columns: dict[str, Any] = {ours: np.concatenate([getattr(windows, ours) for windows in lists]) for ours in _COLUMNS}
    whole = Pointings(
        tuple(swid for windows in lists for swid in windows.swid),
        **columns,
        index_version="+".join(sorted({windows.index_version for windows in lists} - {""})),
        origin=lists[0].origin,
        asked=lists[-1].asked,
        version=tuple(word for windows in lists for word in windows.version or ("",) * len(windows)),
        public=tuple(public.tolist()),
        observation=observation if any(observation) else (),
        good=good,
    )
    _, rows = np.unique(np.array(whole.swid, dtype=str), return_index=True)
    return Sightings(whole, np.concatenate([part.science for part in parts]), public, good).take(rows)
