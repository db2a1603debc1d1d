"""Many batches, several runs, a host that fails: it is asked as gently as it wishes, and each run gets its share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.faults.crab import A_DAY, LONGER, assert_whole, attempts, counts, happened, planned, with_limits
from tests.faults.observatories import Recorder, recorded
from tests.waiting import wait_for_run, wait_until

pytestmark = pytest.mark.slow  # minutes altogether

OTHERS = {**A_DAY, "E1_keV": 30.0, "E2_keV": 50.0}
"""As many batches as in `A_DAY`, and none of them."""


@pytest.fixture
def recorder(observatory: Observatory) -> Iterator[Recorder]:
    observatory.knobs(concurrency=50)
    with recorded(observatory) as between:
        yield between
        end_children()


def both(settings: Settings, recorder: Recorder) -> tuple[RunStore, str, str]:
    """Two runs at once, of two users, at the recorder."""
    store = RunStore(settings)
    first, second = (store.start(planned(settings, user, **asked), Identity(user)) for user, asked in (("ada", A_DAY), ("bob", OTHERS)))
    ensure_worker(replace(settings, simulated_url=recorder.url))
    return store, first, second


def test_two_runs_never_have_more_jobs_in_flight_than_their_host_takes(
    settings: Settings, observatory: Observatory, recorder: Recorder
) -> None:
    store, *run_ids = both(settings, recorder)
    gate, most = Gate(open_database(settings), settings.hosts), 0

    def look(_: RunState) -> None:
        nonlocal most
        most = max(most, gate.in_flight().get("simulated", 0))

    states = [wait_for_run(store, run_id, each=look) for run_id in run_ids]
    for state in states:
        assert_whole(settings, state)
        assert set(attempts(state)) == {1}
    limit, poll_seconds = settings.hosts["simulated"].jobs_in_flight, settings.hosts["simulated"].poll_seconds
    assert limit == 4, "by default"
    assert counts(observatory)["most_running"] <= limit
    assert recorder.most_open == limit, "all that is allowed, and no more"
    assert most <= limit
    total = sum(len(state.batches) for state in states)
    assert len(recorder.asked) == counts(observatory)["submissions"] == counts(observatory)["products"] == total
    assert len(recorder.pauses) >= total, "each was polled"
    assert min(recorder.later_pauses) >= poll_seconds, "no sooner than the host wishes"
    moments = sorted(moment for asked in recorder.asked.values() for moment in asked)
    assert len(moments) <= limit * ((moments[-1] - moments[0]) / poll_seconds + 1) + 2 * total, (
        "in all: a poll a job, and its submission, and an early one"
    )


def test_while_a_host_is_down_it_is_looked_at_now_and_then_and_not_by_every_batch(
    settings: Settings, recorder: Recorder, tmp_path: Path
) -> None:
    limited = with_limits(settings, tmp_path, pause_seconds=3.0, longest_pause_seconds=3.0)
    recorder.down.set()
    store, first, second = both(limited, recorder)
    gate = Gate(open_database(settings), limited.hosts)
    wait_until(lambda: gate.passage("simulated").pauses >= 4, "it is not left alone")

    def both_wait() -> bool:
        states = store.state(first), store.state(second)
        queued = {batch.state for state in states for batch in state.batches} <= {"queued", "planned"}
        return queued and all(state.state == "waiting" and "is left alone until" in state.reason for state in states)

    wait_until(both_wait, "the runs do not say why they wait")
    probes = gate.passage("simulated").pauses
    host = limited.hosts["simulated"]
    assert len(recorder.refused) <= host.failures_to_pause + host.jobs_in_flight + probes
    later = [moment for moment in recorder.refused if moment - recorder.refused[0] >= 3.0]
    steps = [after - before for before, after in pairwise(later)]
    assert steps, "it is looked at again"
    assert min(steps) >= 3.0, "one batch a pause"
    recorder.down.clear()
    states = [wait_for_run(store, run_id) for run_id in (first, second)]
    for ended in states:
        assert_whole(limited, ended)
        assert {happened(store, batch.batch_id)["done"] for batch in ended.batches} == {1}
    assert recorder.most_open <= host.jobs_in_flight


@pytest.mark.parametrize("jobs_in_flight", [4, pytest.param(2, marks=pytest.mark.slow)])
def test_the_second_of_two_runs_has_its_share_from_the_beginning(settings: Settings, tmp_path: Path, jobs_in_flight: int) -> None:
    """Also at a host that takes less at once than the others do."""
    limited = with_limits(settings, tmp_path, jobs_in_flight=jobs_in_flight)
    store = RunStore(limited)
    first = store.start(planned(limited, "ada", **LONGER), Identity("ada"))
    ensure_worker(limited)
    wait_until(lambda: store.state(first).n_done >= 3, "the first run does not go on")
    second = store.start(planned(limited, "bob", **{**OTHERS, **LONGER}), Identity("bob"))
    ended = wait_for_run(store, first)
    share = store.state(second)
    assert_whole(limited, ended)
    assert share.n_done >= len(share.batches) // 2, f"{share.n_done} of {len(share.batches)} when the first run was complete"
    assert_whole(limited, wait_for_run(store, second))
    done = {run_id: arrivals(store, run_id) for run_id in (first, second)}
    assert sum(moment < done[first][-1] for moment in done[second]) >= len(done[second]) // 2
    assert done[second][3] < done[first][10], "its first batches overtake what the other run has still to ask"


def arrivals(store: RunStore, run_id: str) -> list[float]:
    """When the batches of a run were done."""
    histories = (store.history(batch_id=batch.batch_id) for batch in store.state(run_id).batches)
    return sorted(event.at for history in histories for event in history if event.what == "done")
