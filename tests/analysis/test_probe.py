"""What a probe says of a position, against skies of known truth."""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from dashboard.analysis.probe import Probe, probe
from dashboard.analysis.sky_width import sky_width
from dashboard.analysis.sources import find_sources
from dashboard.products.catalog import SourceCatalog, SourceTable
from dashboard.products.mcrab import mcrab
from dashboard.products.mosaic import Mosaic
from tests.analysis.injection import SIGMA, FloatImage, correlated_noise, mosaic_of, point_sources, scattered
from tests.analysis.test_sources import listed

SHAPE = (300, 320)
EMPTY = SourceTable(psf_sigma=SIGMA)
NUMBERS = ("flux", "error", "significance", "scaled_significance", "upper_limit", "level", "exposure", "exposure_fraction")


def probed(mosaic: Mosaic, place: tuple[float, float] | FloatImage, table: SourceTable = EMPTY) -> Probe:
    """At a pixel (x, y)."""
    ra, dec = mosaic.wcs.pixel_to_world_values(*place)
    return probe(mosaic, float(ra), float(dec), table)


def test_fluxes_are_the_injected_ones_and_limits_hold() -> None:
    """A limit max(flux, 0) + 3 errors misses a true flux once in 740 times."""
    rng = np.random.default_rng(40)
    places = scattered(300, SHAPE, rng)
    true = 0.3 * rng.uniform(0, 12, 300)
    image = 1.4 * correlated_noise(SHAPE, rng) + point_sources(SHAPE, places, true / 0.3)
    mosaic = mosaic_of(image, noise=0.3)
    width = sky_width(mosaic)
    world = np.column_stack(mosaic.wcs.pixel_to_world_values(*places.T)).tolist()
    probes = [probe(mosaic, ra, dec, EMPTY, width) for ra, dec in world]
    pulls = np.array([(p.flux - flux) / p.error for p, flux in zip(probes, true, strict=True)])
    assert pulls.mean() == pytest.approx(0, abs=0.2)
    assert pulls.std() == pytest.approx(1, abs=0.12)
    assert all(p.upper_limit > 0 for p in probes)
    assert sum(p.upper_limit < flux for p, flux in zip(probes, true, strict=True)) <= 3
    assert [p.level for p in probes] == pytest.approx([5 * p.error for p in probes])
    assert [p.significance / p.scaled_significance for p in probes] == pytest.approx(300 * [1.4], rel=0.1)


def test_a_probe_is_the_row_of_the_table() -> None:
    rng = np.random.default_rng(41)
    places = np.array([[80.0, 90.0], [83.0, 91.3], [200.0, 150.0]])
    mosaic = mosaic_of(1.5 * correlated_noise(SHAPE, rng) + point_sources(SHAPE, places, np.array([60.0, 4.0, 3.0])))
    table = find_sources(mosaic, listed(mosaic, places))
    for row in table.sources[1:]:
        told = probe(mosaic, row.ra + 360, row.dec, table)
        assert (told.nearest, told.detected, told.inside) == (row.name, "", True)
        assert told.distance == pytest.approx(0, abs=1e-6)
        for name in ("flux", "significance", "scaled_significance", "upper_limit", "exposure"):
            assert getattr(told, name) == pytest.approx(getattr(row, name))
        assert told.error == pytest.approx(row.scaled_error)
    beside = probed(mosaic, places[1], table)
    assert beside.beside == ("A",)
    assert "Measured together with A." in beside.verdict


def test_a_bright_neighbour_lends_no_flux() -> None:
    rng = np.random.default_rng(42)
    bright, hidden = np.array([150.3, 140.6]), np.array([152.5, 140.6])
    mosaic = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, np.array([bright, hidden]), np.array([300.0, 6.0])), noise=0.5)
    table = find_sources(mosaic, SourceCatalog(), threshold=20.0, psf_sigma=SIGMA)
    assert len(table.detected) == 1
    alone, together = probed(mosaic, hidden), probed(mosaic, hidden, table)
    assert alone.flux > 3.0 + 20 * alone.error
    assert abs(together.flux - 3.0) < 3 * together.error
    assert together.error > alone.error
    empty = probed(mosaic, 2 * bright - hidden, table)
    assert abs(empty.flux) < 3 * empty.error


def test_a_detected_source_is_told_by_its_name() -> None:
    rng = np.random.default_rng(43)
    mosaic = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, np.array([[100.2, 120.0]]), np.array([100.0])))
    table = find_sources(mosaic, listed(mosaic, np.array([[100.2, 120.0]])))
    told = probed(mosaic, (100.3, 120.1), table)
    assert (told.detected, told.beside) == ("A", ())
    assert told.flux == pytest.approx(50, rel=0.05)
    assert told.verdict.startswith(f"Detected as A: {told.scaled_significance:.1f} sigma, ")
    assert probed(mosaic, (104.0, 120.0), table).distance == pytest.approx(3.8 * 4.94, rel=0.02)


def test_the_verdict_holds_the_numbers() -> None:
    told = Probe(83.0, 22.0, True, 0.2, 0.3, 1.0, 0.8, 1.1, 1e5, 0.5, 7.0, "A", 40.0, "", (), probed(_flat(), (9, 9)).crab)
    assert told.verdict == (
        f"Not detected: 0.8 sigma, less than 1.1 counts/sec (3 sigma), {mcrab(1.1, told.crab):.3g} mCrab. "
        "A source of 2.1 counts/sec would have been found here (7 sigma)."
    )
    assert "The exposure is 12% of the largest on the map." in replace(told, exposure_fraction=0.12).verdict
    unlisted = replace(told, scaled_significance=8.0, exposure_fraction=0.03).verdict
    assert "8.0 sigma here, above the threshold of 7, but not listed" in unlisted
    assert "(here 3%)" in unlisted


def _flat() -> Mosaic:
    return mosaic_of(correlated_noise((40, 40), np.random.default_rng(44)))


@pytest.mark.parametrize(("ra", "dec"), [(83.0, -60.0), (263.0, -22.0), (83.0, 90.0), (90.0, 22.0)])
def test_outside_nothing_is_known_and_it_says_so(ra: float, dec: float) -> None:
    told = probe(_flat(), ra, dec, EMPTY)
    assert not told.inside
    assert np.isnan([getattr(told, name) for name in NUMBERS]).all()
    assert told.verdict == "Outside the exposed area: nothing is known of this position."
    assert (told.nearest, told.beside) == ("", ())
    assert math.isnan(told.distance)


def test_unexposed_corners_and_borders_are_no_sky() -> None:
    image = correlated_noise(SHAPE, np.random.default_rng(45))
    image[:, 200:] = np.nan
    mosaic = mosaic_of(image)
    assert not probed(mosaic, (260, 100)).inside
    assert probed(mosaic, (150, 100)).exposure_fraction == 1
    image = np.full((5, 5), np.nan)
    image[0, 0] = 1.0
    border = probed(mosaic_of(image), (0, 0))
    assert border.inside
    assert math.isnan(border.flux)
    assert border.verdict.startswith("On the border of the map")


def test_significance_alone_gives_no_limit() -> None:
    mosaic = replace(_flat(), flux=None, variance=None, exposure=None, unit="")
    told = probed(mosaic, (20, 20))
    assert math.isfinite(told.scaled_significance)
    assert np.isnan([told.flux, told.error, told.upper_limit, told.level]).all()
    assert told.verdict.endswith("The map holds significance only: there is no limit.")


def test_a_probe_of_a_large_map_takes_no_time() -> None:
    shape = (1000, 1000)
    rng = np.random.default_rng(46)
    mosaic = mosaic_of(correlated_noise(shape, rng) + point_sources(shape, scattered(50, shape, rng), np.full(50, 30.0)))
    width = sky_width(mosaic)
    table = find_sources(mosaic, SourceCatalog(), width=width)
    times = []
    for offset in (0.1, 0.2, 0.3):
        start = perf_counter()
        probe(mosaic, 83.0 + offset, 22.0, table, width)
        times.append(perf_counter() - start)
    assert min(times) < 0.1
