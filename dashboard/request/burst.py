"""When a burst was, by its name: GRB 090618 names a day, and some names a moment.

Names of the field: GRB, XRF, FRB, GW, EP (Einstein Probe) and IC (IceCube) with the date as yymmdd or yyyymmdd and a letter where a day
had several; Fermi's GBM appends the fraction of the day instead (GRB 090618.353). Identifiers of VOEvents
(ivo://nasa.gsfc.gcn/Fermi#GBM_Fin_Pos2017-08-17T12:41:06.47_524666471_57-431) hold date and time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboard.errors import RequestError
from dashboard.request.request import Request
from dashboard.request.times import MISSION, TimePoint, TimeSpan

AROUND = timedelta(hours=1)
"""On each side of a known moment: the science window that holds the burst, of up to an hour or so, and its neighbours."""

_DATED = r"(?:GRB|XRF|FRB|GW|EP|IC)[\s_-]*(?:20)?(\d{6})(?:(\.\d{1,6})|[A-Z]{0,2})"
_NAME = re.compile(_DATED, re.IGNORECASE)
_IN_IVORN = re.compile(rf"(?<![A-Z]){_DATED}(?![A-Z\d.])", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?")


@dataclass(frozen=True, slots=True)
class BurstTimes:
    """An interval that holds a burst: a suggestion, which only its user takes.

    Attributes
    ----------
    t1, t2
        UTC to the second, as T1 and T2 of a request.
    origin
        Who says so: "its name", or a resolver.
    """

    t1: str
    t2: str
    origin: str

    @property
    def words(self) -> str:
        """Such as "2009-06-18", or "2009-06-18 07:28 to 09:28"."""
        start, stop = map(datetime.fromisoformat, (self.t1, self.t2))
        if start.time() == stop.time() == datetime.min.time() and stop - start == timedelta(days=1):
            return f"{start:%Y-%m-%d}"
        return f"{start:%Y-%m-%d %H:%M} to {stop:{'%H:%M' if stop.date() == start.date() else '%Y-%m-%d %H:%M'}}"

    @property
    def values(self) -> dict[str, Any]:
        """The parameters that ask for this interval."""
        return {"T1": self.t1, "T2": self.t2, "scw_list": [], "revolutions": [], "observations": []}

    @property
    def span(self) -> TimeSpan:
        """The interval."""
        return TimeSpan(TimePoint("utc", self.t1), TimePoint("utc", self.t2))

    def meets(self, other: BurstTimes) -> bool:
        """Whether they have a moment in common."""
        return self.t1 < other.t2 and self.t2 > other.t1

    def asked_by(self, request: Request) -> bool:
        """Whether the request asks for exactly this interval."""
        return all(getattr(request, name) == value for name, value in self.values.items())

    def missed_by(self, request: Request) -> bool:
        """Whether the request's times leave it out altogether; what is listed is chosen with care, and not judged."""
        if request.selected_by:
            return False
        edges = [(span.start, span.stop) for span in request.times]
        if any(point.kind == "rev" for pair in edges for point in pair):
            return False
        return not any(start.ijd < self.span.stop.ijd and stop.ijd > self.span.start.ijd for start, stop in edges)

    def note(self, name: str) -> str:
        """The sentence for a request that misses it."""
        return f"T1 to T2 leave out the time of {name}, {self.words} by {self.origin}: T1 = {self.t1}, T2 = {self.t2} hold it."


def times_in_name(name: str) -> BurstTimes | None:
    """The interval that a burst's name tells, the day or an hour around the moment; None when it tells none within the mission."""
    text = name.strip()
    ivorn = text.lower().startswith("ivo://")
    if ivorn and (moment := _MOMENT.search(text)):
        return _around(_read(moment[0]))
    found = _IN_IVORN.search(text) if ivorn else _NAME.fullmatch(text)
    if found is None:
        return None
    day = _read(f"20{found[1][:2]}-{found[1][2:4]}-{found[1][4:]}T00:00:00")
    if day is None:
        return None
    if found[2]:
        return _around(day + timedelta(days=float(found[2])))
    return _between(day, day + timedelta(days=1), "its name")


def told_times(t1: Any, t2: Any, origin: str) -> BurstTimes | None:
    """The interval that a resolver tells, in any form of T1 and T2; None when it is none within the mission."""
    try:
        start, stop = (datetime.fromisoformat(TimePoint.parse(edge).isot[:19]) for edge in (t1, t2))
    except (RequestError, ValueError):
        return None
    return _between(start, stop, origin)


def _read(iso: str) -> datetime | None:
    try:
        return datetime.fromisoformat(iso)
    except ValueError:
        return None


def _around(moment: datetime | None) -> BurstTimes | None:
    return None if moment is None else _between(moment - AROUND, moment + AROUND, "its name")


def _between(start: datetime, stop: datetime, origin: str) -> BurstTimes | None:
    first, last = (datetime.fromisoformat(edge) for edge in MISSION)
    if not start < stop or stop <= first or start >= last:
        return None
    return BurstTimes(start.isoformat(timespec="seconds"), stop.isoformat(timespec="seconds"), origin)
