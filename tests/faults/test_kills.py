"""Page and worker are killed at random moments, over and over: every batch is done once and the sum is that of a quiet run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dashboard.identity import Identity
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory
from tests.faults.crab import assert_equal, assert_whole, attempts, counts, happened, planned, started
from tests.processes import kin, workers
from tests.waiting import wait_for_run, wait_until

pytestmark = pytest.mark.slow  # minutes altogether

EVENTS_A_BATCH = 6
"""planned, queued, submitted, running, downloading, done."""
MOST_SECONDS = 0.5


@dataclass(frozen=True)
class Kill:
    """`after` so many events of the run's batches and a little more, of "page" or "worker"."""

    after: int
    seconds: float
    whom: str


def schedule(seed: int, kills: int, batches: int) -> list[Kill]:
    """From the moment on when the run stands in the queue until most of its batches are done."""
    draw = random.Random(seed)
    moments = sorted(draw.randrange(batches, batches * EVENTS_A_BATCH * 5 // 6) for _ in range(kills))
    whom = ["page" if number % 3 == 1 else "worker" for number in range(kills)]
    draw.shuffle(whom)
    return [Kill(moment, draw.uniform(0.0, MOST_SECONDS), who) for moment, who in zip(moments, whom, strict=True)]


@contextmanager
def page(settings: Settings, run_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks at the run, and so sees to a worker."""
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": settings.simulated_url}
    with subprocess.Popen([sys.executable, "-m", "tests.faults.page", run_id], cwd=ROOT, env=env) as process:
        try:
            yield process
        finally:
            process.kill()
    wait_until(lambda: not kin(settings.data_dir), "the worker ends with the page that started it")


def strike(settings: Settings, store: RunStore, run_id: str, kills: Sequence[Kill]) -> Sequence[Kill]:
    """One page's life: workers are killed under it until it is killed itself; the kills that are left."""
    with page(settings, run_id) as process:
        for number, kill in enumerate(kills):
            wait_until(lambda: bool(workers(settings.data_dir)), "the page sees to a worker")
            wait_until(lambda kill=kill: len(store.history()) >= kill.after, f"the run goes on to {kill}")  # type: ignore[misc]
            victim = process.pid if kill.whom == "page" else workers(settings.data_dir)[0]
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(kill.seconds)
            assert not store.state(run_id).finished, f"{kill} comes too late"
            os.kill(victim, signal.SIGKILL)
            if kill.whom == "page":
                process.wait(30)
                return kills[number + 1 :]
            wait_until(lambda victim=victim: victim not in kin(settings.data_dir), "it dies")  # type: ignore[misc]
        wait_for_run(store, run_id)
    return []


@pytest.mark.parametrize(
    ("seed", "kills", "until", "batches"),
    [
        pytest.param(20, 5, "2009-02-24T12:00:00", 15, id="5 kills"),
        pytest.param(21, 30, "2009-03-01T00:00:00", 60, id="30 kills", marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
)
def test_every_batch_is_done_once_whoever_is_killed(
    settings: Settings, observatory: Observatory, tmp_path: Path, seed: int, kills: int, until: str, batches: int
) -> None:
    print(f"seed {seed}")
    plan = planned(settings, T2=until, T1="2009-02-22T00:00:00" if batches < 60 else "2009-02-15T00:00:00")
    assert len(plan.batches) >= batches
    store = RunStore(settings)
    run_id = store.start(plan, Identity())
    left: Sequence[Kill] = schedule(seed, kills, len(plan.batches))
    print(*left, sep="\n")
    while left:
        left = strike(settings, store, run_id, left)
    if not store.state(run_id).finished:
        strike(settings, store, run_id, [])

    state = store.state(run_id)
    disturbed = assert_whole(settings, state)
    assert set(attempts(state)) == {1}, "a kill is no failure of a batch"
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
    asked = counts(observatory)
    assert asked["jobs"] == asked["products"] == len(plan.batches), "each product was made once"
    assert max(asked["submissions_of"].values()) <= 1 + kills
    assert asked["submissions"] <= len(plan.batches) + kills * settings.hosts["simulated"].jobs_in_flight
    assert len(list((settings.data_dir / "products/batches").rglob("[0-9a-f]*.fits"))) == len(plan.batches)

    quiet = replace(
        settings,
        data_dir=tmp_path / "quiet",
        database_url=f"sqlite:///{tmp_path / 'quiet/dashboard.sqlite'}",
        storage_url=str(tmp_path / "quiet/products"),
    )
    other, undisturbed = started(quiet, plan)
    assert_equal(disturbed, assert_whole(quiet, wait_for_run(other, undisturbed)))
