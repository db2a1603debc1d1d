"""All science windows of the mission around a position, with what decides whether they can be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from dashboard.archive.pointings import Pointings
from dashboard.archive.timesystem import Timesystem, first_answer
from dashboard.hosts import Host
from dashboard.request.times import MISSION, TimePoint, TimeSpan

SCIENCE_MODE = 41
WHOLE_MISSION = TimeSpan(*(TimePoint("utc", moment) for moment in MISSION))
_RIGHTS = {"public": 1, "private": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Science windows that see a position (equal lengths, n).

    Attributes
    ----------
    pointings
        In time order, short ones among them.
    science
        Whether IBIS was in science mode; True where the archive does not tell.
    public
        1 for public data, 0 for private ones, -1 where the archive does not tell.
    """

    pointings: Pointings
    science: NDArray[np.bool_]
    public: NDArray[np.int8]


def find_coverage(
    ra: float, dec: float, radius: float, host: Host, data_version: str = "CONS", client: httpx.Client | None = None
) -> Sightings:
    """Every pointing of the mission near a position, in one question to the archive.

    Parameters
    ----------
    ra, dec, radius
        Degrees; the radius is counted from the telescope axis.
    host
        Its timesystem is asked; when that does not answer, the one it falls back on. `Pointings.origin` says which one it was.
    data_version
        "CONS" or "NRT".
    client
        Connections to use.

    Returns
    -------
    Sightings
        Possibly empty.

    Raises
    ------
    ArchiveError
        When the timesystem refuses the question; ArchiveUnavailable when none answers.
    """

    def ask(timesystem: Timesystem) -> Sightings:
        pointings, more = timesystem.table([WHOLE_MISSION], ra, dec, radius, data_version, min_good=0, more=("IBISMODE", "PS"))
        science = [_in_science_mode(mode) for mode in more["IBISMODE"].tolist()]
        public = [_RIGHTS.get(str(rights).lower(), -1) for rights in more["PS"].tolist()]
        return Sightings(pointings, np.array(science, dtype=bool), np.array(public, dtype=np.int8))

    return first_answer(host, client, ask)


def _in_science_mode(mode: Any) -> bool:
    """Whether a mode as it was sent is, or may be, the science mode."""
    return mode is None or str(mode).removesuffix(".0") == str(SCIENCE_MODE)
