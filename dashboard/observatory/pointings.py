"""The history of INTEGRAL's pointings, as an archive index would list it.

Each revolution from late 2002 to early 2025 is given to one or two fields that the Sun allows; the roll turns the Z axis towards
the Sun. Deterministic, generated at once, kept for the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, orbit, programme
from dashboard.observatory.isgri import unit_vectors

Array = NDArray[np.float64]
SCIENCE_MODE = 41
INDEX_VERSION = "20250301000000"
COLUMNS = (
    *("SWID", "SW_TYPE", "REVOL", "RA_SCX", "DEC_SCX", "RA_SCZ", "DEC_SCZ"),
    *("TSTART", "TSTOP", "TELAPSE", "IBISMODE", "PS", "OBS_ID"),
)
_SLEW = 150.0  # seconds
_DURATION = np.array([3550.0, 2000.0, 2200.0, 3600.0])  # seconds, by pattern
_USABLE = (0.08, 0.76)  # of the revolution's period, outside the belts and without losses


@dataclass(frozen=True, eq=False)
class History:
    """Science windows in time order, slews between pointings included (all columns of length n).

    Attributes
    ----------
    swid
        RRRRPPPPSSSF as an integer: F = 0 pointing, 1 slew.
    axis, z
        Unit vectors (n, 3) of the spacecraft's X and Z axes; those of a slew are its end's.
    tstart, tstop
        IJD (TT).
    ibis_mode
        41 in science mode.
    observation
        Id of the observation, 11 digits as an integer; a slew has that of its end.
    """

    swid: NDArray[np.int64]
    axis: Array
    z: Array
    tstart: Array
    tstop: Array
    ibis_mode: NDArray[np.int64]
    observation: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.swid)

    @property
    def telapse(self) -> Array:
        """Seconds."""
        return (self.tstop - self.tstart) * 86400.0

    @property
    def slew(self) -> NDArray[np.bool_]:
        """Whether a row is a slew."""
        return self.swid % 10 != 0

    def rows(self, swids: list[str]) -> NDArray[np.int64]:
        """Rows of pointings or slews by their 12-digit ids.

        Raises
        ------
        KeyError
            With the first id that is not in the history.
        """
        wanted = np.array([int(swid) for swid in swids], np.int64)
        rows = np.minimum(np.searchsorted(self.swid, wanted), len(self) - 1)
        missing = np.flatnonzero(self.swid[rows] != wanted)
        if len(missing):
            raise KeyError(swids[missing[0]])
        return rows

    def column(self, name: str, rows: NDArray[np.int64]) -> list[str] | list[float] | list[int]:
        """One column of the index as JSON types."""
        match name:
            case "SWID":
                return [f"{swid:012d}" for swid in self.swid[rows].tolist()]
            case "SW_TYPE":
                return np.where(self.slew[rows], "SLEW", "POINTING").tolist()
            case "REVOL":
                return (self.swid[rows] // 10**8).tolist()
            case "RA_SCX" | "RA_SCZ":
                x, y, _ = (self.axis if name == "RA_SCX" else self.z)[rows].T
                return (np.rad2deg(np.arctan2(y, x)) % 360.0).tolist()
            case "DEC_SCX" | "DEC_SCZ":
                return np.rad2deg(np.arcsin(np.clip((self.axis if name == "DEC_SCX" else self.z)[rows, 2], -1, 1))).tolist()
            case "TSTART":
                return self.tstart[rows].tolist()
            case "TSTOP":
                return self.tstop[rows].tolist()
            case "TELAPSE":
                return self.telapse[rows].tolist()
            case "IBISMODE":
                return self.ibis_mode[rows].tolist()
            case "OBS_ID":
                return [f"{number:011d}" for number in self.observation[rows].tolist()]
            case "PS":
                return ["public"] * len(rows)
        raise KeyError(name)


def sun(ijd: Array) -> Array:
    """Unit vectors (n, 3) towards the Sun, to about half a degree: enough for roll and visibility."""
    longitude = np.deg2rad(280.46 + 0.9856474 * np.asarray(ijd))
    obliquity = np.deg2rad(23.439)
    sine = np.sin(longitude)
    return np.stack([np.cos(longitude), sine * np.cos(obliquity), sine * np.sin(obliquity)], axis=-1)


def _perpendicular(x: Array, towards: Array) -> Array:
    """Unit vectors perpendicular to x in the plane of x and `towards`."""
    z = towards - x * np.sum(x * towards, axis=-1, keepdims=True)
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def _blocks() -> tuple[NDArray[np.int64], Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Observations: revolution, start and stop (IJD), field, pattern. A revolution has one or two; about 4 % are lost."""
    first, last = orbit.FIRST_REVOLUTION, orbit.LAST_REVOLUTION
    revolutions = np.arange(first, last + 1)
    given = np.full(last + 1, -1)
    for campaign, number in programme.campaigns().items():
        given[campaign] = number
    whole = (given[revolutions] >= 0) | (chance.uniform(revolutions, "one field") < 0.6)
    kept = (given[revolutions] >= 0) | (chance.uniform(revolutions, "lost") > 0.04)
    start = orbit.start_of(revolutions)
    period = orbit.start_of(revolutions + 1) - start
    t0, t1 = start + _USABLE[0] * period, start + _USABLE[1] * period
    middle = t0 + (0.3 + 0.4 * chance.uniform(revolutions, "middle")) * (t1 - t0)
    two = kept & ~whole
    revolution = np.concatenate([revolutions[kept], revolutions[two]])
    begin = np.concatenate([t0[kept], middle[two]])
    end = np.concatenate([np.where(two, middle, t1)[kept], t1[two]])
    order = np.argsort(begin)
    revolution, begin, end = revolution[order], begin[order], end[order]

    key = revolution * 2 + np.r_[False, revolution[1:] == revolution[:-1]]
    towards = unit_vectors(*programme.DIRECTIONS.T)
    visible = np.abs(sun((begin + end) / 2) @ towards.T) < np.sin(np.deg2rad(40.0))  # 50 to 130 degrees from the Sun
    share = np.cumsum(programme.SHARES * visible, axis=1)
    field = np.sum(share < (chance.uniform(key, "field") * share[:, -1])[:, None], axis=1)
    field = np.where(given[revolution] >= 0, given[revolution], field)
    draw = chance.uniform(key, "pattern")
    kinds = [programme.FIVE_BY_FIVE, programme.HEXAGON, programme.SCAN]
    pattern = np.select([draw < 0.78, draw < 0.90, draw < 0.96], kinds, programme.STARING)
    pattern = np.where((given[revolution] >= 0) & (pattern == programme.SCAN), programme.FIVE_BY_FIVE, pattern)
    return revolution, begin, end, field, pattern


@cache
def history() -> History:
    """The whole history."""
    revolution, begin, end, field, pattern = _blocks()
    step = (_DURATION[pattern] + _SLEW) / 86400.0
    count = np.maximum(((end - begin) / step).astype(np.int64), 1)
    block = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(block)) - np.repeat(np.cumsum(count) - count, count)
    first_of_revolution = np.searchsorted(revolution[block], revolution[block])
    number = np.arange(len(block)) - first_of_revolution + 1

    tstart = begin[block] + index * step[block]
    duration = _DURATION[pattern[block]] * (0.92 + 0.08 * chance.uniform(np.arange(len(block)), "duration"))
    cut = chance.uniform(np.arange(len(block)), "cut short") < 0.006
    tstop = tstart + np.where(cut, 0.1, 1.0) * duration / 86400.0

    y, z = programme.offsets(pattern[block], index)
    turned = (begin > 2884.0) & (pattern == programme.FIVE_BY_FIVE)  # since 2007-11-24
    rotation = np.where(turned, 2.0 * np.pi * chance.uniform(np.arange(len(begin)), "turn"), 0.0)
    cosine, sine = np.cos(rotation)[block], np.sin(rotation)[block]
    y, z = np.deg2rad(y * cosine - z * sine), np.deg2rad(y * sine + z * cosine)
    centre = unit_vectors(*programme.DIRECTIONS[field].T)
    up = _perpendicular(centre, sun((begin + end) / 2))
    right = np.cross(up, centre)
    axis = centre[block] + np.tan(y)[:, None] * right[block] + np.tan(z)[:, None] * up[block]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)

    swid = revolution[block] * 10**8 + number * 10**4 + 10
    mode = np.where(chance.uniform(np.arange(len(block)), "mode") < 0.03, 43, SCIENCE_MODE)
    observation = programme.observations(field, begin)[block]
    pointings = History(swid, axis, _perpendicular(axis, sun((begin + end) / 2)[block]), tstart, tstop, mode, observation)
    return _with_slews(pointings, revolution[block])


def _with_slews(p: History, revolution: NDArray[np.int64]) -> History:
    """Slews put between pointings of the same revolution."""
    before = np.flatnonzero(revolution[1:] == revolution[:-1])
    after = before + 1
    order = np.argsort(np.concatenate([p.swid, p.swid[before] + 11]))

    def merged(own: NDArray[np.float64], slews: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([own, slews])[order]

    return History(
        np.concatenate([p.swid, p.swid[before] + 11])[order],
        merged(p.axis, p.axis[after]),
        merged(p.z, p.z[after]),
        merged(p.tstart, p.tstop[before]),
        merged(p.tstop, p.tstart[after]),
        np.concatenate([p.ibis_mode, p.ibis_mode[before]])[order],
        np.concatenate([p.observation, p.observation[after]])[order],
    )
