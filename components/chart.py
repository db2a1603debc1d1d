"""A figure with axes in the house style, drawn once; afterwards only its sources change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.models import BasicTickFormatter, CustomJSTicker, DataRange1d, HoverTool, LogTicker, Range1d, Scatter
from bokeh.plotting import figure

from assets import asset_path
from components.drag import Band, select_by_drag
from components.drawn_once import drawn_once

GREY = "#7d8a99"  # readable on light and on dark
TOOLS = ["pan", "box_zoom", "wheel_zoom", "reset", "save"]

Series = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By label and layer: the columns of a renderer."""


class Chart:
    """Follows its data until somebody zooms, and again after Reset. A click on the legend hides a series.

    Parameters
    ----------
    picture
        Makes the picture of `series` and `options`: of every label all `layers`, in this order.
    series, layers
        What stands in it.
    options
        Further arguments of `picture`.
    tooltips
        Numbers under the cursor, of the layers that are points.
    x_range
        Shared with other figures; its own when not given.
    selected
        Called with the edges of what is dragged along the x axis; without it a drag moves the picture.
    """

    def __init__(
        self,
        picture: Callable[..., hv.Overlay],
        series: Series,
        layers: Sequence[str],
        tooltips: list[tuple[str, str]],
        *options: str,
        x_range: Range1d | None = None,
        selected: Callable[[float, float], None] | None = None,
        **formatters: str,
    ) -> None:
        self.labels = tuple(series)

        def drawn() -> figure:
            kinds = {f"@{name}": kind for name, kind in formatters.items()}
            return _styled(picture(series, *options), self.labels, tooltips, kinds)

        self.plot = plot = drawn_once(("chart", picture, self.labels, options), drawn)
        if x_range is not None:
            plot.x_range = x_range
        places = [(label, layer) for label in self.labels for layer in layers]
        self._sources = {place: renderer.data_source for place, renderer in zip(places, plot.renderers, strict=True)}
        self._band = Band(plot)
        self.draw(series)
        if selected is not None:
            select_by_drag(plot, selected)

    @property
    def pane(self) -> pn.pane.Bokeh:
        """What stands in the page."""
        return pn.pane.Bokeh(self.plot, sizing_mode="stretch_both")

    def follow(self, selected: tuple[float, float] | None) -> None:
        """Draw the selected range of the x axis as a band."""
        self._band.follow(selected)

    def draw(self, series: Series) -> None:
        """Show these columns."""
        for (label, layer), source in self._sources.items():
            source.data = dict(series[label][layer])


def _styled(picture: hv.Overlay, labels: tuple[str, ...], tooltips: list[tuple[str, str]], formatters: dict[str, Any]) -> figure:
    plot = hv.render(picture.opts(responsive=True, default_tools=TOOLS))
    plot.update(border_fill_color=None, background_fill_color=None, outline_line_color=None, output_backend="canvas", min_border_right=14)
    plot.x_range, plot.y_range = DataRange1d(range_padding=0.03), DataRange1d(range_padding=0.06, only_visible=True)
    plot.toolbar.update(logo=None, autohide=True)
    plot.title = None  # where there is one series only, HoloViews writes its name there, in black
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(axis_label_text_color=GREY, major_label_text_color=GREY, axis_label_text_font_style="normal")
        axis.update(axis_label_text_font_size="11px", axis_line_color=GREY, major_tick_line_color=GREY, minor_tick_line_color=None)
        if isinstance(axis.ticker, LogTicker):
            axis.ticker = CustomJSTicker(major_code=asset_path("log_ticks.js").read_text())  # Bokeh's has even steps below two decades
        if isinstance(axis.formatter, BasicTickFormatter):
            axis.formatter.use_scientific = False
    for grid in (*plot.xgrid, *plot.ygrid):
        grid.update(grid_line_color=GREY, grid_line_alpha=0.2)
    points: list[Any] = [renderer for renderer in plot.renderers if isinstance(renderer.glyph, Scatter)]
    plot.add_tools(HoverTool(renderers=points, tooltips=tooltips, formatters=formatters))
    told = f"{plot.yaxis.axis_label} against {plot.xaxis.axis_label}: {', '.join(labels)}"
    plot.html_attributes = {"role": "img", "aria-label": told}
    for legend in plot.legend:
        legend.update(background_fill_alpha=0.0, border_line_alpha=0.0, label_text_color=GREY, label_text_font_size="11px")
        legend.update(orientation="horizontal", click_policy="hide", padding=0, margin=2, label_height=14, glyph_height=14)
    return plot
