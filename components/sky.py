"""The sky pane: one map of the mosaic at a time, refreshed in place as batches land."""

from __future__ import annotations

from typing import Any, ClassVar

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.events import MouseLeave, MouseMove, RangesUpdate, Tap
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, FixedTicker, PanTool, ResetTool, SaveTool, WheelZoomTool
from bokeh.models.annotations import ColorBar
from bokeh.models.widgets.markups import Div
from bokeh.plotting import figure
from numpy.typing import NDArray

from assets import asset_path
from components.elements.scale import Scale, natural_scale
from components.elements.sky import sky_picture, source_columns
from components.elements.window import BUDGET, Range, Window, around, seen
from components.job_words import series_name
from components.pane import Pane, empty_state
from components.sheet import page_sheet
from dashboard.products.mosaic import Mosaic
from dashboard.session import Session
from dashboard.watcher import Findings

PLANES = ("significance", "flux", "exposure", "variance")
STRETCHES = ("asinh", "sqrt", "linear")
HINT = "RA, Dec, galactic coordinates and value under the cursor"
EMPTY = "No map yet. Press Run: the mosaic appears with the first batch and sharpens with every further one."


def plane_values(mosaic: Mosaic, plane: str) -> NDArray[Any]:
    """(ny, nx) values of a plane, NaN outside the exposed area and at its rim (below 1 % of the largest exposure).

    A significance-only map has nothing but its significance.
    """
    values = getattr(mosaic, plane)
    if values is None:
        return np.full(mosaic.shape, np.nan)
    inside = mosaic.valid
    if mosaic.exposure is not None:
        inside = inside & (mosaic.exposure > 0.01 * mosaic.exposure.max())
    return np.where(inside, values, np.nan)


def coloured(mosaic: Mosaic, plane: str, stretch: str) -> tuple[Scale, NDArray[np.uint8]]:
    """The scale of a plane, and its (ny, nx) palette indices."""
    values = plane_values(mosaic, plane)
    scale = natural_scale(values, plane, stretch)
    return scale, scale.indices(values)


def _grid(mosaic: Mosaic) -> tuple[Any, ...]:
    """Equal for maps whose pixels are the same places on the sky."""
    wcs = mosaic.wcs
    return (mosaic.shape, tuple(wcs.wcs.ctype), *wcs.wcs.crval, *wcs.wcs.crpix, *wcs.pixel_scale_matrix.ravel())


class Chips(pn.widgets.RadioButtonGroup):
    """Acts at once: Panel waits 50 ms for more of the same, and nobody types into this."""

    _debounce: ClassVar[int] = 1


class Menu(pn.widgets.Select):
    """Acts at once, too."""

    _debounce: ClassVar[int] = 1


class SkyView(pn.viewable.Viewer):
    """The map with its switches and the line of numbers below it.

    The figure is built by HoloViews when the first mosaic arrives; afterwards only its sources change, so that zoom
    and pan stay with the user.
    """

    plane: Any = param.Selector(default="significance", objects=list(PLANES), doc="Which map is shown.")
    stretch: Any = param.Selector(default="asinh", objects=list(STRETCHES), doc="Colour stretch.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._figure: figure | None = None
        self._shown: Findings | None = None
        self._window = Window(0, 1, 0, 1)
        self._info = ColumnDataSource()
        self._readout = Div(
            text=HINT,
            tags=[HINT],
            css_classes=["readout", "pane-foot"],
            stylesheets=[page_sheet(pn.state.curdoc)],
            sizing_mode="stretch_width",
            margin=0,
        )
        planes = Chips.from_param(self.param.plane, name="", css_classes=["chips"])
        stretches = Menu.from_param(self.param.stretch, label="Colours", css_classes=["menu"], width=80)
        self._pane = Pane("Sky", bar=[planes], menu=[stretches], body=empty_state(EMPTY), foot=self._readout, css_class="sky-pane")
        self._jobs: Menu | None = None
        session.param.watch(lambda _: self.refresh(), "product_version")
        self.param.watch(lambda _: self.refresh(), ["plane", "stretch"])
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the session's mosaic, or that there is none yet."""
        self._offer_jobs()
        findings = self._session.findings
        if findings is None:
            if self._figure is not None:
                self._figure, self._shown, self._pane.body = None, None, empty_state(EMPTY)
            return
        mosaic = findings.product
        scale, indices = findings.view(coloured, self.plane, self.stretch)
        before = self._figure
        if self._figure is None or self._grid != _grid(mosaic):
            self._build(findings, indices)
        else:
            self._image.data = self._window.columns(indices)
            if self._shown is not findings:
                self._mark(findings)
        self._shown = findings
        self._info.tags = [self._facts(mosaic, scale)]
        ticks = scale.ticks()
        self._ticker.ticks = list(ticks)
        self._bar.update(major_label_overrides=ticks)
        if self._figure is not before:  # sent when it is whole: a change right after could reach the browser first
            self._pane.body = pn.pane.Bokeh(self._figure, sizing_mode="stretch_both", css_classes=["sky"])

    def centre(self, ra: float, dec: float, half_width: float = 3.0) -> None:
        """Bring a position (degrees) to the middle, `half_width` degrees to each side."""
        mosaic = self._session.mosaic
        if self._figure is None or mosaic is None:
            return
        x, y = (float(value) for value in mosaic.wcs.wcs_world2pix(ra, dec, 0))
        reach = half_width / float(np.abs(mosaic.wcs.pixel_scale_matrix).max())
        self._figure.x_range.update(start=x - reach, end=x + reach)
        self._figure.y_range.update(start=y - reach, end=y + reach)
        self._look_at((x - reach, x + reach), (y - reach, y + reach))

    def _look_at(self, x: Range, y: Range) -> None:
        """Draw a large map anew where the window does not hold what is seen, or not as sharply as it could."""
        findings = self._session.findings
        if findings is None or self._window.serves(seen(findings.product.shape, x, y)):
            return
        self._window = around(findings.product.shape, x, y)
        self._image.data = self._window.columns(findings.view(coloured, self.plane, self.stretch)[1])

    def _build(self, findings: Findings, indices: NDArray[np.uint8]) -> None:
        """The figure, once for every grid."""
        mosaic = findings.product
        self._grid, (ny, nx) = _grid(mosaic), mosaic.shape
        self._window = around(mosaic.shape, (-0.5, nx - 0.5), (-0.5, ny - 0.5))
        picture = sky_picture(indices, mosaic.wcs, findings.sources)
        plot = hv.render(picture.opts(responsive=True, xaxis=None, yaxis=None, default_tools=[], toolbar="above"))
        wheel, pan = WheelZoomTool(zoom_on_axis=False), PanTool()
        plot.tools = [pan, wheel, BoxZoomTool(match_aspect=True), ResetTool(), SaveTool()]
        plot.toolbar.update(active_scroll=wheel, active_drag=pan, logo=None)
        plot.update(border_fill_color=None, background_fill_color="#101318", outline_line_color=None, min_border=0, output_backend="canvas")
        plot.x_range.update(bounds=None, min_interval=8)
        plot.y_range.update(bounds=None, min_interval=8)
        drawn = {(type(r.glyph).__name__, getattr(r.glyph, "text", None)): r for r in plot.renderers}
        self._image, self._names = drawn["Image", None].data_source, drawn["Text", "name"].data_source
        rings = drawn["Scatter", None]
        # Where all first rings have one colour, HoloViews writes it into the glyph: later ones need their own.
        rings.update(selection_glyph=None, nonselection_glyph=None, hover_glyph=None, muted_glyph=None)
        rings.glyph.line_color = "line_color"
        self._image.data = self._window.columns(indices)
        self._rings = rings.data_source
        self._mark(findings)
        self._ticker = FixedTicker()
        self._bar = ColorBar(
            ticker=self._ticker,
            color_mapper=drawn["Image", None].glyph.color_mapper,
            width=9,
            height=220,
            location="top_right",
            background_fill_color="#101318",
            background_fill_alpha=0.6,
            major_label_text_color="#e6ebf1",
            major_tick_line_color=None,
            bar_line_color=None,
        )
        plot.add_layout(self._bar)
        square = CustomJS(args={"fig": plot, "shape": list(mosaic.shape)}, code=asset_path("square_pixels.js").read_text())
        plot.js_on_change("inner_width", square)
        plot.js_on_change("inner_height", square)
        cursor = CustomJS(
            args={"info": self._info, "out": self._readout, "source": self._image}, code=asset_path("sky_cursor.js").read_text()
        )
        if nx * ny > BUDGET:
            plot.on_event(RangesUpdate, lambda event: self._look_at((event.x0, event.x1), (event.y0, event.y1)))
        plot.on_event(Tap, self._tapped)
        plot.js_on_event(MouseMove, cursor)
        plot.js_on_event(MouseLeave, CustomJS(args={"out": self._readout}, code="out.text = out.tags[0]"))
        self._figure = plot
        plot.css_classes = ["sky"]

    def _offer_jobs(self) -> None:
        """A menu of the run's mosaics, as soon as there are several."""
        session = self._session
        offered = {series_name(session.look.jobs[number]): number for number in session.mosaics} if session.look else {}
        if self._jobs is None and len(offered) > 1:
            self._jobs = Menu(label="Mosaic shown", options=offered, value=session.shown, css_classes=["menu", "next"], width=130)
            self._jobs.param.watch(lambda event: session.show(event.new) if event.new != session.shown else None, "value")
            self._pane.bar.insert(1, self._jobs)
        elif self._jobs is not None:
            self._jobs.param.update(options=offered, value=session.shown if offered else None, visible=len(offered) > 1)

    def _tapped(self, event: Tap) -> None:
        """Take the position into the catalogue that is reviewed."""
        mosaic, draft = self._session.mosaic, self._session.draft
        if mosaic is not None and draft is not None and event.x is not None:
            ra, dec = mosaic.wcs.wcs_pix2world(event.x, event.y, 0)
            if np.isfinite(ra):
                draft.position = (round(float(ra), 4), round(float(dec), 4))

    def _mark(self, findings: Findings) -> None:
        """Put rings and names on the sources."""
        columns = source_columns(findings.sources, findings.product.wcs)
        self._rings.data = {"x": columns["x"], "y": columns["y"], "line_color": columns["colour"]}
        self._names.data = {key: columns[key] for key in ("x", "y", "name")}

    def _facts(self, mosaic: Mosaic, scale: Scale) -> dict[str, Any]:
        """What the browser needs to turn a pixel into numbers."""
        wcs = mosaic.wcs.wcs
        matrix = mosaic.wcs.pixel_scale_matrix
        units = {"significance": "σ", "flux": mosaic.unit, "exposure": "s", "variance": f"({mosaic.unit})²"}
        return {
            "projection": str(wcs.ctype[0])[-3:],
            "crval": [float(value) for value in wcs.crval],
            "crpix": [float(value) for value in wcs.crpix],
            "cdelt": [float(matrix[0, 0]), float(matrix[1, 1])],
            "shape": list(mosaic.shape),
            "low": scale.low,
            "high": scale.high,
            "stretch": scale.stretch,
            "knee": scale.knee,
            "unit": units[self.plane],
            "label": self.plane,
        }
