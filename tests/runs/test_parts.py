"""A time range on the page stands for whole batches; their sum is that of the run when they are all, and never one by subtraction."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.combine.mosaic_sum import rebuild
from dashboard.errors import EmptyProduct, ProductError
from dashboard.plan.plan import Plan
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.mosaic import Mosaic
from dashboard.products.spectrum import SpectrumSet
from dashboard.runs.field import run_grid
from dashboard.runs.kept import Kept
from dashboard.runs.parts import Part, batches_in, partial
from dashboard.runs.products import batch_file
from dashboard.runs.results import load_histogram, load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import BatchState, RunState
from tests.combine.curves import curve
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.runs.stored_run import StoredRun, mosaic
from tests.spectra import assert_same, spectrum

BATCHES = 11
SKY = [(*CRAB, 60.0), (CRAB[0] + 1.5, CRAB[1] - 1.0, 12.0)]
ALL = (-np.inf, np.inf)
PLAN = plan_of(6, bands=[[28, 40], [40, 60]])


def state_of(plan: Plan, states: dict[str, str]) -> RunState:
    number_of = {batch_id: number for number, job in enumerate(plan.jobs) for batch_id in job.batch_ids}
    batches = tuple(BatchState(b.batch_id, states[b.batch_id], b.scw, number_of[b.batch_id]) for b in plan.batches)
    return RunState("run", "", "", "simulated", "running", 1, batches, 0.0, sums=(1,) * len(plan.jobs))


@given(
    st.tuples(*[st.sampled_from(["done", "reused", "running", "failed", "excluded"])] * len(PLAN.batches)),
    st.sampled_from([0, 1]),
    st.floats(1600.0, 1600.5),
    st.floats(0.0, 0.3),
)
def test_a_range_means_whole_stored_batches(states: tuple[str, ...], job: int, start: float, length: float) -> None:
    state = state_of(PLAN, {batch.batch_id: word for batch, word in zip(PLAN.batches, states, strict=True)})
    stored = [b for b in PLAN.batches_of(PLAN.jobs[job]) if {s.batch_id: s.arrived for s in state.batches}[b.batch_id]]
    chosen = batches_in(PLAN, state, job, start, start + length)
    assert bool(chosen) == bool(stored)
    inside = tuple(b for b in stored if start <= (b.tstart + b.tstop) / 2 <= start + length)
    if inside:
        assert chosen == inside
    else:
        middle = start + length / 2
        away = [max(b.tstart - middle, middle - b.tstop, 0.0) for b in stored]
        assert chosen == tuple(b for b, distance in zip(stored, away, strict=True) if distance == min(away))


def test_a_short_range_means_the_batch_around_it_or_the_nearest() -> None:
    state = state_of(PLAN, dict.fromkeys((b.batch_id for b in PLAN.batches), "done"))
    first, second, third = PLAN.batches_of(PLAN.jobs[0])
    assert batches_in(PLAN, state, 0, first.tstart, first.tstart + 1e-4) == (first,)
    assert batches_in(PLAN, state, 0, second.tstop + 1e-4, second.tstop + 2e-4) == (second,)
    assert batches_in(PLAN, state, 0, 9000.0, 9001.0) == (third,)
    assert batches_in(PLAN, state, 0, *ALL) == (first, second, third)


def test_batches_of_unknown_time_are_left_to_the_whole_sum() -> None:
    unknown = replace(PLAN, batches=tuple(replace(b, tstart=np.nan, tstop=np.nan) for b in PLAN.batches))
    state = state_of(unknown, dict.fromkeys((b.batch_id for b in PLAN.batches), "done"))
    assert batches_in(unknown, state, 0, 1600.0, 1601.0) == unknown.batches_of(unknown.jobs[0])


@pytest.fixture(scope="module")
def parts() -> list[Mosaic]:
    return [mosaic(number, SKY) for number in range(BATCHES)]


@pytest.fixture
def run(tmp_path: Path, parts: list[Mosaic]) -> StoredRun:
    run = StoredRun(tmp_path, plan_of(2 * BATCHES))
    run.arrive(dict(zip(run.ids, parts, strict=True)))
    return run


def part_of(run: StoredRun, start: float, stop: float, job: int = 0) -> Part:
    part = partial(run.settings, run.plan, run.state, job, start, stop)
    assert part is not None
    return part


def between(run: StoredRun, first: int, last: int) -> tuple[float, float]:
    """A range that means these batches, both included."""
    return run.plan.batches[first].tstart, run.plan.batches[last].tstop


def assert_same_map(mine: object, its: Mosaic, digits: float = 1e-6) -> None:
    """To the rounding of float32; the default is for batches that are compared with themselves before they were written."""
    assert isinstance(mine, Mosaic)
    for name in ("flux", "variance", "significance", "exposure"):
        left, right = getattr(mine, name), getattr(its, name)
        np.testing.assert_allclose(left, right, rtol=digits, atol=digits * float(np.nanmax(np.abs(right))), err_msg=name)
    assert (mine.provenance, mine.keywords, mine.band, mine.unit) == (its.provenance, its.keywords, its.band, its.unit)


def test_everything_is_what_is_published(run: StoredRun) -> None:
    run.publish()
    part = part_of(run, *ALL)
    assert_same_map(part.product, load_mosaic(run.settings, run.state), digits=1.2e-7)
    published = load_sources(run.settings, run.state)
    assert part.sources is not None
    assert [source.name for source in part.sources.sources] == [source.name for source in published.sources]
    for mine, its in zip(part.sources.sources, published.sources, strict=True):
        assert mine.flux == pytest.approx(its.flux, rel=1e-4)
        assert mine.scaled_significance == pytest.approx(its.scaled_significance, rel=1e-4)
        assert (mine.ra, mine.dec) == pytest.approx((its.ra, its.dec), abs=1e-5)
    assert part.histogram is not None
    moved = np.abs(part.histogram.counts - load_histogram(run.settings, run.state).counts).sum()
    assert moved <= 20, "of pixels on the edge of a bin"
    assert (part.batch_ids, part.n_stored) == (run.ids, BATCHES)


@pytest.mark.parametrize(("first", "last"), [(0, 3), (2, 8), (5, 5), (4, 7), (3, 10)])
def test_a_part_is_the_sum_of_its_batches_alone(run: StoredRun, parts: list[Mosaic], first: int, last: int) -> None:
    """Also after others were made, whose blocks it uses."""
    part_of(run, *between(run, 0, 9))
    part_of(run, *between(run, 1, last))
    part = part_of(run, *between(run, first, last))
    chosen = range(first, last + 1)
    expected = rebuild(run_grid(run.plan.pointings), ((run.ids[i], parts[i]) for i in chosen)).result(BATCHES)
    assert_same_map(part.product, expected)
    assert (expected.provenance.batches_used, expected.provenance.batches_asked) == (len(chosen), BATCHES)
    assert part.batch_ids == run.ids[first : last + 1]
    assert (part.start, part.stop) == between(run, first, last)
    assert part.sources is not None
    assert part.sources.sources[0].name == "Crab"
    assert part.sources.sources[0].n_batches == len(chosen)


def test_excluded_batches_are_in_no_part(run: StoredRun) -> None:
    run.store.exclude(run.run_id, run.ids[4:6])
    part = part_of(run, *between(run, 3, 7))
    assert (part.batch_ids, part.n_stored) == ((run.ids[3], *run.ids[6:8]), BATCHES - 2)


def test_a_step_of_the_slider_reads_the_batches_at_its_ends_alone(run: StoredRun, parts: list[Mosaic]) -> None:
    part_of(run, *between(run, 0, 8))
    run.lose(*run.ids[:8])
    stepped = part_of(run, *between(run, 0, 9))
    expected = rebuild(run_grid(run.plan.pointings), zip(run.ids[:10], parts[:10], strict=True)).result(BATCHES)
    assert_same_map(stepped.product, expected)
    run.lose(*run.ids)
    assert part_of(run, *between(run, 0, 9)).product is stepped.product, "the same once more is kept"
    with pytest.raises(ProductError, match=batch_file(run.ids[6])):
        part_of(run, *between(run, 6, 8))


def test_blocks_of_a_long_run_are_longer(run: StoredRun, parts: list[Mosaic], monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two sums, eleven batches make blocks of eight: nine batches hold one whole block and one batch."""
    n_bytes = 36 * int(np.prod(run_grid(run.plan.pointings).shape))
    monkeypatch.setattr("dashboard.runs.parts.BLOCK_BYTES", 2 * n_bytes)
    part_of(run, *between(run, 0, 7))
    run.lose(*run.ids[:8])
    longer = part_of(run, *between(run, 0, 8))
    expected = rebuild(run_grid(run.plan.pointings), zip(run.ids[:9], parts[:9], strict=True)).result(BATCHES)
    assert_same_map(longer.product, expected)
    with pytest.raises(ProductError, match=batch_file(run.ids[0])):
        part_of(run, *between(run, 0, 3))


def test_progress_is_told_and_what_nobody_wants_is_not_finished(run: StoredRun) -> None:
    told: list[tuple[int, int]] = []
    where = (run.settings, run.plan, run.state, 0, *between(run, 1, 6))
    assert partial(*where, told=lambda *step: told.append(step), cancelled=lambda: len(told) == 3) is None
    assert told == [(1, 6), (2, 6), (3, 6)]
    part = partial(*where, told=lambda *step: told.append(step))
    assert part is not None
    assert told[3:] == [(done, 6) for done in range(1, 7)]


def test_without_a_batch_there_is_no_part(tmp_path: Path) -> None:
    empty = StoredRun(tmp_path, plan_of(4))
    with pytest.raises(EmptyProduct, match="No batch"):
        part_of(empty, *ALL)


def test_several_may_ask_at_once(run: StoredRun, parts: list[Mosaic]) -> None:
    start = threading.Barrier(4)
    where = (run.settings, run.plan, run.state, 0)

    def ask(last: int) -> Part | None:
        start.wait()
        return partial(*where, *between(run, 0, last))

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(ask, (7, 7, 8, 9)))
    for part, last in zip(made, (7, 7, 8, 9), strict=True):
        expected = rebuild(run_grid(run.plan.pointings), zip(run.ids[: last + 1], parts[: last + 1], strict=True)).result(BATCHES)
        assert part is not None
        assert_same_map(part.product, expected)


def plan_for(product: str) -> Plan:
    """Three batches of spectra or light curves."""
    plan = plan_of(6)
    return replace(plan, jobs=(replace(plan.jobs[0], product=product),))


def test_spectra_of_everything_are_those_published(tmp_path: Path) -> None:
    run = StoredRun(tmp_path, plan_for("spectrum"))
    for number, batch_id in enumerate(run.ids):
        run.arrive({batch_id: SpectrumSet((spectrum(exposure=1000.0 * (number + 1)), spectrum("Other", rate=spectrum().rate * number)))})
        run.publish()  # the sum goes through its file each time
    whole, last = part_of(run, *ALL), part_of(run, 9000.0, 9001.0)
    assert isinstance(whole.product, SpectrumSet)
    assert isinstance(last.product, SpectrumSet)
    assert_same(whole.product, load_spectra(run.settings, run.state, 0))
    assert (whole.sources, whole.histogram) == (None, None)
    assert last.product.spectra[0].exposure == 3000.0
    np.testing.assert_allclose(last.product.spectra[1].rate, 2 * spectrum().rate, rtol=1e-6)


def test_light_curves_of_a_range_are_the_points_of_its_batches(tmp_path: Path) -> None:
    run = StoredRun(tmp_path, plan_for("lightcurve"))
    run.arrive({batch_id: LightCurveSet((curve([3000.0 + n, 3000.5 + n]),)) for n, batch_id in enumerate(run.ids)})
    run.publish()
    whole, middle = part_of(run, *ALL), part_of(run, *between(run, 1, 1))
    assert isinstance(whole.product, LightCurveSet)
    assert isinstance(middle.product, LightCurveSet)
    published = load_light_curves(run.settings, run.state, 0).curves[0]
    np.testing.assert_array_equal(whole.product.curves[0].time, published.time)
    np.testing.assert_array_equal(middle.product.curves[0].time, [3001.0, 3001.5])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 12)), max_size=40))
def test_what_is_kept_stays_within_its_limit_and_is_what_was_used_last(puts: list[tuple[int, int]]) -> None:
    kept: Kept[int] = Kept(20, lambda value: value)
    for key, value in puts:
        kept.put(key, value)
    expected: dict[int, int] = {}
    for key, value in puts:
        expected.pop(key, None)
        expected[key] = value
        while sum(expected.values()) > 20:
            del expected[next(iter(expected))]
    assert kept.total == sum(expected.values())
    assert [kept.get(key) for key in range(10)] == [expected.get(key) for key in range(10)]


def test_what_is_looked_at_is_forgotten_later() -> None:
    kept: Kept[str] = Kept(2)
    kept.put("a", "A")
    kept.put("b", "B")
    kept.get("a")
    kept.put("c", "C")
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == ("A", None, "C")
