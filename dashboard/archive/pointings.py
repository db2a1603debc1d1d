"""Science windows as an archive lists them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from astropy.coordinates import angular_separation
from numpy.typing import NDArray

VERSION_SUFFIX = {"CONS": "001", "NRT": "000"}
SNAPSHOT_OF = "a snapshot of "
"""How `Pointings.origin` begins when no archive answered, but a file that was made earlier."""
_OBSERVATION = re.compile(r"(?<!\d)\d{11}(?!\d)")
_COLUMNS = ("ra_scx", "dec_scx", "ra_scz", "dec_scz", "tstart", "tstop", "telapse")


def revolution(swid: str) -> int:
    """Revolution of a science window id RRRRPPPPSSSF."""
    return int(swid[:4])


def observation_ids(words: Sequence[Any]) -> tuple[str, ...]:
    """Of each word of an archive the ids of observations in it, joined by blanks.

    ISDC writes AATPPPPOOOO and, for amalgamated observations, a list with commas in which "(C)" marks the core one (its page on
    `integral_rev3_scw`).
    """
    return tuple(" ".join(_OBSERVATION.findall("" if word is None else str(word))) for word in words)


def utc_now() -> str:
    """The present moment in UTC, to the second, as 2009-02-15T00:00:00."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Pointings:
    """Columns of a list of science windows in time order (equal lengths, n).

    Attributes
    ----------
    swid
        12-digit ids RRRRPPPPSSSF ending in 0 (pointings), without version.
    ra_scx, dec_scx
        Direction of the telescope axis, degrees.
    ra_scz, dec_scz
        Direction of the spacecraft Z axis, degrees: fixes the roll. NaN where the archive does not tell.
    tstart, tstop
        IJD (TT), days.
    telapse
        Elapsed seconds.
    index_version
        Version of the archive index the list comes from, "" when unknown.
    origin
        Address of the archive that gave the list, and its table where it has several; "" when unknown.
    asked
        When it gave it, UTC; "" when unknown.
    version
        Of each science window, such as "001"; empty when the archive tells of none, "" where it does not tell of one.
    public
        1 for public data, 0 for private ones, -1 where the archive does not tell; empty when it tells of none.
    observation
        Ids of the observations each belongs to, 11 digits, joined by blanks where there are several; empty when the archive tells of
        none, "" where it does not tell of one.
    good
        By instrument, where the archive tells: seconds of good data, NaN where it does not tell of one.
    """

    swid: tuple[str, ...]
    ra_scx: NDArray[np.float64]
    dec_scx: NDArray[np.float64]
    ra_scz: NDArray[np.float64]
    dec_scz: NDArray[np.float64]
    tstart: NDArray[np.float64]
    tstop: NDArray[np.float64]
    telapse: NDArray[np.float64]
    index_version: str = ""
    origin: str = ""
    asked: str = ""
    version: tuple[str, ...] = ()
    public: tuple[int, ...] = ()
    observation: tuple[str, ...] = ()
    good: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.swid)

    def __iter__(self) -> Iterator[str]:
        return iter(self.swid)

    def take(self, indices: NDArray[np.intp]) -> Pointings:
        """The chosen rows, in the order of `indices`."""
        rows = indices.tolist()
        return Pointings(
            swid=tuple(self.swid[i] for i in rows),
            **{name: getattr(self, name)[indices] for name in _COLUMNS},
            index_version=self.index_version,
            origin=self.origin,
            asked=self.asked,
            version=tuple(self.version[i] for i in rows) if self.version else (),
            public=tuple(self.public[i] for i in rows) if self.public else (),
            observation=tuple(self.observation[i] for i in rows) if self.observation else (),
            good={name: seconds[indices] for name, seconds in self.good.items()},
        )

    def of_observations(self, wanted: Collection[str]) -> NDArray[np.intp]:
        """Rows that belong to any of these observations, ascending."""
        chosen = set(wanted)
        return np.flatnonzero([not chosen.isdisjoint(ids.split()) for ids in self.observation])

    def off_axis(self, ra: float, dec: float) -> NDArray[np.float64]:
        """Angle between telescope axis and a direction (degrees), degrees, (n,)."""
        apart = angular_separation(np.radians(ra), np.radians(dec), np.radians(self.ra_scx), np.radians(self.dec_scx))
        return np.asarray(np.degrees(apart), dtype=float)

    def with_versions(self, data_version: str) -> tuple[str, ...]:
        """Ids as a dispatcher takes them, RRRRPPPPSSSF.VVV: the archive's version, else the usual one of "CONS" or "NRT"."""
        usual = VERSION_SUFFIX[data_version]
        return tuple(f"{swid}.{version or usual}" for swid, version in zip(self.swid, self.version or ("",) * len(self), strict=True))
