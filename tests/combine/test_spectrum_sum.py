from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.dispatcher.answer import decode_products
from dashboard.errors import EmptyProduct, NotCombinable, ProductError
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet
from dashboard.products.spectrum_fits import spectra_from_products
from tests.dispatcher.replay import document
from tests.spectra import AREA, PROVENANCE, RMF, assert_same, folded, opened, spectrum, toy_redistribution

BROADER = replace(RMF, matrix=toy_redistribution(blur=0.2).matrix)
"""Another redistribution on the same grids."""


def total(batches: Sequence[Sequence[Spectrum]], weighting: str = "exposure", order: Sequence[int] | None = None) -> SpectrumSum:
    made = SpectrumSum(weighting)
    for i in range(len(batches)) if order is None else order:
        made.add(SpectrumSet(tuple(batches[i])), f"batch{i:03d}")
    return made


def only(made: SpectrumSum) -> Spectrum:
    (one,) = made.result().spectra
    return one


def expected(one: Spectrum, norm: float = 1.0) -> Any:
    """What the sum's own response gives for the power law."""
    return folded(one.redistribution, one.area, norm)


def noisy(area_scale: float, variance_scale: float, **changes: Any) -> Spectrum:
    area = (area_scale * AREA).astype("f4")
    return spectrum(area=area, stat_err=np.full(24, np.sqrt(variance_scale)), **changes)


def test_the_mean_of_equal_exposures_is_the_plain_mean() -> None:
    one = only(
        total([[spectrum(rate=np.full(24, 2.0), stat_err=np.full(24, 0.3))], [spectrum(rate=np.full(24, 4.0), stat_err=np.full(24, 0.4))]])
    )
    np.testing.assert_allclose(one.rate, 3.0)
    np.testing.assert_allclose(one.stat_err, 0.25)
    assert one.redistribution is RMF


@pytest.mark.parametrize("weighting", ["exposure", "inverse variance"])
def test_rate_and_response_agree_when_area_and_noise_vary_together(weighting: str) -> None:
    """Areas 1 : 0.7 with variances 1 : 4. Inverse variance for the rate and exposure for the response is 10.6 % off."""
    parts = [noisy(1.0, 1.0), noisy(0.7, 4.0)]
    one = only(total([[part] for part in parts], weighting))
    np.testing.assert_allclose(one.rate, expected(one), rtol=1e-6)
    weights = np.array([1 / part.stat_err**2 for part in parts])
    mixed = (weights * [part.rate for part in parts]).sum(axis=0) / weights.sum(axis=0)
    response = folded(RMF, np.mean([part.area for part in parts], axis=0))
    np.testing.assert_allclose(mixed / response - 1, 0.106, atol=0.001)


@pytest.mark.parametrize("weighting", ["exposure", "inverse variance"])
def test_two_redistributions_on_one_grid_give_the_response_of_their_mean(weighting: str) -> None:
    parts = [noisy(1.0, 1.0, exposure=1000.0), spectrum(rmf=BROADER, area=0.6 * AREA, exposure=3000.0)]
    one = only(total([[part] for part in parts], weighting))
    np.testing.assert_allclose(one.rate, expected(one), rtol=1e-5)
    assert one.redistribution.bounds_key == RMF.bounds_key
    assert np.all(one.redistribution.matrix.sum(axis=1) <= 1 + 1e-5)


@pytest.mark.parametrize("weighting", ["exposure", "inverse variance"])
def test_a_channel_bad_in_one_batch_has_the_response_of_the_others(weighting: str) -> None:
    """Batches of different area: the mean rate of a channel is made by other batches than that of its neighbour."""
    holed = noisy(0.5, 2.0)
    rate, quality = holed.rate.copy(), holed.quality.copy()
    rate[[4, 5]], quality[9] = np.nan, 2
    one = only(total([[noisy(1.0, 1.0)], [replace(holed, rate=rate, quality=quality)], [noisy(1.3, 1.0)]], weighting))
    np.testing.assert_allclose(one.rate, expected(one), rtol=1e-5)
    assert (one.quality == 0).all()


def test_bad_channels_do_not_part_the_redistribution_when_areas_are_equal() -> None:
    rate = spectrum().rate.copy()
    rate[3] = np.nan
    one = only(total([[spectrum()], [replace(spectrum(), rate=rate)]]))
    assert one.redistribution is RMF
    np.testing.assert_allclose(one.stat_err[3] / one.stat_err[2], np.sqrt(2))


def test_a_channel_that_no_batch_has_stays_bad() -> None:
    quality = np.zeros(24, dtype=np.int16)
    quality[0] = 3
    one = only(total([[noisy(1.0, 1.0, quality=quality)], [noisy(0.7, 1.0, quality=quality)]]))
    assert one.quality[0] == 1
    assert np.isnan(one.rate[0])
    assert one.redistribution is RMF


def test_a_source_missing_from_a_batch_loses_none_of_the_others() -> None:
    """Neither when it is missing in the middle nor when it is missing at first; and no rate goes to another source."""
    faint = 0.1 * spectrum().rate
    batches = [
        [spectrum("A")],
        [spectrum("B", rate=faint), spectrum("A")],
        [spectrum("B", rate=faint)],
        [spectrum("A"), spectrum("B", rate=faint)],
    ]
    made = total(batches).result(batches_asked=5)
    assert made.sources == ("A", "B")
    for name, rate, members in (("A", spectrum().rate, "013"), ("B", faint, "123")):
        (one,) = made.of(name)
        np.testing.assert_allclose(one.rate, rate)
        assert one.batch_ids == tuple(f"batch00{i}" for i in members)
        assert one.exposure == 6000.0
        assert (one.provenance.batches_used, one.provenance.batches_asked) == (3, 5)


def test_spectra_on_different_channels_are_never_averaged() -> None:
    other = toy_redistribution(16)
    made = total([[spectrum()], [spectrum(rmf=other)], [spectrum()], [spectrum("Vela X-1", other)]]).result()
    found = {(one.source, len(one.rate)): one for one in made.spectra}
    assert {place: one.exposure for place, one in found.items()} == {("Crab", 24): 4000.0, ("Crab", 16): 2000.0, ("Vela X-1", 16): 2000.0}
    assert found["Crab", 16].redistribution is found["Vela X-1", 16].redistribution


def test_times_add_or_span() -> None:
    parts = [spectrum(tstart=3005.0, tstop=3005.2, exposure=10.0), spectrum(tstart=3001.0, tstop=3001.3, exposure=30.0, ra=84.0)]
    one = only(total([[part] for part in parts]))
    assert (one.exposure, one.ontime, one.telapse, one.tstart, one.tstop) == (40.0, 5000.0, 5200.0, 3001.0, 3005.2)
    assert one.ra == 84.0
    assert one.batch_ids == ("batch001", "batch000")


def test_systematics_do_not_average_down() -> None:
    one = only(total([[spectrum(sys_err=np.full(24, fraction), exposure=t)] for fraction, t in ((0.01, 1000.0), (0.03, 3000.0))]))
    np.testing.assert_allclose(one.sys_err, 0.025)
    many = only(total([[spectrum(sys_err=np.full(24, 0.01))] for _ in range(50)]))
    np.testing.assert_allclose(many.sys_err, 0.01)


def test_errors_made_from_few_counts_bias_inverse_variance_weights_by_channel_but_not_ours() -> None:
    """Poisson counts of mean 6 in 400 batches, error = root of the counts."""
    counts = np.random.default_rng(5).poisson(6.0, (400, 24)).astype(float)
    parts = [[spectrum(rate=c / 100, stat_err=np.sqrt(c) / 100, exposure=100.0)] for c in counts]
    exposure = only(total(parts)).rate.mean() / 0.06 - 1
    scalar = only(total(parts, "inverse variance")).rate.mean() / 0.06 - 1
    good = counts > 0
    by_channel = (good.sum(axis=0) / np.where(good, 1 / np.maximum(counts, 1), 0).sum(axis=0)).mean() / 6 - 1
    assert by_channel < -0.15
    assert abs(scalar) < 0.03
    assert abs(exposure) < 0.01


def test_sigma_ratio_says_what_exposure_weights_cost() -> None:
    """Two batches with errors 1 and 3: sqrt(1 + 9)/2 against 1/sqrt(1 + 1/9)."""
    made = total([[spectrum(stat_err=np.full(24, 1.0))], [spectrum(stat_err=np.full(24, 3.0))]])
    assert made.sigma_ratios == pytest.approx({"Crab": (np.sqrt(10) / 2) * np.sqrt(10 / 9)})
    assert only(made).sigma_ratio == made.sigma_ratios["Crab"]
    assert total([[spectrum()], [spectrum()]]).sigma_ratios == pytest.approx({"Crab": 1.0})


values = st.tuples(
    st.floats(0.1, 10),
    st.floats(0.2, 5),
    st.floats(100, 5000),
    st.sets(st.integers(0, 23), max_size=4),
    st.booleans(),
    st.sampled_from(["A", "B", "C"]),
)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(values, min_size=1, max_size=3, unique_by=lambda v: v[5]), min_size=1, max_size=6), st.randoms(use_true_random=False)
)
def test_order_does_not_matter_nor_missing_sources_nor_bad_channels(batches: list[list[Any]], random: Any) -> None:
    """Against a plain evaluation, channel by channel; and in another order."""
    made = [[part(*value) for value in batch] for batch in batches]
    order = list(range(len(made)))
    random.shuffle(order)
    straight, shuffled = (total(made, order=o).result() for o in (None, order))
    assert_same(straight, shuffled, rtol=1e-5)
    for one in straight.spectra:
        parts = [p for batch in made for p in batch if p.source == one.source]
        for channel in range(24):
            good = [p for p in parts if p.good[channel]]
            if not good:
                assert one.quality[channel] != 0
                continue
            t = np.array([p.exposure for p in good])
            assert one.rate[channel] == pytest.approx((t * [p.rate[channel] for p in good]).sum() / t.sum())
            assert one.stat_err[channel] == pytest.approx(np.sqrt(((t * [p.stat_err[channel] for p in good]) ** 2).sum()) / t.sum())
            column = sum(p.exposure * p.area * p.redistribution.matrix[:, channel].astype(float) for p in good) / t.sum()
            np.testing.assert_allclose(one.area * one.redistribution.matrix[:, channel], column, rtol=1e-5, atol=1e-6)


def part(scale: float, error: float, exposure: float, holes: set[int], broader: bool, name: str) -> Spectrum:
    rmf, area = BROADER if broader else RMF, (scale * AREA).astype("f4")
    rate = folded(rmf, area)
    rate[list(holes)] = np.nan
    return spectrum(name, rmf, rate=rate, area=area, stat_err=np.full(24, error), exposure=exposure)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.2, 5), st.floats(100, 5000), st.booleans()), min_size=2, max_size=6), st.data())
def test_cutting_the_batches_otherwise_gives_the_same(values: list[Any], data: Any) -> None:
    """The sum of two sums, each as one batch, is the sum of all (exposure weights; the ratio tells of the others, a number a batch)."""
    parts = [[part(scale, error, exposure, set(), broader, "A")] for scale, error, exposure, broader in values]
    cut = data.draw(st.integers(1, len(parts) - 1))
    halves = SpectrumSum()
    halves.add(total(parts[:cut]).result(), "first")
    halves.add(total(parts[cut:]).result(), "second")
    mine, whole = only(halves), only(total(parts))
    left, right = (SpectrumSet((replace(one, batch_ids=(), provenance=PROVENANCE, sigma_ratio=1.0),)) for one in (mine, whole))
    assert_same(left, right, rtol=2e-5)


def test_a_real_spectrum_with_itself_has_the_same_rate_and_smaller_errors(shared_data: Path) -> None:
    for name, instrument in (("isgri_{}_4u1700", "isgri"), ("jemx1_{}_crab", "jemx1")):
        files: list[tuple[dict[str, Any], fits.HDUList]]
        files = [({}, opened(shared_data / "integral" / f"{name.format(kind)}.fits.gz")) for kind in ("spectrum", "arf", "rmf")]
        made = spectra_from_products(files, instrument, Provenance())
        (real,) = made.spectra
        (twice,) = total([made.spectra, made.spectra]).result().spectra
        np.testing.assert_allclose(twice.rate, real.rate, rtol=1e-12)
        np.testing.assert_allclose(twice.stat_err, real.stat_err / np.sqrt(2), rtol=1e-12)
        np.testing.assert_allclose(twice.area, real.area, rtol=1e-12)
        assert twice.redistribution.key == real.redistribution.key
        assert twice.exposure == 2 * real.exposure


def test_eight_recorded_answers_with_matrices_of_fixed_width_add_up(shared_data: Path) -> None:
    products = decode_products(document(shared_data, "07_real_blocking_isgri_spectrum"))
    answers = [spectra_from_products([(p.meta, p.hdulist) for p in products], "isgri", PROVENANCE).spectra for _ in range(8)]
    (summed,) = total(answers).result().spectra
    np.testing.assert_allclose(summed.rate, answers[0][0].rate)
    np.testing.assert_allclose(summed.stat_err, answers[0][0].stat_err / np.sqrt(8))
    assert summed.redistribution is answers[0][0].redistribution
    assert summed.quality[0] == 1
    assert summed.exposure == pytest.approx(8 * answers[0][0].exposure)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (spectrum(instrument="jemx1"), "instrument"),
        (spectrum(provenance=replace(PROVENANCE, osa_version="OSA10.2")), "OSA version"),
        (spectrum(provenance=replace(PROVENANCE, origin="ISDC")), "observed"),
        (replace(spectrum(), area=AREA[:-1]), "does not fit"),
        (spectrum(quality=np.zeros(23, dtype=np.int16)), "does not fit"),
    ],
)
def test_a_refused_batch_leaves_the_sum_as_it_was(other: Spectrum, words: str) -> None:
    made = total([[spectrum()]])
    for refused in ([other], [spectrum(), replace(other, source="B")]):
        with pytest.raises(NotCombinable, match=words):
            made.add(SpectrumSet(tuple(refused)), "odd")
    assert made.batch_ids == ("batch000",)
    assert_same(made.result(), total([[spectrum()]]).result())


def test_a_batch_counts_once_and_a_source_once_a_batch() -> None:
    made = total([[spectrum()]])
    with pytest.raises(NotCombinable, match="once"):
        made.add(SpectrumSet((spectrum(),)), "batch000")
    with pytest.raises(NotCombinable, match="two spectra of one source"):
        made.add(SpectrumSet((spectrum(), spectrum())), "new")
    with pytest.raises(EmptyProduct):
        made.add(SpectrumSet(), "new")
    assert made.batch_ids == ("batch000",)


@pytest.mark.parametrize(
    "nothing", [{"exposure": 0.0}, {"exposure": float("nan")}, {"stat_err": np.zeros(24)}, {"rate": np.full(24, np.nan)}]
)
def test_a_spectrum_that_measures_nothing_adds_nothing_and_says_so(nothing: dict[str, Any]) -> None:
    empty = replace(spectrum(), **nothing)
    made = total([[spectrum()], [empty, spectrum("B")]])
    (crab,) = made.result().of("Crab")
    assert crab.batch_ids == ("batch000",)
    assert crab.exposure == 2000.0
    assert made.batch_ids == ("batch000", "batch001")
    with pytest.raises(EmptyProduct):
        total([[empty]]).result()
    with pytest.raises(EmptyProduct):
        SpectrumSum().result()


@pytest.mark.parametrize("weighting", ["exposure", "inverse variance"])
def test_a_stored_sum_goes_on_as_if_it_had_never_been_stored(weighting: str) -> None:
    rate = spectrum().rate.copy()
    rate[3] = np.nan
    other = toy_redistribution(16, first_channel=1)
    batches = [
        [spectrum(), spectrum("Müller", other, ra=float("nan"))],
        [spectrum(rmf=BROADER, rate=rate, area=0.7 * AREA), spectrum("Vela X-1", tstart=float("nan"))],
        [spectrum(), spectrum("Vela X-1")],
    ]
    straight, stopped = total(batches, weighting), total(batches[:2], weighting)
    file = io.BytesIO()
    stopped.to_hdulist().writeto(file)
    file.seek(0)
    with fits.open(file) as hdus:
        assert sum(hdu.name == "RMF" for hdu in hdus) == 3
        assert hdus[0].header["ORIGIN"] == "SIMULATED"
        again = SpectrumSum.from_hdulist(hdus)
    again.add(SpectrumSet(tuple(batches[2])), "batch002")
    assert_same(again.result(7), straight.result(7))
    assert again.sigma_ratios == straight.sigma_ratios
    with pytest.raises(NotCombinable):
        again.add(SpectrumSet(tuple(batches[0])), "batch000")


def test_an_empty_sum_is_stored_too() -> None:
    assert SpectrumSum.from_hdulist(SpectrumSum("inverse variance").to_hdulist()).weighting == "inverse variance"


def test_another_file_is_no_sum() -> None:
    with pytest.raises(ProductError):
        SpectrumSum.from_hdulist(fits.HDUList([fits.PrimaryHDU()]))


def test_what_is_kept_does_not_grow_with_the_batches() -> None:
    few, many = (total([[spectrum()]] * number) for number in (2, 40))
    assert sum(h.data.nbytes for h in many.to_hdulist()[1:-1]) - sum(h.data.nbytes for h in few.to_hdulist()[1:-1]) < 40 * 8


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(ValueError, match="weighting"):
        SpectrumSum("counts")


def test_grids_that_differ_by_the_first_channel_alone_are_kept_apart() -> None:
    shifted = Redistribution(RMF.energ_lo, RMF.energ_hi, RMF.matrix, RMF.e_min, RMF.e_max, 1)
    assert len(total([[spectrum()], [spectrum(rmf=shifted)]]).result().spectra) == 2
