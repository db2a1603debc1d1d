"""Where the telescope pointed, as dots: east is left, and what was chosen lies on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from components.elements.graticule import graticule
from components.elements.off_axis import off_axis_colours
from components.elements.pointings import CELL, PIXEL, circle, field_wcs, pointing_columns, pointing_layers, pointing_picture
from components.pointing_map import PointingMap
from dashboard.archive.resolver import Target
from dashboard.identity import Identity
from dashboard.session import Session
from tests.mission import FIRST_DAY, coverage
from tests.runs.sky_dispatcher import CRAB, settings_in

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")

RADIUS = 10.5


def away(target: tuple[float, float], angle: float, apart: float) -> tuple[float, float]:
    """A place so many degrees from the target, at a position angle from north through east."""
    there = SkyCoord(*target, unit="deg").directional_offset_by(angle * u.deg, apart * u.deg)
    return float(there.ra.deg), float(there.dec.deg)


def drawn(places: list[tuple[float, float]], chosen: list[bool], target: tuple[float, float] = CRAB) -> dict[str, Any]:
    ra, dec = np.array(places, dtype=float).reshape(-1, 2).T
    off_axis = SkyCoord(*target, unit="deg").separation(SkyCoord(ra, dec, unit="deg")).deg
    return pointing_columns(ra, dec, np.atleast_1d(off_axis), np.array(chosen, dtype=bool), field_wcs(*target, RADIUS)[0])


@pytest.mark.parametrize("target", [CRAB, (0.2, 0.0), (266.4, -29.0), (300.0, 89.0)])
@pytest.mark.parametrize(("angle", "left", "up"), [(90, 1, 0), (270, -1, 0), (0, 0, 1), (180, 0, -1)])
def test_east_is_left_and_north_is_up(target: tuple[float, float], angle: float, left: int, up: int) -> None:
    middle = (field_wcs(*target, RADIUS)[1] - 1) / 2
    for apart in (0.5, 3.0, 9.0):
        dots = drawn([away(target, angle, apart)], [True], target)
        length = apart / PIXEL
        assert middle - dots["x"][0] == pytest.approx(left * length, abs=2e-3 * length), (
            "equal areas shrink it by a thousandth at 9 degrees"
        )
        assert dots["y"][0] - middle == pytest.approx(up * length, abs=2e-3 * length)


@given(st.floats(0.0, 359.9), st.floats(-89.0, 89.0), st.floats(0.0, 360.0), st.floats(0.3, 60.0))
def test_the_circle_goes_through_what_is_so_far_away(ra: float, dec: float, angle: float, radius: float) -> None:
    wcs, side = field_wcs(ra, dec, radius)
    ((x, y),) = wcs.wcs_world2pix([away((ra, dec), angle, radius)], 0)
    middle, rim = (side - 1) / 2, circle(radius, side)
    assert np.hypot(x - middle, y - middle) == pytest.approx(np.hypot(rim["x"] - middle, rim["y"] - middle)[0], abs=1e-3)
    assert rim["x"].min() >= 0, "it has room"
    assert rim["x"].max() <= side - 1
    assert (rim["x"][0], rim["y"][0]) == pytest.approx((rim["x"][-1], rim["y"][-1])), "it is closed"


def test_chosen_pointings_lie_on_top_strong() -> None:
    places = [away(CRAB, angle, 2.0 + angle / 100) for angle in range(0, 350, 10)]
    chosen = [number % 3 == 0 for number in range(len(places))]
    dots = drawn(places, chosen)
    strong = dots["alpha"] == 1.0
    assert strong.sum() == sum(chosen)
    assert (np.diff(strong.astype(int)) >= 0).all(), "last"
    assert dots["size"][strong].min() > dots["size"][~strong].max()
    assert dots["alpha"][~strong].max() < 0.5
    assert {len(column) for column in dots.values()} == {len(places)}
    off_axis = SkyCoord(*CRAB, unit="deg").separation(SkyCoord(*np.array(places).T, unit="deg")).deg
    assert sorted(dots["colour"]) == sorted(off_axis_colours(off_axis))


def test_pointings_of_one_place_are_one_dot_that_counts_them() -> None:
    wcs, _ = field_wcs(*CRAB, RADIUS)
    pixels = np.array([(100.0, 100.0), (100.2, 100.1), (100.1, 99.9), (140.0, 60.0)])
    assert CELL / PIXEL > 0.5
    ra, dec = wcs.wcs_pix2world(pixels, 0).T
    for chosen in ([False, True, False, False], [False, False, False, False]):
        dots = pointing_columns(ra, dec, np.array([5.0, 6.0, 7.0, 8.0]), np.array(chosen), wcs)
        assert dots["count"].tolist() == ([1, 3] if any(chosen) else [3, 1])
        assert sorted(dots["alpha"].tolist()) == ([0.28, 1.0] if any(chosen) else [0.28, 0.28]), "one chosen makes the dot strong"
    assert dots["count"].sum() == 4


def test_without_a_pointing_there_is_no_dot() -> None:
    assert {len(column) for column in drawn([], []).values()} == {0}


def test_the_picture_has_each_coordinate_written_once() -> None:
    hv.extension("bokeh")
    wcs, side = field_wcs(*CRAB, RADIUS)
    dots = drawn([away(CRAB, 90.0, 3.0), away(CRAB, 0.0, 5.0)], [True, False])
    plot = hv.render(pointing_picture(dots, wcs, side, RADIUS, "Crab"))
    kinds = [type(renderer.glyph).__name__ for renderer in plot.renderers]
    assert kinds == ["MultiLine", "Text", "MultiLine", "Scatter", "Scatter", "Text"], "`components.pointing_map` counts on it"
    lines, labels, _, places, target, name = (renderer.data_source.data for renderer in plot.renderers)
    grid = graticule(wcs, (side, side))
    assert len(lines["xs"]) == len(grid.lines)
    assert sorted(labels["text"]) == sorted({text for _, _, text in grid.labels}), "not once for each piece of a line"
    assert list(places["x"]) == dots["x"].tolist()
    assert (target["x"][0], target["y"][0]) == ((side - 1) / 2,) * 2
    assert list(name["name"]) == ["Crab"]
    for renderer, layer in zip(plot.renderers, pointing_layers(dots, wcs, side, RADIUS, "Crab"), strict=True):
        for key in ("xs", "ys", "x", "y", "text", "name"):
            if key in layer and key in renderer.data_source.data:
                mine, its = (np.concatenate([np.atleast_1d(part) for part in of[key]]) for of in (layer, renderer.data_source.data))
                assert mine.tolist() == its.tolist(), "a figure that was drawn for another target is filled with the same"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Of its target is known what a test says."""
    hv.extension("bokeh")
    monkeypatch.setattr(Session, "look_ahead", lambda *_: None)
    session = Session(settings_in(tmp_path), Identity())
    seen = coverage([0.0, 5.0, 12.0] * 20)
    session.ahead.param.update(target=Target("Crab", *CRAB, "given"), coverage=seen, spans=((FIRST_DAY, FIRST_DAY + 0.26),))
    return session


def test_the_map_shows_what_the_instrument_could_use_and_follows_the_intervals(session: Session) -> None:
    shown = PointingMap(session)
    shown.refresh()
    pane, data = shown.pane, shown._source.data
    assert data["count"].tolist() == [20, 20], "two places within 10.5 degrees"
    assert data["alpha"].tolist() == [1.0, 1.0]
    session.ahead.spans = ()
    shown.refresh()
    assert shown._source.data["alpha"].tolist() == [0.28, 0.28]
    assert shown.pane is pane, "the figure is not built again"
    session.request.radius = 3.0
    shown.refresh()
    assert shown.pane is not pane, "another field"
    assert shown._source.data["count"].tolist() == [20]
    session.request.param.update(instrument="jemx1", radius=None)
    shown.refresh()
    assert shown._source.data["count"].tolist() == [20], "within 3.5 degrees"


def test_a_target_that_was_never_seen_has_an_empty_map(session: Session) -> None:
    session.ahead.param.update(coverage=coverage([]))
    shown = PointingMap(session)
    shown.refresh()
    assert len(shown._source.data["x"]) == 0
    assert shown.pane is not None
