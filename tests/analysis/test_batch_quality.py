"""Batches that stand out are found, and those that do not are left in peace: with known widths, and on maps of the observatory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from astropy.wcs import WCS

from dashboard.analysis.batch_quality import BatchFigures, MapFigures, suggestions, usual_widths
from dashboard.analysis.sky_width import overall_width, sky_width
from dashboard.observatory import image
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import history
from dashboard.products.mosaic import Mosaic
from tests.combine.skies import batch, tan_wcs

CRAB = (83.63, 22.01)


def figures(widths: Sequence[float], peaks: Sequence[float] | None = None) -> list[BatchFigures]:
    """Batches of 30 ks, alike but for the width and peak of their maps."""
    chosen = [100.0] * len(widths) if peaks is None else peaks
    return [
        BatchFigures(f"b{number}", 30e3, width=width, width_error=0.008, peak=peak, exposed=9e6, ontime=29e3)
        for number, (width, peak) in enumerate(zip(widths, chosen, strict=True))
    ]


def suspected(batches: Sequence[BatchFigures]) -> list[str]:
    return [suspect.batch_id for suspect in suggestions(batches)]


def observed(
    ra: float, dec: float, start: float, stop: float, sizes: Sequence[int], seed: int, most: int, flare: int = 0
) -> list[BatchFigures]:
    """Batches of consecutive science windows of the observatory, of these sizes in turn."""
    past = history()
    near = (past.axis @ unit_vectors(ra, dec) > np.cos(np.deg2rad(10.5))) & ~past.slew & (past.telapse > 500)
    rows = np.flatnonzero(near & (past.tstart > start) & (past.tstart < stop))
    found: list[BatchFigures] = []
    while len(found) < most and len(rows) >= max(sizes):
        size = sizes[len(found) % len(sizes)]
        mine, rows = rows[:size], rows[size:]
        ids = [f"{swid:012d}" for swid in past.swid[mine].tolist()]
        made = image.mosaic(ids, 28, 40, seed=seed, coding_noise=0.0007, flare_revolution=flare)
        of_map = MapFigures.of(as_read(made))
        asked = float(past.telapse[mine].sum())
        mostly = f"{len(found)}:{np.median(past.swid[mine] // 10**8):.0f}"
        found.append(BatchFigures(mostly, asked, np.nan, of_map.width, of_map.width_error, of_map.peak, of_map.exposed, np.nan))
    assert len(found) >= 5
    return found


def as_read(made: image.Image) -> Mosaic:
    """A map as it comes from its file."""
    wcs, grid = WCS(naxis=2), made.grid
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [grid.ra, grid.dec]
    wcs.wcs.crpix, wcs.wcs.cdelt = [grid.half_x + 1, grid.half_y + 1], [-grid.pixel, grid.pixel]
    flux, variance, significance = (
        np.where(made.exposure > 0, plane, np.nan) for plane in (made.intensity, made.variance, made.significance)
    )
    return Mosaic(flux, variance, significance, made.exposure, wcs)


@pytest.mark.parametrize("widened", [1.0, 1.3, 2.1])
def test_one_width_of_a_map_is_that_of_its_noise_whatever_sources_shine(widened: float) -> None:
    made = batch(tan_wcs(*CRAB, 0.0, 200), [(*CRAB, 300.0), (CRAB[0] + 2, CRAB[1] - 1, 100.0)], 200, 3)
    assert made.flux is not None
    noisier = replace(made, flux=made.flux * np.float32(widened), significance=made.significance * np.float32(widened))
    width, independent = overall_width(noisier)
    assert width == pytest.approx(widened, rel=0.04)
    assert width == pytest.approx(sky_width(noisier).overall, rel=0.01)
    assert 2_000 < independent < 200 * 200 / 6 + 1


def test_a_map_without_noise_has_no_width() -> None:
    made = batch(tan_wcs(*CRAB, 0.0, 100), [(*CRAB, 50.0)], 100, None)
    assert np.isnan(overall_width(made)[0])
    assert suspected([BatchFigures(str(n), 30e3, width=MapFigures.of(made).width) for n in range(9)]) == []


def test_the_exposure_of_a_map_does_not_depend_on_how_its_pointings_lie() -> None:
    """Staring or scattered, of a few or of many science windows: the integral over the sky is theirs."""
    found = observed(*CRAB, 3333, 3376, [2, 12, 5], seed=1, most=6)
    shares = np.array([one.exposed / one.asked for one in found])
    assert np.ptp(shares) < 0.03 * shares.mean()


def test_what_is_far_wider_than_the_others_is_marked_with_the_numbers() -> None:
    (suspect,) = suggestions(figures([1.30, 1.31, 1.29, 1.90, 1.32, 1.28, 1.30]))
    assert suspect.batch_id == "b3"
    assert suspect.sentence == "Empty sky is 1.90 wide; 1.30 is usual in this run."
    assert suspected(figures([1.30, 1.31, 1.29, 0.60, 1.32, 1.28, 1.30])) == [], "narrow is no fault"


def test_a_bright_source_is_no_reason() -> None:
    """An outburst widens the map by its coding noise; a flare of the background at the height of it still shows."""
    peaks = [60.0, 80, 70, 900, 2500, 6000, 4000, 1500, 300, 90, 65]
    widths = [float(np.hypot(1.02, 0.0004 * peak)) for peak in peaks]
    assert suspected(figures(widths, peaks)) == []
    widths[3] = 1.9
    assert suspected(figures(widths, peaks)) == ["b3"]


@pytest.mark.parametrize("peak", [20.0, 300.0, 1000.0])
def test_what_is_too_significant_altogether_does_not_justify_itself(peak: float) -> None:
    """Where the variance is too small, the peak grows with the width: of all batches this one has the brightest source."""
    rng = np.random.default_rng(5)
    peaks = peak * rng.uniform(0.85, 1.15, 12)
    widths = np.hypot(1.0, 3e-4 * peaks) * (1 + 0.01 * rng.standard_normal(12))
    peaks[7], widths[7] = 1.8 * peaks[7], 1.8 * widths[7]
    assert suspected(figures(widths.tolist(), peaks.tolist())) == ["b7"]


def test_an_outburst_in_a_long_run_is_no_reason_either() -> None:
    """Twelve bright batches among 3000; the one that is bad among all of them is found."""
    rng = np.random.default_rng(6)
    peaks = np.append(rng.uniform(30, 90, 3000), rng.uniform(900, 9000, 12))
    widths = np.hypot(1.02, 3e-4 * peaks) * (1 + 0.01 * rng.standard_normal(len(peaks)))
    assert suspected(figures(widths.tolist(), peaks.tolist())) == []
    widths[1234] = 1.5
    assert suspected(figures(widths.tolist(), peaks.tolist())) == ["b1234"]


def test_of_few_batches_nothing_is_said_of_what_is_usual() -> None:
    assert suspected(figures([1.0, 1.0, 1.0, 5.0])) == []
    assert np.isnan(usual_widths(figures([1.0, 1.0, 1.0, 5.0]))).all()
    assert suggestions([]) == ()


def test_scatter_of_the_run_is_its_own_measure() -> None:
    rng = np.random.default_rng(2)
    widths = rng.normal(1.5, 0.15, 40).tolist()
    assert suspected(figures(widths)) == []
    assert suspected(figures([*widths, 2.6])) == ["b40"]


def test_missing_exposure_is_marked_by_what_the_product_tells_or_by_the_map() -> None:
    whole = figures([1.0] * 8)
    short = [*whole[:6], replace(whole[6], ontime=12e3), replace(whole[7], ontime=np.nan, exposed=4e6)]
    assert [suspect.sentence for suspect in suggestions(short)] == [
        "The product has 12.0 ks of good time of the 30.0 ks asked.",
        "It has 44% of the exposure that is usual for the 30.0 ks asked: science windows may be missing.",
    ]
    assert suspected(whole) == []


def test_little_good_time_is_marked_whatever_the_product() -> None:
    alone = BatchFigures("a", 30e3, good=0.31)
    assert [one.sentence for one in suggestions([alone, BatchFigures("b", 30e3, good=0.9)])] == [
        "Its science windows have 31% good time, as the archive tells."
    ]


@pytest.mark.parametrize(("scatter", "most"), [(0.01, 0), (0.03, 0), (0.06, 0), (0.10, 5)])
def test_false_alarms_are_rare(scatter: float, most: int) -> None:
    """Clean runs of 5 to 60 batches, 20 000 batches for each scatter of the widths, with and without coding noise: 2.5e-4 at worst."""
    rng, batches, marked = np.random.default_rng(7), 0, 0
    while batches < 20_000:
        count, coding = int(rng.integers(5, 61)), float(rng.choice([0.0, 3e-4, 3e-3]))
        peaks = 10 ** rng.uniform(1, 3.5, count)
        widths = np.hypot(rng.uniform(0.95, 2), coding * peaks) * (1 + scatter * rng.standard_normal(count))
        marked += len(suspected(figures(np.abs(widths).tolist(), peaks.tolist())))
        batches += count
    assert marked <= most


@pytest.mark.parametrize(("bad", "share"), [(1, 0.99), (2, 0.99), (5, 0.95)])
def test_a_wide_batch_is_found_in_nearly_all_runs(bad: int, share: float) -> None:
    """60 % wider than usual, where widths scatter by 3 %; up to a quarter of the batches."""
    rng, found, runs = np.random.default_rng(3), 0, 200
    for _ in range(runs):
        peaks = 10 ** rng.uniform(1.5, 2.5, 20)
        widths = np.hypot(1.05, 1e-3 * peaks) * (1 + 0.03 * rng.standard_normal(20))
        chosen = rng.choice(20, bad, replace=False)
        widths[chosen] *= 1.6
        marked = set(suspected(figures(widths.tolist(), peaks.tolist())))
        assert marked <= {f"b{number}" for number in chosen}
        found += len(marked)
    assert found >= share * bad * runs


@pytest.mark.slow
def test_a_flare_of_the_background_is_found_on_maps() -> None:
    """Revolution 774 is twice as noisy as its variance says; nothing else is marked, and without the flare nothing at all."""
    noisy = observed(*CRAB, 3333, 3376, [8], seed=2, most=9, flare=774)
    inside = [one.batch_id for one in noisy if one.batch_id.endswith(":774")]
    assert 2 <= len(inside) <= 4
    assert suspected(noisy) == inside
    assert suspected(observed(*CRAB, 3333, 3376, [8], seed=2, most=7)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "days"),
    [((83.63, 22.01), (3333, 3700)), ((306.0, 33.9), (5600, 5700)), ((299.6, 35.2), (3000, 4000)), ((266.4, -29.0), (2200, 2500))],
)
def test_no_clean_map_is_marked_whatever_the_field(place: tuple[float, float], days: tuple[float, float]) -> None:
    """The Crab, V404 Cyg with its outburst of 44 Crab, Cyg X-1, the Galactic centre: 96 batches of 2 to 30 science windows."""
    for seed in (1, 2):
        assert suspected(observed(*place, *days, [3, 10, 30, 2], seed=seed, most=12)) == []
