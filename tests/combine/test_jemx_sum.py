"""Sums of JEM-X mosaics: the PSF is undersampled, the pixels outside are NaN, the unit is the file's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.psf import through_spline
from dashboard.analysis.sources import find_sources
from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_sum import MosaicSum, rebuild
from dashboard.errors import EmptyProduct, NotCombinable
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.instrument import JEMX
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import read_mosaic
from tests.combine.skies import batch, fitted, tan_wcs, true_volume

CENTRE = (83.63, 22.01)
CRAB = (83.633, 22.0145)
SIDE = 150
GRID = Grid("TAN", CENTRE, JEMX.pixel, (170, 170), (85.0, 85.0))
PSF = JEMX.psf_sigma / 60
SKY = ((83.63, 22.01, 0.16), (84.2, 22.6, 0.04), (83.1, 21.4, 0.02))


def dithered(count: int, error: float = 2e-4, seed: int | None = None, spread: float = 0.4) -> list[Mosaic]:
    """Batches of JEM-X 1, in counts/cm2/s, about the centre at any roll."""
    rng = np.random.default_rng(5)
    parts = []
    for number in range(count):
        ra, dec = CENTRE + rng.uniform(-spread, spread, 2)
        wcs = tan_wcs(float(ra), float(dec), float(rng.uniform(0, 360)), SIDE, pixel=JEMX.pixel)
        noise = None if seed is None else seed + number
        meta: dict[str, Any] = {"instrument": "jemx1", "unit": "counts/cm2/s", "band": (3.04, 34.88)}
        parts.append(batch(wcs, SKY, SIDE, noise, error, psf=PSF, tstart=float(number), **meta))
    return parts


def summed(parts: list[Mosaic], grid: Grid = GRID) -> MosaicSum:
    return rebuild(grid, ((str(number), part) for number, part in enumerate(parts)))


def test_without_noise_place_and_flux_are_kept() -> None:
    """The spline takes 4 % of a peak 0.81 pixel wide, as computed; amplitude x width^2 stays within 2 %."""
    mosaic = summed(dithered(8)).result()
    kept, _ = through_spline(PSF / JEMX.pixel)
    assert kept == pytest.approx(0.962, abs=0.005)
    for ra, dec, flux in SKY:
        amplitude, volume, dx, dy = fitted(mosaic, ra, dec)
        assert np.hypot(dx, dy) < 0.02
        assert volume == pytest.approx(true_volume(mosaic, ra, dec, flux, PSF), rel=0.02)
        assert amplitude == pytest.approx(flux * kept, rel=0.015)
    assert (mosaic.unit, mosaic.instrument, mosaic.band) == ("counts/cm2/s", "jemx1", (3.04, 34.88))


def test_measured_fluxes_are_the_injected_ones() -> None:
    """What the spline took is given back: to 0.5 % of the flux, and the noise."""
    mosaic = replace(summed(dithered(10, seed=40)).result(), provenance=Provenance(origin="SIMULATED"))
    catalog = SourceCatalog(tuple(CatalogSource(f"S{i}", ra, dec) for i, (ra, dec, _) in enumerate(SKY)))
    table = find_sources(mosaic, catalog)
    assert [source.name for source in table.detected] == ["S0", "S1", "S2"]
    for source, (_, _, flux) in zip(table.sources, SKY, strict=True):
        assert abs(source.flux - flux) < 0.005 * flux + 3 * source.flux_error, source
        assert source.offset < np.hypot(0.2, 3 * 1.4 * 1.27 / source.significance)
    assert table.sky_width == pytest.approx(1, abs=0.05)


def test_a_source_that_raises_its_own_noise_keeps_its_flux() -> None:
    """At a bright source the variance is that of its counts as well, and no longer smooth: twice as high on the Crab."""
    parts: list[Mosaic] = []
    for part in dithered(10, seed=60):
        flux, quiet = np.asarray(part.flux), np.asarray(part.variance)
        variance = quiet + 1e-7 * np.maximum(flux, 0) / 0.16
        noise = np.random.default_rng(len(parts)).normal(0, 1e-4, flux.shape) * (flux > 0.01)
        parts.append(replace(part, flux=flux + noise, variance=variance, significance=flux / np.sqrt(variance)))
    mosaic = replace(summed(parts).result(), provenance=Provenance(origin="SIMULATED"))
    crab = find_sources(mosaic, SourceCatalog((CatalogSource("Crab", *SKY[0][:2]),))).sources[0]
    assert crab.flux == pytest.approx(0.16, rel=0.007)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(5)), st.integers(1, 4))
def test_order_and_cutting_do_not_matter(order: list[int], cut: int) -> None:
    parts = dithered(5, seed=3)
    straight = summed(parts).result()
    first, second = MosaicSum(GRID), MosaicSum(GRID)
    for place, number in enumerate(order):
        (first if place < cut else second).add(parts[number], str(number))
    first.merge(second)
    mosaic = first.result()
    np.testing.assert_allclose(np.asarray(mosaic.flux), np.asarray(straight.flux), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(np.asarray(mosaic.variance), np.asarray(straight.variance), rtol=1e-5)
    assert mosaic.provenance == straight.provenance


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"instrument": "jemx2"}, "has instrument jemx2, the others jemx1"),
        ({"unit": "counts/dm2/s"}, "has unit counts/dm2/s, the others counts/cm2/s"),
        ({"band": (3.04, 20.0)}, "energy band"),
        ({"instrument": "isgri"}, "instrument"),
    ],
)
def test_what_differs_is_refused_and_leaves_no_trace(change: dict[str, object], sentence: str) -> None:
    one, two = dithered(2)
    total = MosaicSum(GRID)
    total.add(one, "one")
    before = total.weight.copy()
    with pytest.raises(NotCombinable, match=sentence):
        total.add(replace(two, **change), "two")  # type: ignore[arg-type]
    np.testing.assert_array_equal(total.weight, before)
    assert total.batch_ids == ("one",)


def test_nan_outside_the_field_neither_spreads_nor_fills() -> None:
    one = dithered(1)[0]
    total = summed([one])
    mosaic = total.result()
    assert mosaic.exposure is not None
    y, x = np.indices(GRID.shape)
    column, row = one.wcs.wcs_world2pix(np.stack(GRID.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0), axis=1), 0).T
    inside = (np.abs(column - SIDE / 2) <= SIDE / 2) & (np.abs(row - SIDE / 2) <= SIDE / 2)
    nearest = np.clip(np.rint([row, column]).astype(int), 0, SIDE - 1)
    valid = (inside & one.valid[nearest[0], nearest[1]]).reshape(GRID.shape)
    np.testing.assert_array_equal(mosaic.valid, valid)
    assert not mosaic.exposure[~valid].any()
    nothing = np.full((SIDE, SIDE), np.nan)
    with pytest.raises(EmptyProduct, match="no exposed pixel"):
        total.add(replace(one, flux=nothing, variance=nothing, significance=nothing), "nothing")


def test_the_real_mosaic_added_to_itself(shared_data: Path) -> None:
    """On its own lattice, in double precision: the same flux, half the variance."""
    real = read_mosaic(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz")
    ra, dec = (float(v) for v in real.wcs.wcs.crval)
    total = MosaicSum(Grid("TAN", (ra, dec), JEMX.pixel, real.shape, (208.5, 208.5)))
    total.add(real, "one")
    total.add(real, "two")
    mosaic = total.result()
    assert mosaic.unit == "counts/cm2/s"
    assert mosaic.significance is not None
    np.testing.assert_allclose(np.asarray(mosaic.flux), np.asarray(real.flux), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(mosaic.variance), np.asarray(real.variance) / 2, rtol=1e-6)
    assert np.nanmax(mosaic.significance) / np.nanmax(real.significance) == pytest.approx(np.sqrt(2), rel=1e-3)
    assert np.nanmax(total.chi2()[0]) < 1e-3


def test_the_real_crab_on_another_grid(shared_data: Path) -> None:
    """Same place to 0.02', same fitted flux to 1 %, though the grid is another one."""
    real = read_mosaic(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz")
    total = MosaicSum(Grid("TAN", (83.4, 22.2), JEMX.pixel, (430, 430), (215.3, 214.8)))
    total.add(real, "crab")
    catalog = SourceCatalog((CatalogSource("Crab", *CRAB),))
    before, after = (find_sources(mosaic, catalog).detected[0] for mosaic in (real, total.result()))
    assert after.flux == pytest.approx(before.flux, rel=0.01)
    assert after.significance == pytest.approx(before.significance, rel=0.03)
    assert np.hypot((after.ra - before.ra) * np.cos(np.radians(22)), after.dec - before.dec) * 60 < 0.02
