"""Processes that work on a data folder: found, killed, and seen to be gone."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from dashboard.runs.lock import try_lock
from dashboard.runs.process import _lasting, worker_lock
from dashboard.settings import Settings
from tests.waiting import wait_until


def kin(folder: Path) -> dict[int, str]:
    """Living processes whose data folder this is, by id, with their commands."""
    mark = f"INTEGRAL_DASHBOARD_DATA={folder}\0".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = mark in (process / "environ").read_bytes()
            if ours and (process / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    return found


def workers(folder: Path) -> list[int]:
    """Workers among them: one at most."""
    return [pid for pid, command in kin(folder).items() if "dashboard.runs.worker" in command]


def end_lasting() -> None:
    """End the workers of this process that were to outlive it."""
    for child in _lasting:
        child.kill()
        child.wait(30)
    _lasting.clear()


def worker_is_gone(settings: Settings) -> bool:
    """Whether nobody holds the worker's lock."""
    lock = try_lock(worker_lock(settings))
    if lock is not None:
        os.close(lock)
    return lock is not None


def kill_worker(settings: Settings) -> None:
    """kill -9, and wait until its lock is free."""
    os.kill(int(worker_lock(settings).read_text()), signal.SIGKILL)
    wait_until(lambda: worker_is_gone(settings), "the worker does not die")
