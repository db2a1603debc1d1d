"""What was asked once is not asked again: by other users, for a longer interval, without or with some of the science windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.combine.mosaic_sum import rebuild
from dashboard.errors import RunNotFound
from dashboard.identity import Identity
from dashboard.observatory.query import sign
from dashboard.plan.plan import Plan
from dashboard.plan.replanning import put_back, without
from dashboard.plan.roles import NEAR_REAL_TIME, PRIVATE
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.road import extended
from dashboard.runs.field import run_grid
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.results import load_mosaic, load_spectra
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.settings import Settings
from tests.conftest import Observatory, running_observatory
from tests.faults.crab import assert_equal, assert_whole, attempts, counts, deployed, planned, reasons, started
from tests.waiting import wait_for_run

pytestmark = pytest.mark.slow  # minutes altogether

SPECTRA: dict[str, Any] = {"product": "spectrum", "use_default_catalog": False, "make_image": True, "s_max": 10, "radius": 5.0}
DECADE: dict[str, Any] = {"T1": "2003-03-01T00:00:00", "T2": "2013-03-10T00:00:00", "radius": 1.5, "s_max": 20}


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    """One for all of this."""
    with running_observatory(tmp_path_factory.mktemp("observatory")) as started:
        yield started


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, observatory: Observatory) -> Iterator[Settings]:
    """One deployment; each test asks in a band of its own."""
    yield deployed(tmp_path_factory.mktemp("deployment"), observatory.url)
    end_children()


def submissions(observatory: Observatory) -> int:
    return int(counts(observatory)["submissions"])


def finished(settings: Settings, store: RunStore, run_id: str) -> RunState:
    """The run has been gone on with, and is done."""
    ensure_worker(settings)
    state = wait_for_run(store, run_id)
    assert state.state == "done", reasons(state)
    return state


@pytest.mark.parametrize("later", [False, True], ids=["at once", "when it is done"])
def test_two_users_who_ask_the_same_public_batches_cause_each_query_once(settings: Settings, observatory: Observatory, later: bool) -> None:
    band = {"E1_keV": 20.0 + later}
    before = submissions(observatory)
    ada, hers = started(settings, planned(settings, "ada", **band), "ada", sign("general", "ada"))
    if later:
        finished(settings, ada, hers)
    bob, his = started(settings, planned(settings, "bob", **band), "bob", sign("general", "bob"))
    one, two = finished(settings, ada, hers), finished(settings, bob, his)
    assert_equal(assert_whole(settings, one), assert_whole(settings, two))
    assert [batch.batch_id for batch in one.batches] == [batch.batch_id for batch in two.batches]
    assert submissions(observatory) - before == len(one.batches)
    assert {batch.state for batch in two.batches} == ({"reused"} if later else {"done"})


@pytest.mark.parametrize(
    ("values", "role"), [({"integral_data_rights": "all-private"}, PRIVATE), ({"data_version": "NRT"}, NEAR_REAL_TIME)]
)
def test_private_products_never_cross_users(settings: Settings, observatory: Observatory, values: dict[str, str], role: str) -> None:
    before = submissions(observatory)
    ids: dict[str, set[str]] = {}
    for user in ("ada", "bob"):
        session = Session(settings, Identity(user, origin="page"))
        session.take_token(sign(f"general, {role}", user))
        store, run_id = started(settings, planned(settings, user, E1_keV=22.0, **values), user, session.standing.token)
        state = finished(settings, store, run_id)
        assert_whole(settings, state)
        assert {batch.state for batch in state.batches} == {"done"}, "none of another user's"
        ids[user] = {batch.batch_id for batch in state.batches}
    assert not ids["ada"] & ids["bob"]
    assert submissions(observatory) - before == len(ids["ada"]) + len(ids["bob"]), "asked for each"
    eve = RunStore(settings, "eve")
    run_id = eve.start(planned(settings, "eve", E1_keV=22.0, **values), Identity("eve"))
    ensure_worker(settings)
    state = wait_for_run(eve, run_id)
    assert (state.state, state.n_done) == ("done with failures", 0), "without the role there is nothing to be had"
    assert all(role in batch.reason for batch in state.batches)
    with pytest.raises(RunNotFound):
        eve.state(RunStore(settings, "ada").list_runs("ada")[0].run_id)


@pytest.mark.slow
def test_a_longer_interval_asks_the_new_spectra_only_with_the_lists_as_they_were(settings: Settings, observatory: Observatory) -> None:
    store, run_id = started(settings, planned(settings, T1="2009-02-20T00:00:00", T2="2009-02-24T12:00:00", **SPECTRA))
    first = finished(settings, store, run_id)
    before, asked = store.plan(run_id), submissions(observatory)
    longer = extended(settings, before, T2="2009-03-02T00:00:00")
    new = store.revise(run_id, longer, "extended")
    second = finished(settings, store, run_id)
    plan = store.plan(run_id)
    assert plan.lists == before.lists, "the catalogue is frozen"
    assert plan.batches_of(plan.jobs[0]) == before.batches_of(before.jobs[0]), "the image was made for it, and stays"
    old, now = ({batch.batch_id for batch in state.batches} for state in (first, second))
    assert submissions(observatory) - asked == new == len(now - old) > 0
    assert_only_new(before, plan)
    spectra = load_spectra(settings, second, 1).of("Crab")
    assert {batch_id for spectrum in spectra for batch_id in spectrum.batch_ids} == set(plan.jobs[1].batch_ids)


@pytest.mark.slow
def test_a_month_more_of_ten_years_asks_the_month(settings: Settings, observatory: Observatory) -> None:
    store, run_id = started(settings, planned(settings, **DECADE))
    finished(settings, store, run_id)
    before, asked = store.plan(run_id), submissions(observatory)
    assert len(before.batches) > 40
    longer = extended(settings, before, T2="2013-04-10T00:00:00")
    new = store.revise(run_id, longer, "extended")
    assert new <= 3
    state = finished(settings, store, run_id)
    assert submissions(observatory) - asked == new > 0
    assert_only_new(before, longer)
    assert_whole(settings, state)


def assert_only_new(before: Plan, after: Plan) -> None:
    """At most two of the old batches are cut anew: those at the end that the new science windows join."""
    old, now = ({batch.batch_id: set(batch.scw) for batch in plan.batches} for plan in (before, after))
    known = set().union(*old.values())
    again = [batch_id for batch_id in now.keys() - old.keys() if now[batch_id] & known]
    assert len(again) <= 2
    assert len(old.keys() - now.keys()) <= 2
    assert known <= set().union(*now.values())


def test_a_science_window_less_asks_one_batch_and_once_more_none(settings: Settings, observatory: Observatory) -> None:
    store, run_id = started(settings, planned(settings, E1_keV=23.0))
    whole = assert_whole(settings, finished(settings, store, run_id))
    plan, asked = store.plan(run_id), submissions(observatory)
    (out,) = plan.batches[3].scw[:1]
    assert store.revise(run_id, without(plan, [out]), "1 ScW") == 1
    less = assert_whole(settings, finished(settings, store, run_id))
    assert submissions(observatory) - asked == 1
    assert set(whole.provenance.scw) - set(less.provenance.scw) == {out}
    again = put_back(store.plan(run_id), [out])
    assert {batch.batch_id for batch in again.batches} == {batch.batch_id for batch in plan.batches}
    store.revise(run_id, again, "1 ScW")
    state = finished(settings, store, run_id)
    assert submissions(observatory) - asked == 1, "the stored one is taken"
    assert_equal(assert_whole(settings, state), whole)


def test_batches_left_out_and_put_back_ask_nothing_and_add_up_as_ever(settings: Settings, observatory: Observatory) -> None:
    store, run_id = started(settings, planned(settings, E1_keV=24.0))
    first = finished(settings, store, run_id)
    whole, asked = assert_whole(settings, first), submissions(observatory)
    out = [batch.batch_id for batch in first.batches[1:3]]
    assert store.exclude(run_id, out) == 2
    state = finished(settings, store, run_id)
    assert (state.n_excluded, attempts(state)) == (2, attempts(first))
    less = load_mosaic(settings, state)
    assert set(less.provenance.scw) == {scw for batch in state.batches if batch.batch_id not in out for scw in batch.scw}
    assert_equal(less, rebuilt(settings, store, state))
    assert store.exclude(run_id, out, excluded=False) == 2
    assert_equal(assert_whole(settings, finished(settings, store, run_id)), whole)
    assert submissions(observatory) == asked


def rebuilt(settings: Settings, store: RunStore, state: RunState) -> Mosaic:
    """The sum of the stored products of the batches that take part."""
    plan, products = store.plan(state.run_id), ProductStore(settings.storage_url)
    ids = [batch.batch_id for batch in state.batches if batch.arrived]
    return rebuild(run_grid(plan.pointings), ((i, products.read(batch_file(i), read_mosaic)) for i in ids)).result(len(plan.batches))
