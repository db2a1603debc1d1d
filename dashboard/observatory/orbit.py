"""Time systems and revolutions of INTEGRAL.

IJD is days of TT since 2000-01-01T00:00:00 TT. Perigee passages of revolutions 2028, 2231 and 2735 are those of the ISDC's
end-of-revolution reports; in between and beyond they are linear. Before the manoeuvres of January 2015 (revolution 1499)
the orbit took three sidereal days.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashboard.observatory.variability import MJD_OF_IJD_0

_PERIOD_EARLY, _PERIOD_LATE, _MANOEUVRE = 2.9915, 2.65990, 1499
FIRST_REVOLUTION, LAST_REVOLUTION = 3, 2885
_LEAPS = ((0.0, 32), (2192.0, 33), (3288.0, 34), (4565.0, 35), (5660.0, 36), (6210.0, 37))  # IJD of the UTC day, TAI-UTC
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def ijd_of_utc(moment: datetime) -> float:
    """IJD (TT) of a UTC moment; a naive one is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    days = (moment - _EPOCH) / timedelta(days=1)
    return days + (_leap(days) + 32.184) / 86400.0


def utc_of_ijd(ijd: float) -> datetime:
    """UTC of an IJD (TT), to the microsecond."""
    days = ijd - (_leap(ijd) + 32.184) / 86400.0
    return _EPOCH + timedelta(days=ijd - (_leap(days) + 32.184) / 86400.0)


def iso_of_ijd(ijd: float, timespec: str = "milliseconds") -> str:
    """UTC in ISO form, without offset."""
    return utc_of_ijd(ijd).replace(tzinfo=None).isoformat(timespec=timespec)


def _leap(days: float) -> int:
    return next(leap for start, leap in reversed(_LEAPS) if days >= start or start == 0.0)


def ijd_of_text(text: str) -> float:
    """IJD of an ISO UTC date, or of a number: below 10000 IJD, else MJD (TT).

    Raises
    ------
    ValueError
        When the text is neither.
    """
    try:
        number = float(text)
    except ValueError:
        return ijd_of_utc(datetime.fromisoformat(text))
    if not math.isfinite(number):
        raise ValueError(text)
    return number if number < 10000.0 else number - MJD_OF_IJD_0


def _anchors() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    reports = {
        2028: ijd_of_utc(datetime(2018, 11, 29, 1, 48, 18, tzinfo=UTC)),
        2231: ijd_of_utc(datetime(2020, 5, 21, 21, 1, 48, tzinfo=UTC)),
        2735: ijd_of_utc(datetime(2024, 1, 22, 14, 54, 55, tzinfo=UTC)),
    }
    start = reports[2028] - (2028 - _MANOEUVRE) * _PERIOD_LATE
    table = {0: start - _MANOEUVRE * _PERIOD_EARLY, _MANOEUVRE: start, **reports, 3000: reports[2735] + (3000 - 2735) * _PERIOD_LATE}
    return np.array(list(table), float), np.array(list(table.values()))


_REVOLUTIONS, _STARTS = _anchors()


def start_of(revolution: ArrayLike) -> NDArray[np.float64]:
    """IJD of the perigee at which a revolution (0 to 3000) begins."""
    return np.interp(np.asarray(revolution, float), _REVOLUTIONS, _STARTS)


def revolution_at(ijd: ArrayLike) -> NDArray[np.int64]:
    """Revolution that holds an IJD."""
    return np.floor(np.interp(np.asarray(ijd, float), _STARTS, _REVOLUTIONS)).astype(np.int64)
