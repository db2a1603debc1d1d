"""Two units of JEM-X become one mosaic in mCrab: the same sky, however differently they count."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.sources import find_sources
from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_units import add_units, total_error
from dashboard.combine.units import UNIT_SYSTEMATIC
from dashboard.errors import NotCombinable
from dashboard.products.catalog import SourceCatalog
from dashboard.products.instrument import JEMX
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import mosaic_from_hdulist, mosaic_to_hdulist
from tests.analysis.injection import FloatImage, correlated_noise, point_sources

SHAPE = (90, 100)
GRID = Grid("TAN", (83.63, 22.01), JEMX.pixel, SHAPE, (50.0, 45.0))
PSF = 1.27 / (60 * JEMX.pixel)


def unit_map(name: str, mcrab: FloatImage, error: FloatImage | float, crab: float, **meta: Any) -> Mosaic:
    """What a unit counts of a sky in mCrab, its error in mCrab too."""
    flux, variance = mcrab * crab / 1000, (np.broadcast_to(error, SHAPE) * crab / 1000) ** 2
    origin = Provenance("ISDC", osa_version="OSA11.2", job_ids=(name,), batches_used=3, batches_asked=4)
    common: dict[str, Any] = {"band": (3.04, 34.88), "unit": "counts/cm2/s", "provenance": origin}
    times: dict[str, Any] = {"tstart": 3005.0, "tstop": 3006.0, "ontime": 1e3}
    exposure = np.where(np.isfinite(flux), 1e4, 0)
    return Mosaic(flux, variance, flux / np.sqrt(variance), exposure, GRID.wcs, instrument=name, **(common | times | meta))


positive = st.floats(0.01, 300)


@settings(max_examples=40, deadline=None)
@given(positive, positive, st.floats(0.5, 50), st.floats(0.5, 50), st.integers(0, 99))
def test_the_mean_does_not_know_what_the_units_count_in(crab1: float, crab2: float, error1: float, error2: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sky = 100 * rng.standard_normal(SHAPE)
    both = add_units(unit_map("jemx1", sky, error1, crab1), unit_map("jemx2", sky, error2, crab2), crab1, crab2)
    np.testing.assert_allclose(np.asarray(both.flux), sky, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(np.asarray(both.variance), 1 / (error1**-2 + error2**-2), rtol=1e-4)
    np.testing.assert_allclose(np.asarray(both.significance), np.asarray(both.flux) / np.sqrt(np.asarray(both.variance)), rtol=1e-4)
    assert (both.unit, both.instrument, both.band) == ("mCrab", "jemx", (3.04, 34.88))
    # Exchanging the roles of the units exchanges nothing.
    swapped = add_units(unit_map("jemx1", sky, error2, crab2), unit_map("jemx2", sky, error1, crab1), crab2, crab1)
    np.testing.assert_allclose(np.asarray(both.flux), np.asarray(swapped.flux), rtol=1e-5)


def test_where_one_unit_looked_alone_its_values_stand() -> None:
    sky = np.full(SHAPE, 50.0)
    left, right = sky.copy(), sky.copy()
    left[:, 60:], right[:, :40], left[0], right[0] = np.nan, np.nan, np.nan, np.nan
    both = add_units(unit_map("jemx1", left, 3.0, 0.16), unit_map("jemx2", right, 4.0, 0.14), 0.16, 0.14)
    assert both.variance is not None
    assert both.exposure is not None
    assert np.sqrt(both.variance[5, [10, 50, 80]]) == pytest.approx([3.0, 2.4, 4.0])
    assert both.exposure[5, [10, 50, 80]].tolist() == [1e4, 2e4, 1e4]
    assert np.isnan(both.significance[0]).all()
    assert not both.exposure[0].any()


def test_a_source_has_its_flux_and_an_honest_error() -> None:
    """Pulls of 60 measured fluxes about 1; the Crab itself is 1000 mCrab."""
    pulls = []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        places = np.array([[20.3, 20.7], [75.5, 22.1], [22.8, 70.2], [70.1, 68.6]]) + rng.uniform(0, 1, (4, 2))
        truth = np.array([1000.0, 200.0, 120.0, 300.0])
        sky = point_sources(SHAPE, places, truth, PSF)
        units = [
            unit_map(name, sky + error * correlated_noise(SHAPE, rng, PSF), error, crab)
            for name, error, crab in (("jemx1", 4.0, 0.164), ("jemx2", 6.0, 15.1))
        ]
        both = replace(add_units(units[0], units[1], 0.164, 15.1), provenance=Provenance(origin="SIMULATED"))
        table = find_sources(both, SourceCatalog(), psf_sigma=PSF)
        assert any("3%" in note for note in table.notes)
        assert len(table.sources) == 4
        for source, flux in zip(table.sources, sorted(truth, reverse=True), strict=True):
            pulls.append((source.flux - flux) / source.flux_error)
    assert np.mean(pulls) == pytest.approx(0, abs=0.4)
    assert np.std(pulls) == pytest.approx(1, abs=0.25)


def test_the_systematic_stays_out_of_the_variance_and_is_told() -> None:
    one, two = unit_map("jemx1", np.full(SHAPE, 1e3), 1.0, 0.16), unit_map("jemx2", np.full(SHAPE, 1e3), 1.0, 0.14)
    both = add_units(one, two, 0.16, 0.14)
    assert np.sqrt(np.asarray(both.variance)[0, 0]) == pytest.approx(1 / np.sqrt(2))
    file = io.BytesIO()
    mosaic_to_hdulist(both).writeto(file)
    file.seek(0)
    with fits.open(file) as hdus:
        again = mosaic_from_hdulist(hdus)
    assert (again.instrument, again.unit, again.keywords["SYSFRAC"]) == ("jemx", "mCrab", UNIT_SYSTEMATIC)
    assert again.provenance.job_ids == ("jemx1", "jemx2")
    assert (again.provenance.batches_used, again.provenance.batches_asked) == (6, 8)
    assert total_error(np.array([1000.0, 0.0]), np.array([40.0, 2.0])) == pytest.approx([50.0, 2.0])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"instrument": "jemx1"}, "in the place of jemx2"),
        ({"band": (3.04, 20.0)}, "ask both for the same"),
        ({"provenance": Provenance("SIMULATED", osa_version="OSA11.2")}, "never added"),
        ({"provenance": Provenance("ISDC", osa_version="OSA10.2")}, "OSA versions"),
        ({"flux": None}, "significance alone"),
        ({"wcs": Grid("TAN", (83.63, 22.01), JEMX.pixel, SHAPE, (50.0, 46.0)).wcs}, "different grids"),
    ],
)
def test_what_does_not_belong_together_is_refused(change: dict[str, Any], sentence: str) -> None:
    sky = np.ones(SHAPE)
    with pytest.raises(NotCombinable, match=sentence):
        add_units(unit_map("jemx1", sky, 1.0, 0.16), replace(unit_map("jemx2", sky, 1.0, 0.16), **change), 0.16, 0.16)


@pytest.mark.parametrize("crab", [float("nan"), 0.0, -1.0])
def test_without_the_crabs_rate_nothing_is_added(crab: float) -> None:
    sky = np.ones(SHAPE)
    with pytest.raises(NotCombinable, match="jemx2 is not known"):
        add_units(unit_map("jemx1", sky, 1.0, 0.16), unit_map("jemx2", sky, 1.0, 0.16), 0.16, crab)


def test_edges_of_channels_that_differ_a_little_are_one_band() -> None:
    sky = np.ones(SHAPE)
    both = add_units(unit_map("jemx1", sky, 1.0, 0.16), unit_map("jemx2", sky, 1.0, 0.16, band=(3.08, 34.7)), 0.16, 0.16)
    assert both.band == (3.04, 34.88)
