"""The strips below the light curves: each science window, the run's batches, and the whole mission to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import holoviews as hv
import numpy as np
from bokeh.models import FixedTicker, HoverTool, PanTool, Range1d, RangeTool, ResetTool, WheelZoomTool

from components.chart import GREY
from components.drag import Band, select_by_drag
from components.drawn_once import drawn_once
from components.elements.coverage import (
    batch_columns,
    mission_columns,
    mission_picture,
    observed,
    scw_columns,
    span_columns,
    strip_picture,
    year_ticks,
)
from components.elements.series import ACCENT
from dashboard.ahead import interval_values, joined
from dashboard.plan.coverage import Strip
from dashboard.range_look import batches_selected
from dashboard.request.times import IJD_0_MJD, MISSION, TimePoint
from dashboard.session import Session

LEFT: Final = 62
"""Screen pixels left of every frame of the pane, so that their axes stand below each other."""
STRIP, MISSION_HEIGHT = 58, 44
COLUMNS: Final = 900
TOOLTIPS = [
    ("", "@name, rev @revolution"),
    ("UTC", "@utc{%F %H:%M}"),
    ("off axis", "@off_axis{0.0}°, @coded"),
    ("exposure", "@ks{0.0} ks"),
    ("", "@rights"),
]


@cache
def mission_edges() -> tuple[float, float]:
    """IJD."""
    first, last = (TimePoint.parse(edge).ijd for edge in MISSION)
    return first, last


class CoverageStrips:
    """Two figures that share nothing but their time axis, MJD (TT), with whoever is given `x_range`.

    Dragging on the upper one chooses the intervals of the request; the box on the lower one is what the upper one shows.
    """

    def __init__(self, session: Session, x_range: Any) -> None:
        self._session = session
        self._x = x_range
        self.drag = "look" if session.shared else "ask"
        self.dragged: Any = None
        self._coverage: Any = None
        self._seen_by: tuple[str, float] = ("", 0.0)
        self._mask: Any = None
        self._spans: Any = None
        self._observed: tuple[Any, dict[str, Any]] = (None, {})
        self._scw_range: tuple[float, float] | None = None
        self.strip = self._new_strip()
        self.mission = self._new_mission()
        select_by_drag(self.strip, self._dragged)

    def _new_strip(self) -> Any:
        plot = drawn_once("strip", _strip)
        plot.x_range = self._x
        self._intervals, self._scw, self._batches = (renderer.data_source for renderer in plot.renderers)
        self._band = Band(plot)
        return plot

    def _new_mission(self) -> Any:
        plot = drawn_once("mission", _mission)
        self._chosen, self._revolutions = (renderer.data_source for renderer in plot.renderers)
        box = RangeTool(x_range=self._x, start_gesture="pan")
        box.overlay.update(fill_color=ACCENT, fill_alpha=0.14, line_color=ACCENT, line_alpha=0.9)
        plot.tools = [box]
        return plot

    def refresh(self) -> None:
        """Show what is known of the mission, and the run's batches."""
        ahead, request = self._session.ahead, self._session.request
        instrument = request.instruments[0]
        seen_by = (instrument, request.radius_for(instrument))
        if ahead.coverage is None:
            if ahead.lost and self._coverage is not None:
                self._forget()
            return
        if ahead.coverage is not self._coverage or seen_by != self._seen_by:
            self._coverage, self._seen_by, self._scw_range = ahead.coverage, seen_by, None
            self._mask = self._coverage.seen(*seen_by)
            self._revolutions.data = columns = mission_columns(self._coverage.mission(self._mask))
            top = 1.05 * max([1.0, *columns["top"].tolist()])
            self.mission.y_range.update(start=0, end=top)
            self.mission.yaxis.update(ticker=FixedTicker(ticks=[top / 2]), major_label_overrides={top / 2: "mission"})
        if ahead.spans != self._spans:
            self._spans = ahead.spans
            self._intervals.data = span_columns(ahead.spans)
            self._chosen.data = {**span_columns(ahead.spans), "top": [1e9] * len(ahead.spans)}
        self.draw_windows()
        self.draw_batches()

    def _forget(self) -> None:
        """Nothing is known of this sky: what was seen of another one would be taken for it."""
        self._coverage = self._spans = None
        for source in (self._revolutions, self._scw, self._intervals, self._chosen):
            source.data = {column: [] for column in source.data}

    def draw_batches(self) -> None:
        """The batches of the mosaic that is shown, or of the run's first product; pale outside the selected time range."""
        look, selected = self._session.look, self._session.selection.time_range
        if look is None:
            self._batches.data = batch_columns(())
            return
        shown = self._session.shown
        used = batches_selected(look, shown, selected) if selected and look.findings[shown] else None
        batches = [batch for batch in look.state.batches if batch.job == shown]
        job = (look.state.run_id, look.state.plan_version, shown)
        if self._observed[0] != job:
            self._observed = (job, observed(look.plan.pointings, batches))
        # The boxes stay while a run goes on: what has changed is sent alone.
        columns, before = batch_columns(batches, used, self._observed[1]), self._batches.data
        if all(np.array_equal(columns[edge], before[edge]) for edge in ("left", "right")):
            changed = {
                name: [(row, new) for row, (new, old) in enumerate(zip(columns[name], before[name], strict=True)) if new != old]
                for name in ("colour", "alpha", "state", "scw")
            }
            self._batches.patch({name: patches for name, patches in changed.items() if patches})
        else:
            self._batches.data = columns

    def follow(self, time_range: tuple[float, float] | None) -> None:
        """Draw the band of the selected range (IJD)."""
        self._band.follow(None if time_range is None else (time_range[0] + IJD_0_MJD, time_range[1] + IJD_0_MJD))

    def draw_windows(self) -> None:
        """The science windows in view, as finely as they can be shown."""
        start, stop = self._x.start, self._x.end
        if self._coverage is None or start is None or stop is None or not start < stop or self._scw_range == (start, stop):
            return
        self._scw_range = (start, stop)
        strip = self._coverage.timeline(self._mask, start - IJD_0_MJD, stop - IJD_0_MJD, COLUMNS)
        self._scw.data = scw_columns(strip)

    def _dragged(self, start: float, stop: float) -> None:
        """The range becomes the request's interval, or one more of them, or what is looked at."""
        first, last = mission_edges()
        start, stop = max(start - IJD_0_MJD, first), min(stop - IJD_0_MJD, last)
        if not start < stop:
            return
        if self.drag == "look":
            self._session.selection.time_range = (start, stop)
            return
        spans = joined(self._session.ahead.spans, (start, stop)) if self.drag == "add" else ((start, stop),)
        self._session.request.param.update(**interval_values(spans))
        self.dragged = self._session.ahead.spans


def _strip() -> Any:
    picture = strip_picture(scw_columns(_NOTHING), batch_columns(()), span_columns(()))
    plot = _rendered(picture, STRIP, {0.72: "ScW", 0.14: "batches"})
    for renderer in plot.renderers[1:]:
        renderer.glyph.update(fill_color="colour", fill_alpha="alpha", line_color=None)
    plot.renderers[0].glyph.update(line_color=ACCENT, line_alpha=0.8, line_width=1)
    plot.y_range.update(start=-0.06, end=1.08)
    wheel, pan = WheelZoomTool(dimensions="width"), PanTool(dimensions="width")
    hover = [
        HoverTool(renderers=[plot.renderers[1]], tooltips=TOOLTIPS, formatters={"@utc": "datetime"}),
        HoverTool(renderers=[plot.renderers[2]], tooltips=[("batch", "@state"), ("", "@scw ScW")]),
    ]
    plot.tools = [pan, wheel, ResetTool(), *hover]
    plot.toolbar.update(active_scroll=wheel, logo=None, autohide=True)
    return plot


def _mission() -> Any:
    plot = _rendered(mission_picture(mission_columns(_NOTHING), span_columns(())), MISSION_HEIGHT, {0.0: "mission"})
    start, stop = (edge + IJD_0_MJD for edge in mission_edges())
    plot.x_range = Range1d(start=start - 60, end=stop + 60)
    plot.renderers[1].glyph.update(fill_color="colour", line_color=None)
    years = year_ticks()
    plot.xaxis.update(ticker=FixedTicker(ticks=list(years)), major_label_overrides=years)
    plot.toolbar_location = None
    return plot


def _rendered(picture: Any, height: int, names: Mapping[float, str]) -> Any:
    plot = hv.render(picture.opts(height=height, responsive=True, default_tools=[]))
    plot.update(border_fill_color=None, background_fill_color=None, outline_line_color=None, output_backend="canvas", title=None)
    plot.update(height=height, sizing_mode="stretch_width", min_border_left=LEFT, min_border_right=14)
    plot.update(min_border_top=0, min_border_bottom=0)
    for axis in plot.xaxis:
        axis.update(axis_label=None, major_label_text_color=GREY, axis_line_color=None, major_label_text_font_size="11px")
        axis.update(major_tick_line_color=GREY, minor_tick_line_color=None)
        axis.formatter.use_scientific = False
    for axis in plot.yaxis:
        axis.update(ticker=FixedTicker(ticks=list(names)), major_label_overrides=dict(names), axis_label=None, axis_line_color=None)
        axis.update(major_tick_line_color=None, minor_tick_line_color=None, major_label_text_color=GREY, major_label_text_font_size="11px")
    plot.xgrid.visible = plot.ygrid.visible = False
    plot.html_attributes = {"role": "img", "aria-label": f"Timeline: {', '.join(names.values())}"}
    return plot


_NOTHING = Strip.nothing()
