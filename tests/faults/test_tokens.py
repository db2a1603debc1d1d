"""Tokens that expire, are refused or cannot be opened: the run waits, asks nobody anything, and goes on when it is told how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.identity import Identity
from dashboard.observatory.query import sign
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.settings import Settings
from tests.conftest import Observatory, running_observatory
from tests.faults.crab import LONGER, assert_whole, attempts, counts, deployed, happened, planned, reasons, started, told, turns
from tests.processes import kill_worker
from tests.signed import signed
from tests.waiting import wait_for_run, wait_until

pytestmark = pytest.mark.slow  # minutes altogether

LIFE = 4.0
"""Seconds of a token that is to expire under way."""
OF_A_PLAN = 4
"""Queries at most that are made for a plan, before any batch."""
SLOW = 1.0
"""Seconds a science window, so that not all of a run is done within a token's life."""


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


@pytest.fixture
def slow(observatory: Observatory) -> Iterator[Observatory]:
    """Jobs take their time, and no longer when the test is over."""
    observatory.knobs(time_per_scw=SLOW, concurrency=4)
    yield observatory
    observatory.knobs(time_per_scw=0.002)


def quiet(settings: Settings, observatory: Observatory) -> None:
    """While the worker looks at its runs ten times nothing is asked."""
    before = counts(observatory)["requests"]
    turns(settings, 10)
    assert counts(observatory)["requests"] == before


def waits(settings: Settings, observatory: Observatory, store: RunStore, run_id: str, sentence: str) -> RunState:
    """The run as it waits with a sentence; nobody is asked anything."""
    wait_until(lambda: store.state(run_id).state == "waiting", f"it does not wait: {reasons(store.state(run_id))}")
    state = store.state(run_id)
    assert sentence in state.reason
    left = [batch for batch in state.batches if not batch.arrived]
    assert {batch.state for batch in left} == {"queued"}
    assert all("Give another token, or go on without one" in batch.remedy for batch in left if batch.reason), reasons(state)
    quiet(settings, observatory)
    return state


@pytest.mark.parametrize(("again", "low"), [("a new token", 20), ("none", 21)])
def test_a_token_that_expires_under_way_stops_the_run_until_another_is_given(
    settings: Settings, slow: Observatory, again: str, low: int
) -> None:
    session = Session(settings, Identity("ada", origin="page"))
    store, run_id = session.own, session.own.start(planned(settings, "ada", E1_keV=low, **LONGER), Identity("ada"))
    ensure_worker(settings)
    wait_until(lambda: store.state(run_id).n_done > 0, "nothing comes")
    session.take_token(sign("general", "ada", hours=LIFE / 3600))
    state = waits(settings, slow, store, run_id, "token for simulated has expired")
    assert 0 < state.n_done < len(state.batches), "it was under way"
    slow.knobs(time_per_scw=0.002)
    session.take_token(sign("general", "ada") if again == "a new token" else "")
    state = wait_for_run(store, run_id)
    assert_whole(settings, state)
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}


def test_a_job_whose_token_expires_while_it_is_computed_waits_too(settings: Settings, slow: Observatory) -> None:
    """The observatory itself says so, in answer to a poll."""
    slow.knobs(time_per_scw=LIFE)
    store, run_id = started(settings, planned(settings, "ada", E1_keV=22.0), "ada", sign("general", "ada", hours=LIFE / 3600))
    state = waits(settings, slow, store, run_id, "expired")
    assert any(happened(store, batch.batch_id)["submitted"] for batch in state.batches), "it was good when it was sent"
    slow.knobs(time_per_scw=0.002)
    Session(settings, Identity("ada")).take_token(sign("general", "ada"))
    assert_whole(settings, wait_for_run(store, run_id))


def test_a_token_that_the_server_does_not_accept_waits_and_is_not_sent_again(settings: Settings, observatory: Observatory) -> None:
    before = counts(observatory)
    store, run_id = started(settings, planned(settings, "eve", E1_keV=23.0), "eve", signed("general", sub="eve"))
    state = waits(settings, observatory, store, run_id, "token")
    after = counts(observatory)
    assert after["submissions"] == before["submissions"]
    assert after["requests"] - before["requests"] <= 4 + OF_A_PLAN, "by those in flight when it was refused, and by no other"
    assert set(attempts(state)) == {1}
    sentences = {batch.reason for batch in state.batches}
    assert any("simulated does not accept the token" in sentence for sentence in sentences), sentences
    assert all("does not accept the token" in sentence or "was refused" in sentence for sentence in sentences), sentences
    assert all(batch.reason in told(store, batch.batch_id) for batch in state.batches)
    Session(settings, Identity("eve")).take_token(sign("general", "eve"))
    assert_whole(settings, wait_for_run(store, run_id))


@pytest.mark.slow
def test_another_key_of_the_deployment_opens_no_token_and_says_so(tmp_path: Path, slow: Observatory) -> None:
    first = deployed(tmp_path / "data", slow.url, INTEGRAL_DASHBOARD_KEY="k" * 32)
    store, run_id = started(first, planned(first, "ada", E1_keV=24.0), "ada", sign("general", "ada"))
    wait_until(lambda: any(batch.state == "running" for batch in store.state(run_id).batches), "nothing runs")
    kill_worker(first)
    second = replace(first, key="l" * 32)
    ensure_worker(second)
    waits(second, slow, store, run_id, "sealed with another key: give it again, or go on without")
    slow.knobs(time_per_scw=0.002)
    Session(second, Identity("ada")).take_token(sign("general", "ada"))
    assert_whole(second, wait_for_run(store, run_id))
    kill_worker(second)


def test_an_expired_token_of_one_user_holds_up_no_other(settings: Settings, observatory: Observatory) -> None:
    bobs, stuck = started(settings, planned(settings, "bob", E1_keV=25.0), "bob", sign("general", "bob", hours=-1))
    waits(settings, observatory, bobs, stuck, "expired")
    other, elsewhere = started(settings, planned(settings, "eve", E1_keV=26.0), "eve")
    assert_whole(settings, wait_for_run(other, elsewhere))
    assert bobs.state(stuck).state == "waiting"
    same, shared = started(settings, planned(settings, "eve", E1_keV=25.0), "eve")
    state = wait_for_run(same, shared)
    assert_whole(settings, state)
    assert all(batch.reason == "" for batch in state.batches)
    assert_whole(settings, wait_for_run(bobs, stuck))
