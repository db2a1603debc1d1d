from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.rebin import Weighting, exposure, rebin, with_systematics
from dashboard.errors import NotCombinable, RequestError
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, LOW_EXPOSURE, TOTAL_ERROR, LightCurve
from tests.combine.curves import ORIGIN, curve

SECOND = 1 / 86400


@st.composite
def curves(draw: st.DrawFn) -> LightCurve:
    """Bins of unequal width, one after the other or with gaps, of unequal exposure and error."""
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    width = rng.uniform(20, 400, n)
    gap = rng.choice([0.0, 50.0, 5000.0], n)
    middle = np.cumsum(width + gap) - width / 2
    return curve(
        3000 + middle * SECOND,
        half_width=width / 2 * SECOND,
        rate=rng.normal(10, 3, n),
        error=rng.uniform(0.5, 3, n),
        fracexp=rng.uniform(0.05, 1, n),
        batch=np.sort(rng.integers(0, 4, n)).astype(np.int32),
    )


widths = st.floats(30, 20000)
weightings: st.SearchStrategy[Weighting] = st.sampled_from(["exposure", "inverse variance"])


@settings(max_examples=60, deadline=None)
@given(curves(), widths, weightings)
def test_constant_source_stays_constant(given_curve: LightCurve, width: float, weighting: Weighting) -> None:
    found = rebin(replace(given_curve, rate=np.full(len(given_curve), 7.0)), width, weighting)
    np.testing.assert_allclose(found.rate, 7.0)
    np.testing.assert_allclose(with_systematics(found, 0.1).columns[TOTAL_ERROR] ** 2, found.error**2 + 0.49)


@settings(max_examples=60, deadline=None)
@given(curves(), widths)
def test_counts_and_exposure_are_conserved(given_curve: LightCurve, width: float) -> None:
    found = rebin(given_curve, width)
    np.testing.assert_allclose(exposure(found).sum(), exposure(given_curve).sum())
    np.testing.assert_allclose(np.sum(found.rate * exposure(found)), np.sum(given_curve.rate * exposure(given_curve)))
    np.testing.assert_allclose(np.sum((found.error * exposure(found)) ** 2), np.sum((given_curve.error * exposure(given_curve)) ** 2))


@settings(max_examples=60, deadline=None)
@given(curves(), widths)
def test_bins_cover_their_rows_do_not_overlap_and_bridge_no_gap(given_curve: LightCurve, width: float) -> None:
    found = rebin(given_curve, width)
    start, stop = found.time - found.half_width, found.time + found.half_width
    assert np.all(start[1:] >= stop[:-1] - 1e-9)
    owner = np.searchsorted(start - 1e-9, given_curve.time) - 1
    assert np.all(given_curve.time + given_curve.half_width <= stop[owner] + 1e-9)
    assert set(owner) == set(range(len(found)))
    gap = (given_curve.time - given_curve.half_width)[1:] - (given_curve.time + given_curve.half_width)[:-1]
    assert np.all(np.diff(owner)[gap > width * SECOND] > 0), "a bin spans a gap longer than itself"
    longest = max(width, 2 * 86400 * given_curve.half_width.max())
    assert np.all(2 * 86400 * found.half_width <= 2 * longest)


@settings(max_examples=30, deadline=None)
@given(curves(), widths, st.integers(0, 59))
def test_bins_stay_where_they_are_when_earlier_rows_arrive(given_curve: LightCurve, width: float, cut: int) -> None:
    later = np.arange(len(given_curve)) >= min(cut, len(given_curve) - 1)
    named = ("time", "half_width", "rate", "error", "fracexp", "flags", "batch")
    part = replace(given_curve, **{name: getattr(given_curve, name)[later] for name in named}, columns={})
    whole, alone = rebin(given_curve, width), rebin(part, width)
    np.testing.assert_array_equal(alone.time[1:], whole.time[len(whole) - len(alone) + 1 :])


def test_exposure_weights_give_the_mean_rate_of_a_flare_and_inverse_variance_does_not() -> None:
    flare = curve([1.0, 1.01], rate=np.array([10.0, 100.0]), error=np.array([1.0, 10.0]), fracexp=np.array([0.9, 0.45]))
    assert rebin(flare, 1800 * 48).rate[0] == pytest.approx((10 * 0.9 + 100 * 0.45) / 1.35)
    assert rebin(flare, 1800 * 48).error[0] == pytest.approx(np.hypot(0.9, 4.5) / 1.35)
    weighted = rebin(flare, 1800 * 48, "inverse variance")
    assert (weighted.rate[0], weighted.error[0]) == pytest.approx(((10 + 1) / 1.01, 1 / np.sqrt(1.01)))


def test_rows_longer_than_the_bin_stay_as_they_are() -> None:
    rows = curve([1.0, 2.0, 3.5])
    found = rebin(rows, 100)
    for name in ("rate", "error", "fracexp"):
        np.testing.assert_allclose(getattr(found, name), getattr(rows, name))
    np.testing.assert_allclose(found.half_width, rows.half_width)


def test_shorter_gap_can_be_forbidden() -> None:
    rows = curve([10.001, 10.013, 10.08])
    assert [len(rebin(rows, 86400, max_gap_s=gap)) for gap in (86400, 3600, 20)] == [1, 2, 3]


def test_flags_batches_and_exposed_fraction_of_a_bin() -> None:
    rows = curve([10.01, 10.02, 10.5], fracexp=np.array([0.9, np.nan, 0.05]), batch=np.array([0, 1, 1], "i4"))
    rows = replace(rows, flags=np.array([0, CUT_AT_BATCH_EDGE, LOW_EXPOSURE], "u1"))
    first, second = (rebin(rows, 0.25 * 86400), rebin(replace(rows, fracexp=np.array([0.9, 0.9, 0.0])), 0.25 * 86400))
    assert list(first.flags) == [CUT_AT_BATCH_EDGE, LOW_EXPOSURE]
    assert list(first.batch) == [-1, 1]
    assert np.isnan(first.fracexp[0])
    assert (len(second), second.dropped) == (1, 1), "a row without exposure says nothing"
    assert second.fracexp[0] == pytest.approx(0.9 * 2000 / (0.01 * 86400 + 1000))


def test_systematics_come_once_after_rebinning() -> None:
    rows = with_systematics(curve([1.0, 2.0], error=np.array([3.0, 3.0]), rate=np.array([40.0, 0.0])), 0.1)
    np.testing.assert_allclose(rows.columns[TOTAL_ERROR], [5, 3])
    np.testing.assert_array_equal(rows.error, 3)
    with pytest.raises(NotCombinable, match="once"):
        with_systematics(rows, 0.1)
    with pytest.raises(NotCombinable, match="rebin first"):
        rebin(rows, 1000)
    for wrong in (-0.1, float("nan")):
        with pytest.raises(RequestError):
            with_systematics(curve([1.0]), wrong)


def test_versions_are_never_averaged_and_widths_are_positive() -> None:
    with pytest.raises(NotCombinable, match="OSA10"):
        rebin(curve([1.0], provenance=replace(ORIGIN, osa_version="OSA10.2+OSA11.2")), 1000)
    for width, gap in ((0.0, None), (-1.0, None), (10.0, 0.0), (float("nan"), None)):
        with pytest.raises(RequestError):
            rebin(curve([1.0]), width, max_gap_s=gap)
    assert len(rebin(curve([]), 1000)) == 0
