"""What is known before anything is submitted: where the request aims, what INTEGRAL saw of it, what asking would cost and bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import param

from dashboard.aim_board import Aim, aim_board
from dashboard.archive.resolver import Target
from dashboard.errors import DashboardError
from dashboard.plan.coverage import Coverage
from dashboard.plan.forecast import Forecast, forecast, spans_of
from dashboard.request.request import Request
from dashboard.request.times import TimePoint
from dashboard.settings import Settings

Spans = Sequence[tuple[float, float]]


class Ahead(param.Parameterized):
    """Follows a request as it is typed; `refresh` is cheap and called again and again."""

    target: Any = param.ClassSelector(class_=Target, default=None, allow_None=True, doc="The resolved position.")
    coverage: Any = param.ClassSelector(class_=Coverage, default=None, allow_None=True, doc="The mission's science windows around it.")
    forecast: Any = param.ClassSelector(class_=Forecast, default=None, allow_None=True, doc="What the request would cost and bring.")
    spans: Any = param.ClassSelector(class_=tuple, default=(), doc="The request's intervals, (start, stop) in IJD.")
    problem = param.String(default="", doc="Why there is no coverage, or no forecast.")
    lost = param.Boolean(default=False, doc="The last coverage holds no more: it failed to come, or another host is asked.")

    def __init__(self, settings: Settings, **params: Any) -> None:
        super().__init__(**params)
        self._settings = settings
        self._aim: Aim | None = None
        self._host = ""
        self._seen: tuple[Any, ...] = ()

    def refresh(self, request: Request | None, *, again: bool = False) -> None:
        """Take what is known by now.

        Parameters
        ----------
        request
            Another object whenever it has changed; None while what is typed cannot be read.
        again
            Try once more what failed.
        """
        if request is None:
            self.param.update(forecast=None)
            self._seen = ()
            return
        aim = self._aim = aim_board(self._settings).aim(request, again=again)
        seen = (aim, aim.progress, request)
        if seen == self._seen:
            return
        self._seen = seen
        spans: Spans = ()
        ahead, problem = None, aim.problem
        if aim.coverage is not None:
            self._host = request.host_type
            try:
                spans = tuple(spans_of(request, aim.coverage))
                ahead = forecast(aim.coverage, request, spans)
            except DashboardError as error:
                problem = error.sentence
        lost = aim.coverage is None and (bool(problem) or self._host != request.host_type)
        self.param.update(target=aim.target, coverage=aim.coverage, forecast=ahead, spans=tuple(spans), problem=problem, lost=lost)


def interval_values(spans: Spans) -> dict[str, Any]:
    """T1 and T2 of these intervals (IJD), in UTC to the second; what else would select science windows is emptied."""
    starts, stops = ([TimePoint("ijd", edge).isot[:19] for edge in edges] for edges in zip(*sorted(spans), strict=True))
    several = len(starts) > 1
    return {
        "T1": starts if several else starts[0],
        "T2": stops if several else stops[0],
        "scw_list": [],
        "revolutions": [],
        "observations": [],
    }


def joined(spans: Spans, added: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """The intervals with one more; what overlaps becomes one."""
    out: list[tuple[float, float]] = []
    for start, stop in sorted((*spans, added)):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(stop, out[-1][1]))
        else:
            out.append((start, stop))
    return tuple(out)
