"""Points and intervals of time as a request writes them.

INTEGRAL's day count IJD is MJD - 51544 in Terrestrial Time, so IJD 0 is 2000-01-01T00:00:00 TT. A bare number below
10000 is an IJD, any other an MJD, both TT; `rev:1554` is a revolution, whose edges only the archive knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from astropy.time import Time
from astropy.utils import iers

from dashboard.errors import RequestError

iers.conf.auto_download = False

IJD_0_MJD = 51544.0
FIRST_NUMBER_READ_AS_MJD = 10000.0
MISSION = ("2002-10-17T04:41:00", "2025-02-28T23:59:59")

_ISO = re.compile(r"(\d{4})-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?Z?")
_REVOLUTION = re.compile(r"rev:\s*(\d{1,4})", re.IGNORECASE)
_FORMS = "write UTC as 2009-02-15T00:00:00, a number of days (IJD below 10000, else MJD), or rev:1554"

Kind = Literal["utc", "ijd", "mjd", "rev"]


@dataclass(frozen=True, slots=True)
class TimePoint:
    """A moment as written.

    Attributes
    ----------
    kind
        "utc", "ijd", "mjd" (both TT) or "rev".
    value
        ISO text for "utc", days for "ijd" and "mjd", the number of the revolution for "rev".
    """

    kind: Kind
    value: str | float

    @classmethod
    def parse(cls, written: Any, field: str = "") -> TimePoint:
        """Read one value of T1 or T2.

        Raises
        ------
        RequestError
            When it is no time, or lies outside IJD 0 to 10000 (2000 to May 2027).
        """
        if isinstance(written, str):
            text = written.strip()
            if revolution := _REVOLUTION.fullmatch(text):
                return cls("rev", int(revolution[1]))
            if iso := _ISO.fullmatch(text):
                return cls._parse_iso(text.rstrip("Z").replace(" ", "T"), int(iso[1]), field)
            try:
                written = float(text)
            except ValueError:
                raise RequestError(f"{field} = {text[:60]!r} is no time: {_FORMS}.", field) from None
        if isinstance(written, bool) or not isinstance(written, int | float) or not abs(written) < 1e6:
            raise RequestError(f"{field} = {str(written)[:60]!r} is no time: {_FORMS}.", field)
        point = cls("ijd" if written < FIRST_NUMBER_READ_AS_MJD else "mjd", float(written))
        if not 0 <= point.ijd < FIRST_NUMBER_READ_AS_MJD:
            raise _outside(written, field)
        return point

    @classmethod
    def _parse_iso(cls, text: str, year: int, field: str) -> TimePoint:
        if not 2000 <= year <= 2027:
            raise _outside(text, field)
        try:
            Time(text, format="isot", scale="utc")
        except ValueError:
            raise RequestError(f"{field} = {text!r} is no date of the calendar: {_FORMS}.", field) from None
        point = cls("utc", text)
        if not 0 <= point.ijd < FIRST_NUMBER_READ_AS_MJD:
            raise _outside(text, field)
        return point

    def __str__(self) -> str:
        return str(self.value) if self.kind == "utc" else f"{self.kind} {self.value}"

    @property
    def time(self) -> Time:
        """As an astropy time; a revolution has none until the archive converts it."""
        match self.kind:
            case "utc":
                return Time(self.value, format="isot", scale="utc")
            case "ijd":
                return Time(IJD_0_MJD, self.value, format="mjd", scale="tt")
            case "mjd":
                return Time(self.value, format="mjd", scale="tt")
        raise RequestError(f"Revolution {self.value} has no time of its own: ask the archive for its edges.")

    @property
    def ijd(self) -> float:
        """Days since 2000-01-01 in TT."""
        tt = self.time.tt
        return float((tt.jd1 - 2400000.5 - IJD_0_MJD) + tt.jd2)

    @property
    def isot(self) -> str:
        """UTC with milliseconds, as sent to timesystem and dispatcher."""
        return str(self.time.utc.isot)


def _outside(written: Any, field: str) -> RequestError:
    return RequestError(f"{field} = {written} lies outside IJD 0 to 10000; INTEGRAL observed from {MISSION[0]} to {MISSION[1]}.", field)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From `start` to `stop`; with revolutions, from the beginning of the first to the end of the last."""

    start: TimePoint
    stop: TimePoint

    @property
    def reversed(self) -> bool:
        """True when it ends before, or where, it starts; never for a revolution beside a date, which cannot be compared here."""
        if self.start.kind == "rev" and self.stop.kind == "rev":
            return self.start.value > self.stop.value  # type: ignore[operator]
        return "rev" not in (self.start.kind, self.stop.kind) and self.start.ijd >= self.stop.ijd


WHOLE_MISSION = TimeSpan(*(TimePoint("utc", moment) for moment in MISSION))


def parse_spans(t1: Any, t2: Any) -> tuple[TimeSpan, ...]:
    """Intervals of T1 and T2: two values, or two lists of equal length.

    Raises
    ------
    RequestError
        When a value is no time or the lists do not fit.
    """
    if isinstance(t1, list) != isinstance(t2, list):
        raise RequestError("One of T1 and T2 is a list and the other is not: give two values or two lists of equal length.", "T1")
    starts, stops = (t1, t2) if isinstance(t1, list) else ([t1], [t2])
    if len(starts) != len(stops) or not starts:
        raise RequestError(f"T1 holds {len(starts)} times and T2 {len(stops)}: the two lists must be equally long and not empty.", "T1")
    return tuple(TimeSpan(TimePoint.parse(a, "T1"), TimePoint.parse(b, "T2")) for a, b in zip(starts, stops, strict=True))
