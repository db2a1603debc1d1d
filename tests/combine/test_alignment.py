from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from dashboard.combine.alignment import Nodes, lattice_offset
from dashboard.combine.grid import Grid
from dashboard.combine.resample import STEP, grid_positions
from dashboard.products.instrument import ISGRI
from tests.combine.skies import tan_wcs

GRIDS = {
    "isgri": Grid("TAN", (83.63, 22.01), ISGRI.pixel, (500, 700), (350.0, 250.0)),
    "pole": Grid("TAN", (10.0, 89.9), ISGRI.pixel, (400, 400), (200.0, 200.0)),
    "wrap": Grid("TAN", (0.02, -30.0), ISGRI.pixel, (400, 400), (200.0, 200.0)),
    "plane": Grid("ZEA", (266.4, -28.9), ISGRI.pixel, (400, 1400), (700.0, 200.0)),
    "jemx": Grid("TAN", (83.63, 22.01), 0.026, (400, 400), (200.0, 200.0)),
}


@pytest.mark.parametrize("projection", ["TAN", "ZEA", "SIN"])
@pytest.mark.parametrize("name", GRIDS)
def test_interpolated_positions_are_those_of_astropy(name: str, projection: str) -> None:
    grid, shape = GRIDS[name], (240, 240)
    y, x = np.indices(grid.shape)
    sky = grid.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    edge = grid.wcs.wcs_pix2world(grid.shape[1] * 0.85, grid.shape[0] * 0.8, 0)
    wcs = tan_wcs(float(edge[0]), float(edge[1]), 37.0, side=240, projection=projection, pixel=grid.pixel)
    placement = Nodes(grid).place(wcs, shape)
    found = np.stack(grid_positions(placement.x, placement.y, grid.shape))
    true = np.stack(wcs.wcs_world2pix(*sky, 0)).reshape(2, *grid.shape)
    inside = (true > -0.5).all(axis=0) & (true[0] < shape[1] - 0.5) & (true[1] < shape[0] - 0.5)
    assert inside.sum() > 10_000
    assert np.abs(found - true)[:, inside].max() < 1e-3
    cell = np.repeat(np.repeat(placement.touched, STEP, axis=0), STEP, axis=1)[: grid.shape[0], : grid.shape[1]]
    assert cell[inside].all(), "no pixel of the map falls in a cell that is passed over"


def shifted(wcs: WCS, dx: float, dy: float) -> WCS:
    other = wcs.deepcopy()
    other.wcs.crpix = wcs.wcs.crpix + np.array([dx, dy])
    return other


def test_a_lattice_is_recognised_by_whole_pixels() -> None:
    grid = GRIDS["isgri"].wcs
    assert lattice_offset(shifted(grid, -7, 12), grid, (240, 240)) == (-12, 7)
    assert lattice_offset(shifted(grid, 3 + 5e-5, 0), grid, (240, 240)) == (0, -3)
    assert lattice_offset(shifted(grid, 0.3, 0), grid, (240, 240)) is None


def test_other_grids_are_no_lattice() -> None:
    grid = GRIDS["isgri"]
    twin = tan_wcs(*grid.crval)
    for other in (tan_wcs(*grid.crval, roll=0.01), tan_wcs(83.64, 22.01), tan_wcs(*grid.crval, projection="ZEA")):
        assert lattice_offset(other, grid.wcs, (240, 240)) is None
    assert lattice_offset(shifted(twin, 0.5, 0.5), grid.wcs, (240, 240)) is not None
    assert lattice_offset(tan_wcs(grid.crval[0] + 360, grid.crval[1], side=241), grid.wcs, (241, 241)) is not None


def test_cdelt_and_cd_describe_the_same_lattice() -> None:
    grid = GRIDS["isgri"].wcs
    other = WCS(naxis=2)
    other.wcs.ctype, other.wcs.crval, other.wcs.crpix = list(grid.wcs.ctype), grid.wcs.crval, grid.wcs.crpix
    other.wcs.cdelt = [-ISGRI.pixel, ISGRI.pixel]
    other.wcs.set()
    assert lattice_offset(other, grid, (240, 240)) == (0, 0)
