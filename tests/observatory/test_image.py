"""Mosaics: noise, fluxes, repeatability."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from dashboard.observatory import image, isgri, noise, orbit, sky, spectra
from dashboard.observatory.image import Image
from dashboard.observatory.mosaic_product import catalogue, mosaic_units
from dashboard.observatory.pointings import history
from dashboard.observatory.sources import SOURCES
from tests.observatory.conftest import crab

IDS = [scw[:12] for scw in crab(24)]
CRAB = next(i for i, s in enumerate(SOURCES) if s.name == "Crab")


@pytest.fixture(scope="module")
def clean() -> Image:
    return image.mosaic(IDS, 28, 40, seed=5, coding_noise=0)


def far_from_sources(made: Image, depth: float = 0.1) -> np.ndarray:
    """Well exposed pixels more than 8 pixels from any source."""
    x, y = made.grid.project(sky.DIRECTIONS[made.field.sources])
    rows, columns = np.mgrid[: made.grid.shape[0], : made.grid.shape[1]]
    keep = made.exposure > depth * made.exposure.max()
    for a, b in zip(x, y, strict=True):
        keep &= np.hypot(columns - made.grid.half_x - a, rows - made.grid.half_y - b) > 8
    return keep


def test_empty_sky_is_standard_normal(clean: Image) -> None:
    values = clean.significance[far_from_sources(clean)]
    cells = len(values) / (4 * np.pi * (isgri.PSF_SIGMA / isgri.PIXEL) ** 2)
    assert abs(values.mean()) < 4 / np.sqrt(cells)
    assert 0.97 < values.std() < 1.01


def test_noise_has_the_point_spread_function_as_its_autocorrelation(clean: Image) -> None:
    made = np.where(clean.variance > 0, clean.noise / np.sqrt(np.where(clean.variance > 0, clean.variance, 1)), 0)[150:300, 150:300]
    sigma = isgri.PSF_SIGMA / isgri.PIXEL
    for shift in (1, 2):
        measured = np.mean(made[:, shift:] * made[:, :-shift]) / np.mean(made**2)
        assert measured == pytest.approx(np.exp(-0.5 * (shift / sigma) ** 2), abs=0.04)


def test_fitted_flux_is_the_true_one_and_sits_where_the_wcs_says(clean: Image) -> None:
    hdu = mosaic_units(clean, 28.0, 40.0, 5)[2]
    with pytest.warns(FITSFixedWarning):
        wcs = WCS(fits.Header(hdu["header"]))
    truth, _ = clean.field.source_means(28, 40)
    signal = clean.intensity - clean.noise
    for number, flux in zip(clean.field.sources, truth, strict=True):
        source = SOURCES[number]
        if source.name not in ("Crab", "1A 0535+262", "SIM J0522+184"):
            continue
        x, y = wcs.wcs_world2pix(source.ra, source.dec, 0)
        rows, columns = np.mgrid[round(float(y)) - 3 : round(float(y)) + 4, round(float(x)) - 3 : round(float(x)) + 4]
        ra, dec = wcs.wcs_pix2world(columns.ravel(), rows.ravel(), 0)
        separation = np.rad2deg(np.linalg.norm(isgri.unit_vectors(ra, dec) - sky.DIRECTIONS[number], axis=1))
        shape = np.exp(-0.5 * (separation / isgri.PSF_SIGMA) ** 2)
        fitted = np.sum(shape * signal[rows, columns].ravel()) / np.sum(shape**2)
        assert fitted == pytest.approx(flux, rel=1e-4), source.name


def test_the_crab_is_injected_with_its_rate(clean: Image) -> None:
    flux, variance = clean.field.source_means(28, 40)
    at = list(clean.field.sources).index(CRAB)
    assert flux[at] == pytest.approx(101, rel=0.035)
    seconds = clean.field.effective.sum()
    assert 1.0 < variance[at] / (isgri.variance_density(28, 40) / seconds) < 1.6


def test_the_same_question_has_the_same_answer_in_any_order(clean: Image) -> None:
    again = image.mosaic(IDS[::-1], 28, 40, seed=5, coding_noise=0)
    assert again.intensity.tobytes() == clean.intensity.tobytes()
    assert again.variance.tobytes() == clean.variance.tobytes()
    other = image.mosaic(IDS, 28, 40, seed=6, coding_noise=0)
    keep = far_from_sources(clean)
    assert abs(np.corrcoef(other.noise[keep], clean.noise[keep])[0, 1]) < 0.05


def test_bands_have_independent_noise_of_the_right_size(clean: Image) -> None:
    other = image.mosaic(IDS, 40, 80, seed=5, coding_noise=0)
    keep = far_from_sources(clean)
    assert abs(np.corrcoef(other.noise[keep], clean.noise[keep])[0, 1]) < 0.05
    ratio = np.median(other.variance[keep] / clean.variance[keep])
    assert ratio == pytest.approx(isgri.variance_density(40, 80) / isgri.variance_density(28, 40), rel=1e-4)


def test_osa10_gives_other_rates_and_the_same_noise_in_its_unit(clean: Image) -> None:
    old = image.mosaic(IDS, 28, 40, seed=5, coding_noise=0, osa_version="OSA10.2")
    flux, variance = old.field.source_means(28, 40, "OSA10.2")
    at = list(old.field.sources).index(CRAB)
    assert flux[at] / clean.field.source_means(28, 40)[0][at] == pytest.approx(
        spectra.counts(spectra.CRAB, 28, 40, "OSA10.2") / spectra.counts(spectra.CRAB, 28, 40), rel=1e-6
    )
    keep = far_from_sources(clean)
    np.testing.assert_allclose(old.significance[keep], clean.significance[keep], rtol=1e-3, atol=1e-3)
    unit = isgri.variance_density(28, 40, "OSA10.2") / isgri.variance_density(28, 40)
    np.testing.assert_allclose(old.variance[keep] / clean.variance[keep], unit, rtol=1e-4)
    np.testing.assert_allclose(old.exposure, clean.exposure)
    assert variance[at] < clean.field.source_means(28, 40)[1][at]


def test_two_cuts_add_up_to_the_whole(clean: Image) -> None:
    parts = [image.mosaic(IDS[k::2], 28, 40, seed=5, coding_noise=0) for k in (0, 1)]
    truths = [dict(zip(p.field.sources, zip(*p.field.source_means(28, 40), strict=True), strict=True)) for p in parts]
    for number, flux, variance in zip(clean.field.sources, *clean.field.source_means(28, 40), strict=True):
        pairs = [t[number] for t in truths if number in t]
        weight = sum(1 / v for _, v in pairs)
        assert sum(f / v for f, v in pairs) / weight == pytest.approx(flux, rel=1e-9)
        assert 1 / weight == pytest.approx(variance, rel=1e-9)

    keep = far_from_sources(clean, 0.8)
    directions = clean.grid.directions(*np.nonzero(keep))
    signal, weight = np.zeros(len(directions)), np.zeros(len(directions))
    for part in parts:
        x, y = part.grid.project(directions)
        rows, columns = np.rint(y).astype(int) + part.grid.half_y, np.rint(x).astype(int) + part.grid.half_x
        signal += part.intensity[rows, columns] / part.variance[rows, columns]
        weight += 1 / part.variance[rows, columns]
    np.testing.assert_allclose(1 / weight, clean.variance[keep], rtol=0.02)
    added = signal / np.sqrt(weight)
    assert added.std() == pytest.approx(1, abs=0.06)
    # the lattice of each science window is put at whole pixels of either grid: half a pixel apart on average
    assert np.corrcoef(added, clean.significance[keep])[0, 1] > 0.6


def test_coding_noise_does_not_average_down() -> None:
    level = 0.0007
    depths = []
    for count in (4, 16):
        with_it = image.mosaic(IDS[:count], 28, 40, seed=5, coding_noise=level)
        without = image.mosaic(IDS[:count], 28, 40, seed=5, coding_noise=0)
        seen = with_it.exposure > 0
        crab_flux = without.field.source_means(28, 40)[0].max()
        depths.append(np.std((with_it.noise - without.noise)[seen]) / crab_flux)
    assert depths == pytest.approx([level, level], rel=0.1)


def test_the_coding_field_is_fixed_on_the_sky_and_correlated_as_the_psf() -> None:
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((20000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    step = np.cross(directions, rng.standard_normal((20000, 3)))
    step *= np.deg2rad(isgri.PSF_SIGMA) / np.linalg.norm(step, axis=1, keepdims=True)
    here = noise.coding_field(directions.astype(np.float32), 28, 40, 1)
    there = noise.coding_field((directions + step).astype(np.float32), 28, 40, 1)
    assert here.std() == pytest.approx(1, abs=0.03)
    assert np.mean(here * there) == pytest.approx(np.exp(-0.5), abs=0.05)


def test_coded_fraction() -> None:
    angles = np.array([0.0, 4.5, 9.5, 14.5, 20.0, 60.0])
    expected = np.array([1.0, 1.0, 0.5, 0.0, 0.0, 0.0])
    ratios = np.tan(np.deg2rad(angles))
    np.testing.assert_allclose(isgri.coding(ratios, np.zeros(6)), expected, atol=1e-5)
    np.testing.assert_allclose(isgri.coding(ratios, -ratios), expected**2, atol=1e-5)
    axes = np.eye(3)[None]
    np.testing.assert_allclose(isgri.coding_towards(axes, np.array([[1.0, 0, 0], [-1.0, 0, 0]])), [[1.0, 0.0]])


def test_scattered_science_windows_make_a_grid_of_bounded_size() -> None:
    past = history()
    far = [f"{swid:012d}" for swid in past.swid[::40001].tolist() if swid % 10 == 0][:4]
    made = image.mosaic(far, 20, 40, seed=1, coding_noise=0)
    assert max(made.grid.shape) < 2500
    assert np.isfinite(made.intensity).all()


def test_the_catalogue_lists_what_is_above_threshold_and_names_the_unknown_new(clean: Image) -> None:
    past = history()
    start, stop = orbit.ijd_of_text("2009-02-15T00:00:00"), orbit.ijd_of_text("2009-03-30T00:00:00")
    near = past.axis @ sky.DIRECTIONS[CRAB] > np.cos(np.deg2rad(6.0))
    rows = np.flatnonzero(near & ~past.slew & (past.tstart < stop) & (past.tstop > start))
    deep = image.mosaic([f"{s:012d}" for s in past.swid[rows[:110]].tolist()], 20, 40, seed=5, coding_noise=0)
    table = catalogue(deep, 20, 40, 7.0, 5)
    columns = dict(zip(table["cat_column_names"], table["cat_column_list"], strict=True))
    assert columns["src_names"][0] == "Crab"
    assert min(columns["significance"]) >= 7
    assert "IGR J06074+2205" not in columns["src_names"]
    new = [i for i, name in enumerate(columns["src_names"]) if name.startswith("NEW_")]
    assert len(new) >= 2
    assert [columns["src_names"][i] for i in new] == [f"NEW_{k + 1}" for k in range(len(new))]
    unknown = sky.DIRECTIONS[[not s.catalogued for s in SOURCES]]
    for i, name in enumerate(columns["src_names"]):
        assert (columns["ISGRI_FLAG"][i] == 0) == name.startswith("NEW_")
        if i in new:
            found = isgri.unit_vectors(columns["ra"][i], columns["dec"][i])
            assert np.rad2deg(np.arccos((unknown @ found).max())) < 0.1
