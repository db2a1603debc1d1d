"""PSF photometry against injected fluxes and positions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.photometry import NoiseMap, blends, fit_sources, subtract_sources
from dashboard.analysis.psf import Psf
from tests.analysis.injection import PIXEL, SIGMA, correlated_noise, point_sources, scattered

SHAPE = (400, 400)
FLAT = Psf(SIGMA)


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(5, 500), st.floats(0.85, 1.6))
def test_without_noise_position_and_flux_are_exact(dx: float, dy: float, flux: float, sigma: float) -> None:
    truth = np.array([[20 + dx, 15 + dy]])
    image = NoiseMap(point_sources((31, 41), truth, np.array([flux]), sigma))
    fit = fit_sources(image, np.rint(truth), Psf(sigma))
    assert np.abs(fit.positions - truth).max() < 0.02
    assert fit.flux[0] == pytest.approx(flux, rel=0.005)


def test_noise_and_flux_carry_the_unit() -> None:
    noise = np.linspace(0.5, 2, 40) * np.ones((40, 40))
    truth = np.array([[18.3, 21.7]])
    flux = point_sources((40, 40), truth, np.array([70.0]))
    fit = fit_sources(NoiseMap(flux / noise, noise), np.rint(truth), FLAT)
    assert fit.flux[0] == pytest.approx(70, rel=0.001)
    assert fit.error[0] == pytest.approx(noise[22, 18])
    assert np.abs(fit.positions - truth).max() < 0.005


@pytest.mark.parametrize(("low", "high"), [(10, 20), (20, 60), (60, 150)])
def test_pulls_are_standard_normal(low: float, high: float) -> None:
    """A fit that looks for the highest peak nearby gains 1 / (S/N) on average: two free coordinates, half a sigma^2 each."""
    rng = np.random.default_rng(int(low))
    shape = (800, 600)
    truth, amplitudes = scattered(1200, shape, rng, apart=7), rng.uniform(low, high, 1200)
    fit = fit_sources(NoiseMap(correlated_noise(shape, rng) + point_sources(shape, truth, amplitudes)), np.rint(truth), FLAT)
    flux = (fit.flux - amplitudes) / fit.error
    position = (fit.positions - truth) / SIGMA * amplitudes[:, None]
    assert flux.mean() == pytest.approx(2 / (low + high), abs=0.09)
    assert flux.std() == pytest.approx(1, abs=0.07)
    assert position.mean() == pytest.approx(0, abs=0.07)
    # Bright sources are weighted for an imperfect PSF, which costs a tenth when it is perfect.
    assert position.std() == pytest.approx(1.05, abs=0.1)
    distance = np.hypot(*(fit.positions - truth).T) * PIXEL
    assert np.mean(distance < np.hypot(2.15 * SIGMA * PIXEL / amplitudes, 0.2)) > 0.88


def test_two_sources_20_arcmin_apart_are_unbiased() -> None:
    rng = np.random.default_rng(8)
    fluxes = []
    apart = 20 / PIXEL
    for _ in range(3):
        first = scattered(150, SHAPE, rng, apart=14)
        angle = rng.uniform(0, 2 * np.pi, 150)
        second = first + apart * np.column_stack([np.cos(angle), np.sin(angle)])
        truth = np.stack([first, second], axis=1).reshape(-1, 2)
        amplitude = np.tile([60.0, 25.0], 150)
        noise = correlated_noise(SHAPE, rng)
        fit = fit_sources(NoiseMap(noise + point_sources(SHAPE, truth, amplitude)), np.rint(truth), FLAT)
        fluxes.append(fit.flux.reshape(-1, 2))
    flux = np.concatenate(fluxes)
    assert flux.mean(axis=0) == pytest.approx([60, 25], rel=0.01)
    assert flux.std(axis=0) == pytest.approx([1.03, 1.03], abs=0.1)


def test_forced_photometry_measures_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(9)
    places = scattered(800, SHAPE, rng)
    fit = fit_sources(NoiseMap(3 * correlated_noise(SHAPE, rng), np.full(SHAPE, 0.2)), places, FLAT, free=False)
    assert np.array_equal(fit.positions, places)
    assert fit.error == pytest.approx(0.2, rel=0.02)
    assert fit.significance.mean() == pytest.approx(0, abs=0.3)
    assert fit.significance.std() == pytest.approx(3, rel=0.1)


def test_borders_and_holes() -> None:
    truth = np.array([[1.2, 30.4], [30.0, 30.0], [50.0, 12.0]])
    image = point_sources((60, 60), truth, np.array([50.0, 40.0, 30.0]))
    image[:, 31:] = np.where(np.arange(31, 60) < 34, np.nan, image[:, 31:])
    fit = fit_sources(NoiseMap(image), np.rint(truth), FLAT)
    assert fit.flux == pytest.approx([50, 40, 30], rel=0.005)
    nowhere = fit_sources(NoiseMap(np.full((9, 9), np.nan)), np.array([[4.0, 4.0]]), FLAT)
    assert np.isnan(nowhere.flux).all()
    assert len(fit_sources(NoiseMap(image), np.empty((0, 2)), FLAT).flux) == 0


def test_subtraction_leaves_the_noise() -> None:
    rng = np.random.default_rng(10)
    noise = correlated_noise(SHAPE, rng)
    truth = scattered(40, SHAPE, rng)
    image = NoiseMap(noise + point_sources(SHAPE, truth, np.full(40, 80.0)))
    residual = subtract_sources(image, fit_sources(image, np.rint(truth), FLAT), FLAT).significance
    assert np.abs(residual - noise).max() < 6
    assert residual.std() == pytest.approx(noise.std(), rel=0.02)


def test_groups_are_linked_by_distance() -> None:
    positions = np.array([[0.0, 0], [3, 0], [6, 0], [50, 50], [53.9, 50]])
    assert sorted(sorted(group.tolist()) for group in blends(positions, 4.0)) == [[0, 1, 2], [3, 4]]
    assert blends(np.empty((0, 2)), 4.0) == []
