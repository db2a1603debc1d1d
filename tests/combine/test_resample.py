from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.combine.resample import PAD, spline_coefficients, whitened
from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic
from tests.combine.skies import batch, tan_wcs

GRID = Grid("TAN", (83.63, 22.01), ISGRI.pixel, (260, 260), (130.0, 130.0))


def resampled(mosaic: Mosaic) -> Mosaic:
    total = MosaicSum(GRID)
    total.add(mosaic, "one")
    return total.result()


def test_coefficients_are_those_of_scipy_away_from_the_rim() -> None:
    flux = np.random.default_rng(0).standard_normal((60, 80)).astype("f4")
    white, root, count = whitened(flux, np.ones_like(flux))
    ours = spline_coefficients(white, root).T[PAD:-PAD, PAD:-PAD] * 36
    assert count == flux.size
    np.testing.assert_allclose(ours[12:-12, 12:-12], spline_filter(flux, order=3)[12:-12, 12:-12], atol=1e-5)


def test_values_are_those_of_an_independent_spline() -> None:
    wcs = tan_wcs(83.9, 22.4, roll=31.0, side=200)
    mosaic = batch(wcs, seed=5, side=200, flat=True)
    assert mosaic.flux is not None
    flux = resampled(mosaic).flux
    y, x = np.indices(GRID.shape)
    column, row = wcs.wcs_world2pix(*GRID.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0), 0)
    inner = (np.minimum(column, row) > 15) & (np.maximum(column, row) < 184)
    expected = map_coordinates(mosaic.flux.astype(float), [row, column], order=3)
    assert flux is not None
    np.testing.assert_allclose(flux.ravel()[inner], expected[inner], atol=2e-3)


def test_the_rims_giant_errors_do_not_leak_into_better_pixels() -> None:
    """Errors grow by e every pixel over the last 12 of the map: its noise stays noise in the sum, rim included."""
    side = 160
    rng = np.random.default_rng(3)
    rim = np.minimum.reduce([*np.indices((side, side)), *(side - 1 - np.indices((side, side)))])
    sigma = np.exp(np.clip(12 - rim, 0, None)).astype("f4")
    noise = gaussian_filter(rng.standard_normal((side, side)), 1.03 / np.sqrt(2)).astype("f4")
    noise /= noise.std()
    mosaic = Mosaic(noise * sigma, sigma**2, noise, 1 / sigma, tan_wcs(83.9, 22.4, 20.0, side), instrument="isgri")
    result = resampled(mosaic)
    inside = result.valid
    assert np.abs(result.significance[inside]).max() < 1.3 * np.abs(noise).max()
    assert result.significance[inside].std() == pytest.approx(0.98, abs=0.03)


def test_a_map_without_structure_stays_flat_up_to_its_rim() -> None:
    ones = np.ones((120, 120), dtype="f4")
    result = resampled(Mosaic(3 * ones, 2 * ones, ones, 5 * ones, tan_wcs(83.9, 22.4, 20.0, 120), instrument="isgri"))
    assert result.flux is not None
    assert result.variance is not None
    assert result.exposure is not None
    inside = np.isfinite(result.flux)
    assert inside.sum() == pytest.approx(120**2, rel=0.01)
    np.testing.assert_allclose(result.variance[inside], 2)
    np.testing.assert_allclose(result.exposure[inside], 5)
    np.testing.assert_allclose(result.exposure[~inside], 0)
    np.testing.assert_allclose(result.flux[inside], 3, atol=1)
    assert np.isclose(result.flux[inside], 3, atol=1e-3).mean() > 0.85


@pytest.mark.parametrize("padding", ["nan", "zero", "inf", "negative variance"])
@pytest.mark.parametrize("lattice", [True, False])
def test_invalid_pixels_neither_spread_nor_count(padding: str, lattice: bool) -> None:
    wcs = tan_wcs(*GRID.crval, side=121) if lattice else tan_wcs(83.7, 22.1, 30.0, 121)
    clean = batch(wcs, seed=7, side=121, flat=True)
    flux, variance, exposure = (np.array(image) for image in (clean.flux, clean.variance, clean.exposure))
    hole = np.zeros((121, 121), dtype=bool)
    hole[:30], hole[60, 60], hole[80:83, 70:73] = True, True, True
    flux[hole], variance[hole] = {"nan": (np.nan, np.nan), "zero": (0, 0), "inf": (np.inf, 1), "negative variance": (5, -1)}[padding]
    exposure[hole] = np.nan if padding == "nan" else 0
    whole, holed = (
        resampled(clean),
        resampled(Mosaic(flux, variance, clean.significance, exposure, wcs, (20.0, 40.0), "isgri", "counts/sec")),
    )
    assert whole.flux is not None
    assert holed.flux is not None
    assert holed.exposure is not None
    y, x = np.indices(GRID.shape)
    column, row = (np.rint(v).astype(int) for v in wcs.wcs_world2pix(*GRID.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0), 0))
    seen = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < 121)
    lost = np.zeros(seen.shape, dtype=bool)
    lost[seen] = hole[row[seen], column[seen]]
    valid = np.isfinite(holed.flux.ravel())
    np.testing.assert_array_equal(valid, np.isfinite(whole.flux.ravel()) & ~lost)
    assert np.isfinite(holed.exposure).all()
    assert np.isfinite(np.asarray(holed.variance).ravel()[valid]).all()
    far = np.ones((121, 121), dtype=bool)
    for j, i in zip(*np.nonzero(hole), strict=True):
        far[max(j - 6, 0) : j + 7, max(i - 6, 0) : i + 7] = False
    kept = np.zeros(seen.shape, dtype=bool)
    kept[seen] = far[row[seen], column[seen]]
    assert kept.sum() > 3000
    np.testing.assert_allclose(holed.flux.ravel()[kept], whole.flux.ravel()[kept], atol=2e-3 if not lattice else 0)


def test_nothing_is_compiled_on_import() -> None:
    code = (
        "import dashboard.combine.mosaic_sum, dashboard.combine.resample as r;"
        "import sys; sys.exit(any(k.signatures for k in vars(r).values() if hasattr(k, 'signatures')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
