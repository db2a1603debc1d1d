"""The width of empty sky: known noise, known sources, known changes over the field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.analysis.sky_width import exposure_fraction, scaled_significance, significance_histogram, sky_width
from dashboard.products.mosaic_fits import read_mosaic
from tests.analysis.injection import correlated_noise, mosaic_of, point_sources, scattered

SHAPE = (600, 700)


def test_noise_of_known_width_is_measured_and_sources_do_not_count() -> None:
    rng = np.random.default_rng(1)
    noise = 1.5 * correlated_noise(SHAPE, rng)
    quiet = sky_width(mosaic_of(noise))
    assert quiet.overall == pytest.approx(1.5, rel=0.015)
    assert np.percentile(quiet.local, [1, 99]) == pytest.approx([1.5, 1.5], rel=0.08)
    positions = scattered(150, SHAPE, rng)
    crowded = sky_width(mosaic_of(noise + point_sources(SHAPE, positions, rng.uniform(20, 300, 150))))
    assert crowded.overall == pytest.approx(quiet.overall, rel=0.01)
    assert np.abs(crowded.local / quiet.local - 1).max() < 0.05
    assert not crowded.empty[np.rint(positions[:, 1]).astype(int), np.rint(positions[:, 0]).astype(int)].any()


def test_width_follows_the_exposure() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    fraction = np.clip(1.2 - np.hypot((x - 350) / 350, (y - 300) / 300), 0, 1)
    truth = 1.2 + fraction
    significance = np.where(fraction > 0, truth * correlated_noise(SHAPE, rng), np.nan)
    mosaic = mosaic_of(significance, exposure=1e5 * fraction)
    width = sky_width(mosaic)
    inside = fraction > 0.05
    assert np.percentile(np.abs(width.local / truth - 1)[inside], 99) < 0.12
    assert np.isnan(width.local[fraction == 0]).all()
    scaled = scaled_significance(mosaic, width)
    assert scaled.dtype == np.float32
    assert np.nanstd(scaled[inside]) == pytest.approx(1, abs=0.02)


def test_width_follows_the_place_where_the_exposure_says_nothing() -> None:
    rng = np.random.default_rng(3)
    truth = np.where(np.arange(SHAPE[1]) < 350, 1.0, 2.0) * np.ones(SHAPE)
    significance = truth * correlated_noise(SHAPE, rng)
    for mosaic in (mosaic_of(significance), replace(mosaic_of(significance), flux=None, variance=None, exposure=None)):
        local = sky_width(mosaic).local
        assert np.median(local[:, :250]) == pytest.approx(1.0, abs=0.1)
        assert np.median(local[:, 450:]) == pytest.approx(2.0, abs=0.1)


def test_a_map_too_small_to_measure_says_so() -> None:
    tiny = sky_width(mosaic_of(np.arange(25.0).reshape(5, 5)))
    assert (tiny.measured, tiny.overall) == (False, 1.0)
    nothing = sky_width(mosaic_of(np.full((30, 30), np.nan)))
    assert np.isnan(nothing.overall)
    assert np.isnan(nothing.local).all()
    assert not nothing.empty.any()


def test_exposure_fraction_without_exposure_is_the_valid_area() -> None:
    significance = np.where(np.eye(20) > 0, np.nan, 1.0)
    for mosaic in (mosaic_of(significance, exposure=np.zeros((20, 20))), replace(mosaic_of(significance), exposure=None)):
        assert np.array_equal(exposure_fraction(mosaic), np.isfinite(significance))


def test_histogram_fits_the_empty_sky() -> None:
    rng = np.random.default_rng(4)
    significance = 1.3 * correlated_noise(SHAPE, rng) + point_sources(SHAPE, scattered(60, SHAPE, rng), np.full(60, 30.0))
    mosaic = mosaic_of(significance)
    histogram = significance_histogram(mosaic, 80)
    assert len(histogram.counts) == 80
    assert len(histogram.edges) == 81
    assert histogram.counts.sum() > histogram.empty_counts.sum()
    assert histogram.width == pytest.approx(1.3, rel=0.02)
    assert histogram.centre == pytest.approx(0, abs=0.03)
    assert significance_histogram(mosaic, scaled=True).width == pytest.approx(1, rel=0.02)
    centres = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    assert histogram.gaussian(centres).sum() == pytest.approx(histogram.empty_counts.sum(), rel=0.02)
    empty = significance_histogram(mosaic_of(np.full((9, 9), np.nan)), np.linspace(-5, 5, 11))
    assert empty.counts.sum() == 0
    assert np.isnan(empty.width)


def test_real_maps_are_wider_than_counting_noise(shared_data: Path) -> None:
    isgri = read_mosaic(shared_data / "integral/isgri_mosaic_crab_20-40.fits.gz")
    width = sky_width(isgri)
    assert width.overall == pytest.approx(1.32, abs=0.02)
    assert significance_histogram(isgri, width=width).width == pytest.approx(1.32, abs=0.02)
    assert significance_histogram(isgri, width=width, scaled=True).width == pytest.approx(1.0, abs=0.02)
    jemx = read_mosaic(shared_data / "integral/jemx1_mosaic_crab_3-35.fits.gz")
    width, fraction = sky_width(jemx), exposure_fraction(jemx)
    assert 2.0 <= width.overall <= 2.3
    assert 2.0 <= np.median(width.local[fraction > 0.3]) <= 2.3
    assert np.median(width.local[(fraction > 0.02) & (fraction < 0.05)]) == pytest.approx(1.4, abs=0.1)


def test_a_centre_ruled_by_coding_noise_is_noise_not_sources() -> None:
    """Four times wider in the deep centre than outside: the centre counts as empty sky and is scaled to width 1."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    fraction = np.clip(1.05 - np.hypot((x - 350) / 350, (y - 300) / 300), 0, 1)
    truth = np.hypot(1.0, 4.0 * fraction)
    mosaic = mosaic_of(np.where(fraction > 0, truth * correlated_noise(SHAPE, rng), np.nan), exposure=1e6 * fraction)
    width = sky_width(mosaic)
    deep = fraction > 0.7
    assert width.empty[deep].mean() > 0.99
    assert scaled_significance(mosaic, width)[deep].std() == pytest.approx(1, abs=0.06)
