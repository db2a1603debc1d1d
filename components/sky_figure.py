"""One map as a figure: drawn by HoloViews once for every shape, afterwards only its sources change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.events import DoubleTap, MouseLeave, MouseMove, Pan, PanEnd, PanStart, RangesUpdate, Tap
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, FixedTicker, PanTool, ResetTool, SaveTool, WheelZoomTool
from bokeh.models.annotations import ColorBar, Label
from numpy.typing import NDArray

from assets import asset_path
from components.drawn_once import drawn_once
from components.elements.colours import BACKGROUND
from components.elements.graticule import graticule
from components.elements.names import legible
from components.elements.rgb import rgb_picture
from components.elements.scale import Scale
from components.elements.sky import sky_picture, source_columns
from components.elements.window import BUDGET, Range, around, seen
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.watcher import Findings

TOOLBAR = ":host { background: transparent !important; } .bk-tool-icon { background-color: #b8c2cd !important; }"
Layers = tuple[NDArray[np.uint8], ...]
FIRST_WIDTH = 420
"""Screen pixels that a map is taken to have until a browser tells."""
COARSE = 96
"""Pixels a side of the exposure that travels along for the numbers under the cursor: it varies slowly."""
OUTLINE, LABEL = ("xs", "ys", "colour"), ("x", "y", "text", "colour", "size")
OVERLAYS: Mapping[str, Mapping[str, Any]] = {
    "place": {"marker": "cross", "size": 22, "line_color": "#ffffff", "line_width": 1.6},
    "catalogue": {"marker": "cross", "size": 9, "line_color": "#9fe6b8", "line_width": 1.2},
    "pointings": {"marker": "circle", "size": 3, "line_color": None, "fill_color": "#ffd166", "fill_alpha": 0.75},
}


def same_grid(mosaic: Mosaic) -> tuple[Any, ...]:
    """Equal for maps whose pixels are the same places on the sky, to nine decimals: a sum and its file differ in the last."""
    wcs = mosaic.wcs
    numbers = (*wcs.wcs.crval, *wcs.wcs.crpix, *wcs.pixel_scale_matrix.ravel())
    return (mosaic.shape, tuple(wcs.wcs.ctype), *(round(float(number), 9) for number in numbers))


class SkyFigure:
    """A map with its grid, rings, colour bar, and what is laid over it.

    Parameters
    ----------
    findings
        The map it is built for.
    layers
        (ny, nx) palette indices of a band; or of three, for red, green and blue.
    readout
        Where the numbers under the cursor are written.
    beside
        A figure of the same grid that it shall move with.
    """

    def __init__(self, findings: Findings, layers: Layers, readout: Any, beside: SkyFigure | None = None) -> None:
        mosaic = findings.product
        self.grid, (ny, nx) = same_grid(mosaic), mosaic.shape
        self._mosaic, self._layers = mosaic, layers
        self._window = around(mosaic.shape, (-0.5, nx - 0.5), (-0.5, ny - 0.5))
        self._over: dict[str, ColumnDataSource] = {}
        self._facts, self._exposure = ColumnDataSource(), ColumnDataSource()
        self._frame: tuple[Any, ...] = ("", None)
        self.plot: Any = drawn_once(("sky", mosaic.shape), lambda: _drawn(layers[0], mosaic, findings.sources))
        plot = self.plot
        self._pan = plot.toolbar.active_drag
        drawn = _renderers(plot)
        self._image, self._mapper = drawn["Image", None].data_source, drawn["Image", None].glyph.color_mapper
        self._lines, self._labels = drawn["MultiLine", None].data_source, drawn["Text", "text"].data_source
        self._called: dict[str, list[Any]] = {"x": [], "y": [], "name": []}
        self._names, self._rings = drawn["Text", "name"], drawn["Scatter", None].data_source
        if beside is not None:
            plot.x_range, plot.y_range = beside.plot.x_range, beside.plot.y_range
        self._draw()
        self._bar, self._has_bar = _colour_bar(self._mapper), True
        plot.add_layout(self._bar)
        square = CustomJS(args={"fig": plot, "shape": list(mosaic.shape)}, code=asset_path("square_pixels.js").read_text())
        plot.js_on_change("inner_width", square)
        plot.js_on_change("inner_height", square)
        self._numbers = {"info": self._facts, "source": self._image, "exposure": self._exposure}
        cursor = CustomJS(args={**self._numbers, "out": readout}, code=_numbers_code("sky_cursor.js"))
        plot.js_on_event(MouseMove, cursor)
        plot.js_on_event(MouseLeave, CustomJS(args={"out": readout}, code="out.text = out.tags[0]"))
        self._readout = readout
        plot.on_event(RangesUpdate, self._moved)

    def draw(self, mosaic: Mosaic, layers: Layers) -> None:
        """Show other values on the same grid."""
        self._mosaic, self._layers = mosaic, layers
        self._draw()

    def _draw(self) -> None:
        cut = [self._window.cut(layer) for layer in self._layers]
        self._image.data = self._window.columns(rgb_picture(*cut)[0] if len(cut) == 3 else cut[0])

    def tell(self, scale: Scale, palette: tuple[str, ...], facts: Mapping[str, Any]) -> None:
        """What the colours stand for; `facts` as `assets/sky_cursor.js` reads them."""
        ticks = {} if facts["label"] == "RGB" else scale.ticks()
        self._facts.tags = [dict(facts)]
        self._bar.ticker.ticks = list(ticks)
        self._bar.update(major_label_overrides=ticks, visible=bool(ticks) and self._has_bar)
        if tuple(self._mapper.palette) != palette:
            self._mapper.palette = list(palette)

    def shrink_bar(self, *, shown: bool) -> None:
        """Where several stand side by side: a small colour bar, or none."""
        self._has_bar = shown
        self._bar.update(height=120, width=7, location="bottom_right")

    def describe(self, words: str) -> None:
        """What is seen, for those who do not see it."""
        self.plot.html_attributes = {"role": "img", "aria-label": words}

    def tell_exposure(self) -> None:
        """Send the exposure, coarse, for the numbers under the cursor."""
        exposure = self._mosaic.exposure
        if exposure is None:
            self._exposure.data = {"image": []}
            return
        step = max(1, -(-max(exposure.shape) // COARSE))
        self._exposure.data = {"image": [np.ascontiguousarray(exposure[step // 2 :: step, step // 2 :: step], dtype=np.float32)]}

    def mark(self, table: SourceTable, selected: str, *, names: bool) -> None:
        """Rings on the detected sources, and on the selected one even where it is not."""
        columns = source_columns(table, self._mosaic.wcs, selected)
        self._rings.data = {key: columns[key] for key in ("x", "y", "line_color", "line_width", "size")}
        self._called = columns if names else {**columns, "name": [name if name == selected else "" for name in columns["name"]]}
        self._write_names()

    def _write_names(self) -> None:
        """As many names as have room, those of the first sources first."""
        columns, dot = self._called, self.pixels_a_dot
        kept = legible(columns["x"], columns["y"], columns["name"], dot)
        self._names.data_source.data = {key: [columns[key][row] for row in kept] for key in ("x", "y", "name")}

    def lay(self, name: str, world: NDArray[np.float64] | None) -> None:
        """Marks of `OVERLAYS` at (n, 2) RA, Dec in degrees; None takes them away."""
        if name not in self._over:
            if world is None:
                return
            self._over[name] = ColumnDataSource({"x": [], "y": []})
            self.plot.scatter("x", "y", source=self._over[name], **OVERLAYS[name])
        x, y = self._places(world if world is not None else np.empty((0, 2)))
        self._over[name].data = {"x": x, "y": y}

    def _places(self, world: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels of what lies on the map."""
        ny, nx = self._mosaic.shape
        if not len(world):
            return np.empty(0), np.empty(0)
        x, y = self._mosaic.wcs.wcs_world2pix(world, 0).T
        near = (np.abs(x - nx / 2) < 0.55 * nx) & (np.abs(y - ny / 2) < 0.55 * ny)
        return x[near], y[near]

    def outline(self, columns: Mapping[str, Any]) -> None:
        """Regions, columns xs, ys, colour, x, y, text."""
        if "regions" not in self._over:
            if not len(columns["xs"]):
                return
            lines, words = (ColumnDataSource({name: [] for name in names}) for names in (OUTLINE, LABEL))
            self._over |= {"regions": lines, "region words": words}
            self.plot.multi_line("xs", "ys", source=lines, line_color="colour", line_width=1.6)
            self.plot.scatter("x", "y", size="size", marker="x", source=words, line_color="colour", line_width=1.6)
            self.plot.text("x", "y", "text", source=words, text_color="colour", text_font_size="11px", x_offset=4, y_offset=-4)
        self._over["regions"].data = {key: list(columns[key]) for key in OUTLINE}
        self._over["region words"].data = {key: list(columns[key]) for key in LABEL}

    def take_tool(self, tool: str, drawn: Callable[[str, list[float], list[float]], None]) -> None:
        """What a drag does: "pan", "ruler", or a region that `drawn` gets in pixels when it is done."""
        if "rubber" not in self._over:
            if tool == "pan":
                return
            rubber, done = ColumnDataSource({"xs": [], "ys": []}), ColumnDataSource({"x": [], "y": []})
            self._over |= {"rubber": rubber, "done": done}
            self.plot.multi_line("xs", "ys", source=rubber, line_color="#ffffff", line_width=1.4, line_dash="dashed")
            args = {"info": self._facts, "rubber": rubber, "done": done, "out": self._readout}
            script = CustomJS(args=args, code=_numbers_code("sky_tools.js"))
            for event in (PanStart, Pan, PanEnd):
                self.plot.js_on_event(event, script)

            def finished(_attribute: str, _before: Any, now: Any) -> None:
                if len(now["x"]):
                    drawn(done.tags[0], list(now["x"]), list(now["y"]))

            done.on_change("data", finished)
        self._over["rubber"].update(data={"xs": [], "ys": []}, tags=[tool])
        self._over["done"].tags = [tool]
        self.plot.toolbar.active_drag = self._pan if tool == "pan" else None

    def entitle(self, words: str) -> None:
        """Write its name into a corner, where several stand side by side."""
        self.plot.add_layout(Label(x=8, y=8, x_units="screen", y_units="screen", text=words, text_color="#e6ebf1", text_font_size="12px"))

    @property
    def pixels_a_dot(self) -> float:
        """Pixels of the map in one of the screen, as it was last seen."""
        try:
            width = self.plot.inner_width
        except UnsetValueError:  # no browser has drawn it yet
            width = 0
        return float((self.plot.x_range.end - self.plot.x_range.start) / (width or FIRST_WIDTH))

    def on_tap(self, tapped: Callable[[float, float], None]) -> None:
        """Call with the pixel of a tap, or of a double tap."""
        for event in (Tap, DoubleTap):
            self.plot.on_event(event, lambda tap: tapped(tap.x, tap.y) if tap.x is not None else None)

    def draw_grid(self, frame: str) -> None:
        """Lines of a frame, as they suit what is seen; "none" for none."""
        window = self._seen()
        if (frame, window) == self._frame:
            return
        self._frame = (frame, window)
        lines, labels = ((), ()) if frame == "none" else _grid(self._mosaic, frame, window)
        self._lines.data = {"xs": [line[:, 0] for line in lines], "ys": [line[:, 1] for line in lines]}
        columns = [[label[i] for label in labels] for i in range(3)]
        self._labels.data = dict(zip(("x", "y", "text"), columns, strict=True))

    def centre(self, ra: float, dec: float, half_width: float) -> None:
        """Bring a position (degrees) to the middle, `half_width` degrees to each side."""
        x, y = (float(value) for value in self._mosaic.wcs.wcs_world2pix(ra, dec, 0))
        reach = half_width / float(np.abs(self._mosaic.wcs.pixel_scale_matrix).max())
        self.plot.x_range.update(start=x - reach, end=x + reach, tags=["fitted"])  # see assets/square_pixels.js
        self.plot.y_range.update(start=y - reach, end=y + reach)
        self._look_at((x - reach, x + reach), (y - reach, y + reach))

    @property
    def looked_at(self) -> tuple[float, float, float] | None:
        """RA and Dec of the middle of what is in view, and half its width, as `centre` takes them (degrees); None while all is seen."""
        if self._seen() is None:
            return None
        x, y = self.plot.x_range, self.plot.y_range
        ra, dec = (float(value) for value in self._mosaic.wcs.wcs_pix2world((x.start + x.end) / 2, (y.start + y.end) / 2, 0))
        half = (x.end - x.start) / 2 * float(np.abs(self._mosaic.wcs.pixel_scale_matrix).max())
        return (round(ra % 360, 4), round(dec, 4), round(half, 4)) if np.isfinite(ra) else None

    def _seen(self) -> tuple[float, float, float, float] | None:
        """The part of the map in view, in pixels; None for all of it."""
        ny, nx = self._mosaic.shape
        edges = (self.plot.x_range.start, self.plot.x_range.end, self.plot.y_range.start, self.plot.y_range.end)
        if any(edge is None or not np.isfinite(edge) for edge in edges) or edges[1] - edges[0] > 0.6 * nx:
            return None
        return (max(edges[0], -0.5), min(edges[1], nx - 0.5), max(edges[2], -0.5), min(edges[3], ny - 0.5))

    def _moved(self, event: Any) -> None:
        self._look_at((event.x0, event.x1), (event.y0, event.y1))
        self.draw_grid(self._frame[0])
        self._write_names()

    def _look_at(self, x: Range, y: Range) -> None:
        """Draw a large map anew where the window does not hold what is seen, or not as sharply as it could."""
        shape = self._mosaic.shape
        if shape[0] * shape[1] <= BUDGET or self._window.serves(seen((shape[0], shape[1]), x, y)):
            return
        self._window = around((shape[0], shape[1]), x, y)
        self._draw()


def _renderers(plot: Any) -> dict[tuple[str, str | None], Any]:
    """By glyph, and by the column of its text."""
    return {(type(r.glyph).__name__, getattr(r.glyph, "text", None)): r for r in plot.renderers}


def _drawn(indices: NDArray[np.uint8], mosaic: Mosaic, sources: SourceTable) -> Any:
    picture = sky_picture(indices, mosaic.wcs, sources)
    plot = hv.render(picture.opts(responsive=True, xaxis=None, yaxis=None, default_tools=[], toolbar="above"))
    wheel, pan = WheelZoomTool(zoom_on_axis=False), PanTool()
    plot.tools = [pan, wheel, BoxZoomTool(match_aspect=True), ResetTool(), SaveTool()]
    plot.toolbar.update(active_scroll=wheel, active_drag=pan, logo=None, stylesheets=[TOOLBAR])
    plot.update(border_fill_color=None, background_fill_color=BACKGROUND, outline_line_color=None, min_border=0, output_backend="canvas")
    plot.update(title=None, css_classes=["sky"], toolbar_inner=True)
    plot.x_range.update(bounds=None, min_interval=8)
    plot.y_range.update(bounds=None, min_interval=8)
    names, rings = (_renderers(plot)[glyph] for glyph in (("Text", "name"), ("Scatter", None)))
    # Where all first rings have one colour, HoloViews writes it into the glyph: later ones need their own.
    rings.glyph.update(line_color="line_color", line_width="line_width", size="size")
    names.glyph.update(x_offset=12, y_offset=4)
    return plot


def _grid(mosaic: Mosaic, frame: str, window: tuple[float, float, float, float] | None) -> tuple[Any, Any]:
    made = graticule(mosaic.wcs, mosaic.shape, frame=frame, window=window)
    return made.lines, made.labels


def _numbers_code(name: str) -> str:
    """A script that needs the way from a pixel to the sky."""
    return asset_path("sky_pixel.js").read_text() + asset_path(name).read_text()


def _colour_bar(mapper: Any) -> Any:
    return ColorBar(
        ticker=FixedTicker(),
        color_mapper=mapper,
        width=9,
        height=180,
        location="top_right",
        background_fill_color=BACKGROUND,
        background_fill_alpha=0.6,
        major_label_text_color="#e6ebf1",
        major_tick_line_color=None,
        bar_line_color=None,
    )
