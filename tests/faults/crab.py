"""Runs of small batches around the Crab, what they ask of the observatory, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.hosts import read_hosts
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.mosaic import Mosaic
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import ensure_worker, worker_lock
from dashboard.runs.results import load_mosaic
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.waiting import wait_until

A_DAY = {"T1": "2009-02-22T00:00:00", "T2": "2009-02-23T00:00:00"}
"""Interval of some eight batches of two science windows."""
LATER = {"T1": "2009-02-23T12:00:00", "T2": "2009-02-24T12:00:00"}
"""Another of as many."""
LONGER = {"T1": "2009-02-22T00:00:00", "T2": "2009-02-23T18:00:00"}
"""Interval of seventeen."""


def deployed(folder: Path, url: str, **environment: str) -> Settings:
    """A deployment in a folder, talking to this observatory."""
    return Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(folder), "INTEGRAL_DASHBOARD_SIMULATED_URL": url, **environment})


def planned(settings: Settings, user: str = "local", **values: Any) -> Plan:
    """The plan for an image of the Crab in batches of two science windows; `A_DAY` unless the values say otherwise."""
    return prepare(settings, Request.from_dict({"src_name": "Crab", "s_max": 2, **A_DAY, **values}), Identity(user))


def started(settings: Settings, plan: Plan, user: str = "local", token: str = "") -> tuple[RunStore, str]:
    """The run of a plan, and a worker that is on it."""
    store = RunStore(settings, user)
    run_id = store.start(plan, Identity(user), token=token)
    ensure_worker(settings)
    return store, run_id


def with_limits(settings: Settings, folder: Path, **limits: float) -> Settings:
    """The deployment with other limits of the simulated host, from an administrator's file."""
    path = folder / "hosts.toml"
    path.write_text("[simulated]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items()))
    return replace(settings, hosts=read_hosts(path), hosts_file=str(path))


def counts(observatory: Observatory) -> dict[str, Any]:
    """What the observatory has counted since its start."""
    return dict(observatory.get("/observatory/knobs")["counts"])


def happened(store: RunStore, batch_id: str) -> Counter[str]:
    """How often a batch took each state."""
    return Counter(event.what for event in store.history(batch_id=batch_id))


def told(store: RunStore, batch_id: str) -> str:
    """All sentences in the history of a batch."""
    return " | ".join(event.detail for event in store.history(batch_id=batch_id))


def attempts(state: RunState) -> list[int]:
    """Of each batch, in the order of the plan."""
    return [batch.attempts for batch in state.batches]


def reasons(state: RunState) -> Mapping[str, str]:
    """Why the run and its batches are not done, for the message of a failure."""
    return {"": f"{state.state}: {state.reason}"} | {batch.batch_id: f"{batch.state}: {batch.reason}" for batch in state.batches}


def turns(settings: Settings, number: int) -> None:
    """Wait until the worker has looked at all runs so many times."""
    seen: set[int] = set()

    def enough() -> bool:
        seen.add(worker_lock(settings).stat().st_mtime_ns)
        return len(seen) > number

    wait_until(enough, "the worker does not go on")


def assert_whole(settings: Settings, state: RunState) -> Mosaic:
    """The run is done, and each of its science windows is in the sum once."""
    assert state.state == "done", reasons(state)
    mosaic = load_mosaic(settings, state)
    assert mosaic.provenance.batches_used == len([batch for batch in state.batches if batch.arrived])
    assert sorted(mosaic.provenance.scw) == sorted(scw for batch in state.batches if batch.arrived for scw in batch.scw)
    assert len(set(mosaic.provenance.scw)) == len(mosaic.provenance.scw)
    return mosaic


def assert_equal(mosaic: Mosaic, other: Mosaic) -> None:
    """The same sum up to the order in which its parts were added."""
    for name in ("flux", "variance", "significance", "exposure"):
        one, two = getattr(mosaic, name), getattr(other, name)
        assert one is not None
        np.testing.assert_allclose(one, two, rtol=2e-6, atol=2e-6 * float(np.nanmax(np.abs(two))), err_msg=name)
