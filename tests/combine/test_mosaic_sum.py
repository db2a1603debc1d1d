from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.combine.grid import Grid
from dashboard.combine.mosaic_sum import MosaicSum, rebuild
from dashboard.errors import EmptyProduct, NotCombinable, ProductError
from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic
from tests.combine.skies import batch, origin, tan_wcs

GRID = Grid("TAN", (83.63, 22.01), ISGRI.pixel, (90, 100), (50.0, 45.0))
PLANES = ("weight", "weight_flux", "weight_flux2", "exposure", "number")


def foreign(i: int, **meta: Any) -> Mosaic:
    """A small batch on a grid of its own."""
    rng = np.random.default_rng(i)
    wcs = tan_wcs(83.63 + rng.uniform(-1, 1), 22.01 + rng.uniform(-1, 1), rng.uniform(0, 360), 61)
    known: dict[str, Any] = {
        "provenance": origin(f"job{i}", f"0665002{i:04d}0.001"),
        "tstart": 100.0 + i,
        "tstop": 101.0 + i,
        "ontime": 10.0,
    }
    return batch(wcs, seed=i, side=61, **known | meta)


def shared(i: int) -> Mosaic:
    """A small batch on the lattice of the grid."""
    wcs = tan_wcs(*GRID.crval, side=61)
    wcs.wcs.crpix = wcs.wcs.crpix + np.random.default_rng(i).integers(-9, 10, 2)
    return batch(wcs, seed=i, side=61, provenance=origin(f"job{i}"))


def summed(parts: dict[str, Mosaic]) -> MosaicSum:
    return rebuild(GRID, parts.items())


def assert_equal(one: MosaicSum, other: MosaicSum, rtol: float = 0.0) -> None:
    for name in PLANES:
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max(), err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)))
def test_order_does_not_matter(order: list[int]) -> None:
    parts = [foreign(i) for i in range(6)]
    straight = summed({str(i): parts[i] for i in range(6)})
    other = summed({str(i): parts[i] for i in order})
    assert_equal(straight, other, rtol=1e-13)
    assert straight.result().provenance == other.result().provenance
    assert other.batch_ids == tuple(map(str, order))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_cutting_does_not_matter_on_a_shared_lattice(cut: list[int]) -> None:
    """Maps summed in groups, the groups' mosaics summed: as if all had been summed at once."""
    parts = [shared(i) for i in range(6)]
    at_once = summed({str(i): part for i, part in enumerate(parts)})
    groups = {str(g): summed({str(i): parts[i] for i in range(6) if cut[i] == g}) for g in set(cut)}
    in_groups = summed({g: group.result() for g, group in groups.items()})
    single = float(np.finfo("f4").eps)
    one, other = at_once.result(), in_groups.result()
    for name in ("flux", "variance", "exposure"):
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, rtol=4 * single, atol=4 * single * np.nanmax(np.abs(b)))
    whole = MosaicSum(GRID)
    for group in groups.values():
        whole.merge(group)
    assert_equal(whole, at_once, rtol=1e-13)


def test_rebuilding_from_parts_is_the_incremental_sum_bit_for_bit() -> None:
    parts = {str(i): foreign(i) for i in range(4)}
    incremental = MosaicSum(GRID)
    for name, part in parts.items():
        incremental.add(part, name)
        incremental.result()
    assert_equal(summed(parts), incremental)


def test_excluding_a_huge_batch_leaves_no_residue() -> None:
    parts = {str(i): foreign(i) for i in range(4)}
    flare = batch(tan_wcs(83.63, 22.01, 10, 61), [(83.63, 22.01, 1e6)], side=61, seed=9, provenance=origin("f"))
    with_flare = summed(parts | {"flare": flare})
    again = rebuild(GRID, ((name, part) for name, part in parts.items() if name in with_flare.batch_ids))
    assert_equal(again, summed(parts))


@pytest.mark.parametrize("make", [foreign, shared])
def test_copies_give_the_square_root_of_their_number(make: Callable[[int], Mosaic]) -> None:
    one, many = summed({"0": make(3)}), summed({str(i): make(3) for i in range(9)})
    a, b = one.result(), many.result()
    for name, factor in (("significance", 3), ("flux", 1), ("variance", 1 / 9), ("exposure", 9)):
        np.testing.assert_allclose(getattr(b, name), factor * getattr(a, name), rtol=1e-6)
    chi2, dof = many.chi2()
    seen = many.number > 0
    assert (dof[seen] == 8).all()
    assert np.nanmax(chi2) < 1e-6
    assert np.isnan(chi2[~seen]).all()


def test_sums_are_the_textbook_formulae() -> None:
    ones = np.ones((61, 61))
    values = [(10.0, 4.0, 100.0), (16.0, 1.0, 50.0), (13.0, 2.0, 25.0)]
    parts = [Mosaic(f * ones, v * ones, f / np.sqrt(v) * ones, t * ones, tan_wcs(*GRID.crval, side=61)) for f, v, t in values]
    total = summed({str(i): part for i, part in enumerate(parts)})
    result = total.result()
    f, v, t = np.array(values).T
    weight = (1 / v).sum()
    mean = (f / v).sum() / weight
    centre = tuple(np.argwhere(total.number == 3)[1500])
    measured = [float(np.asarray(plane)[centre]) for plane in (result.flux, result.variance, result.significance, result.exposure)]
    assert measured == pytest.approx([mean, 1 / weight, mean * np.sqrt(weight), t.sum()], rel=1e-6)
    chi2, dof = total.chi2()
    assert chi2[centre] == pytest.approx((((f - mean) ** 2) / v).sum(), rel=1e-6)
    assert dof[centre] == 2


def test_a_constant_sky_gives_the_chi2_of_its_degrees_of_freedom() -> None:
    total = summed({str(i): shared(i) for i in range(40)})
    chi2, dof = total.chi2()
    assert (chi2[dof > 20] / dof[dof > 20]).mean() == pytest.approx(1, abs=0.05)


def test_what_is_held_does_not_grow() -> None:
    def held(total: MosaicSum) -> int:
        return sum(value.nbytes for value in vars(total).values() if isinstance(value, np.ndarray))

    few, many = summed({"0": foreign(0), "1": foreign(1)}), summed({str(i): foreign(i % 8) for i in range(40)})
    assert held(few) == held(many) == GRID.shape[0] * GRID.shape[1] * 36


def test_first_and_last_rows_and_columns_are_kept() -> None:
    ones = np.ones((20, 30), dtype="f4")
    for roll in (0.0, 90.0):
        wcs = tan_wcs(*GRID.crval, roll=roll)
        wcs.wcs.crpix = [15.3, 10.3] if roll else [15.0, 10.0]
        total = summed({"0": Mosaic(ones, ones, ones, ones, wcs)})
        assert total.number.sum() == 600
        np.testing.assert_array_equal(np.sort([np.ptp(i) for i in np.nonzero(total.number)]), [19, 29])


def test_provenance_is_merged() -> None:
    parts = {str(i): foreign(i) for i in (2, 0, 1)}
    parts["2"] = replace(parts["2"], keywords={"CREATOR": "ii_skyimage", "DEADC": 0.8})
    parts["0"] = replace(parts["0"], keywords={"CREATOR": "ii_skyimage", "DEADC": 0.7})
    parts["1"] = replace(parts["1"], keywords={"CREATOR": "ii_skyimage"})
    result = summed(parts).result(batches_asked=5)
    assert (result.tstart, result.tstop, result.ontime) == (100, 103, 30)
    assert (result.band, result.unit, result.instrument) == ((20.0, 40.0), "counts/sec", "isgri")
    assert result.provenance.job_ids == ("job0", "job1", "job2")
    assert result.provenance.scw == tuple(f"0665002{i:04d}0.001" for i in range(3))
    assert (result.provenance.batches_used, result.provenance.batches_asked) == (3, 5)
    assert result.provenance.osa_version == "OSA11.2"
    assert dict(result.keywords) == {"CREATOR": "ii_skyimage", "RESAMPLE": "cubic B-spline"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": "counts/cm2/s"}, "unit counts/cm2/s"),
        ({"band": (40.0, 80.0)}, "energy band"),
        ({"instrument": "jemx1"}, "instrument jemx1"),
        ({"provenance": origin("x", osa_version="OSA10.2")}, "OSA version OSA10.2"),
        ({"provenance": origin("x", origin="SIMULATED")}, "simulated, the others are observed"),
        ({"flux": None}, "significance alone"),
        ({"wcs": tan_wcs(200.0, -40.0)}, "outside the grid"),
    ],
)
def test_what_cannot_be_added_is_refused_and_leaves_the_sum_as_it_was(change: dict[str, Any], words: str) -> None:
    total = summed({"0": foreign(0)})
    with pytest.raises(NotCombinable, match=words):
        total.add(replace(foreign(1), **change), "1")
    assert_equal(total, summed({"0": foreign(0)}))
    assert total.batch_ids == ("0",)
    assert total.result().provenance == foreign(0).provenance


def test_a_batch_counts_once() -> None:
    total = summed({"0": foreign(0)})
    with pytest.raises(NotCombinable, match="Batch 0 is in the sum already"):
        total.add(foreign(1), "0")
    with pytest.raises(NotCombinable, match="in both sums"):
        total.merge(summed({"0": foreign(0)}))
    with pytest.raises(NotCombinable, match="different grids"):
        total.merge(MosaicSum(replace(GRID, crpix=(1.0, 1.0))))
    with pytest.raises(NotCombinable, match="energy band"):
        total.merge(summed({"1": foreign(1, band=(40.0, 80.0))}))


def test_galactic_coordinates_are_refused() -> None:
    wcs = tan_wcs(184.56, -5.78)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    with pytest.raises(NotCombinable, match="equatorial"):
        MosaicSum(GRID).add(replace(foreign(0), wcs=wcs), "0")


@pytest.mark.parametrize("lattice", [True, False])
def test_a_batch_without_a_valid_pixel_is_empty(lattice: bool) -> None:
    nan = np.full((61, 61), np.nan, dtype="f4")
    total = MosaicSum(GRID)
    with pytest.raises(EmptyProduct, match="no exposed pixel"):
        total.add(Mosaic(nan, nan, nan, nan, tan_wcs(*GRID.crval, roll=0 if lattice else 5, side=61)), "0")
    with pytest.raises(EmptyProduct, match="No batch"):
        total.result()


@pytest.mark.parametrize("count", [0, 3])
def test_the_sum_survives_its_file_bit_for_bit(count: int) -> None:
    seed = origin("job", origin="SIMULATED", seed=2**62, host="simulated")
    parts = {f"b{i}": foreign(i, provenance=seed, keywords={"CREATOR": "sky", "MOSASPR": 1}) for i in range(count)}
    total = summed(parts)
    file = io.BytesIO()
    total.to_hdulist().writeto(file)
    file.seek(0)
    with fits.open(file) as hdus:
        again = MosaicSum.from_hdulist(hdus)
        assert hdus["SUM_WEIGHT"].header["CTYPE1"] == "RA---TAN"
        assert list(hdus["BATCHES"].data["BATCH_ID"]) == list(parts)
    assert_equal(again, total)
    assert again.grid == total.grid
    assert again.contributions == total.contributions
    more = foreign(7, provenance=seed)
    total.add(more, "more")
    again.add(more, "more")
    assert_equal(again, total)
    assert again.result().provenance == total.result().provenance
    assert again.result().provenance.simulated
    assert again.result().band == (20.0, 40.0)


def test_another_file_is_no_sum() -> None:
    with pytest.raises(ProductError, match="not a running sum"):
        MosaicSum.from_hdulist(fits.HDUList([fits.PrimaryHDU()]))
