"""What goes from the store, in which order, and what is spared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.errors import ProductError, RequestError, RunNotFound
from dashboard.identity import Identity
from dashboard.runs.housekeeping import EVERY_SECONDS, Housekeeping
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.retention import planned_removals, remove, what_stays
from tests.runs.sky_dispatcher import plan_of, text
from tests.runs.warehouse import BATCH, DAY, MOSAIC, NOW, Warehouse


@pytest.fixture
def house(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "data")


def test_what_is_old_goes_and_what_is_pinned_active_in_review_or_shared_stays(house: Warehouse) -> None:
    old, older, fresh = house.run(10, 40), house.run(20, 50, state="cancelled"), house.run(12, 5)
    pinned, active, review = house.run(30, 60), house.run(40, 60, state="running"), house.run(50, 60, state="review")
    house.set_run(pinned, pinned=True)
    (gone, late), (first, shared) = house.batches_of(older), house.batches_of(old)
    house.set_batch(late, updated=NOW - 10 * DAY)
    assert shared in house.batches_of(fresh)
    before = house.contents()
    removals = house.plan(days=30)
    assert [(removal.kind, removal.id) for removal in removals] == [("run", older), ("run", old), ("batch", gone), ("batch", first)]
    assert house.contents() == before, "planning changes nothing"
    assert [removal.n_bytes for removal in removals] == [MOSAIC, MOSAIC, BATCH, BATCH]
    assert removals[0].reason == "It ended 50.0 days ago; 30 days are allowed."
    assert (removals[0].name, removals[0].owner, removals[0].at) == ("from 20", "ada", NOW - 50 * DAY)
    assert removals[2].reason == "No run has it, and it was changed 50.0 days ago; 30 days are allowed."

    size = house.products.size("")
    assert remove(house.settings, removals) == 2 * MOSAIC + 2 * BATCH == size - house.products.size("")
    assert {run.run_id for run in house.store.list_runs()} == {fresh, pinned, active, review}
    for batch_id, stays in {gone: False, first: False, late: True, shared: True}.items():
        assert (house.known(batch_id), house.stored(batch_id)) == (stays, stays)
    for run_id in (fresh, pinned, active, review):
        assert all(house.stored(batch_id) for batch_id in house.batches_of(run_id))
        assert house.products.exists(run_file(run_id, "mosaic", 0, 1))
    assert house.plan(days=30) == ()
    assert house.what(days=9) == [("batch", late)], "what was young grows old"


def test_private_batches_go_with_the_only_run_that_has_them(house: Warehouse) -> None:
    mine, another = house.run(10, 40, integral_data_rights="all-private"), house.run(12, 5, integral_data_rights="all-private")
    alone, shared = house.batches_of(mine)
    assert shared in house.batches_of(another)
    removals = house.plan(days=30)
    assert [(removal.id, removal.n_bytes) for removal in removals] == [(mine, MOSAIC + BATCH)]
    assert remove(house.settings, removals) == MOSAIC + BATCH
    assert [house.stored(alone), house.known(alone), house.stored(shared), house.known(shared)] == [False, False, True, True]


def test_rows_without_a_product_go_too_and_those_somebody_works_on_stay(house: Warehouse) -> None:
    gone = house.run(10, 40, windows=8)
    failed, cancelled, lost, flying = house.batches_of(gone)
    house.store.delete(gone)
    for batch_id in (failed, cancelled, lost, flying):
        house.products.remove(batch_file(batch_id))
    house.set_batch(failed, state="failed")
    house.set_batch(cancelled, state="cancelled", updated=NOW - DAY / 2)
    house.set_batch(flying, state="running")
    removals = house.plan(days=0.1)
    assert [(removal.id, removal.n_bytes) for removal in removals] == [(i, 0) for i in sorted((failed, lost))]
    assert remove(house.settings, removals) == 0
    assert [house.known(i) for i in (failed, cancelled, lost, flying)] == [False, True, False, True]


def test_with_no_limit_nothing_goes_and_limits_are_numbers(house: Warehouse) -> None:
    house.run(10, 400)
    house.store.delete(house.run(20, 400))
    assert house.plan() == ()
    assert house.plan(days=500, n_bytes=1e9) == ()
    for limits in ({"days": -1.0}, {"n_bytes": -1.0}, {"days": float("nan")}, {"n_bytes": float("inf")}):
        with pytest.raises(RequestError, match="0 or more"):
            house.plan(**limits)


def test_a_store_that_is_too_large_loses_first_what_nobody_has_then_the_runs_that_ended_first(house: Warehouse) -> None:
    late, first, second, pinned = house.run(10, 1), house.run(20, 3), house.run(30, 2), house.run(40, 4)
    house.set_run(pinned, pinned=True)
    cached = house.run(50, 9)
    of_first, nobodys, of_second = house.batches_of(first), house.batches_of(cached), house.batches_of(second)
    house.store.delete(cached)
    unknown = house.file(f"batches/ab/{'ab' * 12}.fits", BATCH, 0.5)
    house.set_batch(nobodys[1], updated=NOW - 8 * DAY)
    house.set_batch(of_first[0], updated=NOW - 2 * DAY)
    size = house.products.size("")
    assert size == 4 * (MOSAIC + 2 * BATCH) + 3 * BATCH
    order = [("file", unknown), ("batch", nobodys[0]), ("batch", nobodys[1]), ("run", first), ("batch", of_first[1])]
    order += [("batch", of_first[0]), ("run", second), *(("batch", batch_id) for batch_id in sorted(of_second)), ("run", late)]
    order += [("batch", batch_id) for batch_id in sorted(house.batches_of(late))]
    sizes = [MOSAIC if kind == "run" else BATCH for kind, _ in order]
    for number in range(len(order) + 1):
        allowed = size - sum(sizes[:number])
        assert house.what(n_bytes=allowed) == order[:number]
        assert what_stays(house.settings, house.plan(n_bytes=allowed), allowed / 1e9) == ""
    removals = house.plan(n_bytes=MOSAIC)
    assert [(removal.kind, removal.id) for removal in removals] == order
    assert removals[3].reason.endswith("are allowed; of the runs that are not pinned it ended first.")
    assert all("still holds" not in removal.reason for removal in removals[:-1])
    told = "The store then still holds 0.007 MB where 0.005 MB are allowed: what is left belongs to runs that are pinned"
    assert told in removals[-1].reason
    assert what_stays(house.settings, removals, MOSAIC / 1e9).startswith(told)
    assert remove(house.settings, removals[:4]) == sum(sizes[:4])
    assert house.what(n_bytes=MOSAIC) == order[4:]


def test_age_and_size_together_count_what_goes_once(house: Warehouse) -> None:
    old, fresh, fresher = house.run(10, 40), house.run(20, 5), house.run(30, 4)
    assert house.what(days=30, n_bytes=house.products.size("") - MOSAIC - 2 * BATCH) == [
        ("run", old),
        *(("batch", batch_id) for batch_id in sorted(house.batches_of(old))),
    ]
    assert house.what(days=30, n_bytes=2 * MOSAIC + BATCH)[3:] == [("run", fresh)]
    assert fresher in {run.run_id for run in house.store.list_runs()}


def test_files_that_no_row_knows_go_and_those_of_others_do_not(house: Warehouse) -> None:
    run_id, active = house.run(10, 5), house.run(20, 5, state="running")
    house.set_run(run_id, sums_json='{"0": 4}')
    kept = [house.file(run_file(run_id, "mosaic", 0, 4), 7, 5), house.file(run_file(run_id, "sum", 0, 3), 7, 0.5)]
    kept += [house.file(f"runs/{run_id}/run.json", 7, 5), house.file(run_file(active, "sum", 0, 9), 7, 5)]
    kept += [house.file(name, 7, 400) for name in ("notes.txt", "batches/list.txt", "runs/mine/mosaic-0-1.fits", "runs/a.json")]
    kept += [house.file(name, 7, 0.5) for name in (f"runs/{run_id}/.0a1b2c3d.mosaic-0-5.fits", "batches/ab/.0a1b2c3d.ab.fits")]
    leftovers = [
        house.file(f"batches/ab/.00000000.{'ab' * 12}.fits", 11, 2.5),
        house.file(f"runs/{active}/.ffffffff.sum-0-1.fits", 12, 1.5),
    ]
    replaced = [run_file(run_id, "mosaic", 0, 1), house.file(run_file(run_id, "mosaic", 0, 3), 13, 5)]
    abandoned = house.file(run_file(run_id, "sum", 0, 5), 14, 5)
    lost = "20260101-000000-ffff"
    house.file(run_file(lost, "sum", 0, 1), 15, 60)
    house.file(f"runs/{lost}/run.json", 16, 40)
    unknown = house.file(f"batches/cd/{'cd' * 12}.fits", 17, 50)
    house.file(f"batches/ef/{'ef' * 12}.fits", 18, 20)
    removals = house.plan(days=30)
    assert {removal.kind for removal in removals} == {"file"}
    always = {*leftovers, *replaced, abandoned}
    assert {removal.id for removal in removals[: len(always)]} == always
    assert [(removal.id, removal.n_bytes) for removal in removals[len(always) :]] == [(unknown, 17), (f"runs/{lost}", 31)]
    assert removals[len(always)].reason == "The database does not know it, and it was written 50.0 days ago; 30 days are allowed."
    assert {removal.id for removal in house.plan(n_bytes=1e9)} == always
    assert remove(house.settings, removals) == 11 + 12 + MOSAIC + 13 + 14 + 17 + 31
    assert not (house.root / "runs" / lost).exists()
    assert [name for name in kept if not house.products.exists(name)] == []
    assert house.plan(days=30) == ()


Change = Callable[[Warehouse, str], object]
MEANWHILE: dict[str, Change] = {
    "pinned": lambda house, run_id: house.store.pin(run_id),
    "active": lambda house, run_id: house.store.exclude(run_id, house.batches_of(run_id)[:1]),
    "ended again": lambda house, run_id: house.set_run(run_id, ended=NOW - DAY),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_a_run_that_became_another_meanwhile_is_spared_with_its_batches(house: Warehouse, what: str) -> None:
    run_id, other = house.run(10, 40), house.run(20, 40)
    removals = house.plan(days=30)
    MEANWHILE[what](house, run_id)
    assert remove(house.settings, removals) == MOSAIC + 2 * BATCH
    assert [run.run_id for run in house.store.list_runs()] == [run_id]
    assert all(house.stored(batch_id) for batch_id in house.batches_of(run_id))
    with pytest.raises(RunNotFound):
        house.store.state(other)


def test_a_batch_or_file_that_is_used_meanwhile_is_spared(house: Warehouse) -> None:
    gone = house.run(10, 40)
    taken, changed = house.batches_of(gone)
    house.store.delete(gone)
    asked = plan_of(2, first=30).batches[0].batch_id
    unknown = house.file(batch_file(asked), BATCH, 40)
    removals = house.plan(days=30)
    assert {removal.id for removal in removals} == {taken, changed, unknown}
    house.store.start(plan_of(2, first=10), Identity("eve"))
    house.set_batch(changed, updated=NOW)
    house.store.start(plan_of(2, first=30), Identity("eve"))
    assert remove(house.settings, removals) == 0
    assert [house.stored(batch_id) for batch_id in (taken, changed, asked)] == [True, True, True]


def test_what_is_gone_meanwhile_is_no_trouble(house: Warehouse) -> None:
    house.run(10, 40)
    house.store.delete(house.run(20, 40))
    house.file("runs/20260101-000000-ffff/sum-0-1.fits", 9, 40)
    removals = house.plan(days=30)
    total = sum(removal.n_bytes for removal in removals)
    with ThreadPoolExecutor(2) as pool:
        freed = list(pool.map(lambda _: remove(house.settings, removals), range(2)))
    assert (sum(freed), list(house.products.files())) == (total, [])
    assert remove(house.settings, removals) == 0


def test_what_a_crash_between_row_and_file_leaves_goes_another_time(house: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = house.run(10, 40, windows=2)
    (batch_id,) = house.batches_of(run_id)

    def die(*_: object) -> int:
        raise ProductError("The power is gone.")

    with monkeypatch.context() as patch:
        patch.setattr(ProductStore, "remove", die)
        patch.setattr(ProductStore, "remove_folder", die)
        removals = house.plan(days=30)
        for removal in removals:
            with pytest.raises(ProductError):
                remove(house.settings, [removal])
    assert house.store.list_runs() == ()
    assert (house.known(batch_id), house.stored(batch_id)) == (False, True)
    assert sorted(house.what(days=30)) == [("file", batch_file(batch_id)), ("file", f"runs/{run_id}")]
    assert remove(house.settings, house.plan(days=30)) == MOSAIC + BATCH
    assert list(house.products.files()) == []


def test_the_store_may_be_elsewhere(tmp_path: Path) -> None:
    house = Warehouse(tmp_path)
    run_id = house.run(10, 40)
    elsewhere = replace(house.settings, storage_url=f"memory://retention-{tmp_path.name}")
    products = ProductStore(elsewhere.storage_url)
    for file in house.products.files():
        products.write(file.name, text("x" * file.n_bytes))
    removals = planned_removals(elsewhere, days=30, gigabytes=None, now=NOW)
    assert [removal.n_bytes for removal in removals] == [MOSAIC, BATCH, BATCH]
    assert remove(elsewhere, removals) == MOSAIC + 2 * BATCH
    assert list(products.files()) == []
    assert run_id not in house.store.versions([run_id])


def test_the_deployments_retention_is_applied_at_most_once_an_hour_whoever_works(house: Warehouse) -> None:
    now = [NOW]
    house.run(10, 40)
    assert Housekeeping(house.settings, lambda: now[0]).apply_when_due() == 0, "nothing is set"
    settings = replace(house.settings, keep_days=30.0)
    assert Housekeeping(settings, lambda: now[0]).apply_when_due() == MOSAIC + 2 * BATCH
    house.run(20, 40)
    keeper = Housekeeping(settings, lambda: now[0])
    for later in (1.0, EVERY_SECONDS - 1):
        now[0] = NOW + later
        assert keeper.apply_when_due() == 0
    now[0] = NOW + EVERY_SECONDS
    assert keeper.apply_when_due() == MOSAIC + 2 * BATCH
    house.run(30, 40)
    now[0] = NOW - 10 * EVERY_SECONDS
    assert keeper.apply_when_due() == MOSAIC + 2 * BATCH, "a clock that was put back does not stop it"
