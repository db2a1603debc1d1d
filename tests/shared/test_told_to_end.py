"""Processes that are told to end (SIGTERM) hand over what they have, in a bounded time; nothing is asked twice and no try is lost."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from dashboard.identity import Identity
from dashboard.runs.presence import DEAD_SECONDS
from dashboard.runs.store import RunStore
from tests.conftest import ROOT, Observatory
from tests.faults.crab import assert_whole, attempts, counts, happened, planned
from tests.processes import kin, workers
from tests.shared.team import Deployment, deployment
from tests.shared.visitor import visiting
from tests.waiting import wait_for_run, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", "postgresql"])
def deployed(request: pytest.FixtureRequest, tmp_path: Path, observatory: Observatory) -> Iterator[Deployment]:
    url = request.getfixturevalue("database_url") if request.param == "postgresql" else f"sqlite:///{tmp_path / 'runs.sqlite'}"
    with deployment(tmp_path, observatory.url, url) as made:
        yield made


def test_a_worker_that_is_told_to_end_hands_over_and_another_goes_on(deployed: Deployment, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=1.0, concurrency=50)
    settings = deployed.settings("one")
    store, plan = RunStore(settings), planned(settings)
    leaving = deployed.worker("one")
    run_id = store.start(plan, Identity())
    wait_until(lambda: store.state(run_id).n_done >= 1, "it is at work")
    leaving.send_signal(signal.SIGTERM)
    assert leaving.wait(10) == 0
    assert not any(process.alive for process in deployed.present()), "it has taken leave of the others"
    before = store.state(run_id)
    assert not before.finished
    deployed.worker("one")
    begun = time.time()
    state = wait_for_run(store, run_id)
    assert_whole(settings, state)
    assert set(attempts(state)) == {1}, "that is no failure of a batch"
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
    taken = [event.at for batch in before.batches if not batch.arrived for event in store.history(batch_id=batch.batch_id)]
    assert min(at for at in taken if at > begun) - begun < DEAD_SECONDS, "nobody waits for signs of life of one that has said good-bye"
    asked = counts(observatory)
    assert asked["jobs"] == asked["products"] == len(plan.batches), "each product was made once"
    assert asked["most_running"] <= settings.hosts["simulated"].jobs_in_flight


@pytest.mark.parametrize("twice", [False, True], ids=["told once", "told twice"])
def test_what_hangs_does_not_keep_a_worker(tmp_path: Path, observatory: Observatory, twice: bool) -> None:
    with deployment(tmp_path, observatory.url, f"sqlite:///{tmp_path / 'runs.sqlite'}") as made:
        worker = made.worker("one")
        with closing(sqlite3.connect(tmp_path / "runs.sqlite", isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # it cannot step out
            worker.send_signal(signal.SIGTERM)
            wait_until(lambda: "The worker ends." in (tmp_path / "one/worker.log").read_text(), "it does not hear")
            if twice:
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(3) == -signal.SIGTERM
            else:
                assert worker.wait(10) == 0
                assert "What hangs is left as it is" in (tmp_path / "one/worker.log").read_text()


def test_a_page_server_that_is_told_to_end_takes_its_worker_along(tmp_path: Path, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=1.0, concurrency=50)
    folder = tmp_path / "data"
    folder.mkdir()
    environment = {"INTEGRAL_DASHBOARD_DATA": str(folder), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    with (
        deployment(tmp_path, observatory.url, f"sqlite:///{folder / 'dashboard.sqlite'}", **environment) as made,
        (tmp_path / "serve.log").open("wb") as log,
    ):
        settings = made.settings("data", INTEGRAL_DASHBOARD_WORKERS="1")
        store, plan = RunStore(settings), planned(settings)
        run_id = store.start(plan, Identity())

        def serve() -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "dashboard", "serve", "--port", "0"]
            environ = {**os.environ, **made.machine("data"), "INTEGRAL_DASHBOARD_WORKERS": "1"}
            made.workers.append(subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log))
            return made.workers[-1]

        def address(nth: int) -> str:
            def found() -> list[str]:
                return re.findall(r"(http://127\.0\.0\.1:\d+)/app", (tmp_path / "serve.log").read_text())

            wait_until(lambda: len(found()) > nth, "it does not come up", 90)
            return found()[nth]

        page = serve()
        url = address(0)
        with visiting(f"{url}/app?run={run_id}"):
            wait_until(lambda: store.state(run_id).n_done >= 1, "the page sees to a worker")
            page.send_signal(signal.SIGTERM)
            assert page.wait(12) == 0
        assert workers(folder) == []
        assert not kin(folder)
        assert "The worker ends." in (folder / "worker.log").read_text()
        assert not store.state(run_id).finished
        page = serve()
        url = address(1)
        with visiting(f"{url}/app?run={run_id}"):
            state = wait_for_run(store, run_id)
        assert_whole(settings, state)
        assert set(attempts(state)) == {1}
        asked = counts(observatory)
        assert asked["jobs"] == asked["products"] == len(plan.batches)
        assert httpx.get(f"{url}/health").json()["status"] == "ok"
        page.send_signal(signal.SIGTERM)
        assert page.wait(12) == 0
