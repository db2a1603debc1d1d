from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboard.analysis.sky_width import SignificanceHistogram, significance_histogram
from dashboard.combine.mosaic_sum import MosaicSum, rebuild
from dashboard.dispatcher.answer import decode_answer
from dashboard.errors import ProductError, RunNotFound
from dashboard.hosts import Host
from dashboard.identity import Identity
from dashboard.plan.batch import Batch
from dashboard.plan.plan import Plan
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic, write_mosaic
from dashboard.runs.database import open_database
from dashboard.runs.field import run_grid
from dashboard.runs.fold import PUBLISH_SECONDS, JobFold, RunFold
from dashboard.runs.histogram_document import read_histogram, write_histogram
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.results import load_histogram, load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.source_document import read_sources, write_sources
from dashboard.runs.store import RunStore
from tests.runs.sky_dispatcher import CRAB, FLUX, image_products, plan_of, settings_in, text

MONITOR = {"job_id": "j", "session_id": "s"}


def mosaic_of(batch: Batch) -> Mosaic:
    document = {"products": image_products(batch.scw), "job_monitor": MONITOR, "exit_status": {}}
    return decode_answer(document, batch, Host("simulated")).mosaics[0]


class Bench:
    """A run whose batches arrive when a test says so."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.settings = settings_in(folder)
        self.plan = plan
        self.store = RunStore(self.settings)
        self.ledger = Ledger(open_database(self.settings), "test")
        self.products = ProductStore(self.settings.storage_url)
        self.run_id = self.store.start(plan, Identity())
        self.now = 100.0

    def fold(self, job: int = 0) -> JobFold:
        return JobFold(self.run_id, job, self.plan, self.ledger, self.products, lambda: self.now)

    def arrive(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            name = batch_file(batch.batch_id)
            self.products.write(name, lambda path, batch=batch: write_mosaic(mosaic_of(batch), path))  # type: ignore[misc]
            self.ledger.done(batch.batch_id, name)

    def step(self, fold: JobFold, *, last: bool = False) -> RunState:
        fold.add_arrived()
        fold.publish(last=last)
        return self.state

    @property
    def state(self) -> RunState:
        return self.store.state(self.run_id)

    def published(self) -> MosaicSum:
        def read(path: Path) -> MosaicSum:
            with fits.open(path, memmap=False) as hdus:
                return MosaicSum.from_hdulist(hdus)

        return self.products.read(run_file(self.run_id, "sum", 0, self.state.sums[0]), read)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, plan_of(8))


def assert_undisturbed(bench: Bench, total: MosaicSum) -> None:
    """The sum is that of all batches added in one go, to the rounding of the kernels' float32: a stored header's last digit moves it."""
    parts = ((batch.batch_id, mosaic_of(batch)) for batch in bench.plan.batches)
    expected = rebuild(run_grid(bench.plan.pointings), parts)
    assert sorted(total.batch_ids) == sorted(expected.batch_ids)
    for plane in ("weight", "weight_flux", "weight_flux2", "exposure", "number"):
        mine, its = getattr(total, plane), getattr(expected, plane)
        np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-9 * np.abs(its).max())


def test_the_first_batch_is_shown_at_once_and_the_next_after_a_while(bench: Bench) -> None:
    fold = bench.fold()
    assert bench.step(fold).sums == (0,)
    with pytest.raises(RunNotFound, match="No batch"):
        load_mosaic(bench.settings, bench.state)
    bench.arrive(bench.plan.batches[:1])
    assert bench.step(fold).sums == (1,)
    bench.arrive(bench.plan.batches[1:2])
    bench.now += PUBLISH_SECONDS / 2
    assert bench.step(fold).sums == (1,)
    assert fold.unpublished
    bench.now += PUBLISH_SECONDS
    assert bench.step(fold).sums == (2,)
    bench.arrive(bench.plan.batches[2:])
    state = bench.step(fold, last=True)
    assert (state.sums, fold.unpublished) == ((3,), False)
    assert bench.step(fold, last=True).version == state.version
    assert_undisturbed(bench, bench.published())


def test_the_published_mosaic_holds_the_source(bench: Bench) -> None:
    bench.arrive(bench.plan.batches)
    state = bench.step(bench.fold(), last=True)
    mosaic, table = load_mosaic(bench.settings, state), load_sources(bench.settings, state)
    assert (mosaic.provenance.batches_used, mosaic.provenance.batches_asked) == (len(bench.plan.batches), len(bench.plan.batches))
    assert (mosaic.provenance.simulated, len(mosaic.provenance.scw)) == (True, 8)
    crab = table.sources[0]
    assert crab.name == "Crab"
    assert abs(crab.flux - FLUX) < 0.02 * FLUX
    assert (crab.n_batches, crab.dof) == (len(bench.plan.batches), len(bench.plan.batches) - 1)
    assert "variable" not in crab.warnings
    assert np.hypot((crab.ra - CRAB[0]) * np.cos(np.radians(CRAB[1])), crab.dec - CRAB[1]) * 60 < 0.2


def test_the_histogram_is_that_of_the_published_mosaic(bench: Bench) -> None:
    bench.arrive(bench.plan.batches)
    state = bench.step(bench.fold(), last=True)
    expected = significance_histogram(load_mosaic(bench.settings, state), 100, scaled=True)
    assert expected.counts.sum() > expected.empty_counts.sum() > 0
    name = run_file(bench.run_id, "histogram", 0, state.sums[0])
    for _ in range(2):  # as published, then as of a sum that was published without
        histogram = load_histogram(bench.settings, state)
        for column in ("edges", "counts", "empty_counts"):
            np.testing.assert_array_equal(getattr(histogram, column), getattr(expected, column))
        fitted, its = ((h.centre, h.width, h.height) for h in (histogram, expected))
        assert fitted == pytest.approx(its, rel=1e-5)
        bench.products.remove(name)


def test_a_histogram_without_its_gaussian_survives_its_file(tmp_path: Path) -> None:
    unknown = SignificanceHistogram(np.linspace(-1, 1, 3), np.array([1, 2]), np.array([0, 2]), np.nan, np.nan, np.nan)
    write_histogram(unknown, tmp_path / "a.json")
    assert repr(read_histogram(tmp_path / "a.json")) == repr(unknown)
    assert "NaN" not in (tmp_path / "a.json").read_text()


def test_order_of_arrival_does_not_matter(bench: Bench) -> None:
    fold = bench.fold()
    order = np.random.default_rng(3).permutation(len(bench.plan.batches))
    for index in order:
        bench.arrive([bench.plan.batches[index]])
        bench.now += PUBLISH_SECONDS
        bench.step(fold)
    total = bench.published()
    assert list(total.batch_ids) == [bench.plan.batches[index].batch_id for index in order]
    assert_undisturbed(bench, total)


def test_a_new_owner_goes_on_with_the_last_sum(bench: Bench) -> None:
    bench.arrive(bench.plan.batches[:2])
    bench.step(bench.fold())
    bench.arrive(bench.plan.batches[2:])
    bench.now += PUBLISH_SECONDS / 2
    lost = bench.fold()
    lost.add_arrived()  # and is killed before it publishes
    state = bench.step(bench.fold(), last=True)
    assert state.sums == (2,)
    assert_undisturbed(bench, bench.published())


def test_a_lost_sum_is_built_again_from_the_stored_parts(bench: Bench) -> None:
    bench.arrive(bench.plan.batches)
    state = bench.step(bench.fold(), last=True)
    bench.products.write(run_file(bench.run_id, "sum", 0, state.sums[0]), text("cut off"))
    assert bench.step(bench.fold(), last=True).sums == (2,)
    assert_undisturbed(bench, bench.published())


def test_two_publications_are_kept_and_a_late_reader_gets_the_present_one(bench: Bench) -> None:
    fold, states = bench.fold(), []
    for batch in bench.plan.batches[:4]:
        bench.arrive([batch])
        bench.now += PUBLISH_SECONDS
        states.append(bench.step(fold))
    for kind in ("sum", "mosaic", "sources", "histogram"):
        there = [version for version in range(1, 5) if bench.products.exists(run_file(bench.run_id, kind, 0, version))]
        assert there == [3, 4], kind
    assert load_mosaic(bench.settings, states[0]).provenance.batches_used == 4
    assert load_mosaic(bench.settings, states[2]).provenance.batches_used == 3


def test_what_cannot_be_added_is_told_and_the_rest_stands(bench: Bench) -> None:
    bench.arrive(bench.plan.batches)
    odd, lost = bench.plan.batches[1:3]
    other = plan_of(1, first=90, E1_keV=40, E2_keV=60).batches[0]
    bench.products.write(batch_file(odd.batch_id), lambda path: write_mosaic(_in_band(mosaic_of(other)), path))
    bench.products.remove(batch_file(lost.batch_id))
    state = bench.step(bench.fold(), last=True)
    failed = {batch.batch_id: batch.reason for batch in state.batches if batch.state == "failed"}
    assert set(failed) == {odd.batch_id, lost.batch_id}
    assert "energy band" in failed[odd.batch_id]
    assert f"({len(failed)} failed)" in state.line_of_truth
    assert load_mosaic(bench.settings, state).provenance.batches_used == len(bench.plan.batches) - 2
    bench.ledger.settle(bench.run_id, complete=True)
    assert bench.state.state == "done with failures"


def _in_band(mosaic: Mosaic) -> Mosaic:
    return replace(mosaic, band=(40.0, 60.0))


def test_every_band_has_a_sum_of_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(4, bands=[[28, 40], [40, 60]]))
    fold = RunFold(bench.run_id, bench.plan, bench.ledger, bench.products)
    bench.arrive(bench.plan.batches_of(bench.plan.jobs[1]))
    assert fold.advance(last=True) is False
    state = bench.state
    assert (state.sums, state.sum_version) == ((0, 1), 1)
    assert (state.scw_done, state.scw_total) == (2, 4), "half of the work, in ScW"
    assert load_mosaic(bench.settings, state, job=1).provenance.batches_used == len(bench.plan.jobs[1].batch_ids)


def test_without_the_roll_the_field_is_kept_whole() -> None:
    plan = plan_of(3)
    with_roll = run_grid(plan.pointings)
    plan.pointings.ra_scz[:] = np.nan
    without = run_grid(plan.pointings)
    assert all(mine >= its * 1.35 for mine, its in zip(without.shape, with_roll.shape, strict=True))


def test_sources_survive_their_file(bench: Bench, tmp_path: Path) -> None:
    bench.arrive(bench.plan.batches[:1])
    table = load_sources(bench.settings, bench.step(bench.fold()))
    write_sources(table, tmp_path / "a.json")
    back = read_sources(tmp_path / "a.json")
    assert repr(back) == repr(table)  # NaN equals NaN in print only
    assert "NaN" not in (tmp_path / "a.json").read_text()


def test_a_write_that_fails_leaves_what_was_there(bench: Bench) -> None:
    bench.products.write("runs/a.json", text("old"))

    def broken(path: Path) -> None:
        path.write_text("half")
        raise PermissionError(13, "no")

    with pytest.raises(ProductError, match=r"runs/a\.json"):
        bench.products.write("runs/a.json", broken)
    assert bench.products.read("runs/a.json", Path.read_text) == "old"
    folder = Path(bench.settings.storage_url) / "runs"
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["a.json"]


def test_the_store_may_be_elsewhere() -> None:
    store = ProductStore("memory://products-elsewhere")
    batch = plan_of(1).batches[0]
    store.write("batches/a.fits", lambda path: write_mosaic(mosaic_of(batch), path))
    assert store.read("batches/a.fits", read_mosaic).provenance.scw == batch.scw
    store.remove("batches/a.fits")
    store.remove("batches/a.fits")
    with pytest.raises(ProductError, match=r"batches/a\.fits"):
        store.read("batches/a.fits", read_mosaic)
