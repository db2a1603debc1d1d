"""The sky pane: the mosaic as it grows, one band, several side by side or as colours; before the first batch, where was pointed."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.layouts import row
from bokeh.models.widgets.markups import Div
from numpy.typing import NDArray

from components.choices import Chips, Menu
from components.elements.colours import COLOURS
from components.elements.region_shapes import outlines, region_from_pixels
from components.elements.rgb import CUBE
from components.elements.scale import Scale, scale_for
from components.job_words import series_name
from components.pane import Pane, empty_state
from components.pane_turn import PaneTurn
from components.part_slider import PartSlider
from components.pointing_map import PointingMap
from components.sheet import page_sheet
from components.sky_figure import Layers, SkyFigure, same_grid
from components.sky_menu import SkyMenu
from dashboard.errors import RequestError
from dashboard.products.mosaic import Mosaic
from dashboard.session import Session
from dashboard.sky_look import PLANES, Limits, SkyLook
from dashboard.view import View
from dashboard.watcher import Findings

HINT = "RA, Dec, galactic coordinates, value and exposure under the cursor"
EMPTY = "No map yet. Press Run: the mosaic appears with the first batch and sharpens with every further one."
POINTINGS = "Where the telescope pointed; strong: in the chosen intervals. The mosaic takes this place with the first batch."
NEAR = 12.0
"""Screen pixels within which a tap means a source."""


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


def coloured(mosaic: Mosaic, plane: str, stretch: str, limits: Limits = "natural") -> tuple[Scale, NDArray[np.uint8]]:
    """The scale of a plane, and its (ny, nx) palette indices."""
    values = plane_values(mosaic, plane)
    scale = scale_for(values, plane, stretch, limits)
    return scale, scale.indices(values)


class SkyView(pn.viewable.Viewer):
    """The map with its switches and the line of numbers below it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.look = SkyLook()
        self._figures: list[SkyFigure] = []
        self._built: tuple[Any, ...] = ()
        self._shown: Findings | None = None
        self._zoom: tuple[float, float, float] | None = None
        self._readout = Div(
            text=HINT,
            tags=[HINT],
            css_classes=["readout", "pane-foot"],
            stylesheets=[page_sheet(pn.state.curdoc)],
            sizing_mode="stretch_width",
            margin=0,
        )
        planes = Chips.from_param(self.look.param.plane, label="", options=list(PLANES), css_classes=["chips"])
        self._more = pn.widgets.Button(label="View ▾", css_classes=["quiet-act", "view"], margin=0)
        self._more.on_click(self._open_menu)
        menu = [self._more]
        self._pane = Pane("Sky", bar=[planes], menu=menu, body=empty_state(EMPTY), foot=self._readout, css_class="sky-pane")
        self._menu: SkyMenu | None = None
        self._jobs: Menu | None = None
        self._slider: PartSlider | None = None
        self._pointings: PointingMap | None = None
        session.param.watch(PaneTurn(self.refresh, lambda: not self._figures and session.findings is not None), "product_version")
        session.ahead.param.watch(PaneTurn(self._point, lambda: self._pointings is None), ["coverage", "spans", "target", "lost"])
        session.selection.param.watch(self._selected, ["source", "place"])
        self.look.param.watch(lambda *_: self.refresh(), ["plane", "stretch", "colours", "limits", "locked", "arrangement"])
        self.look.param.watch(lambda *_: self._lay_over(), ["grid", "names", "catalogue", "pointings", "regions", "tool"])
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the session's mosaic, or that there is none yet."""
        self._offer_jobs()
        findings = self._session.findings
        if findings is not None and not self._scaled(findings):
            return
        if findings is None:
            if self._figures:
                self._figures, self._built, self._shown, self._pane.body = [], (), None, empty_state(EMPTY)
            self._point()
            return
        maps = self._maps(findings)
        names = tuple(label for label, _ in maps) if len(maps) > 1 else ()  # a single one is named by the menu: any band may take its place
        built = (self.look.arrangement, names, same_grid(findings.product))
        if built != self._built:
            self._build(maps)
        elif self.look.arrangement == "RGB":
            self._figures[0].draw(findings.product, self._rgb(maps))
        else:
            for figure, (_, each) in zip(self._figures, maps, strict=True):
                figure.draw(each.product, (self._coloured(each)[1],))
        self._tell(maps)
        if self._shown is not findings or built != self._built:
            for figure in self._figures:
                figure.tell_exposure()
            self._lay_over()
        self._shown = findings
        if built != self._built:  # sent when it is whole: a change right after could reach the browser first
            self._built = built
            self._readout.text = self._readout.tags[0]
            self._zoom_in()
            plots = [figure.plot for figure in self._figures]
            picture = plots[0] if len(plots) == 1 else row(plots, sizing_mode="stretch_both")
            self._pane.body = pn.pane.Bokeh(picture, sizing_mode="stretch_both", css_classes=["sky"])
        self._slide()

    def _scaled(self, findings: Findings) -> bool:
        """Whether the map can be coloured as wished; else the colours go back to what can be, and the reason is told."""
        try:
            self._coloured(findings)
        except RequestError as error:
            self._readout.text = f'<span class="warn" role="alert">{escape(error.sentence)}</span>'
            self.look.unlock()
            self.look.param.update(stretch="asinh", limits="natural")
            return False
        return True

    def centre(self, ra: float, dec: float, half_width: float = 3.0) -> None:
        """Bring a position (degrees) to the middle, `half_width` degrees to each side."""
        if self._figures:
            self._figures[0].centre(ra, dec, half_width)

    @property
    def view(self) -> View:
        """What is looked at now, as it goes along with a link."""
        zoom = self._figures[0].looked_at if self._figures else None
        return View.of_page(self._session.shown, zoom, self.look, self._session.selection)

    def take_view(self, view: View) -> None:
        """Look at the session's run so, as far as it has what was looked at; the zoom waits for the first map."""
        session = self._session
        if view.shown is not None and view.shown in session.mosaics:
            session.show(view.shown)
        self._zoom = view.zoom
        self.look.param.update(**view.look)
        session.selection.param.update(source=view.source, time_range=view.time_range, energy_range=view.energy_range)
        self._zoom_in()

    def _zoom_in(self) -> None:
        if self._zoom is not None and self._figures:
            zoom, self._zoom = self._zoom, None
            self.centre(*zoom)

    def _maps(self, findings: Findings) -> list[tuple[str, Findings]]:
        """What is shown at once, by name: the chosen band, then others on the same pixels."""
        session = self._session
        jobs = session.look.jobs if session.look else ()
        first = [(series_name(jobs[session.shown]) if jobs else "", findings)]
        if self.look.arrangement == "one band":
            return first
        grid = same_grid(findings.product)
        others = [(series_name(jobs[number]), found) for number, found in session.shown_mosaics() if found is not findings]
        beside = sorted((*first, *((name, found) for name, found in others if same_grid(found.product) == grid)), key=_energy)
        return beside[: 3 if self.look.arrangement == "RGB" else 4]

    def _coloured(self, findings: Findings) -> tuple[Scale, NDArray[np.uint8]]:
        look = self.look
        return findings.view(coloured, look.plane, look.stretch, look.limits_now)

    def _rgb(self, maps: list[tuple[str, Findings]]) -> Layers:
        """Lowest energies red, highest blue; what there is no band for is dark, and so is noise, where limits are found."""
        look = self.look
        layers = []
        for _, each in maps:
            scale, indices = self._coloured(each)
            if look.limits_now == "natural" and scale.low < 0:
                indices = each.view(coloured, look.plane, look.stretch, (0.0, scale.high))[1]
            layers.append(indices)
        dark = np.where(layers[0] > 0, np.uint8(1), np.uint8(0))
        red, green, blue = (layers + [dark] * 2)[:3]
        return red, green, blue

    def _build(self, maps: list[tuple[str, Findings]]) -> None:
        """The figures, once for every grid and arrangement."""
        if self.look.arrangement == "RGB":
            self._figures = [SkyFigure(maps[0][1], self._rgb(maps), self._readout)]
        else:
            self._figures = []
            for _, each in maps:
                beside = self._figures[0] if self._figures else None
                self._figures.append(SkyFigure(each, (self._coloured(each)[1],), self._readout, beside))
        for figure, (name, _) in zip(self._figures, maps, strict=False):
            figure.on_tap(self._tapped)
            if len(self._figures) > 1:
                figure.entitle(name)
                figure.shrink_bar(shown=figure is self._figures[-1])

    def _tell(self, maps: list[tuple[str, Findings]]) -> None:
        """What the colours mean, and what is seen."""
        look, found = self.look, self._session.sources.detected
        for figure in self._figures:
            figure.describe(f"Sky, {look.plane}: {len(found)} sources, {', '.join(source.name for source in found[:8])}")
        self._more.label = f"{look.stretch}{' 🔒' if look.plane in look.locked else ''} ▾"
        if self.look.arrangement == "RGB":
            scale, _ = self._coloured(maps[0][1])
            facts = {**self._facts(maps[0][1].product, scale), "label": "RGB"}
            self._figures[0].tell(scale, CUBE, facts)
            names = zip(("red", "green", "blue"), (name for name, _ in maps), strict=False)
            self._readout.tags = [", ".join(f"{colour}: {name}" for colour, name in names)]
            return
        for figure, (_, each) in zip(self._figures, maps, strict=True):
            scale, _ = self._coloured(each)
            figure.tell(scale, COLOURS[self.look.colours], self._facts(each.product, scale))
        words = self._session.range_words("mosaic")
        self._readout.tags = [f"{words} · {HINT}" if words else HINT]
        if words != getattr(self, "_words", ""):
            self._words, self._readout.text = words, self._readout.tags[0]

    def scale(self) -> Scale | None:
        """Of the map that is shown."""
        return self._coloured(self._session.findings)[0] if self._session.findings else None

    def _lay_over(self) -> None:
        """Grid, rings and names, catalogue, pointings, regions, tool."""
        session, look, findings = self._session, self.look, self._session.findings
        if findings is None:
            return
        plan = session.look.plan if session.look else None
        for figure in self._figures:
            figure.draw_grid(look.grid)
            figure.mark(findings.sources, session.selection.source, names=look.names and len(self._figures) == 1)
            figure.lay("place", None if session.selection.place is None else np.array([session.selection.place]))
            figure.lay("catalogue", plan.catalog.positions if plan and look.catalogue else None)
            pointed = plan.pointings_of(plan.jobs[session.shown]) if plan and look.pointings else None
            figure.lay("pointings", None if pointed is None else np.column_stack([pointed.ra_scx, pointed.dec_scx]))
            figure.outline(outlines(look.regions, findings.product.wcs))
            figure.take_tool(look.tool, self._drawn)

    def _drawn(self, kind: str, xs: list[float], ys: list[float]) -> None:
        """Keep the region somebody has drawn."""
        mosaic = self._session.mosaic
        if mosaic is not None:
            self.look.regions = (*self.look.regions, region_from_pixels(kind, xs, ys, mosaic.wcs))

    def _selected(self, *_: Any) -> None:
        self._lay_over()

    def _tapped(self, x: float, y: float) -> None:
        """Select the source near a tap; else the place, which the catalogue that is reviewed takes, too."""
        session, mosaic = self._session, self._session.mosaic
        if mosaic is None or self.look.tool != "pan":
            return
        ra, dec = (float(value) for value in mosaic.wcs.wcs_pix2world(x, y, 0))
        if not np.isfinite(ra):
            return
        if session.draft is not None:
            session.draft.position = (round(ra, 4), round(dec, 4))
        places = [(s.name, *mosaic.wcs.wcs_world2pix(s.ra, s.dec, 0)) for s in session.sources.detected]
        reach = NEAR * self._figures[0].pixels_a_dot
        near = sorted((float(np.hypot(sx - x, sy - y)), name) for name, sx, sy in places if np.hypot(sx - x, sy - y) < reach)
        session.selection.param.update(source=near[0][1] if near else "", place=None if near else (round(ra % 360, 4), round(dec, 4)))

    def _open_menu(self, *_: Any) -> None:
        """Show or hide what is rarely changed; it is built when it is first looked at."""
        if self._menu is None:
            self._menu = SkyMenu(self._session, self)
            self._pane.lay(self._menu)
            return
        self._menu.__panel__().visible = not self._menu.__panel__().visible

    def _offer_jobs(self) -> None:
        """A menu of the run's mosaics, as soon as there are several."""
        session = self._session
        offered = {series_name(session.look.jobs[number]): number for number in session.mosaics} if session.look else {}
        if self._jobs is None and len(offered) > 1:
            self._jobs = Menu(
                label="Mosaic shown", options=offered, value=session.shown, css_classes=["menu", "job"], sizing_mode="stretch_width"
            )
            self._jobs.param.watch(lambda event: session.show(event.new) if event.new not in (None, session.shown) else None, "value")
            self._pane.bar.insert(1, self._jobs)
        elif self._jobs is not None:
            self._jobs.param.update(options=offered, value=session.shown if offered else None, visible=len(offered) > 1)

    def _slide(self) -> None:
        """The slider over the batches, once there are several."""
        if self._slider is None and self._session.look and len(self._session.look.jobs[self._session.shown].batch_ids) > 1:
            self._slider = PartSlider(self._session)
            self._pane.add_below(self._slider)

    def _point(self) -> None:
        """Before there is a map: where the telescope pointed."""
        session = self._session
        if session.findings is not None:
            return
        if session.ahead.coverage is None or session.ahead.target is None:
            if session.ahead.lost and self._pointings is not None:
                self._pointings, self._pane.body, self._readout.text = None, empty_state(EMPTY), HINT
            return
        if self._pointings is None:
            self._pointings = PointingMap(session)
        self._pointings.refresh()
        if self._pane.body is not self._pointings.pane:
            self._pane.body = self._pointings.pane
        self._readout.text = POINTINGS

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
            **asdict(scale),
            "unit": escape(units[self.look.plane]),  # as its header writes it; the readout is HTML
            "label": self.look.plane,
        }


def _energy(named: tuple[str, Findings]) -> float:
    return named[1].product.band[0] if named[1].product.band else 0.0
