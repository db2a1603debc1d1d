"""The time pane: the light curves of one source, all bands and instruments on the same axes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
import panel as pn
import param
from bokeh.events import RangesUpdate

from components.chart import Chart
from components.elements.light_curve import LAYERS, MOST, drawn_rows, light_curve_columns, light_curve_picture
from components.job_words import series_name
from components.pane import Pane, empty_state
from components.sky import Menu
from components.source_menu import SourceMenu
from components.words import Words
from dashboard.analysis.rebin import rebin, with_systematics
from dashboard.errors import DashboardError
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve, LightCurveSet
from dashboard.request.request import Request
from dashboard.session import Session

EMPTY = "No light curve yet. It appears with the first batch, and gaps fill as further ones land."
AWAITED = "The light curves wait for the catalogue of the image."
BINS: Final = {"as asked": 0.0, "1 h": 3600.0, "6 h": 21600.0, "1 d": 86400.0, "3 d, a revolution": 259200.0}
"""Seconds by name; 3 days: the orbit until 2015, 2.7 days since."""
TOOLTIPS = [
    ("MJD (TT)", "@x{0.00000}"),
    ("UTC", "@utc{%F %T}"),
    ("rate", "@y{0.000} ± @error{0.000}"),
    ("bin", "@seconds{0} s, @fracexp{0 %} exposed"),
]


@dataclass(frozen=True, eq=False)
class Shown:
    """One curve as it is drawn, None when the source has none; and why it is not as asked, when it is not."""

    curve: LightCurve | None = None
    fault: str = ""


def shown(product: LightCurveSet, source: str, width_s: float, systematic_fraction: float) -> Shown:
    """The curve of this source in bins of `width_s` seconds (0: as it came), with its total error."""
    curve, fault = product.of(source), ""
    if curve is None:
        return Shown()
    if width_s:
        try:
            curve = rebin(curve, width_s)
        except DashboardError as error:
            fault = error.sentence
    return Shown(curve if TOTAL_ERROR in curve.columns else with_systematics(curve, systematic_fraction), fault)


def brightest(product: LightCurveSet) -> str:
    """The source with the highest mean rate, "" without one."""
    means = {curve.source: float(np.mean(curve.rate)) for curve in product.curves if len(curve)}
    return max(means, key=means.__getitem__, default="")


def told(label: str, curve: LightCurve | None, drawn: int) -> str:
    """How much stands behind a curve."""
    if curve is None or not len(curve):
        return f"{label} not seen"
    origin = curve.provenance
    count = f"{drawn} of {len(curve)} points drawn" if drawn < len(curve) else f"{len(curve)} points"
    return f"{label} {count}, {origin.batches_used} of {origin.batches_asked} batches"


class LightCurvesView(pn.viewable.Viewer):
    """Rates against MJD (TT)."""

    bins: Any = param.Selector(default="as asked", objects=list(BINS), doc="Width of the bins shown.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._chart: Chart | None = None
        self._drawn: object = None
        self._curves: dict[str, Shown] = {}
        self._range = (-np.inf, np.inf)
        self._sources = SourceMenu(session)
        self._told = Words("", "pane-foot")
        bins = Menu.from_param(self.param.bins, label="Bins", css_classes=["menu", "next"], width=140)
        menu = [self._sources.widget, bins]
        self._pane = Pane("Time", menu=menu, body=empty_state(EMPTY), foot=self._told, css_class="time-pane")
        session.param.watch(lambda _: self.refresh(), ["product_version", "selected"])
        self.param.watch(lambda _: self.refresh(), "bins")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the light curves of the selected source, or that there are none yet."""
        session = self._session
        found, look = session.extracted("lightcurve"), session.look
        if look is None or not found:
            self._empty()
            return
        if self._drawn == (found, session.selected, self.bins):
            return
        self._drawn = (found, session.selected, self.bins)
        name = self._sources.take((source for _, findings in found for source in findings.product.sources), brightest(found[0][1].product))
        request = Request.from_dict(look.plan.request)
        self._curves = dict.fromkeys((series_name(job) for job in session.expected("lightcurve")), Shown())
        for job, findings in found:
            fraction = request.systematic_for(job.instrument)
            self._curves[series_name(job)] = findings.view(shown, name, BINS[self.bins], fraction)
        self._draw()
        self._told.value = self._status()

    def _draw(self) -> None:
        series = {}
        for label, each in self._curves.items():
            rows = np.arange(0) if each.curve is None else drawn_rows(each.curve, *self._range)
            series[label] = light_curve_columns(each.curve, rows)
        if self._chart is None or self._chart.labels != tuple(series):
            unit = ", ".join(dict.fromkeys(each.curve.unit for each in self._curves.values() if each.curve))
            self._chart = Chart(light_curve_picture(series, unit), tuple(series), LAYERS, TOOLTIPS, utc="datetime")
            self._chart.plot.on_event(RangesUpdate, self._look_at)
            self._chart.draw(series)
            self._pane.body = self._chart.pane
        else:
            self._chart.draw(series)

    def _look_at(self, event: Any) -> None:
        """Draw long curves anew: the less of them is seen, the more of their rows are drawn."""
        self._range = (event.x0, event.x1)
        if any(each.curve is not None and len(each.curve) > MOST for each in self._curves.values()):
            self._draw()
            self._told.value = self._status()

    def _empty(self) -> None:
        jobs = self._session.expected("lightcurve")
        waiting = self._session.look is not None and all(job in self._session.look.plan.coming for job in jobs)
        sentence = AWAITED if waiting else EMPTY
        if self._chart is not None or sentence not in str(self._pane.body.value):
            self._chart, self._drawn, self._range = None, None, (-np.inf, np.inf)
            self._told.value, self._pane.body = "", empty_state(sentence)

    def _status(self) -> str:
        curves = {label: each.curve for label, each in self._curves.items()}
        origins = [curve.provenance for curve in curves.values() if curve]
        hollow = any(curve.flags.any() for curve in curves.values() if curve)
        drawn = {label: 0 if curve is None else len(drawn_rows(curve, *self._range)) for label, curve in curves.items()}
        words = [
            "SIMULATED" if any(origin.origin == "SIMULATED" for origin in origins) else "",
            self._sources.remark("light curve"),
            *(escape(each.fault) for each in self._curves.values()),
            *(told(label, curve, drawn[label]) for label, curve in curves.items()),
            *dict.fromkeys(escape(origin.osa_version) for origin in origins),
            "hollow: little exposed, or cut at a batch's edge" if hollow else "",
        ]
        return " · ".join(word for word in words if word)
