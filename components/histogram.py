"""The histogram pane: is empty sky as wide as it should be."""

from __future__ import annotations

import math
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.models import DataRange1d

from components.drawn_once import drawn_once
from components.elements.histogram import FLOOR, histogram_columns, histogram_picture
from components.pane import Pane, empty_state
from components.pane_turn import PaneTurn
from components.words import Words
from dashboard.analysis.sky_width import SignificanceHistogram
from dashboard.session import Session

EMPTY = "The distribution of significance appears with the first batch. Empty sky of pure counting noise has width 1."


class HistogramView(pn.viewable.Viewer):
    """Three curves, updated in place."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._curves: list[Any] = []
        self._told = Words("", "pane-foot")
        self._pane = Pane("Significance of all pixels, scaled", body=empty_state(EMPTY), foot=self._told, css_class="histogram-pane")
        session.param.watch(PaneTurn(self.refresh, lambda: not self._curves and session.findings is not None), "product_version")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the session's mosaic, or that there is none yet."""
        findings = self._session.findings
        if findings is None or findings.histogram is None:
            if self._curves:
                self._curves, self._told.value, self._pane.body = [], "", empty_state(EMPTY)
            return
        histogram = findings.histogram
        plot = None if self._curves else drawn_once("histogram", lambda: _drawn(histogram))
        if plot is not None:
            self._curves = [renderer.data_source for renderer in plot.renderers]
        for source, columns in zip(self._curves, histogram_columns(histogram).values(), strict=True):
            source.data = columns
        if plot is not None:  # sent when it is whole
            self._pane.body = pn.pane.Bokeh(plot, sizing_mode="stretch_both")
        width = f"{histogram.width:.2f}" if math.isfinite(histogram.width) else "unknown"
        self._told.value = f"empty sky: width {width}, centre {histogram.centre:+.2f} · divided by the local width, as thresholds are"


def _drawn(histogram: SignificanceHistogram) -> Any:
    plot = hv.render(histogram_picture(histogram).opts(responsive=True, default_tools=["pan", "wheel_zoom", "reset"]))
    plot.update(border_fill_color=None, background_fill_color=None, outline_line_color=None, output_backend="canvas")
    plot.x_range, plot.y_range = DataRange1d(range_padding=0.0), DataRange1d(start=FLOOR, range_padding=0.05)
    plot.toolbar.update(logo=None, autohide=True)
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(axis_label_text_color="#7d8a99", major_label_text_color="#7d8a99", axis_label_text_font_style="normal")
    for grid in (*plot.xgrid, *plot.ygrid):
        grid.update(grid_line_color="#7d8a99", grid_line_alpha=0.2)
    for legend in plot.legend:
        legend.update(background_fill_alpha=0.0, border_line_alpha=0.0, label_text_color="#7d8a99", label_text_font_size="11px")
    return plot
