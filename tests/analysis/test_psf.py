"""The width of the PSF: nominal by instrument and origin, measured on bright sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.analysis.psf import Psf, local_width, measured_sigma, nominal_sigma, pixel_arcmin
from dashboard.products.mosaic import Provenance
from dashboard.products.mosaic_fits import read_mosaic
from tests.analysis.injection import correlated_noise, mosaic_of, point_sources, sky_wcs

Stretch = Callable[[float], float]


def test_nominal_width_by_instrument_origin_and_pixel() -> None:
    blank = np.zeros((20, 20))
    isgri = mosaic_of(blank)
    assert pixel_arcmin(isgri) == pytest.approx(4.94)
    assert nominal_sigma(isgri) == pytest.approx(1.03 * 4.94, abs=0.02)
    assert nominal_sigma(mosaic_of(blank, wcs=sky_wcs((20, 20), pixel=2.47))) == nominal_sigma(isgri)
    assert nominal_sigma(replace(isgri, provenance=Provenance(origin="ISDC"))) == pytest.approx(1.25 * 4.94, abs=0.02)
    jemx = mosaic_of(blank, instrument="jemx2", wcs=sky_wcs((20, 20), pixel=1.5))
    assert nominal_sigma(jemx) == pytest.approx(1.27, abs=0.01)
    assert nominal_sigma(replace(jemx, instrument="")) == nominal_sigma(jemx)
    assert nominal_sigma(replace(isgri, instrument="")) == nominal_sigma(isgri)


@pytest.mark.parametrize(
    ("projection", "along", "across"),
    [("TAN", lambda r: 1 / np.cos(r) ** 2, lambda r: 1 / np.cos(r)), ("ZEA", lambda r: np.cos(r / 2), lambda r: 1 / np.cos(r / 2))],
)
def test_shape_follows_the_projection(projection: str, along: Stretch, across: Stretch) -> None:
    """Calabretta & Greisen (2002, A&A 395, 1077): the stretch along the radius and across, 25 degrees out."""
    wcs, r = sky_wcs((801, 801), projection=projection), np.radians(25.0)
    radius = np.degrees(np.tan(r) if projection == "TAN" else 2 * np.sin(r / 2)) * 60 / 4.94
    psf = Psf(2 * 4.94, wcs)
    middle, right, up = psf.shape(400.0 + radius * np.array([[0, 0], [1, 0], [0, 1]]))
    a, b = 0.25 / along(r) ** 2, 0.25 / across(r) ** 2
    assert middle == pytest.approx(np.diag([0.25, 0.25]), abs=1e-5)
    assert right == pytest.approx(np.diag([a, b]), abs=1e-5)
    assert up == pytest.approx(np.diag([b, a]), abs=1e-5)
    assert local_width(np.array([middle, right])) == pytest.approx([2.0, 2 * np.sqrt(along(r) * across(r))], rel=1e-4)


def test_where_the_sky_ends_there_is_no_shape() -> None:
    wcs = sky_wcs((101, 101), pixel=240.0, projection="ZEA")
    assert np.isnan(Psf(240.0, wcs).shape(np.array([[99.0, 99.0]]))).all()
    assert Psf(240.0, wcs).shape(np.empty((0, 2))).shape == (0, 2, 2)


@pytest.mark.parametrize("sigma", [0.9, 1.03, 1.25, 1.4])
def test_bright_sources_show_their_width(sigma: float) -> None:
    rng = np.random.default_rng(1)
    positions = np.array([[20.3, 20.4], [60.1, 30.7], [40.0, 70.5]])
    image = correlated_noise((100, 100), rng) + point_sources((100, 100), positions, np.array([300.0, 100.0, 60.0]), sigma)
    assert measured_sigma(image, np.rint(positions), np.array([300.0, 100.0, 60.0]), Psf(1.1)) == pytest.approx(sigma, rel=0.01)


def test_faint_crowded_cut_and_odd_sources_do_not_calibrate() -> None:
    positions = np.array([[20.0, 20.0], [23.0, 20.0], [50.0, 50.0], [1.0, 60.0], [70.0, 70.0]])
    image = point_sources((90, 90), positions[:4], np.array([300.0, 200.0, 40.0, 300.0]))
    image += point_sources((90, 90), positions[4:], np.array([300.0]), sigma=2.5)
    assert np.isnan(measured_sigma(image, positions, np.array([300.0, 200.0, 40.0, 300.0, 300.0]), Psf(1.03)))
    assert np.isnan(measured_sigma(image, np.empty((0, 2)), np.empty(0), Psf(1.03)))


def test_the_crab_in_a_real_mosaic_fitted_with_its_width_free(shared_data: Path) -> None:
    mosaic = read_mosaic(shared_data / "integral/isgri_mosaic_crab_20-40.fits.gz")
    assert mosaic.flux is not None
    psf = Psf(nominal_sigma(mosaic), mosaic.wcs)
    assert measured_sigma(mosaic.flux, np.array([[222.0, 210.0]]), np.array([268.0]), psf) == pytest.approx(1.243 * 4.937, abs=0.05)
