"""What happens to sources and to empty sky: the truth is injected, or a real mosaic's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_sum import MosaicSum, rebuild
from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic
from tests.combine.skies import Sky, batch, fitted, tan_wcs, true_volume, unit

CRAB = (83.633, 22.0145)


def scattered(ra: float, dec: float, spread: float, sky: Sky, count: int, seed: int | None = None) -> list[Mosaic]:
    """Batches within `spread` degrees of a direction, any roll."""
    rng = np.random.default_rng(11)
    made = []
    for i in range(count):
        up, right = rng.uniform(-spread, spread, 2)
        lat = float(np.clip(dec + up, -89.9, 89.9))
        wcs = tan_wcs((ra + right / np.cos(np.radians(lat))) % 360, lat, rng.uniform(0, 360))
        made.append(batch(wcs, sky, seed=None if seed is None else seed + i))
    return made


def summed(grid: Grid, parts: list[Mosaic]) -> MosaicSum:
    return rebuild(grid, ((str(i), part) for i, part in enumerate(parts)))


@pytest.mark.parametrize(
    ("ra", "dec", "projection"),
    [(*CRAB, "TAN"), (*CRAB, "ZEA"), (0.01, -35.0, "TAN"), (120.0, 88.5, "TAN"), (40.0, -89.2, "ZEA")],
)
def test_injected_sources_keep_place_and_flux(ra: float, dec: float, projection: str) -> None:
    """Noise-free: within 0.02 pixel, and 1 % of the flux by the conserved amplitude x width^2; the amplitude loses 1.1 % at most."""
    grid = Grid(projection, (ra, dec), ISGRI.pixel, (320, 320), (160.0, 160.0))
    places = [grid.wcs.wcs_pix2world(x, y, 0) for x, y in ((159.0, 159.0), (190.3, 140.8), (137.45, 171.5))]
    sky = [(float(a), float(d), flux) for (a, d), flux in zip(places, (200.0, 20.0, 1000.0), strict=True)]
    mosaic = summed(grid, scattered(ra, dec, 3.0, sky, 8)).result()
    for a, d, flux in sky:
        amplitude, volume, dx, dy = fitted(mosaic, a, d)
        assert np.hypot(dx, dy) < 0.02
        assert volume == pytest.approx(true_volume(mosaic, a, d, flux), rel=0.01)
        assert amplitude == pytest.approx(flux, rel=0.015)


def test_width_calibrated_on_a_bright_source_gives_the_flux_of_a_faint_one() -> None:
    grid = Grid("TAN", CRAB, ISGRI.pixel, (320, 320), (160.0, 160.0))
    faint = tuple(float(v) for v in grid.wcs.wcs_pix2world(181.3, 166.9, 0))
    mosaic = summed(grid, scattered(*CRAB, 3.0, [(*CRAB, 1000.0), (faint[0], faint[1], 7.0)], 8)).result()
    bright_amplitude, bright_volume, _, _ = fitted(mosaic, *CRAB)
    amplitude, volume, _, _ = fitted(mosaic, *faint)
    assert volume / bright_volume == pytest.approx(7 / 1000, rel=0.01)
    assert amplitude / bright_amplitude == pytest.approx(7 / 1000, rel=0.01)


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_empty_sky_has_the_width_of_noise(spread: float) -> None:
    grid = Grid("TAN", CRAB, ISGRI.pixel, (330, 330), (165.0, 165.0))
    total = summed(grid, scattered(*CRAB, spread, [], 12, seed=100))
    deep: NDArray[np.bool_] = total.exposure > 0.1 * total.exposure.max()
    significance = total.result().significance[deep]
    assert abs(significance.mean()) < 0.05
    assert 0.97 < significance.std() < 1.01
    chi2, dof = total.chi2()
    several = deep & (dof > 5)
    assert chi2[several].sum() / dof[several].sum() == pytest.approx(1, abs=0.06)


def test_sky_outside_the_first_batch_is_kept() -> None:
    source = (92.0, 22.0, 50.0)
    grid = Grid("TAN", CRAB, ISGRI.pixel, (320, 400), (200.0, 160.0))
    first, second = batch(tan_wcs(79.0, 22.0, 12.0)), batch(tan_wcs(90.0, 22.0, -40.0), [source])
    x, y = first.wcs.wcs_world2pix(*source[:2], 0)
    assert x < 0 or y < 0, "the first batch does not see the source"
    for parts in ([first, second], [second, first]):
        mosaic = summed(grid, parts).result()
        amplitude, _, dx, dy = fitted(mosaic, *source[:2])
        assert amplitude == pytest.approx(50, rel=0.015)
        assert np.hypot(dx, dy) < 0.02


def real_crab(shared_data: Path) -> Mosaic:
    return read_mosaic(shared_data / "integral/isgri_mosaic_crab_20-40.fits.gz")


def test_real_crab_on_its_own_lattice_is_reproduced(shared_data: Path) -> None:
    real = real_crab(shared_data)
    ra, dec = (float(v) for v in real.wcs.wcs.crval)
    total = MosaicSum(Grid("TAN", (ra, dec), float(real.wcs.wcs.cd[1, 1]), real.shape, (240.0, 240.0)))
    total.add(real, "crab")
    result = total.result()
    for name in ("flux", "variance", "exposure"):
        np.testing.assert_array_equal(getattr(result, name), getattr(real, name))
    # 0.3 % of OSA's own significance pixels, at the rim, differ from flux / sqrt(variance) of the same file.
    np.testing.assert_allclose(result.significance, np.asarray(real.flux) / np.sqrt(np.asarray(real.variance)), rtol=1e-6)


@pytest.mark.parametrize(("dx", "dy", "centre"), [(0.5, 0.5, 0.0), (0.25, 0.4, 2.5), (0.0, 0.0, -4.0)])
def test_real_crab_on_another_grid_keeps_place_and_flux(shared_data: Path, dx: float, dy: float, centre: float) -> None:
    real = real_crab(shared_data)
    grid = Grid("TAN", (82.1 + centre, 24.4 - centre), ISGRI.pixel, (620, 620), (310.0 + dx, 310.0 + dy))
    total = MosaicSum(grid)
    total.add(real, "crab")
    mosaic = total.result()
    amplitude, volume, x, y = fitted(real, *CRAB)
    found, found_volume, found_x, found_y = fitted(mosaic, *CRAB)
    places = [
        unit(*image.wcs.wcs_pix2world(*(image.wcs.wcs_world2pix(*CRAB, 0) + np.array(offset)), 0))
        for image, offset in ((real, (x, y)), (mosaic, (found_x, found_y)))
    ]
    assert np.degrees(np.linalg.norm(places[0] - places[1])) / ISGRI.pixel < 0.02
    stretch = true_volume(mosaic, *CRAB, 1.0) / true_volume(real, *CRAB, 1.0)
    assert found_volume / volume / stretch == pytest.approx(1, rel=0.01)
    assert found == pytest.approx(amplitude, rel=0.01)
