"""What INTEGRAL looked at: fields, seasons and dither patterns, in the manner of its observing programmes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import orbit

Array = NDArray[np.float64]

FIELDS: Final[dict[str, tuple[float, float, int]]] = {  # RA, Dec (degrees), share of the general programme
    "Galactic centre": (266.4, -29.0, 36),
    "Galactic bulge north": (273.5, -17.0, 8),
    "Norma arm": (247.0, -48.5, 4),
    "Ara": (256.5, -41.0, 3),
    "Scutum arm": (281.0, -4.0, 3),
    "GRS 1915 field": (288.0, 9.0, 3),
    "Cyg X-1": (299.59, 35.2, 4),
    "Cyg X-3": (308.1, 40.5, 3),
    "Vela": (133.5, -42.5, 4),
    "Carina": (161.0, -59.7, 2),
    "Crux": (187.0, -62.5, 2),
    "Cas A": (352.0, 58.8, 2),
    "Perseus": (50.0, 41.5, 2),
    "Anticentre": (94.0, 10.0, 1),
    "Taurus": (80.0, 19.0, 1),
    "3C 273": (188.0, 3.0, 3),
    "3C 279": (194.0, -5.8, 1),
    "NGC 4151": (183.0, 39.4, 2),
    "Cen A": (201.5, -42.5, 2),
    "IC 4329A": (207.5, -30.5, 1),
    "Mrk 421": (166.1, 38.2, 2),
    "Hydra": (147.0, -31.0, 1),
    "Sco X-1": (245.0, -16.0, 2),
    "Her X-1": (254.5, 35.3, 1),
    "LMC": (82.0, -68.0, 2),
    "SMC": (17.0, -73.0, 1),
    "NGC 2110": (88.0, -7.5, 1),
    "Cyg X-2": (326.2, 38.3, 1),
    "XMM-LSS": (35.0, -5.0, 1),
    "North ecliptic pole": (270.0, 66.5, 1),
    "GX 339-4": (255.7, -48.8, 1),
    "Crab": (83.63, 22.01, 0),
    "V404 Cyg": (306.0, 33.9, 0),
}
NAMES: Final = tuple(FIELDS)
_GENERAL: Final = 2  # type of a general programme
_PAUSE: Final = 10.0  # days
DIRECTIONS: Final = np.array([FIELDS[name][:2] for name in NAMES])
SHARES: Final = np.array([FIELDS[name][2] for name in NAMES], float)

_CALIBRATIONS: Final = (
    *(43, 45, 102, 170, 239, 300, 365, 422, 483, 541, 605, 665, 727, 774, 834, 902, 967, 1019, 1089, 1159, 1214, 1268),
    *(1327, 1387, 1448, 1515, 1593, 1662, 1719, 1784),
)
_SEASON: Final = (0, 1, 3, 5, 6, 8, 10)  # revolutions of a Crab season, counted from its calibration
FIVE_BY_FIVE, HEXAGON, SCAN, STARING = range(4)
_STEP = {FIVE_BY_FIVE: 2.17, HEXAGON: 2.0}


def campaigns() -> dict[int, int]:
    """Field number by revolution where the revolution is given to one field."""
    later = [int(orbit.revolution_at(orbit.ijd_of_utc(datetime(y, m, 5, tzinfo=UTC)))) for y in range(2018, 2025) for m in (3, 9)]
    crab, v404 = NAMES.index("Crab"), NAMES.index("V404 Cyg")
    table = {start + k: crab for start in (*_CALIBRATIONS, *later) for k in _SEASON}
    table |= dict.fromkeys(range(1553, 1558), v404) | {1626: v404, 1627: v404}
    table |= dict.fromkeys((11, 12, 14, 16, 18, 19, 25, 628, 1143, 1144, 1560), NAMES.index("Cyg X-1"))
    table |= dict.fromkeys((81, 82, 83, 84, 85, 137, 138, 139, 373, 374, 375), NAMES.index("Vela"))
    return table


def observations(field: NDArray[np.int64], begin: Array) -> NDArray[np.int64]:
    """Ids of the observations that visits belong to, of 11 digits as ISOC gives them (AATPPPPOOOO): announcement, type, proposal, number.

    An announcement is a year of the mission, a proposal a field; visits of it less than 10 days apart are one observation.

    Parameters
    ----------
    field, begin
        (n,) number of the field and IJD of each visit, in time order.
    """
    order = np.lexsort((begin, field))
    announcement = ((begin - begin[0]) // 365.25).astype(np.int64) + 1
    proposal = announcement * 10**5 + _GENERAL * 10**4 + field + 1
    other = np.diff(proposal[order], prepend=-1) != 0
    count = np.cumsum(other | (np.diff(begin[order], prepend=-np.inf) > _PAUSE))
    number = count - np.maximum.accumulate(np.where(other, count, 0)) + 1
    out = np.empty(len(field), np.int64)
    out[order] = proposal[order] * 10**4 + number
    return out


def offsets(pattern: NDArray[np.int64], index: NDArray[np.int64]) -> tuple[Array, Array]:
    """Degrees along spacecraft Y and Z of the `index`-th pointing of an observation, before the pattern's rotation.

    5 x 5: lines back and forth in steps of 2.17 degrees. Hexagon: centre and six points at 2 degrees. Scan: a saw-tooth 60
    degrees long. Staring: none. Arrays of equal length in, two out.
    """
    line, place = np.divmod(index % 25, 5)
    place = np.where(line % 2, 4 - place, place)
    corner = index % 7
    angle = 2.0 * np.pi * corner / 6.0
    ring = np.where(corner == 0, 0.0, _STEP[HEXAGON])
    saw = index % 11
    known = [pattern == FIVE_BY_FIVE, pattern == HEXAGON, pattern == SCAN]
    y = np.select(known, [(place - 2) * _STEP[FIVE_BY_FIVE], ring * np.cos(angle), (saw - 5) * 6.0])
    z = np.select(known, [(line - 2) * _STEP[FIVE_BY_FIVE], ring * np.sin(angle), (saw % 2 - 0.5) * 8.0])
    return y.astype(float), z.astype(float)
