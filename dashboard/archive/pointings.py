"""Science windows as the archive lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VERSION_SUFFIX = {"CONS": "001", "NRT": "000"}
_COLUMNS = ("ra_scx", "dec_scx", "ra_scz", "dec_scz", "tstart", "tstop", "telapse")


def revolution(swid: str) -> int:
    """Revolution of a science window id RRRRPPPPSSSF."""
    return int(swid[:4])


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
        Direction of the spacecraft Z axis, degrees: fixes the roll.
    tstart, tstop
        IJD (TT), days.
    telapse
        Elapsed seconds.
    index_version
        Version of the archive index the list comes from, "" when unknown.
    origin
        Address of the timesystem that gave the list, "" when unknown.
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

    def __len__(self) -> int:
        return len(self.swid)

    def __iter__(self) -> Iterator[str]:
        return iter(self.swid)

    def take(self, indices: NDArray[np.intp]) -> Pointings:
        """The chosen rows, in the order of `indices`."""
        columns = {name: getattr(self, name)[indices] for name in _COLUMNS}
        return Pointings(swid=tuple(self.swid[i] for i in indices), index_version=self.index_version, origin=self.origin, **columns)
