"""`integral-dashboard status`: what an administrator sees when a host hangs, loses jobs, or is left alone, and when all is well again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, OK
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.runs.gate import NOTED_SECONDS
from dashboard.runs.process import ensure_worker
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.faults.crab import deployed, planned, with_limits
from tests.processes import end_lasting
from tests.waiting import wait_for_run, wait_until

Status = Callable[[], dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path, observatory: Observatory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A host that is to answer within two seconds, and whose jobs are to end within twenty."""
    (tmp_path / "data").mkdir()
    made = with_limits(deployed(tmp_path / "data", observatory.url), tmp_path, request_seconds=2.0, job_seconds=20.0)
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(made.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", observatory.url)
    monkeypatch.setenv("INTEGRAL_DASHBOARD_HOSTS", made.hosts_file)
    yield made
    end_lasting()


@pytest.fixture
def status(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Status:
    def ask() -> dict[str, Any]:
        capsys.readouterr()
        assert main(["status", "--json"]) == OK
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return ask


def started(settings: Settings, plan: Plan) -> tuple[RunStore, str]:
    """The run of a plan, and a worker that no command ends."""
    store = RunStore(settings)
    run_id = store.start(plan, Identity())
    ensure_worker(settings, lasting=True)
    return store, run_id


def hinted(status: Status, words: str) -> Callable[[], bool]:
    return lambda: any(words in sentence for sentence in status()["hints"])


def running(store: RunStore, run_id: str) -> int:
    return sum(batch.state == "running" for batch in store.state(run_id).batches)


@pytest.mark.slow
def test_a_host_that_hangs_with_jobs_in_flight_is_told_while_it_hangs_and_not_before(
    settings: Settings, status: Status, observatory: Observatory, capsys: pytest.CaptureFixture[str]
) -> None:
    observatory.knobs(time_per_scw=2.0)
    store, run_id = started(settings, planned(settings))
    wait_until(lambda: running(store, run_id) == 4, "nothing runs")
    assert status()["hints"] == []
    observatory.knobs(latency=600.0)
    wait_until(hinted(status, "simulated has not answered for"), "nobody says that it hangs")
    found = status()
    host = found["hosts"]["simulated"]
    assert (host["in_flight"], host["paused"], host["waiting"]) == (4, False, len(store.state(run_id).batches) - 4)
    assert host["oldest_age_s"] > host["silence_s"] > 2.0 + NOTED_SECONDS
    assert host["answered"] is not None
    assert [(process["kind"], process["alive"]) for process in found["processes"]] == [("worker", True)]
    assert (found["runs"], found["batches"]["running"]) == ({"running": 1}, 4)
    assert found["products"]["free_bytes"] > 0

    main(["status"])
    told = capsys.readouterr().out
    assert "while 4 jobs are in flight: the oldest since" in told
    assert "from the fifth silence on, or at once with: integral-dashboard hosts pause simulated." in told
    assert "4 of 4 jobs in flight, the oldest for" in told

    observatory.knobs(latency=0.0, time_per_scw=0.002)
    assert wait_for_run(store, run_id).state == "done"
    assert status()["hints"] == []


@pytest.mark.slow
def test_a_host_that_answers_nothing_is_left_alone_and_that_is_told(settings: Settings, status: Status, observatory: Observatory) -> None:
    plan = planned(settings)
    observatory.knobs(latency=600.0)
    store, run_id = started(settings, plan)
    wait_until(hinted(status, "simulated is left alone until"), "it is not told")
    assert status()["hosts"]["simulated"]["answered"] is None
    assert main(["hosts", "pause", "simulated", "--reason", "moved to another building"]) == OK
    wait_until(lambda: status()["hosts"]["simulated"]["in_flight"] == 0, "what was on its way is not given up")
    (sentence,) = (sentence for sentence in status()["hints"] if "left alone" in sentence)
    assert sentence.startswith("simulated is left alone: moved to another building.")
    assert f"{len(store.state(run_id).batches)} batches wait for it." in sentence
    observatory.knobs(latency=0.0)
    assert main(["hosts", "resume", "simulated"]) == OK
    assert wait_for_run(store, run_id).state == "done"
    assert status()["hints"] == []


@pytest.mark.slow  # two time limits of jobs
def test_jobs_whose_messages_are_lost_are_told_apart_from_a_host_that_hangs(
    settings: Settings, status: Status, observatory: Observatory
) -> None:
    observatory.knobs(lost_callbacks=4)
    store, run_id = started(settings, planned(settings))
    wait_until(hinted(status, "simulated answers, but the oldest of"), "nobody says that they have no end")
    assert not hinted(status, "has not answered")()
    assert wait_for_run(store, run_id).state == "done"
    assert status()["hints"] == []
    assert status()["batches"]["done"] == len(store.state(run_id).batches)


def test_a_database_that_is_away_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATABASE", "postgresql://ada:a-secret-word@127.0.0.1:9/runs")
    assert main(["status"]) == BROKEN
    told = capsys.readouterr().err
    assert "does not answer" in told
    assert "a-secret-word" not in told
