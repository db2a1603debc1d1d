"""Detection, naming and limits, against injected skies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.analysis.sources import find_sources
from dashboard.products.catalog import CatalogSource, SourceCatalog, SourceTable
from dashboard.products.mosaic import Mosaic
from tests.analysis.injection import (
    FINE_PIXEL,
    PIXEL,
    SIGMA,
    FloatImage,
    correlated_noise,
    mosaic_of,
    point_sources,
    scattered,
    sky_sources,
    sky_wcs,
)

SHAPE = (300, 320)
EMPTY = SourceCatalog()


def pixels(mosaic: Mosaic, table: SourceTable) -> FloatImage:
    places = [(source.ra, source.dec) for source in table.detected]
    return np.column_stack(mosaic.wcs.world_to_pixel_values(*np.array(places).reshape(-1, 2).T))


def listed(mosaic: Mosaic, places: FloatImage, names: str = "ABCDEFGH") -> SourceCatalog:
    world = np.column_stack(mosaic.wcs.pixel_to_world_values(*np.asarray(places, dtype=float).T))
    return SourceCatalog(tuple(CatalogSource(name, ra, dec) for name, (ra, dec) in zip(names, world, strict=False)))


def assert_complete(amplitudes: FloatImage, found: FloatImage, truth: FloatImage, share: float) -> None:
    apart = np.hypot(*(found[:, None] - truth).transpose(2, 0, 1))
    assert (apart.min(axis=1) < 1.5).all(), "a false source"
    assert len(set(apart.argmin(axis=1))) == len(found), "a source twice"
    assert len(found) / len(amplitudes) >= share


@pytest.mark.slow
def test_200_sources_of_2000_by_2000_pixels_are_all_found_and_nothing_else() -> None:
    rng = np.random.default_rng(20)
    shape = (2000, 2000)
    truth = scattered(200, shape, rng)
    amplitudes = np.concatenate([np.full(50, 11.0), rng.uniform(11, 150, 150)])
    image, wcs = correlated_noise(shape, rng) + point_sources(shape, truth, amplitudes), sky_wcs(shape, FINE_PIXEL, "ZEA")
    mosaic = mosaic_of(image, wcs=wcs, instrument="jemx1")
    table = find_sources(mosaic, EMPTY)
    found = pixels(mosaic, table)
    assert_complete(amplitudes, found, truth, 1.0)
    assert table.negative_peaks == 0
    assert table.sky_width == pytest.approx(1, abs=0.01)
    assert table.psf_sigma == pytest.approx(SIGMA, rel=0.01)
    true = amplitudes[np.hypot(*(found[:, None] - truth).transpose(2, 0, 1)).argmin(axis=1)]
    pulls = np.array([source.flux / source.flux_error for source in table.sources]) - true
    assert pulls.mean() == pytest.approx(0, abs=0.25)
    assert pulls.std() == pytest.approx(1, abs=0.15)
    assert [source.name for source in table.sources] == [f"NEW_{i:02d}" for i in range(1, 201)]
    assert sorted((s.significance for s in table.sources), reverse=True) == [s.significance for s in table.sources]


def test_at_9_sigma_98_percent_are_found() -> None:
    """The most a threshold of 7 allows: noise takes 2 sigma from 1.9 % (plus what the local width adds)."""
    rng = np.random.default_rng(21)
    shape = (1200, 1200)
    truth = scattered(700, shape, rng)
    image, wcs = correlated_noise(shape, rng) + point_sources(shape, truth, np.full(700, 9.0)), sky_wcs(shape, FINE_PIXEL)
    mosaic = mosaic_of(image, wcs=wcs, instrument="jemx1")
    assert_complete(np.full(700, 9.0), pixels(mosaic, find_sources(mosaic, EMPTY)), truth, 0.98 - 2 * np.sqrt(0.98 * 0.02 / 700))


def test_noise_alone_has_no_sources() -> None:
    rng = np.random.default_rng(22)
    for width in (1.0, 2.2):
        table = find_sources(mosaic_of(width * correlated_noise((1000, 1000), rng)), EMPTY)
        assert (table.sources, table.negative_peaks) == ((), 0)
        assert table.sky_width == pytest.approx(width, rel=0.02)


def test_without_noise_a_source_is_exact() -> None:
    truth = np.array([[150.3, 140.6], [60.5, 220.5], [154.35, 140.6]])
    mosaic = mosaic_of(sky_sources(sky_wcs(SHAPE), SHAPE, truth, np.array([200.0, 60.0, 90.0])), noise=0.2)
    table = find_sources(mosaic, EMPTY)
    assert pixels(mosaic, table) == pytest.approx(truth[[0, 2, 1]], abs=0.02)
    assert [source.flux for source in table.sources] == pytest.approx([40, 18, 12], rel=0.005)


@pytest.mark.parametrize("beside", [(4.05, 0.0), (2.9, 2.9), (0.0, -4.1)])
def test_two_sources_20_arcmin_apart_are_two(beside: tuple[float, float]) -> None:
    rng = np.random.default_rng(23)
    truth = np.array([[150.3, 140.6], [150.3 + beside[0], 140.6 + beside[1]]])
    mosaic = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, truth, np.array([60.0, 30.0])))
    table = find_sources(mosaic, listed(mosaic, truth))
    assert [(s.name, s.kind) for s in table.sources] == [("A", "known"), ("B", "known")]
    assert [s.significance for s in table.sources] == pytest.approx([60, 30], abs=3.6)


def test_a_source_hidden_in_the_wing_of_a_brighter_one_comes_out_after_subtraction() -> None:
    truth = np.array([[100.0, 100.0], [102.3, 100.0]])
    rng = np.random.default_rng(24)
    mosaic = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, truth, np.array([80.0, 40.0])))
    table = find_sources(mosaic, EMPTY, psf_sigma=SIGMA)
    assert pixels(mosaic, table) == pytest.approx(truth, abs=0.4)
    assert [s.significance for s in table.sources] == pytest.approx([80, 40], abs=3)


def test_the_foot_of_a_bright_source_is_no_source() -> None:
    """Real PSFs are no Gaussians: a ring of 3 % at 4 pixels, and a PSF 4 % wider than assumed."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ring = 0.03 * np.exp(-((np.hypot(x - 150.2, y - 140.3) - 4) ** 2)) * np.cos(4 * np.arctan2(y - 140.3, x - 150.2))
    image = point_sources(SHAPE, np.array([[150.2, 140.3]]), np.array([400.0]), 1.04 * SIGMA) + 400 * ring
    mosaic = mosaic_of(correlated_noise(SHAPE, np.random.default_rng(25)) + image)
    for sigma in (None, SIGMA):
        table = find_sources(mosaic, EMPTY, psf_sigma=sigma)
        assert len(table.sources) == 1
        assert table.negative_peaks == 0


def test_wide_noise_raises_the_bar_and_the_false_rate_is_counted() -> None:
    rng = np.random.default_rng(26)
    truth = np.array([[80.0, 90.0], [200.0, 150.0], [250.0, 60.0]])
    image = 2 * correlated_noise(SHAPE, rng) + point_sources(SHAPE, truth, np.array([40.0, 10.0, -60.0]))
    table = find_sources(mosaic_of(image), EMPTY)
    assert len(table.sources) == 1
    source = table.sources[0]
    assert source.scaled_significance == pytest.approx(source.significance / 2, rel=0.1)
    assert table.negative_peaks == 1
    assert any(f"width of empty sky is {table.sky_width:.2f}" in note for note in table.notes)


def test_sources_not_detected_get_forced_photometry_and_a_limit() -> None:
    rng = np.random.default_rng(27)
    truth = np.array([[80.0, 90.0], [200.0, 150.0], [250.0, 60.0], [82.5, 90.0]])
    image = 1.5 * correlated_noise(SHAPE, rng) + point_sources(SHAPE, truth, np.array([50.0, 4.0, 0.0, 0.0]))
    image[:, 300:] = np.nan
    mosaic = mosaic_of(image, noise=0.2)
    entries = listed(mosaic, np.concatenate([truth, [[310.0, 100.0], [-20.0, 5.0]]]))
    away = CatalogSource("antipode", (entries.sources[0].ra + 180) % 360, -entries.sources[0].dec)
    target = replace(listed(mosaic, np.array([[120.0, 220.0]])).sources[0], name="target")
    table = find_sources(mosaic, SourceCatalog((*entries.sources, away)), target)
    assert [s.name for s in table.detected] == ["A"]
    forced = {s.name: s for s in table.sources if s.kind == "forced"}
    assert set(forced) == {"B", "C", "D", "target"}
    for source in forced.values():
        width = source.significance / source.scaled_significance
        assert width == pytest.approx(1.5, rel=0.1)
        assert source.upper_limit == pytest.approx(max(source.flux, 0) + 3 * width * source.flux_error)
        assert abs(source.scaled_significance) < 5
        assert np.isnan(source.offset)
    # D, half a PSF beside A, is measured together with it: A's flux is not D's.
    assert abs(forced["D"].flux) < 4 * 1.5 * forced["D"].flux_error
    assert np.isnan(table.detected[0].upper_limit)
    assert table.to_table()["kind"].tolist() == ["known"] + 4 * ["forced"]


def test_limits_hold_the_true_flux() -> None:
    """max(flux, 0) + 3 sigma misses a true flux in one case of 740."""
    rng = np.random.default_rng(28)
    places = scattered(300, SHAPE, rng)
    true = rng.uniform(0, 5, 300)
    mosaic = mosaic_of(1.4 * correlated_noise(SHAPE, rng) + point_sources(SHAPE, places, true), noise=0.3)
    entries = listed(mosaic, places, [f"S{i}" for i in range(300)])  # type: ignore[arg-type]
    table = find_sources(mosaic, entries, threshold=9.0, psf_sigma=SIGMA)
    missed = [s for s in table.sources if s.upper_limit < 0.3 * true[int(s.name[1:])]]
    assert len(table.sources) == 300
    assert len(missed) <= 4


def test_the_target_is_not_measured_twice() -> None:
    mosaic = mosaic_of(correlated_noise(SHAPE, np.random.default_rng(29)))
    entries = listed(mosaic, np.array([[80.0, 90.0]]))
    same = replace(entries.sources[0], name="another name", ra=entries.sources[0].ra + 0.005)
    for target in (entries.sources[0], same):
        assert [s.name for s in find_sources(mosaic, entries, target).sources] == ["A"]
    outside = find_sources(mosaic, EMPTY, CatalogSource("far", 83.0, -60.0))
    assert outside.sources == ()
    assert any("far lies outside" in note for note in outside.notes)


def test_exposure_decides_who_may_be_new() -> None:
    rng = np.random.default_rng(30)
    truth = np.array([[80.0, 90.0], [200.0, 150.0], [250.0, 60.0], [160.0, 250.0]])
    exposure = np.full(SHAPE, 1e5)
    exposure[140:160, 190:210] = 3e3
    exposure[50:70, 240:260] = 5e2
    exposure[240:260, 150:170] = 1.5e4
    mosaic = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, truth, np.full(4, 30.0)), exposure=exposure)
    new = find_sources(mosaic, EMPTY)
    assert pixels(mosaic, new)[np.argsort(pixels(mosaic, new)[:, 0])] == pytest.approx(truth[[0, 3]], abs=0.3)
    assert sorted(source.near_edge for source in new.sources) == [False, True]
    known = find_sources(mosaic, listed(mosaic, truth))
    assert {s.name: s.kind for s in known.sources} == {"A": "known", "B": "known", "C": "forced", "D": "known"}
    assert {s.name: s.exposure for s in known.sources} == pytest.approx({"A": 1e5, "B": 3e3, "C": 5e2, "D": 1.5e4})
    assert find_sources(mosaic, listed(mosaic, truth[:1]), include_new=False).detected[0].name == "A"


def test_position_errors_and_offsets() -> None:
    mosaic = mosaic_of(point_sources(SHAPE, np.array([[100.0, 120.0]]), np.array([10.75])))
    entry = replace(listed(mosaic, np.array([[100.2, 120.0]])).sources[0], err_rad=0.0)
    (source,) = find_sources(mosaic, SourceCatalog((entry,))).sources
    assert source.position_error == pytest.approx(np.hypot(2.15 * 1.03 * 4.94 / 10.75, 0.2), rel=0.03)
    assert source.offset == pytest.approx(0.2 * 4.94, rel=0.02)
    both = SourceCatalog((entry, replace(entry, name="Z", dec=entry.dec + 0.02)))
    (blend, rest) = find_sources(mosaic, both).sources
    assert (blend.kind, blend.name, blend.candidates) == ("ambiguous", "A", ("A", "Z"))
    assert (rest.kind, rest.name) == ("forced", "Z")


def test_ghost_positions_are_pointed_out() -> None:
    rng = np.random.default_rng(31)
    bright, ghost = np.array([100.0, 150.0]), np.array([100.0 + 10.75 * 60 / 4.94, 150.0])
    mosaic = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, np.array([bright, ghost]), np.array([500.0, 15.0])))
    table = find_sources(mosaic, listed(mosaic, bright[None]))
    assert [s.name for s in table.sources] == ["A", "NEW_01"]
    assert any("NEW_01" in note and "ghosts" in note for note in table.notes)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (12, 9), (40, 40)])
def test_maps_with_nothing_in_them(shape: tuple[int, int]) -> None:
    entry = CatalogSource("A", 83.0, 22.0)
    nothing = find_sources(mosaic_of(np.full(shape, np.nan)), SourceCatalog((entry,)), entry)
    assert nothing.sources == ()
    assert nothing.notes == ("The map holds no valid pixel.",)
    flat = find_sources(mosaic_of(np.zeros(shape), exposure=np.zeros(shape)), SourceCatalog((entry,)))
    assert flat.detected == ()


def test_significance_alone_gives_positions_without_fluxes() -> None:
    rng = np.random.default_rng(32)
    truth = np.array([[100.3, 150.2], [200.0, 200.0]])
    full = mosaic_of(correlated_noise(SHAPE, rng) + point_sources(SHAPE, truth, np.array([30.0, 0.0])))
    mosaic = replace(full, flux=None, variance=None, exposure=None, unit="")
    table = find_sources(mosaic, listed(mosaic, truth), psf_sigma=SIGMA)
    detected, forced = table.sources
    assert detected.significance == pytest.approx(30, abs=3)
    assert pixels(mosaic, table) == pytest.approx(truth[:1], abs=0.2)
    assert np.isnan([detected.flux, detected.flux_error, detected.exposure, forced.flux, forced.upper_limit]).all()
    assert any("significance only" in note for note in table.notes)


@pytest.mark.parametrize("projection", ["TAN", "ZEA"])
@pytest.mark.parametrize("sigma", [None, SIGMA])
def test_equal_sources_are_equal_anywhere_in_a_wide_field(projection: str, sigma: float | None) -> None:
    """Within 1 % from the centre to 20 degrees, and 2 % to 26, in any direction: circles on the sky, not on the map."""
    shape, middle = (701, 701), 350.0
    wcs = sky_wcs(shape, projection=projection)
    angle = np.radians(np.arange(0, 360, 30) + 7.3)
    degrees = np.array([5.0, 10.0, 15.0, 20.0, 26.0])
    angular = np.radians(degrees)
    radius = np.degrees(np.tan(angular) if projection == "TAN" else 2 * np.sin(angular / 2)) * 60 / PIXEL
    ring = (middle + radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)).reshape(-1, 2)
    truth = np.concatenate([[[middle, middle]], ring])
    mosaic = mosaic_of(sky_sources(wcs, shape, truth, np.full(len(truth), 100.0)), noise=0.2, wcs=wcs)
    table = find_sources(mosaic, EMPTY, psf_sigma=sigma)
    assert len(table.sources) == len(truth)
    assert table.psf_sigma == pytest.approx(SIGMA, rel=0.005)
    flux, found = np.array([s.flux for s in table.sources]), pixels(mosaic, table)
    apart = np.hypot(*(found[:, None] - truth).transpose(2, 0, 1))
    assert apart.min(axis=1).max() < 0.02
    away = np.concatenate([[0.0], np.repeat(degrees, len(angle))])[apart.argmin(axis=1)]
    assert flux[away <= 20] == pytest.approx(20.0, rel=0.01)
    assert flux[away > 20] == pytest.approx(20.0, rel=0.02)
    assert [s.position_error for s in table.sources] == pytest.approx(len(truth) * [np.hypot(2.15 * SIGMA * PIXEL / 100, 0.2)], rel=0.02)
