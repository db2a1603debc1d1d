"""Detection on JEM-X's pixels: a PSF of 0.81 pixel, noise twice as wide as counting alone, a match radius of 1'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.analysis.psf import nominal_sigma, taken_with
from dashboard.analysis.sources import find_sources
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.instrument import ISGRI, JEMX
from dashboard.products.mosaic import Mosaic, Provenance
from tests.analysis.injection import FloatImage, correlated_noise, mosaic_of, point_sources, scattered, sky_wcs

SHAPE = (220, 240)
PIXEL = 60 * JEMX.pixel
PSF = JEMX.psf_sigma / PIXEL
WIDTH = 2.1


def jemx(significance: FloatImage, name: str = "jemx1") -> Mosaic:
    noise = 2e-4 * np.ones(SHAPE)
    mosaic = mosaic_of(significance, noise, wcs=sky_wcs(SHAPE, PIXEL), instrument=name)
    return replace(mosaic, unit="counts/cm2/s", band=(3.04, 34.88))


def sky(truth: FloatImage, amplitudes: FloatImage, seed: int, width: float = WIDTH) -> FloatImage:
    return width * correlated_noise(SHAPE, np.random.default_rng(seed), PSF) + point_sources(SHAPE, truth, amplitudes, PSF)


def listed(mosaic: Mosaic, places: FloatImage) -> SourceCatalog:
    """Catalogue as JEM-X's: no flag of ISGRI, no error radius."""
    world = np.column_stack(mosaic.wcs.pixel_to_world_values(*places.T))
    return SourceCatalog(tuple(CatalogSource(f"S{i}", ra, dec) for i, (ra, dec) in enumerate(world)))


def test_injected_sources_are_found_named_and_measured() -> None:
    pulls, inside = [], []
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        truth = scattered(12, SHAPE, rng, apart=16 / PIXEL)
        scaled = np.concatenate([[150.0], rng.uniform(11, 60, 11)])
        mosaic = jemx(sky(truth, WIDTH * scaled, seed))
        catalog = listed(mosaic, truth)
        table = find_sources(mosaic, catalog)
        assert {source.name for source in table.detected} == set(catalog.names), "each source once, and nothing else"
        assert table.negative_peaks == 0
        assert table.sky_width == pytest.approx(WIDTH, rel=0.05)
        assert table.flux_unit == "counts/cm2/s"
        for source in table.detected:
            number = int(source.name[1:])
            pulls.append((source.flux - 2e-4 * WIDTH * scaled[number]) / source.scaled_error)
            inside.append(source.offset < source.position_error)
            assert source.scaled_significance == pytest.approx(scaled[number], abs=5 + 0.1 * scaled[number])
    assert np.mean(pulls) == pytest.approx(0, abs=0.35)
    assert np.std(pulls) == pytest.approx(1, abs=0.25)
    assert np.mean(inside) > 0.85


def test_what_is_nine_raw_sigma_in_such_noise_is_no_source() -> None:
    mosaic = jemx(sky(np.array([[100.3, 90.6]]), np.array([9.0]), 7))
    table = find_sources(mosaic, listed(mosaic, np.array([[100.3, 90.6]])))
    assert [source.kind for source in table.sources] == ["forced"]
    assert table.sources[0].upper_limit > table.sources[0].flux


def test_holes_as_deep_as_the_threshold_are_counted() -> None:
    truth = np.array([[60.0, 60.0], [120.0, 150.0], [180.0, 80.0]])
    mosaic = jemx(sky(truth, WIDTH * np.array([-20.0, -15.0, 30.0]), 8))
    table = find_sources(mosaic, SourceCatalog())
    assert (len(table.detected), table.negative_peaks) == (1, 2)


@pytest.mark.parametrize(("away", "kind"), [(0.5, "known"), (1.5, "new"), (2.5, "new")])
def test_the_match_radius_is_one_arcmin(away: float, kind: str) -> None:
    place = np.array([[120.0, 110.0]])
    mosaic = jemx(sky(place, np.array([600.0]), 9))
    catalog = listed(mosaic, place + np.array([away / PIXEL, 0.0]))
    assert find_sources(mosaic, catalog).detected[0].kind == kind
    # ISGRI's is 3', on the same sky.
    assert find_sources(replace(mosaic, instrument="isgri"), catalog, psf_sigma=PSF).detected[0].kind == "known"


def test_two_sources_6_arcmin_apart_are_two() -> None:
    truth = np.array([[120.0, 110.0], [120.0 + 6 / PIXEL, 110.0]])
    mosaic = jemx(sky(truth, WIDTH * np.array([60.0, 30.0]), 10))
    assert [(s.name, s.kind) for s in find_sources(mosaic, listed(mosaic, truth)).sources] == [("S0", "known"), ("S1", "known")]


@pytest.mark.parametrize("name", ["jemx1", "jemx2", "jemx", ""])
def test_the_width_of_the_psf_is_jemxs_without_a_bright_source(name: str) -> None:
    mosaic = jemx(sky(np.empty((0, 2)), np.empty(0), 11, 1.0), name)
    assert taken_with(mosaic) is JEMX
    assert nominal_sigma(mosaic) == JEMX.psf_sigma
    assert nominal_sigma(replace(mosaic, provenance=Provenance(origin="ISDC"))) == pytest.approx(1.153 * PIXEL, abs=0.01)
    assert find_sources(mosaic, SourceCatalog()).psf_sigma == pytest.approx(PSF, rel=1e-3)


def test_ghosts_are_isgris() -> None:
    """Two bright sources 10.8 degrees apart: a hint at ISGRI's mask, none at JEM-X's."""
    place = np.array([[20.0, 110.0], [20.0 + 10.8 * 60 / 4.94, 110.0]])
    image = correlated_noise(SHAPE, np.random.default_rng(12)) + point_sources(SHAPE, place, np.array([300.0, 20.0]))
    for instrument, told in (("isgri", True), ("jemx1", False)):
        mosaic = mosaic_of(image, wcs=sky_wcs(SHAPE, 4.94), instrument=instrument)
        notes = find_sources(mosaic, SourceCatalog(), psf_sigma=1.03).notes
        assert any("mask pattern" in note for note in notes) is told
    assert ISGRI.ghosts is not None
    assert JEMX.ghosts is None
