from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dashboard.combine.grid import MOST_PIXELS, Grid, output_grid
from dashboard.errors import ProductError
from dashboard.products.instrument import ISGRI, JEMX
from tests.combine.skies import unit

Pointings = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def attitude(ra: NDArray[np.float64], dec: NDArray[np.float64], roll: NDArray[np.float64]) -> Pointings:
    """(ra_scx, dec_scx, ra_scz, dec_scz) with Z turned by roll degrees from north."""
    x = unit(ra, dec)
    east = np.stack([-np.sin(np.radians(ra)), np.cos(np.radians(ra)), np.zeros_like(ra)], axis=1)
    turn = np.radians(roll)[:, None]
    z = np.cos(turn) * np.cross(x, east) + np.sin(turn) * east
    return ra, dec, np.degrees(np.arctan2(z[:, 1], z[:, 0])) % 360, np.degrees(np.arcsin(z[:, 2]))


def around(ra: float, dec: float, spread: float, count: int = 40) -> Pointings:
    """Pointings with any roll within `spread` degrees of a direction."""
    rng = np.random.default_rng(3)
    centre = unit(ra, dec)
    offsets = rng.standard_normal((count, 3))
    offsets -= (offsets @ centre)[:, None] * centre
    offsets *= np.radians(spread) * np.sqrt(rng.uniform(0, 1, (count, 1))) / np.linalg.norm(offsets, axis=1, keepdims=True)
    x = centre + np.tan(offsets)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return attitude(np.degrees(np.arctan2(x[:, 1], x[:, 0])) % 360, np.degrees(np.arcsin(x[:, 2])), rng.uniform(0, 360, count))


def field_of_view(pointings: Pointings, half: float) -> NDArray[np.float64]:
    """Sky positions all over the fields of view: the X axis plus steps along Y and Z."""
    x, z = unit(pointings[0], pointings[1]), unit(pointings[2], pointings[3])
    step = np.tan(np.radians(np.linspace(-half, half, 9)))
    sides = np.cross(z, x)[:, None, None] * step[:, None, None] + z[:, None, None] * step[None, :, None]
    v = (x[:, None, None] + sides).reshape(-1, 3)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    return np.stack([np.degrees(np.arctan2(v[:, 1], v[:, 0])) % 360, np.degrees(np.arcsin(v[:, 2]))], axis=1)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 360), st.floats(-90, 90), st.sampled_from([0.0, 3.0, 10.5, 25.0, 60.0]))
def test_every_field_of_view_is_inside_anywhere_on_the_sky(ra: float, dec: float, spread: float) -> None:
    pointings = around(ra, dec, spread)
    grid = output_grid(*pointings)
    x, y = grid.wcs.wcs_world2pix(field_of_view(pointings, ISGRI.half_field), 0).T
    assert min(x.min(), y.min()) >= 0
    assert x.max() <= grid.shape[1] - 1
    assert y.max() <= grid.shape[0] - 1
    assert min(x.min(), y.min(), grid.shape[1] - 1 - x.max(), grid.shape[0] - 1 - y.max()) < 8, "no wider than needed"


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 360), st.floats(-90, 90), st.sampled_from([0.0, 3.5, 10.0]))
def test_round_fields_of_view_are_inside_whatever_the_roll(ra: float, dec: float, spread: float) -> None:
    pointings = around(ra, dec, spread)
    grid = output_grid(*pointings, half_field=JEMX.half_field, pixel=JEMX.pixel, circle=True)
    x, z = unit(pointings[0], pointings[1]), unit(pointings[2], pointings[3])
    turn = np.radians(np.arange(0, 360, 2))[:, None]
    around_z = np.cos(turn) * z[:, None] + np.sin(turn) * np.cross(z, x)[:, None]
    rim = (x[:, None] + np.tan(np.radians(JEMX.half_field)) * around_z).reshape(-1, 3)
    sky = np.degrees(np.stack([np.arctan2(rim[:, 1], rim[:, 0]), np.arctan2(rim[:, 2], np.hypot(rim[:, 0], rim[:, 1]))], axis=1))
    column, row = grid.wcs.wcs_world2pix(sky, 0).T
    assert min(column.min(), row.min()) >= 3
    assert column.max() <= grid.shape[1] - 4
    assert row.max() <= grid.shape[0] - 4
    assert min(column.min(), row.min(), grid.shape[1] - 1 - column.max(), grid.shape[0] - 1 - row.max()) < 9, "no wider than needed"
    rolled = output_grid(*pointings[:2], pointings[0], pointings[1] + 90, half_field=JEMX.half_field, pixel=JEMX.pixel, circle=True)
    assert rolled.shape == pytest.approx(grid.shape, abs=2)


def test_one_pointing_gives_its_square() -> None:
    grid = output_grid(*attitude(np.array([83.63]), np.array([22.01]), np.array([0.0])))
    side = 2 * np.degrees(np.tan(np.radians(14.5))) / ISGRI.pixel
    assert grid.projection == "TAN"
    assert grid.crval == (83.63, 22.01)
    assert grid.shape[0] == pytest.approx(side + 10, abs=1)
    assert grid.shape[1] == pytest.approx(side + 10, abs=1)


def test_roll_turns_the_square() -> None:
    straight, turned = (output_grid(*attitude(np.array([10.0]), np.array([-40.0]), np.array([roll]))) for roll in (0.0, 45.0))
    assert turned.shape[0] / straight.shape[0] == pytest.approx(np.sqrt(2), rel=0.02)


@pytest.mark.parametrize(("spread", "projection"), [(10.5, "TAN"), (16.5, "ZEA"), (70.0, "ZEA")])
def test_projection_follows_the_width(spread: float, projection: str) -> None:
    assert output_grid(*around(266.4, -28.9, spread, count=400)).projection == projection


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 5.0), (359.99, -60.0), (120.0, 89.95), (0.0, 90.0), (77.0, -90.0)])
def test_centre_at_the_wrap_and_the_poles(ra: float, dec: float) -> None:
    grid = output_grid(*around(ra, dec, 3.0, count=2000))
    assert np.degrees(np.arccos(unit(*grid.crval) @ unit(ra, dec))) < 0.3
    assert 0 <= grid.crval[0] < 360
    assert max(grid.shape) < 620


def test_east_is_left_and_north_up() -> None:
    wcs = Grid("TAN", (100.0, 30.0), 0.1, (50, 60), (30.0, 25.0)).wcs
    x, y = wcs.wcs_world2pix([[100.0, 30.0], [101.0, 30.0], [100.0, 31.0]], 1).T
    np.testing.assert_allclose((x[0], y[0]), (30, 25))
    assert x[1] < x[0]
    assert y[2] > y[0]


def test_json_gives_the_same_grid() -> None:
    grid = output_grid(*around(266.4, -28.9, 8.0))
    assert Grid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid


def test_too_wide_too_large_and_nothing_are_refused_with_a_sentence() -> None:
    opposite = attitude(np.array([10.0, 190.0]), np.array([10.0, -10.0]), np.zeros(2))
    with pytest.raises(ProductError, match="at most 180"):
        output_grid(*opposite)
    with pytest.raises(ProductError, match=str(MOST_PIXELS)):
        output_grid(*around(10.0, 10.0, 60.0), half_field=6.6, pixel=0.026)
    with pytest.raises(ProductError, match="parts as runs of their own"):
        output_grid(*around(10.0, 10.0, 60.0), half_field=JEMX.half_field, pixel=JEMX.pixel, circle=True)
    with pytest.raises(ProductError, match="directions"):
        output_grid([], [], [], [])
