from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.grouping import Grouping, grouped_channels, regrouped, significant_channels
from dashboard.errors import ProductError, RequestError
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Redistribution, Spectrum
from dashboard.products.spectrum_fits import spectra_from_products
from tests.spectra import RMF, folded, opened, spectrum


def fine(n_channels: int = 256, low: float = 12.5, high: float = 1030.0) -> Spectrum:
    """256 channels of ISGRI's range, half a keV wide at first."""
    edges = np.concatenate([np.arange(low, 60, 0.5), np.geomspace(60, high, n_channels + 1 - len(np.arange(low, 60, 0.5)))])
    rmf = Redistribution(np.array([10.0]), np.array([1000.0]), np.ones((1, n_channels)), edges[:-1], edges[1:])
    return spectrum(rmf=rmf, rate=np.linspace(3, 1, n_channels), area=np.ones(1))


def bad(made: Spectrum, *channels: int) -> Spectrum:
    rate, quality = made.rate.copy(), made.quality.copy()
    rate[list(channels)], quality[list(channels)] = np.nan, 2
    return replace(made, rate=rate, quality=quality)


def check_flags(grouping: Grouping, made: Spectrum, e_min: float, e_max: float) -> None:
    """The rules of OGIP/92-007 and the range."""
    assert set(np.unique(grouping.flags)) <= {-1, 1}
    assert grouping.flags[0] == 1
    inside = (made.energy >= e_min) & (made.energy < e_max)
    np.testing.assert_array_equal(grouping.quality == 0, inside & made.good)
    assert (grouping.flags[grouping.quality != 0] == 1).all()
    assert grouping.given == grouping.asked - grouping.dropped + grouping.cut


@pytest.mark.parametrize("factor", [10, 30, -10, -30])
def test_as_many_bins_as_asked(factor: int) -> None:
    """20 - 200 keV. Counting channels instead of energies gives 11 and 36 bins for 10 and 30, and loses the last channel."""
    made = fine()
    grouping = grouped_channels(made, 20, 200, factor)
    check_flags(grouping, made, 20, 200)
    assert (grouping.given, grouping.asked, grouping.dropped, grouping.cut) == (abs(factor), abs(factor), 0, 0)


def test_first_and_last_channel_are_those_whose_centres_lie_in_the_range() -> None:
    made = fine()
    inside = np.flatnonzero((made.energy >= 20) & (made.energy < 200))
    for factor in (10, -10):
        bins = grouped_channels(made, 20, 200, factor).bins
        assert (bins[0, 0], bins[-1, 1] - 1) == (inside[0], inside[-1])
    whole = grouped_channels(made, 12.5, 1030, -20)
    assert (whole.quality == 0).all()


def test_bins_are_equal_in_energy_or_in_ratio_and_not_in_channels() -> None:
    made = fine()
    linear = regrouped(made, grouped_channels(made, 20, 60, 8))
    np.testing.assert_allclose(linear.e_max - linear.e_min, 5.0, atol=0.51)
    ratio = regrouped(made, grouped_channels(made, 20, 320, -4))
    np.testing.assert_allclose(ratio.e_max / ratio.e_min, 2.0, rtol=0.05)
    assert (ratio.e_min[1:] == ratio.e_max[:-1]).all()


def test_bins_that_hold_no_channel_vanish_and_are_counted() -> None:
    made = spectrum()
    grouping = grouped_channels(made, 13, 300, -100)
    assert (grouping.given, grouping.asked, grouping.dropped) == (24, 100, 76)
    grouping = grouped_channels(fine(), 20, 200, 100)
    assert grouping.given == 100 - grouping.dropped


def test_no_grouping_leaves_every_channel() -> None:
    made = bad(fine(), 3)
    for asked in ((0, 0, 0), (20.0, 100.0, 0)):
        grouping = grouped_channels(made, *asked)
        assert (grouping.flags == 1).all()
        assert list(np.flatnonzero(grouping.quality)) == [3]
        assert grouping.given == grouping.asked == 255


def test_a_bad_channel_is_never_added_to_good_ones() -> None:
    made = bad(fine(), 20, 50, 51)
    grouping = grouped_channels(made, 12.5, 60, 5)
    check_flags(grouping, made, 12.5, 60)
    for first, stop in grouping.bins:
        assert (made.quality[first:stop] == 0).all()
    assert (grouping.given, grouping.cut) == (7, 2)


def test_the_bins_of_the_real_spectrum_are_those_asked(shared_data: Path) -> None:
    files: list[tuple[dict[str, Any], fits.HDUList]]
    files = [({}, opened(shared_data / "integral" / f"isgri_{kind}_4u1700.fits.gz")) for kind in ("spectrum", "arf", "rmf")]
    (real,) = spectra_from_products(files, "isgri", Provenance()).spectra
    grouping = grouped_channels(real, 20, 100, -10)
    check_flags(grouping, real, 20, 100)
    assert (grouping.given, grouping.dropped) == (10, 0)
    grouped = regrouped(real, grouping)
    inside = (real.energy >= 20) & (real.energy < 100)
    assert grouped.rate.sum() == pytest.approx(real.rate[inside].sum())


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1, 500), st.floats(1.05, 20), st.integers(-60, 60).filter(bool), st.sets(st.integers(0, 255), max_size=20), st.floats(0, 0.1)
)
def test_rates_add_and_errors_add_in_quadrature(e_min: float, ratio: float, factor: int, holes: set[int], systematic: float) -> None:
    made, e_max = bad(fine(), *holes), e_min * ratio
    inside = (made.energy >= e_min) & (made.energy < e_max) & made.good
    if not inside.any():
        with pytest.raises(ProductError, match="no good channel"):
            grouped_channels(made, e_min, e_max, factor)
        return
    grouping = grouped_channels(made, e_min, e_max, factor)
    check_flags(grouping, made, e_min, e_max)
    assert grouping.cut <= len(holes)
    grouped = regrouped(made, grouping, systematic)
    for i, (first, stop) in enumerate(grouping.bins):
        assert grouped.rate[i] == pytest.approx(made.rate[first:stop].sum())
        assert grouped.stat_err[i] == pytest.approx(np.sqrt((made.stat_err[first:stop] ** 2).sum()))
    np.testing.assert_allclose(grouped.total_err**2, grouped.stat_err**2 + (systematic * grouped.rate) ** 2)
    assert sum(stop - first for first, stop in grouping.bins) == inside.sum()


def test_systematics_are_applied_once_after_grouping() -> None:
    """A hundred channels of 1 % have 1 % together, with 2 % more asked 2.24 %."""
    made = replace(fine(), sys_err=np.full(256, 0.01))
    grouped = regrouped(made, grouped_channels(made, 12.5, 1030, 1), 0.02)
    np.testing.assert_allclose(grouped.sys_err, np.hypot(0.01, 0.02))


def test_a_model_folded_and_summed_equals_the_grouped_rate() -> None:
    made = bad(spectrum(), 7, 15)
    grouping = grouped_channels(made, 13, 300, -6)
    np.testing.assert_allclose(grouping.sums(folded(RMF, made.area)), regrouped(made, grouping).rate)
    stack = np.stack([folded(RMF, made.area, norm) for norm in (1.0, 2.0)])
    np.testing.assert_allclose(grouping.sums(stack)[1], 2 * regrouped(made, grouping).rate)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((200, 20, 10), "lower energy first"),
        ((20, 20, 10), "lower energy first"),
        ((-1, 20, 10), "lower energy first"),
        ((0, 20, -10), "begin at 0"),
        ((20, 200, 2.5), "whole number"),
        ((20, float("nan"), 3), "two energies"),
        ((20, 200, 10**9), "too fine"),
    ],
)
def test_impossible_groupings_are_refused_with_a_sentence(asked: tuple[float, float, float], words: str) -> None:
    with pytest.raises(RequestError, match=words) as refused:
        grouped_channels(fine(), *asked)
    assert refused.value.field == "grouping"


def test_a_range_outside_the_spectrum_says_where_the_spectrum_is() -> None:
    with pytest.raises(ProductError, match=r"12\.5 - 1030 keV"):
        grouped_channels(fine(), 2000, 3000, 5)


def test_bins_by_significance_reach_it_and_no_more_than_needed() -> None:
    rng = np.random.default_rng(3)
    made = bad(replace(fine(), rate=rng.normal(1.0, 1.0, 256), stat_err=np.ones(256)), 40)
    grouping = significant_channels(made, 20, 500, 5.0)
    check_flags(grouping, made, 20, 500)
    joined = [(first, stop) for first, stop in grouping.bins if 40 not in (first - 1, stop)]
    for first, stop in joined:
        assert made.rate[first:stop].sum() >= 5 * np.sqrt(stop - first)
    for first, stop in joined[:-1]:
        assert made.rate[first : stop - 1].sum() < 5 * np.sqrt(stop - 1 - first) or stop - first == 1
    assert all(a[1] == b[0] or 40 in range(a[1], b[0]) for a, b in pairwise(grouping.bins.tolist()))
    with pytest.raises(ProductError, match="does not reach"):
        significant_channels(made, 20, 500, 1e4)
    with pytest.raises(RequestError):
        significant_channels(made, 20, 500, 0)
