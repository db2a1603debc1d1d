"""Waiting for what really happens, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Poll until it holds; `what` says in the failure what did not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def wait_for_run(store: RunStore, run_id: str, seconds: float = 180.0, each: Callable[[RunState], None] | None = None) -> RunState:
    """Poll until the run has ended; `each` sees every state on the way."""
    deadline = time.monotonic() + seconds
    while True:
        state = store.state(run_id)
        if each is not None:
            each(state)
        if state.finished:
            return state
        assert time.monotonic() < deadline, f"the run did not end: {state.line_of_truth}"
        time.sleep(0.05)
