"""The energy pane: the count spectra of one source, all instruments on the same axes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import panel as pn

from components.chart import Chart
from components.elements.spectrum import LAYERS, LIMIT_SIGMA, spectrum_columns, spectrum_picture
from components.job_words import series_name
from components.pane import Pane, empty_state
from components.pane_turn import PaneTurn
from components.source_menu import SourceMenu
from components.words import Words
from dashboard.analysis.grouping import GroupedSpectrum, grouped_channels, regrouped
from dashboard.errors import DashboardError
from dashboard.next_request import light_curve_of
from dashboard.plan.plan import exposure_text
from dashboard.products.spectrum import Spectrum, SpectrumSet
from dashboard.request.request import Request
from dashboard.session import Session

EMPTY = "No spectrum yet. It appears with the first batch; all instruments share the axes."
AWAITED = "The spectra wait for the catalogue of the image."
TOOLTIPS = [
    ("keV", "@e_min{0.0} – @e_max{0.0}"),
    ("counts/s/keV", "@density{0.0000} ± @error{0.0000}"),
    ("σ", "@sigma{0.0}"),
]
UNGROUPED = (0.0, 0.0, 0)


@dataclass(frozen=True, eq=False)
class Shown:
    """The spectra of one source and instrument as they are drawn, and why they are not when they cannot be."""

    spectra: tuple[Spectrum, ...] = ()
    grouped: tuple[GroupedSpectrum, ...] = ()
    fault: str = ""


def shown(product: SpectrumSet, source: str, grouping: tuple[float, float, int], systematic_fraction: float) -> Shown:
    """The spectra of this source in bins, on as many channel grids as there are."""
    spectra = product.of(source)
    try:
        grouped = tuple(regrouped(each, grouped_channels(each, *grouping), systematic_fraction) for each in spectra)
    except DashboardError as error:
        return Shown(spectra, fault=error.sentence)
    return Shown(spectra, grouped)


def brightest(product: SpectrumSet) -> str:
    """The source with the highest rate in all good channels, "" without one."""
    rates = {each.source: float(each.rate[each.good].sum()) for each in product.spectra}
    return max(rates, key=rates.__getitem__, default="")


def told(label: str, spectra: tuple[Spectrum, ...]) -> str:
    """How much stands behind a spectrum."""
    if not spectra:
        return f"{label} not seen"
    origin = max((each.provenance for each in spectra), key=lambda each: each.batches_used)
    grids = f", {len(spectra)} channel grids" if len(spectra) > 1 else ""
    exposure = sum(each.exposure for each in spectra)
    return f"{label} {exposure_text(exposure)}, {origin.batches_used} of {origin.batches_asked} batches{grids}"


class SpectraView(pn.viewable.Viewer):
    """Counts/s/keV against keV, with bin widths and total errors."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._chart: Chart | None = None
        self._drawn: object = None
        self._sources = SourceMenu(session)
        self._told = Words("", "pane-foot")
        self._ask = pn.widgets.Button(
            css_classes=["chip"], margin=0, visible=False, description="Plan a light curve in the selected energies"
        )
        self._ask.on_click(self._ask_curve)
        bar, menu = [self._ask], [self._sources.widget]
        self._pane = Pane("Energy", bar=bar, menu=menu, body=empty_state(EMPTY), foot=self._told, css_class="energy-pane")
        turn = PaneTurn(self.refresh, lambda: self._chart is None and bool(session.extracted("spectrum")))
        session.param.watch(turn, "product_version")
        session.selection.param.watch(lambda *_: self.refresh(), "source")
        session.selection.param.watch(self._follow, "energy_range")
        turn()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the spectra of the selected source, or that there are none yet."""
        session = self._session
        found, look = session.extracted("spectrum"), session.look
        if look is None or not found:
            self._empty()
            return
        if self._drawn == (found, session.selection.source):
            return
        self._drawn = (found, session.selection.source)
        name = self._sources.take((source for _, findings in found for source in findings.product.sources), brightest(found[0][1].product))
        request = Request.from_dict(look.plan.request)
        parts = dict.fromkeys((series_name(job) for job in session.expected("spectrum")), Shown())
        for job, findings in found:
            grouping = request.grouping if job.instrument == "isgri" else UNGROUPED
            parts[series_name(job)] = findings.view(shown, name, grouping, request.systematic_for(job.instrument))
        self._draw({label: spectrum_columns(part.grouped) for label, part in parts.items()})
        self._told.value = self._status({series_name(job): parts[series_name(job)] for job, _ in found})

    def _draw(self, series: dict[str, Any]) -> None:
        if self._chart is None or self._chart.labels != tuple(series):
            self._chart = Chart(spectrum_picture, series, LAYERS, TOOLTIPS, selected=self._selected)
            self._pane.body = self._chart.pane
            self._follow()
        else:
            self._chart.draw(series)

    def _selected(self, low: float, high: float) -> None:
        self._session.selection.energy_range = (low, high)

    def _follow(self, *_: Any) -> None:
        """Show the selected energies, and what can be asked in them."""
        energies = self._session.selection.energy_range
        self._ask.visible = energies is not None and self._chart is not None and self._session.shared is None
        if energies is not None:
            self._ask.label = f"Light curve in {energies[0]:.3g}–{energies[1]:.3g} keV"
        if self._chart is not None:
            self._chart.follow(energies)

    def _ask_curve(self, _: Any) -> None:
        session = self._session
        if session.look is not None and session.selection.energy_range is not None:
            try:
                session.ask_next(light_curve_of(session.look.plan, session.selection.energy_range))
            except DashboardError as error:
                session.refuse(error)

    def _empty(self) -> None:
        jobs = self._session.expected("spectrum")
        waiting = self._session.look is not None and all(job in self._session.look.plan.coming for job in jobs)
        sentence = AWAITED if waiting else EMPTY
        if self._chart is not None or sentence not in str(self._pane.body.value):
            self._chart, self._drawn, self._told.value, self._pane.body = None, None, "", empty_state(sentence)

    def _status(self, parts: dict[str, Shown]) -> str:
        spectra = [each for part in parts.values() for each in part.spectra]
        origins = [each.provenance for each in spectra]
        limits = any((part.density[0] < LIMIT_SIGMA * part.density[1]).any() for each in parts.values() for part in each.grouped)
        words = [
            "SIMULATED" if any(origin.origin == "SIMULATED" for origin in origins) else "",
            self._session.range_words("spectrum"),
            self._sources.remark("spectrum"),
            *(escape(part.fault) for part in parts.values()),
            *(told(label, part.spectra) for label, part in parts.items()),
            *dict.fromkeys(escape(origin.osa_version) for origin in origins),
            f"▼ {LIMIT_SIGMA:g} σ upper limits" if limits else "",
        ]
        return " · ".join(word for word in words if word)
