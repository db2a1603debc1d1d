from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.errors import EmptyProduct, NotCombinable, ProductError
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, LightCurve, LightCurveSet
from dashboard.products.light_curve_rows import ROW_COLUMNS
from dashboard.products.mosaic import Provenance
from tests.combine.curves import ORIGIN, batch, curve


def total(parts: Sequence[tuple[str, LightCurveSet]]) -> LightCurveSum:
    made = LightCurveSum()
    for batch_id, curves in parts:
        made.add(curves, batch_id)
    return made


def assert_equal(one: LightCurveSet, two: LightCurveSet) -> None:
    assert one.sources == two.sources
    for a, b in zip(one.curves, two.curves, strict=True):
        for name in ROW_COLUMNS:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)
        assert {n: list(c) for n, c in a.columns.items()} == {n: list(c) for n, c in b.columns.items()}
        assert (a.batch_ids, a.provenance, a.dropped) == (b.batch_ids, b.provenance, b.dropped)


def test_source_only_in_the_last_batch_has_its_own_curve() -> None:
    parts = [("a", batch(curve([1, 2]))), ("b", batch(curve([3], "GX 1+4"), curve([3]))), ("c", batch(curve([4], "GX 5-1")))]
    found = total(parts).result()
    assert found.sources == ("Crab", "GX 1+4", "GX 5-1")
    assert [list(c.time) for c in found.curves] == [[1, 2, 3], [3], [4]]
    assert [c.batch_ids for c in found.curves] == [("a", "b"), ("b",), ("c",)]
    assert all(np.array_equal(c.rate, c.time) for c in found.curves), "rows of one source in another's curve"


def test_source_missing_from_one_batch_keeps_its_later_batches() -> None:
    found = total([("a", batch(curve([1]))), ("b", batch(curve([2], "GX 1+4"))), ("c", batch(curve([3])))]).result(batches_asked=5)
    crab = found.of("Crab")
    assert crab is not None
    assert list(crab.time) == [1, 3]
    assert (crab.batch_ids, crab.provenance.batches_used, crab.provenance.batches_asked) == (("a", "c"), 2, 5)


def test_every_column_moves_with_its_row() -> None:
    late, early = (replace(curve(t), half_width=np.array(t) / 1000, fracexp=np.array(t) / 10) for t in ([5.0, 6.0], [1.0, 2.0]))
    (found,) = total([("late", batch(late)), ("early", batch(early))]).result().curves
    np.testing.assert_array_equal(found.time, [1, 2, 5, 6])
    for column, factor in ((found.half_width, 1e-3), (found.fracexp, 0.1), (found.rate, 1.0), (found.columns["MARK"], 10.0)):
        np.testing.assert_allclose(column, factor * found.time, rtol=1e-6)
    assert (found.batch_ids, list(found.batch)) == (("early", "late"), [0, 0, 1, 1])


def test_gaps_stay_gaps() -> None:
    (found,) = total([("a", batch(curve([1, 2]))), ("b", batch(curve([100])))]).result().curves
    assert list(found.time) == [1, 2, 100]


def test_repeated_rows_count_once_with_the_smaller_error() -> None:
    one = curve([1, 2, 3], error=np.array([1.0, 2.0, 3.0]))
    two = curve([2, 3, 4], error=np.array([1.0, 4.0, 1.0]))
    wider = curve([4.0], half_width=np.array([1.0]))
    (found,) = total([("a", batch(one)), ("b", batch(two)), ("c", batch(wider))]).result().curves
    assert list(found.time) == [1, 2, 3, 4, 4]
    assert list(found.error[:3]) == [1, 1, 3]
    assert found.dropped == 2


def test_jemx_bins_cut_at_a_batch_edge_are_flagged() -> None:
    width = 500 / 86400
    t = 1 + 2 * width * np.arange(4)
    short = np.array([1, 1, 1, 0.4]) * width
    one = curve(t, instrument="jemx1", half_width=short)
    two = curve(t + 1, instrument="jemx1", half_width=np.array([1, 0.4, 1, 1]) * width)
    three = curve(t + 1 + 7 * width, instrument="jemx1", half_width=np.full(4, width))
    (found,) = total([("a", batch(one)), ("b", batch(two)), ("c", batch(three))]).result().curves
    cut = found.flags & CUT_AT_BATCH_EDGE > 0
    assert list(np.flatnonzero(cut)) == [3, 7, 8]
    (isgri,) = total([("a", batch(replace(one, instrument="isgri")))]).result().curves
    assert not isgri.flags.any(), "ISGRI's bins end with every science window"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.data())
def test_order_and_cutting_of_batches_do_not_matter(times: list[int], data: st.DataObject) -> None:
    whole = curve(times)
    owner = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(times), max_size=len(times))))
    picked = [(f"b{k}", batch(_rows(whole, owner == k))) for k in range(5) if (owner == k).any()]
    result = total(picked).result()
    assert_equal(total(data.draw(st.permutations(picked))).result(), result)
    (found,) = result.curves
    assert sorted(set(times)) == list(found.time)
    assert found.dropped == len(times) - len(found)
    np.testing.assert_array_equal(found.columns["MARK"], 10 * found.time)


def _rows(whole: LightCurve, rows: np.ndarray) -> LightCurve:
    named = {name: getattr(whole, name)[rows] for name in ROW_COLUMNS}
    return replace(whole, **named, columns={n: c[rows] for n, c in whole.columns.items()})


def test_result_between_additions_changes_nothing() -> None:
    parts = [("c", batch(curve([5, 3]))), ("a", batch(curve([1, 9]), curve([2], "GX 1+4"))), ("b", batch(curve([4])))]
    watched = LightCurveSum()
    for batch_id, curves in parts:
        watched.add(curves, batch_id)
        watched.result()
    assert_equal(watched.result(), total(parts).result())


def test_stored_sum_goes_on_where_it_was() -> None:
    parts = [(f"b{k}", batch(curve([9 - 2.0 * k, 30 + k]), curve([k], f"S{k % 2}"))) for k in range(4)]
    content = io.BytesIO()
    total(parts[:3]).to_hdulist().writeto(content)
    with fits.open(io.BytesIO(content.getvalue())) as hdus:
        again = LightCurveSum.from_hdulist(hdus)
        assert hdus[0].header["ORIGIN"] == "SIMULATED"
    assert again.batch_ids == ("b0", "b1", "b2")
    with pytest.raises(NotCombinable, match="already"):
        again.add(parts[0][1], "b0")
    again.add(parts[3][1], "b3")
    assert_equal(again.result(7), total(parts).result(7))
    with pytest.raises(ProductError):
        LightCurveSum.from_hdulist(fits.HDUList([fits.PrimaryHDU()]))


def test_empty_sum_is_stored_too_and_has_no_result() -> None:
    again = LightCurveSum.from_hdulist(LightCurveSum().to_hdulist())
    with pytest.raises(EmptyProduct):
        again.result()
    again.add(batch(curve([1])), "a")
    assert again.batch_ids == ("a",)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (curve([2], instrument="jemx1"), "instrument"),
        (curve([2], band=(40.0, 80.0)), "band"),
        (curve([2], unit="count/cm2/s"), "unit"),
        (curve([2], provenance=replace(ORIGIN, osa_version="OSA10.2")), "OSA version"),
        (curve([2], provenance=replace(ORIGIN, origin="ISDC")), "observed"),
    ],
)
def test_what_differs_is_refused_and_leaves_the_sum_as_it_was(other: LightCurve, reason: str) -> None:
    made = total([("a", batch(curve([1])))])
    with pytest.raises(NotCombinable, match=reason):
        made.add(batch(curve([3], "GX 1+4"), other), "b")
    assert_equal(made.result(), total([("a", batch(curve([1])))]).result())


def test_batch_counts_once_and_empty_ones_are_refused() -> None:
    made = total([("a", batch(curve([1])))])
    with pytest.raises(NotCombinable, match="already"):
        made.add(batch(curve([2])), "a")
    for nothing in (batch(), batch(curve([]))):
        with pytest.raises(EmptyProduct):
            made.add(nothing, "b")


def test_provenance_is_that_of_the_batches_in_the_curve() -> None:
    def of(job: str, *scw: str) -> Provenance:
        return replace(ORIGIN, job_ids=(job,), scw=scw)

    late, early = curve([5], provenance=of("j2", "0002.001")), curve([1], provenance=of("j1", "0001.001"))
    (found,) = total([("x", batch(late)), ("y", batch(early))]).result().curves
    assert (found.provenance.job_ids, found.provenance.scw) == (("j1", "j2"), ("0001.001", "0002.001"))
    assert found.provenance.simulated
