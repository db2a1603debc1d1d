"""The time pane: light curves of one source over the science windows, the run's batches and the whole mission, on one axis."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import numpy as np
import panel as pn
import param
from bokeh.layouts import column
from bokeh.models import Range1d

from components.chart import Chart
from components.choices import Chips, Menu
from components.coverage import LEFT, STRIP, CoverageStrips, mission_edges
from components.elements.light_curve import LAYERS, MOST, drawn_rows, light_curve_columns, light_curve_picture
from components.job_words import series_name
from components.light_curves import BINS, TOOLTIPS, Shown, brightest, shown, told
from components.pane import Pane, empty_state
from components.pane_turn import PaneTurn
from components.source_menu import SourceMenu
from components.words import Words
from dashboard.hosts import SIMULATED
from dashboard.plan.coverage import FULLY
from dashboard.plan.plan import exposure_text
from dashboard.request.request import Request
from dashboard.request.times import IJD_0_MJD
from dashboard.session import Session

LOOKING = "Looking up what INTEGRAL saw of the target …"
EMPTY = "No light curve yet. It appears with the first batch, and gaps fill as further ones land."
AWAITED = "The light curves wait for the catalogue of the image."
MARGIN: Final = 0.06
LEAST_DAYS: Final = 2.0
TALL_STRIP: Final = 84
"""Screen pixels where no light curve stands above it."""
DRAGS: Final = {"choose": "ask", "add": "add", "look at": "look"}


class TimeView(pn.viewable.Viewer):
    """Rates against MJD (TT), and what was observed when."""

    bins: Any = param.Selector(default="as asked", objects=list(BINS), doc="Width of the bins shown.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._chart: Chart | None = None
        self._strips: CoverageStrips | None = None
        self._drawn: object = None
        self._framed: object = None
        self._seen: object = None
        self._curves: dict[str, Shown] = {}
        first, last = mission_edges()
        self._x: Any = Range1d(start=first + IJD_0_MJD, end=last + IJD_0_MJD)
        self._column: Any = column([], sizing_mode="stretch_both", spacing=0, css_classes=["time-plots"])
        self._plots = pn.pane.Bokeh(self._column, sizing_mode="stretch_both")
        self._sources = SourceMenu(session)
        self._sources.widget.visible = False
        self._told = Words("", "pane-foot")
        self._bins = Menu.from_param(self.param.bins, label="Bins", css_classes=["menu", "next"], width=140, visible=False)
        self._drag = Chips(
            options=DRAGS, value="ask", label="", css_classes=["chips", "drags"], description="What a drag over the science windows does"
        )
        self._drag.visible = False
        self._drag.param.watch(self._take_drag, "value")
        self._clear = pn.widgets.Button(label="✕ range", css_classes=["chip"], margin=0, visible=False)
        self._clear.on_click(self._forget_range)
        self._drag_words = Words("drag to", "pane-title", "quiet", visible=False)
        bar, menu = [self._drag_words, self._drag, self._clear], [self._sources.widget, self._bins]
        self._pane = Pane("Time", bar=bar, menu=menu, body=empty_state(LOOKING), foot=self._told, css_class="time-pane")
        turn = PaneTurn(self.refresh, lambda: self._strips is None or (self._chart is None and bool(session.extracted("lightcurve"))))
        session.param.watch(turn, "product_version")
        session.param.watch(lambda *_: self._strips.draw_batches() if self._strips else None, ["run", "shown"])
        session.ahead.param.watch(turn, ["coverage", "spans", "problem", "lost"])
        session.request.param.watch(lambda *_: self._told.param.update(value=self._status()), ["src_name", "instrument", "radius"])
        session.selection.param.watch(lambda *_: self.refresh(), "source")
        session.selection.param.watch(self._follow, "time_range")
        self.param.watch(lambda *_: self.refresh(), "bins")
        moved = PaneTurn(self._look_at, lambda: False)
        for edge in ("start", "end"):  # the box in the mission moves the range without an event of its figure
            self._x.on_change(edge, lambda _attribute, _before, _now: moved())
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the light curves of the selected source, and the mission's science windows, as far as they are there."""
        before = (self._chart, self._strips)
        self._frame()
        self._take_curves()
        if self._strips is None and self._session.ahead.coverage is not None:
            self._strips = CoverageStrips(self._session, self._x)
        if self._strips is not None:
            self._strips.refresh()
        if (self._chart, self._strips) != before:
            self._arrange()
        elif self._chart is None and self._strips is None:
            self._say()
        self._told.value = self._status()

    def _arrange(self) -> None:
        """One figure below the other."""
        plots = [part for part in (self._chart.plot if self._chart else None, *self._two) if part is not None]
        self._drag.visible = self._drag_words.visible = self._strips is not None and self._session.shared is None
        if not plots:
            self._say()
            return
        if self._chart is not None:
            self._chart.plot.update(min_border_left=LEFT, sizing_mode="stretch_both")
            self._chart.plot.xaxis.visible = self._strips is None
        if self._strips is not None:
            self._strips.strip.height = STRIP if self._chart else TALL_STRIP
        self._column.children = plots  # a figure that moved into a new layout would reach the browser half
        if self._pane.body is not self._plots:
            self._pane.body = self._plots
        self._follow()

    @property
    def _two(self) -> tuple[Any, ...]:
        return (self._strips.strip, self._strips.mission) if self._strips else ()

    def _say(self) -> None:
        """What is awaited, in words."""
        session = self._session
        sentence = escape(session.ahead.problem) or (LOOKING if session.ahead.forecast is None and not session.faults else EMPTY)
        if sentence not in str(getattr(self._pane.body, "value", "")):
            self._pane.body = empty_state(sentence)

    def _frame(self) -> None:
        """Bring what matters into view when it is another: the run's time, else the request's intervals."""
        session, look = self._session, self._session.look
        spans = session.ahead.spans
        if look is not None:
            asked = look.plan.pointings
            edges, what = (float(asked.tstart[0]), float(asked.tstop[-1])), (look.state.run_id, len(asked))
        elif spans:
            edges, what = (min(a for a, _ in spans), max(b for _, b in spans)), (session.ahead.target, spans)
        else:
            return
        now = (self._x.start - IJD_0_MJD, self._x.end - IJD_0_MJD)
        inside = now[0] <= edges[0] and edges[1] <= now[1]
        if what == self._framed:
            return
        self._framed = what
        if look is None and inside and self._strips is not None and spans == self._strips.dragged:
            return  # the strip stands still while one drags in it
        room = max(MARGIN * (edges[1] - edges[0]), LEAST_DAYS)
        self._x.update(start=edges[0] - room + IJD_0_MJD, end=edges[1] + room + IJD_0_MJD)
        self._x.update(reset_start=self._x.start, reset_end=self._x.end)

    def _take_curves(self) -> None:
        session = self._session
        found, look = session.extracted("lightcurve"), session.look
        if look is None or not found:
            self._chart, self._drawn, self._curves = None, None, {}
            self._sources.widget.visible = self._bins.visible = False
            return
        if self._drawn == (found, session.selection.source, self.bins):
            return
        self._drawn = (found, session.selection.source, self.bins)
        self._sources.widget.visible = self._bins.visible = True
        name = self._sources.take((source for _, findings in found for source in findings.product.sources), brightest(found[0][1].product))
        request = Request.from_dict(look.plan.request)
        self._curves = dict.fromkeys((series_name(job) for job in session.expected("lightcurve")), Shown())
        for job, findings in found:
            fraction = request.systematic_for(job.instrument)
            self._curves[series_name(job)] = findings.view(shown, name, BINS[self.bins], fraction)
        self._draw()

    def _draw(self) -> None:
        self._seen = self._view
        series = {}
        for label, each in self._curves.items():
            rows = np.arange(0) if each.curve is None else drawn_rows(each.curve, *self._view)
            series[label] = light_curve_columns(each.curve, rows)
        if self._chart is None or self._chart.labels != tuple(series):
            unit = ", ".join(dict.fromkeys(each.curve.unit for each in self._curves.values() if each.curve))
            picture = light_curve_picture
            self._chart = Chart(picture, series, LAYERS, TOOLTIPS, unit, x_range=self._x, selected=self._selected, utc="datetime")
        else:
            self._chart.draw(series)

    @property
    def _view(self) -> tuple[float, float]:
        return self._x.start, self._x.end

    def _look_at(self, *_: Any) -> None:
        """Draw anew what is in view, whichever figure has moved: the less of the time is seen, the finer."""
        if self._strips is not None:
            self._strips.draw_windows()
        if self._view != self._seen and any(each.curve is not None and len(each.curve) > MOST for each in self._curves.values()):
            self._draw()
            self._told.value = self._status()

    def _selected(self, start: float, stop: float) -> None:
        self._session.selection.time_range = (start - IJD_0_MJD, stop - IJD_0_MJD)

    def _forget_range(self, _: Any) -> None:
        self._session.selection.time_range = None

    def _follow(self, *_: Any) -> None:
        """Show the selected range in every figure."""
        selected = self._session.selection.time_range
        self._clear.visible = selected is not None
        if self._chart is not None:
            self._chart.follow(None if selected is None else (selected[0] + IJD_0_MJD, selected[1] + IJD_0_MJD))
        if self._strips is not None:
            self._strips.follow(selected)
            self._strips.draw_batches()
        self._told.value = self._status()

    def _take_drag(self, event: Any) -> None:
        if self._strips is not None:
            self._strips.drag = event.new

    def _status(self) -> str:
        words = [*self._curve_words(), *self._coverage_words()]
        return " · ".join(word for word in words if word)

    def _curve_words(self) -> list[str]:
        curves = {label: each.curve for label, each in self._curves.items()}
        if not curves:
            jobs = self._session.expected("lightcurve")
            look = self._session.look
            return [] if look is None or not jobs else [AWAITED if all(job in look.plan.coming for job in jobs) else EMPTY]
        origins = [curve.provenance for curve in curves.values() if curve]
        hollow = any(curve.flags.any() for curve in curves.values() if curve)
        drawn = {label: 0 if curve is None else len(drawn_rows(curve, *self._view)) for label, curve in curves.items()}
        return [
            "SIMULATED" if any(origin.origin == "SIMULATED" for origin in origins) else "",
            self._sources.remark("light curve"),
            *(escape(each.fault) for each in self._curves.values()),
            *(told(label, curve, drawn[label]) for label, curve in curves.items()),
            *dict.fromkeys(escape(origin.osa_version) for origin in origins),
            "hollow: little exposed, or cut at a batch's edge" if hollow else "",
        ]

    def _coverage_words(self) -> list[str]:
        """What INTEGRAL saw of the target in its 22 years."""
        ahead = self._session.ahead
        if ahead.problem:
            return [f'<span class="warn">{escape(ahead.problem)}</span>']
        if ahead.coverage is None or self._curves:
            return []
        request = self._session.request
        instrument = request.instruments[0]
        seen = ahead.coverage.seen(instrument, request.radius_for(instrument))
        exposure = exposure_text(float(ahead.coverage.telapse[seen].sum()))
        fully = int((ahead.coverage.coding(instrument)[seen] == FULLY).sum())
        private = int((ahead.coverage.public[seen] == 0).sum())
        name = escape(ahead.target.name) if ahead.target else ""
        return [
            "SIMULATED" if request.host_type == SIMULATED else "",
            f"{name}: {int(seen.sum())} ScW within {request.radius_for(instrument):g}° in 22 years, {fully} fully coded, {exposure}"
            + (f", {private} private" if private else ""),
            escape(f"no archive answers: from {ahead.coverage.origin}") if ahead.coverage.offline else "",
            '<span class="off-axis">on axis <i></i> 15°</span>',
        ]
