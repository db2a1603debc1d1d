"""Where the telescope pointed: before there is a map, its place in the sky pane."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.models import CustomJS, HoverTool, PanTool, ResetTool, WheelZoomTool

from assets import asset_path
from components.drawn_once import drawn_once
from components.elements.pointings import field_wcs, pointing_columns, pointing_layers, pointing_picture
from dashboard.session import Session


class PointingMap:
    """Dots coloured by their distance from the target, those of the request's intervals strong; a new figure for every target."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of: Any = None
        self.pane: Any = None

    def refresh(self) -> None:
        """Show the coverage of the present target; there must be one."""
        session = self._session
        ahead, request = session.ahead, session.request
        instrument = request.instruments[0]
        radius = request.radius_for(instrument)
        coverage = ahead.coverage
        seen = coverage.seen(instrument, radius)
        chosen = coverage.during(ahead.spans)[seen] if ahead.spans else np.zeros(int(seen.sum()), dtype=bool)
        if self._of != (coverage, radius):
            self._of = (coverage, radius)
            self._wcs, side = field_wcs(ahead.target.ra, ahead.target.dec, radius)
            dots = self._dots(seen, chosen)
            field = (dots, self._wcs, side, radius, ahead.target.name)
            plot = drawn_once(("pointings", side, radius), lambda: _styled(pointing_picture(*field), side))
            for renderer, columns in zip(plot.renderers, pointing_layers(*field), strict=True):
                renderer.data_source.data = columns
            self._source = plot.renderers[3].data_source
            square = CustomJS(args={"fig": plot, "shape": [side, side]}, code=asset_path("square_pixels.js").read_text())
            plot.js_on_change("inner_width", square)
            plot.js_on_change("inner_height", square)
            self.pane = pn.pane.Bokeh(plot, sizing_mode="stretch_both", css_classes=["pointing-map"])
        else:
            self._source.data = self._dots(seen, chosen)

    def _dots(self, seen: Any, chosen: Any) -> dict[str, Any]:
        coverage = self._session.ahead.coverage
        return pointing_columns(coverage.ra[seen], coverage.dec[seen], coverage.off_axis[seen], chosen, self._wcs)


def _styled(picture: hv.Overlay, side: int) -> Any:
    plot = hv.render(picture.opts(responsive=True))
    plot.update(
        border_fill_color=None, background_fill_color=None, outline_line_color=None, output_backend="canvas", title=None, min_border=0
    )
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.visible = False
    plot.xgrid.visible = plot.ygrid.visible = False
    dots = plot.renderers[3]
    dots.glyph.update(fill_color="colour", fill_alpha="alpha", size="size", line_color=None)
    plot.renderers[5].glyph.update(x_offset=11)
    wheel, pan = WheelZoomTool(zoom_on_axis=False), PanTool()
    plot.tools = [pan, wheel, ResetTool(), HoverTool(renderers=[dots], tooltips=[("pointings", "@count")])]
    plot.html_attributes = {"role": "img", "aria-label": "Where the telescope pointed around the target"}
    plot.toolbar.update(active_drag=pan, active_scroll=wheel, logo=None, autohide=True)
    for axis_range in (plot.x_range, plot.y_range):
        axis_range.update(start=-0.5, end=side - 0.5)
    return plot
