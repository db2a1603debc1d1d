"""What is known of the selected source or place: in each batch, and whether it would have been found."""

from __future__ import annotations

import math
from html import escape
from typing import Any, Final

import panel as pn
from bokeh.models import FixedTicker

from components.chart import Chart
from components.elements.strip import LAYERS, strip_chart, strip_columns
from components.words import Words
from dashboard.aim_board import Aim, aim_board
from dashboard.analysis.probe import Probe, probe
from dashboard.part_board import StripAnswer, part_board
from dashboard.plan.forecast import Limit, limit_here
from dashboard.plan.plan import exposure_text
from dashboard.products.catalog import MeasuredSource
from dashboard.request.request import Request
from dashboard.request.times import IJD_0_MJD
from dashboard.runs.strips import Strip
from dashboard.session import Session

HEIGHT: Final = 46
TOOLTIPS = [("MJD (TT)", "@x{0.00}"), ("flux", "@y{0.00} ± @error{0.00}"), ("σ", "@sigma{0.0}"), ("exposure", "@ks{0.0} ks")]


def steadiness(strip: Strip, total: int) -> str:
    """In how many batches, and how constant."""
    seen = int(strip.seen.sum())
    if not seen:
        return "in none of the batches"
    words = f"seen by {seen} of {total} batches"
    if strip.one_batch_only:
        return words + " · ▲ shines in one batch only"
    return words + (f" · constant flux: χ² {strip.chi2:.1f} / {strip.dof}" if strip.dof else "")


class SourceDetail(pn.viewable.Viewer):
    """A few lines and a strip below the source table; there while something is selected."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._answer: StripAnswer | None = None
        self._probe: Probe | None = None
        self._aim: Aim | None = None
        self._asked: object = None
        self._drawn: object = None
        self._chart: Chart | None = None
        self._words = Words("", "detail-words")
        self._close = pn.widgets.Button(label="✕", css_classes=["quiet-act"], margin=0, description="Select nothing")
        self._close.on_click(self._forget)
        head = pn.Row(self._words, self._close, css_classes=["detail-head"], margin=0)
        self._frame = pn.Column(head, css_classes=["detail"], visible=False, margin=0)
        session.selection.param.watch(lambda *_: self.refresh(), ["source", "place"])
        session.param.watch(lambda *_: self.refresh(), ["product_version", "beat"])
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._frame

    def _forget(self, _: Any) -> None:
        self._session.selection.param.update(source="", place=None)

    def refresh(self) -> None:
        """Ask for what is not known yet, show what is."""
        session = self._session
        findings, look = session.findings, session.look
        source = next((s for s in session.sources.sources if s.name == session.selection.source), None)
        place = (source.ra, source.dec) if source else session.selection.place
        self._frame.visible = findings is not None and place is not None
        if findings is None or look is None or place is None:
            self._asked, self._answer = None, None
            return
        asked = (findings, place)
        if asked != self._asked:
            self._asked, self._drawn = asked, None
            beside = tuple((s.ra, s.dec) for s in session.sources.detected if s is not source)
            self._answer = part_board(session.settings).ask_strips(look, session.shown, (place,), beside)
            self._probe, self._aim = None, None
            if source is None:
                there = Request(RA=place[0], DEC=place[1], zero_position=True, host_type=session.request.host_type)
                self._aim = aim_board(session.settings).aim(there)
        if source is None and self._probe is None and self._answer is not None and self._answer.strips is not None:
            self._probe = probe(findings.product, place[0], place[1], session.sources, findings.width)
        self._show(source, place)

    def _show(self, source: MeasuredSource | None, place: tuple[float, float]) -> None:
        answer = self._answer
        state = (answer.strips, answer.problem, self._aim.progress if self._aim else None) if answer else None
        if state == self._drawn or answer is None:
            return
        self._drawn = state
        strip = answer.strips[0] if answer.strips else None
        total = len(strip.batch_ids) if strip else 0
        steady = escape(answer.problem) or (steadiness(strip, total) if strip else "measuring it in every batch …")
        head = _told(source) if source else self._verdict(place)
        self._words.value = f"{head}<br>{steady}"
        if strip is not None and int(strip.seen.sum()) > 1:
            self._draw(strip)
        elif self._chart is not None:
            self._chart = None
            self._frame.pop(1)

    def _verdict(self, place: tuple[float, float]) -> str:
        """Why no source is there: the map, the mission, and what was chosen of it."""
        found = self._probe
        lines = [f"<b>RA {place[0]:.4f} Dec {place[1]:+.4f}</b>"]
        if found is not None:
            lines[0] += f" · {exposure_text(found.exposure)} here" if found.inside else ""
            lines[0] += f" · {escape(found.nearest)} is {found.distance:.1f}′ away" if found.nearest else ""
            lines.append(escape(found.verdict))
        lines.append(self._mission())
        return "<br>".join(line for line in lines if line)

    def _mission(self) -> str:
        """What INTEGRAL could see there, whatever was asked."""
        look, session = self._session.look, self._session
        coverage = self._aim.coverage if self._aim else None
        if coverage is None or look is None:
            return escape(self._aim.problem) if self._aim else ""
        job = look.jobs[session.shown]
        if job.band is None:
            return ""
        chosen = limit_here(coverage, job.instrument, job.band, session.ahead.spans or None)
        ever = limit_here(coverage, job.instrument, job.band)
        return f"Expected here, {job.band[0]:g}–{job.band[1]:g} keV: {_limit(chosen)} in the chosen time; {_limit(ever)} in 22 years."

    def _draw(self, strip: Strip) -> None:
        series = {"batch": strip_columns(strip)}
        if self._chart is None:
            unit = self._session.sources.flux_unit
            self._chart = Chart(strip_chart, series, LAYERS, TOOLTIPS, unit, selected=self._selected)
            plot = self._chart.plot
            plot.update(height=HEIGHT, toolbar_location=None, sizing_mode="stretch_width", min_border_left=10)
            plot.xaxis.visible = plot.yaxis.visible = plot.xgrid.visible = False
            plot.ygrid.ticker = FixedTicker(ticks=[0.0])
            self._frame.append(pn.pane.Bokeh(plot, sizing_mode="stretch_width", height=HEIGHT))
        else:
            self._chart.draw(series)

    def _selected(self, start: float, stop: float) -> None:
        self._session.selection.time_range = (start - IJD_0_MJD, stop - IJD_0_MJD)


def _limit(limit: Limit) -> str:
    """How often a place was seen, and how deep."""
    seen = limit.n_fully + limit.n_partly
    if not seen:
        return "never in the field of view"
    depth = f", 5σ limit {limit.sensitivity.limit:.2g} mCrab" if math.isfinite(limit.sensitivity.limit) else ""
    return f"{seen} ScW ({limit.n_fully} fully coded){depth}"


def _told(source: MeasuredSource) -> str:
    kind = {"new": "new candidate", "forced": "not detected", "ambiguous": f"one of {', '.join(source.candidates)}"}.get(source.kind, "")
    warnings = f' · <span class="warn">▲ {escape(", ".join(source.warnings))}</span>' if source.warnings else ""
    return (
        f"<b>{escape(source.name)}</b>{' · ' + escape(kind) if kind else ''} · {source.scaled_significance:.1f} σ"
        f" · ±{source.position_error:.1f}′ (90 %) · {exposure_text(source.exposure)}{warnings}"
    )
