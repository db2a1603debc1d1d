"""A server that fails, hangs, forgets, restarts or refuses: what can be had is had, and nobody else is disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from dashboard.identity import Identity
from dashboard.observatory.query import sign
from dashboard.plan.plan import Plan
from dashboard.plan.roles import NEAR_REAL_TIME
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory, running_observatory
from tests.faults.crab import LATER, assert_whole, attempts, counts, deployed, happened, planned, reasons, started, told, with_limits
from tests.faults.observatories import Restartable, restartable
from tests.waiting import wait_for_run, wait_until

SENTENCES = {
    "500": "simulated fails at the moment (HTTP 500)",
    "502": "simulated fails at the moment (HTTP 502)",
    "hang": "did not answer within 1 s",
    "truncated": "was cut short",
    "backend": "failed on simulated",
    "lock": "could not lock the folder",
}


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    """One for all that does not end it."""
    with running_observatory(tmp_path_factory.mktemp("observatory")) as started:
        yield started


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, observatory: Observatory) -> Iterator[Settings]:
    """One deployment whose host is given up soon, so that what stalls is noticed within seconds."""
    folder = tmp_path_factory.mktemp("deployment")
    yield with_limits(deployed(folder, observatory.url), folder, request_seconds=1.0, job_seconds=4.0)
    end_children()


class Difference:
    """What the observatory counts from now on."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory, self._before = observatory, counts(observatory)

    @property
    def jobs_before(self) -> int:
        return int(self._before["jobs"])

    def failures(self, kind: str) -> int:
        return int(counts(self._observatory)["failures"].get(kind, 0) - self._before["failures"].get(kind, 0))

    @property
    def submissions(self) -> int:
        return int(counts(self._observatory)["submissions"] - self._before["submissions"])


@pytest.fixture
def since(observatory: Observatory) -> Iterator[Difference]:
    """The observatory is left well."""
    yield Difference(observatory)
    observatory.knobs(fail_first=0, time_per_scw=0.002, lost_callbacks=0)


def fail_first(observatory: Observatory, since: Difference, jobs: int, submissions: int, kind: str) -> None:
    """The next jobs fail."""
    observatory.knobs(fail_first={"jobs": since.jobs_before + jobs, "submissions": submissions, "kind": kind})


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "low"), [("500", 20), ("502", 21), ("hang", 22), ("truncated", 23), ("backend", 24), ("lock", 25)])
def test_what_fails_is_asked_again_and_nothing_else_is(
    settings: Settings, observatory: Observatory, since: Difference, kind: str, low: int
) -> None:
    fail_first(observatory, since, 2, 1, kind)
    store, run_id = started(settings, planned(settings, E1_keV=low))
    state = wait_for_run(store, run_id)
    assert_whole(settings, state)
    assert sorted(attempts(state)) == [1] * (len(state.batches) - 2) + [2, 2]
    for batch in state.batches:
        assert happened(store, batch.batch_id)["done"] == 1
        assert (SENTENCES[kind] in told(store, batch.batch_id)) == (batch.attempts == 2), told(store, batch.batch_id)
        assert (batch.reason, batch.remedy) == ("", "")
    assert (since.failures(kind), since.submissions) == (2, len(state.batches) + 2)


def test_a_bare_nan_in_the_answer_is_a_number_like_others(settings: Settings, observatory: Observatory, since: Difference) -> None:
    fail_first(observatory, since, 2, 1, "nan")
    store, run_id = started(settings, planned(settings, E1_keV=26.0))
    state = wait_for_run(store, run_id)
    assert_whole(settings, state)
    assert set(attempts(state)) == {1}
    assert since.failures("nan") == 2


def test_an_empty_product_is_no_result_and_not_asked_again(settings: Settings, observatory: Observatory, since: Difference) -> None:
    fail_first(observatory, since, 2, 1, "empty")
    store, run_id = started(settings, planned(settings, E1_keV=27.0))
    state = wait_for_run(store, run_id)
    empty = [batch for batch in state.batches if batch.state == "failed"]
    assert (state.state, state.n_failed, state.n_done) == ("done with failures", 2, len(state.batches) - 2)
    assert set(attempts(state)) == {1}
    assert all("nothing could be imaged" in batch.reason and "Nothing is lost" in batch.remedy for batch in empty), reasons(state)
    assert since.submissions == len(state.batches)
    assert_whole(settings, replace(state, state="done"))


def test_a_batch_that_always_fails_is_given_up_and_comes_when_it_is_asked_for(
    settings: Settings, observatory: Observatory, since: Difference
) -> None:
    fail_first(observatory, since, 1, 4, "backend")
    store, run_id = started(settings, planned(settings, E1_keV=28.0))
    state = wait_for_run(store, run_id)
    assert (state.state, sorted(attempts(state))[-2:]) == ("done with failures", [1, 4])
    assert store.retry_failed(run_id) == 1
    assert_whole(settings, wait_for_run(store, run_id))


def test_callbacks_that_are_lost_from_the_start_cost_the_time_limit(
    settings: Settings, observatory: Observatory, since: Difference
) -> None:
    observatory.knobs(lost_callbacks=since.jobs_before + 2)
    store, run_id = started(settings, planned(settings, E1_keV=29.0))
    late_ones_came_again(settings, store, wait_for_run(store, run_id), 2)
    assert since.submissions == len(store.state(run_id).batches) + 2


@pytest.mark.slow
def test_a_restarted_server_hears_nothing_of_what_ran_until_it_is_sent_again(
    settings: Settings, observatory: Observatory, since: Difference
) -> None:
    """Jobs stay at "progress" for ever."""
    observatory.knobs(time_per_scw=1.0)
    store, run_id = started(settings, planned(settings, E1_keV=30.0))
    wait_until(lambda: running(store, run_id) == 4, "nothing runs")
    httpx.post(f"{observatory.url}/observatory/restart").raise_for_status()
    observatory.knobs(time_per_scw=0.002)
    late_ones_came_again(settings, store, wait_for_run(store, run_id), 4)


def running(store: RunStore, run_id: str) -> int:
    return sum(batch.state == "running" for batch in store.state(run_id).batches)


def late_ones_came_again(settings: Settings, store: RunStore, state: RunState, number: int) -> None:
    assert_whole(settings, state)
    late = [batch for batch in state.batches if "has no end after 4 s" in told(store, batch.batch_id)]
    assert len(late) == number
    assert [batch.attempts for batch in late] == [2] * number
    assert sum(attempts(state)) == len(state.batches) + number, "nothing else was asked again"
    for batch in late:
        sent, again = (event.at for event in store.history(batch_id=batch.batch_id) if event.what == "submitted")
        assert again - sent >= 4.0


@pytest.fixture
def mortal() -> Iterator[Restartable]:
    with restartable() as observatory:
        yield observatory
    end_children()


@pytest.mark.slow
def test_a_server_that_comes_back_without_its_memory_is_asked_again(tmp_path: Path, mortal: Restartable) -> None:
    url = mortal.start(tmp_path, time_per_scw=1.0).url
    settings = deployed(tmp_path / "data", url)
    store, run_id = started(settings, planned(settings))
    wait_until(lambda: running(store, run_id) == 4, "nothing runs")
    mortal.end()
    mortal.start(tmp_path, time_per_scw=0.002)
    state = wait_for_run(store, run_id)
    assert_whole(settings, state)
    assert sorted(attempts(state)) == [1] * (len(state.batches) - 4) + [2] * 4
    lost = [batch for batch in state.batches if batch.attempts == 2]
    assert all("has no record of" in told(store, batch.batch_id) for batch in lost)
    assert counts(mortal.here)["submissions"] == len(state.batches), "each once, of a server that knew none of them"


def tampered(plan: Plan, number: int, **values: object) -> Plan:
    """The plan with a batch that no check of ours would have let pass."""
    batch = plan.batches[number]
    wrong = replace(batch, parameters={**batch.parameters, **values})
    (job,) = plan.jobs
    ids = tuple(wrong.batch_id if batch_id == batch.batch_id else batch_id for batch_id in job.batch_ids)
    return replace(plan, batches=tuple(wrong if one is batch else one for one in plan.batches), jobs=(replace(job, batch_ids=ids),))


@pytest.mark.slow
def test_a_refused_parameter_is_told_in_the_words_of_the_server_and_not_sent_again(settings: Settings, since: Difference) -> None:
    store, run_id = started(settings, tampered(planned(settings, E1_keV=31.0), 2, E2_keV=5000.0))
    state = wait_for_run(store, run_id)
    assert (state.state, state.n_done, set(attempts(state))) == ("done with failures", len(state.batches) - 1, {1})
    wrong = state.batches[2]
    assert wrong.state == "failed"
    assert wrong.reason == "simulated refuses the request: ISGRI energy range is restricted to 15 - 800 keV"
    assert wrong.remedy.startswith("Change the request")
    assert since.submissions == len(state.batches) - 1


@pytest.mark.slow
def test_a_role_that_is_missing_is_named_and_helps_when_it_is_there(settings: Settings, since: Difference) -> None:
    """Handed to the store without the check that comes before it."""
    store = RunStore(settings, "ada")
    run_id = store.start(planned(settings, "ada", data_version="NRT"), Identity("ada"), token=sign("general", "ada"))
    public = RunStore(settings, "bob").start(planned(settings, "bob", **LATER), Identity("bob"))
    ensure_worker(settings)
    state = wait_for_run(store, run_id)
    assert (state.state, state.n_failed, set(attempts(state))) == ("done with failures", len(state.batches), {1})
    assert all(NEAR_REAL_TIME in batch.reason and "Give a token with the role" in batch.remedy for batch in state.batches), reasons(state)
    assert_whole(settings, wait_for_run(RunStore(settings, "bob"), public))
    assert store.retry_failed(run_id, sign(f"general, {NEAR_REAL_TIME}", "ada")) == len(state.batches)
    assert_whole(settings, wait_for_run(store, run_id))
