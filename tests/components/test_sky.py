"""The sky: which maps share their pixels, how their values are coloured, what stands over them, and what a tap means."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest

from components import sky
from components.elements.graticule import graticule
from components.elements.scale import LIMITS, STRETCHES
from components.elements.sky import RING, sky_picture, source_columns
from components.sky import SkyView, coloured, plane_values
from components.sky_figure import same_grid
from components.words import Words
from dashboard.catalog_draft import CatalogDraft
from dashboard.combine.grid import Grid
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.products.catalog import MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.products.sky_shapes import Circle
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.sky_look import LIMITS as OFFERED
from dashboard.sky_look import PLANES, SkyLook
from dashboard.sky_look import STRETCHES as OFFERED_STRETCHES
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import CRAB, plan_of, settings_in
from tests.test_session import looking, no_worker  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")

SIDE = 60


def grid(**values: Any) -> Grid:
    return replace(Grid("TAN", (83.6, 22.0), 0.08, (SIDE, SIDE), (SIDE / 2, SIDE / 2)), **values)


def sky_of(where: Grid | None = None, **planes: Any) -> Mosaic:
    """Noise with a source of 50 sigma in the middle; no value in a corner, and a rim that was hardly exposed."""
    where = where or grid()
    significance = np.random.default_rng(1).normal(size=where.shape).astype("f4")
    significance[SIDE // 2, SIDE // 2] = 50.0
    exposure = np.full(where.shape, 2000.0, "f4")
    exposure[0], significance[1, :5] = 1.0, np.nan
    variance = np.full(where.shape, 0.04, "f4")
    variance[0] = 100.0
    made: dict[str, Any] = {
        "flux": significance * np.sqrt(variance),
        "variance": variance,
        "significance": significance,
        "exposure": exposure,
    }
    made.update(planes, wcs=where.wcs)
    return Mosaic(**made)


def source(name: str, kind: str = "known", dec: float = 22.0145) -> MeasuredSource:
    return MeasuredSource(name, 83.6331, dec, 1.0, 0.1, 10.0, 9.9, 0.2, kind=kind)


def test_maps_of_the_same_pixels_have_the_same_grid() -> None:
    one = same_grid(sky_of())
    assert same_grid(sky_of(grid(), flux=None)) == one, "whatever their values"
    others = [
        grid(shape=(SIDE, SIDE + 1)),
        grid(projection="ZEA"),
        grid(crval=(83.7, 22.0)),
        grid(pixel=0.081),
        grid(crpix=(SIDE / 2 + 1, SIDE / 2)),
    ]
    planes: list[dict[str, Any]] = [{name: np.ones(other.shape, "f4") for name in PLANES} for other in others]
    made = [same_grid(Mosaic(**each, wcs=other.wcs)) for each, other in zip(planes, others, strict=True)]
    assert len({one, *made}) == 6


@pytest.mark.parametrize("plane", PLANES)
def test_what_was_hardly_exposed_and_what_has_no_value_is_background(plane: str) -> None:
    mosaic = sky_of()
    values = plane_values(mosaic, plane)
    assert np.isnan(values[0]).all()
    assert np.isnan(values[1, :5]).all()
    np.testing.assert_array_equal(values[2:], getattr(mosaic, plane)[2:])
    alone = replace(mosaic, flux=None, variance=None, exposure=None)
    if plane == "significance":
        assert np.isfinite(plane_values(alone, plane)).sum() == SIDE * SIDE - 5, "nothing is known of its exposure"
    else:
        assert np.isnan(plane_values(alone, plane)).all()


@pytest.mark.parametrize(("plane", "stretch", "limits"), list(product(PLANES, STRETCHES, (*LIMITS, (0.5, 40.0)))))
def test_any_colours_of_any_plane_are_background_where_there_is_nothing_and_rise_with_the_value(
    plane: str, stretch: str, limits: Any
) -> None:
    mosaic = sky_of()
    if stretch == "log" and limits == "symmetric":
        with pytest.raises(RequestError):
            coloured(mosaic, plane, stretch, limits)
        return
    scale, indices = coloured(mosaic, plane, stretch, limits)
    values = plane_values(mosaic, plane)
    assert (indices.shape, indices.dtype) == (mosaic.shape, np.dtype("u1"))
    np.testing.assert_array_equal(indices == 0, np.isnan(values))
    order = np.argsort(values[np.isfinite(values)], kind="stable")
    assert (np.diff(indices[np.isfinite(values)][order].astype(int)) >= 0).all()
    assert scale.low < scale.high
    if not isinstance(limits, str):
        assert (scale.low, scale.high) == limits


def test_what_is_offered_is_what_scales_can_do() -> None:
    assert set(OFFERED.values()) == set(LIMITS)
    assert set(OFFERED_STRETCHES) == set(STRETCHES)


def test_locked_limits_belong_to_their_plane() -> None:
    look: Any = SkyLook()
    assert look.limits_now == "natural"
    look.lock(-1.0, 20.0)
    look.plane = "flux"
    assert look.limits_now == "natural"
    look.limits = "zscale"
    look.lock(0.0, 3.0)
    assert look.limits_now == (0.0, 3.0)
    look.plane = "significance"
    assert look.limits_now == (-1.0, 20.0)
    look.unlock()
    assert look.limits_now == "zscale"
    assert look.locked == {"flux": (0.0, 3.0)}
    look.unlock()
    look.plane = "flux"
    assert look.limits_now == (0.0, 3.0)
    assert SkyLook().locked == {}, "another visitor's is their own"


def test_rings_tell_the_kind_and_the_selected_one_even_where_nothing_was_detected() -> None:
    table = SourceTable((source("Crab"), source("NEW_1", "new", 22.5), source("pair", "ambiguous", 21.5), source("faint", "forced", 21.0)))
    columns = source_columns(table, sky_of().wcs)
    assert columns["name"] == ["Crab", "NEW_1", "pair"]
    assert columns["line_color"] == [RING["known"], RING["new"], RING["ambiguous"]]
    assert len({len(column) for column in columns.values()}) == 1
    chosen = source_columns(table, sky_of().wcs, "faint")
    assert chosen["name"] == ["Crab", "NEW_1", "pair", "faint"]
    assert chosen["line_color"][3] == "#ffffff"
    assert chosen["size"][3] > max(chosen["size"][:3])
    assert chosen["line_width"][3] > max(chosen["line_width"][:3])
    assert chosen["line_color"][:3] == columns["line_color"]
    assert source_columns(table, sky_of().wcs, "nobody") == columns


def test_each_coordinate_is_written_once_on_the_map() -> None:
    hv.extension("bokeh")
    mosaic = sky_of()
    plot = hv.render(sky_picture(coloured(mosaic, "significance", "asinh")[1], mosaic.wcs, SourceTable((source("Crab"),))))
    drawn = {
        (type(renderer.glyph).__name__, getattr(renderer.glyph, "text", None)): renderer.data_source.data for renderer in plot.renderers
    }
    made = graticule(mosaic.wcs, mosaic.shape)
    assert len(drawn["MultiLine", None]["xs"]) == len(made.lines) == len(made.names)
    assert sorted(drawn["Text", "text"]["text"]) == sorted(text for _, _, text in made.labels)
    assert list(drawn["Text", "name"]["name"]) == ["Crab"]


class Pane:
    """The sky pane of a run of two bands; its maps are 16 pixels wide, with the Crab in the middle."""

    def __init__(self, folder: Path) -> None:
        hv.extension("bokeh")
        self.run = PublishedRun(settings_in(folder / "data"), plan_of(4, bands=[[28, 40], [40, 80]]))
        self.session: Session = looking(self.run)
        self.view = SkyView(self.session)

    def publish(self, job: int, flux: float) -> None:
        self.run.publish(job, flux)
        self.run.seen(self.session)

    @property
    def words(self) -> str:
        return " ".join(text.value for text in self.view.__panel__().select(Words) if isinstance(text, Words))

    @property
    def labels(self) -> list[str]:
        """What is shown side by side."""
        return [label.text for figure in self.view._figures for label in figure.plot.center if type(label).__name__ == "Label"]

    def tap(self, ra: float, dec: float) -> None:
        x, y = self.session.mosaic.wcs.wcs_world2pix(ra, dec, 0)  # type: ignore[union-attr]
        self.view._tapped(float(x), float(y))


@pytest.fixture
def pane(tmp_path: Path) -> Pane:
    return Pane(tmp_path)


def test_the_pane_says_what_comes_and_then_shows_it_in_one_figure(pane: Pane) -> None:
    assert sky.EMPTY in pane.words
    pane.publish(0, 1.0)
    assert sky.EMPTY not in pane.words
    (figure,) = pane.view._figures
    before = pane.view.scale()
    pane.publish(0, 40.0)
    assert pane.view._figures == [figure], "zoom stays"
    assert pane.view.scale() != before


def test_a_run_of_several_bands_can_be_left_and_another_be_looked_at(pane: Pane) -> None:
    pane.publish(0, 1.0)
    single = RunStore(pane.run.settings).start(plan_of(2), Identity())
    pane.session.watch_run(single)
    assert sky.EMPTY in pane.words
    pane.session.watch_run(pane.run.run_id)
    assert sky.EMPTY not in pane.words
    pane.session.leave_run()
    assert sky.EMPTY in pane.words


def test_locked_limits_stay_whatever_arrives_and_limits_that_cannot_be_are_told(pane: Pane) -> None:
    pane.publish(0, 1.0)
    pane.view.look.lock(-2.0, 30.0)
    pane.publish(0, 40.0)
    scale = pane.view.scale()
    assert scale is not None
    assert (scale.low, scale.high) == (-2.0, 30.0)
    pane.view.look.stretch = "log"
    assert pane.view.look.limits_now == "natural"
    assert pane.view.look.stretch == "asinh", "what could be drawn is drawn"
    assert 'role="alert"' in pane.view._readout.text


def test_bands_stand_side_by_side_or_make_colours(pane: Pane) -> None:
    pane.publish(0, 1.0)
    pane.view.look.arrangement = "side by side"
    assert len(pane.view._figures) == 1, "the other band has not come"
    pane.publish(1, 2.0)
    assert len(pane.view._figures) == 2
    assert pane.labels == ["ISGRI 28–40 keV", "ISGRI 40–80 keV"]
    one, other = (figure.plot for figure in pane.view._figures)
    assert one.x_range is other.x_range, "they move together"
    assert one.y_range is other.y_range
    pane.session.show(1)
    assert pane.labels == ["ISGRI 28–40 keV", "ISGRI 40–80 keV"], "by energy, whichever is chosen"
    pane.view.look.arrangement = "RGB"
    assert len(pane.view._figures) == 1
    assert pane.view._readout.tags == ["red: ISGRI 28–40 keV, green: ISGRI 40–80 keV"]


def test_a_tap_selects_the_source_near_it_or_the_place(pane: Pane) -> None:
    pane.publish(0, 1.0)
    chosen = pane.session.selection
    pane.tap(CRAB[0] + 0.02, CRAB[1] - 0.01)
    assert (chosen.source, chosen.place) == ("Crab", None)
    pane.tap(83.2, 21.6)
    assert chosen.source == ""
    assert chosen.place == pytest.approx((83.2, 21.6), abs=1e-4)
    pane.view.look.tool = "circle"
    pane.tap(*CRAB)
    assert chosen.source == "", "a tool has the taps"
    pane.view._drawn("circle", [8.0, 10.0], [8.0, 8.0])
    (region,) = pane.view.look.regions
    assert isinstance(region, Circle)
    assert region.radius == pytest.approx(2 * 0.08, rel=1e-3)


def test_a_tap_gives_its_place_to_the_catalogue_that_is_edited(pane: Pane) -> None:
    pane.publish(0, 1.0)
    draft = CatalogDraft(SourceCatalog(), "isgri")
    pane.session.edit(draft)
    pane.tap(83.3, 21.7)
    assert draft.position == pytest.approx((83.3, 21.7), abs=1e-4)
