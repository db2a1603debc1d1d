"""Science windows with what decides whether they can be used: good times, mode of IBIS, rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.archive.pointings import Pointings
from dashboard.errors import ArchiveUnavailable

MIN_GOOD_SECONDS = 500
SCIENCE_MODE = 41
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
    good
        By instrument, where the archive tells: seconds of good data, NaN where it does not tell of one.
    """

    pointings: Pointings
    science: NDArray[np.bool_]
    public: NDArray[np.int8]
    good: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pointings)

    def take(self, rows: NDArray[np.intp]) -> Sightings:
        """The chosen rows, in their order."""
        good = {name: seconds[rows] for name, seconds in self.good.items()}
        return Sightings(self.pointings.take(rows), self.science[rows], self.public[rows], good)

    def usable(self, instrument: str) -> NDArray[np.bool_]:
        """Those with enough good data of an instrument, (n,); see `usable`."""
        return usable(instrument, self.pointings.telapse, self.science, self.good)


def usable(
    instrument: str, telapse: NDArray[np.float64], science: NDArray[np.bool_], good: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """Whether an instrument has more than `MIN_GOOD_SECONDS` of a science window, (n,).

    Good time decides where it is known, else elapsed time, as of the timesystem. IBIS has to be in science mode for ISGRI;
    of JEM-X it is not asked.
    """
    seconds = good.get(instrument, np.full(len(telapse), np.nan))
    enough = np.where(np.isfinite(seconds), seconds, telapse) > MIN_GOOD_SECONDS
    return enough & science if instrument == "isgri" else enough


def tells_no_observations(name: str) -> ArchiveUnavailable:
    """The error of an archive that is asked for observations and does not know which science windows belong to them."""
    return ArchiveUnavailable(
        f"{name} does not tell which observation a science window belongs to: give T1 and T2, revolutions or scw_list, "
        "or choose another scw_archive."
    )


def in_science_mode(modes: Sequence[Any]) -> NDArray[np.bool_]:
    """Whether each mode of IBIS, as it was sent, is or may be the science mode, (n,)."""
    return np.array([mode is None or str(mode).removesuffix(".0") == str(SCIENCE_MODE) for mode in modes], dtype=bool)


def rights(words: Sequence[Any]) -> NDArray[np.int8]:
    """1 for "public", 0 for "private" in any case, -1 for anything else, (n,)."""
    return np.array([_RIGHTS.get(str(word).strip().lower(), -1) for word in words], dtype=np.int8)
