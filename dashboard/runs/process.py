"""Processes that belong to this installation: its workers, one simulated observatory. Whoever comes first starts them.

A child ends when the pipe to its parent closes, so that none is left behind when the parent is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dashboard.dispatcher.health import check_host
from dashboard.errors import DashboardError, HostUnreachable, RequestError, RunError
from dashboard.hosts import SIMULATED, Host
from dashboard.runs.database import make_data_folder, open_database
from dashboard.runs.lock import locked, try_lock, write_owner
from dashboard.runs.presence import refuse_without_worker
from dashboard.runs.run_view import RunView
from dashboard.settings import Settings
from dashboard.variables import VARIABLES

START_SECONDS: Final = 90.0
WORKER: Final = "dashboard.runs.worker"
SECRETS: Final = frozenset(
    {"ODA_TOKEN", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "PANEL_COOKIE_SECRET", "BOKEH_COOKIE_SECRET"}
    | {name for variable in VARIABLES if variable.secret for name in variable.names}
)
"""Of our environment: no child has a token in its own, and the observatory none of the rest either."""
IDLE_SECONDS: Final = 20.0
"""After which a worker that outlived whoever started it, and has nothing to do, ends."""
HEALTH_SECONDS: Final = 5.0

_children: dict[subprocess.Popen[bytes], int] = {}
"""What we started, and our ends of their pipes, open as long as we live."""
_served: dict[Path, Settings] = {}
_lasting: list[subprocess.Popen[bytes]] = []
"""Those that outlive us."""
_workers: dict[Path, subprocess.Popen[bytes]] = {}
_ending = threading.Event()


def end_children(*, hand_over: bool = False, for_good: bool = False) -> None:
    """End the processes we started, as our own end would, and wait until they are gone.

    Parameters
    ----------
    hand_over
        Where the worker leaves runs that are not finished, as those that others started, another goes on with them.
    for_good
        This process ends, too: it starts no worker any more, whoever looks at a run.
    """
    if for_good:
        _ending.set()
    for pipe in _children.values():
        os.close(pipe)
    for child in _children:
        child.wait()
    served = list(_served.values()) if _workers else []
    for registry in (_children, _workers, _served):
        registry.clear()
    if hand_over:
        for settings in served:
            with suppress(DashboardError):
                if RunView(settings).any_active():
                    ensure_worker(settings, lasting=True)


def worker_lock(settings: Settings, number: int = 1) -> Path:
    """File whose lock a worker holds; it holds the worker's process id, and that of the first changes at each sign of life."""
    return settings.data_dir / ("worker.lock" if number == 1 else f"worker-{number}.lock")


def ensure_worker(settings: Settings, *, lasting: bool = False) -> None:
    """See that as many workers are alive here as the deployment wants. Costs next to nothing when they are; call it at every look at a run.

    Parameters
    ----------
    settings
        Where they work, and how many there are to be.
    lasting
        They outlive this process, and end by themselves when there is nothing left to do.

    Raises
    ------
    WorkerRefused
        When the data folder is on a network disk.
    RunError
        When a worker that we started before has stopped by itself, or the work is left to others and nobody is there.
    """
    if _ending.is_set():
        return
    database = open_database(settings)
    if not settings.workers:
        refuse_without_worker(database)
    for number in range(1, settings.workers + 1):
        _ensure(settings, worker_lock(settings, number), lasting=lasting)


def _ensure(settings: Settings, path: Path, *, lasting: bool) -> None:
    lock = try_lock(path)
    if lock is None:
        return
    log = path.with_suffix(".log")
    try:
        former = _workers.pop(path, None)
        # It held the lock for life: since that is free it is gone, or about to be. A signal is no reason to give up.
        code = former.wait() if former is not None else 0
        if code > 0:
            raise RunError(f"The worker stopped by itself (exit code {code}): {log} says why. Finished batches are kept.")
        # The child inherits the lock, so that there is no moment without an owner.
        command = ["-m", WORKER, "--lock", str(lock)]
        if lasting:
            command += ["--idle-exit", str(IDLE_SECONDS)]
        child = _start(settings, command, log, (lock,), lasting=lasting)
        if not lasting:
            _workers[path], _served[settings.data_dir] = child, settings
        write_owner(lock, child.pid)
    finally:
        os.close(lock)


def ensure_observatory(settings: Settings) -> Host:
    """The simulated host with its present address; its process is started unless one answers.

    Raises
    ------
    HostUnreachable
        When it does not start.
    """
    if settings.simulated_url:
        return _simulated(settings, settings.simulated_url)
    make_data_folder(settings.data_dir)
    ready = settings.data_dir / "observatory.json"
    with locked(settings.data_dir / "observatory.lock"):
        host = _running(settings, ready)
        if host is not None:
            return host
        ready.unlink(missing_ok=True)
        log = settings.data_dir / "observatory.log"
        child = _start(settings, ["-m", "dashboard.observatory", "--port", "0", "--ready-file", str(ready)], log, ())
        deadline = time.monotonic() + START_SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            host = _running(settings, ready)
            if host is not None:
                return host
            time.sleep(0.05)
    raise HostUnreachable(f"The simulated observatory does not start: {log} says why. Choose another host_type meanwhile.")


def host_for(settings: Settings, name: str) -> Host:
    """The host of a `host_type`, with its address.

    Raises
    ------
    RequestError
        When there is no such host.
    HostUnreachable
        When the simulated one does not start, or one that is reached from inside only is unknown to this network.
    """
    if name not in settings.hosts:
        raise RequestError(f"host_type {name[:60]!r} is not offered: choose one of {', '.join(settings.hosts)}.", "host_type")
    if name == SIMULATED:
        return ensure_observatory(settings)
    host = settings.hosts[name]
    if host.only_inside and not (health := check_host(host, seconds=HEALTH_SECONDS, version=False)).resolves:
        raise HostUnreachable(f"{health.detail} Choose another host_type here.")
    return host


def present_host(settings: Settings, name: str) -> Host:
    """A host with its address as far as it is known now; nothing is started."""
    if name != SIMULATED:
        return settings.hosts[name]
    url = settings.simulated_url or _noted_url(settings.data_dir / "observatory.json")
    return _simulated(settings, url) if url else settings.hosts[name]


def _noted_url(ready: Path) -> str:
    """The address in the file that a running observatory wrote, "" when there is none."""
    try:
        return str(json.loads(ready.read_text())["url"]).rstrip("/")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def _simulated(settings: Settings, url: str) -> Host:
    return settings.hosts[SIMULATED].at(url)


def _running(settings: Settings, ready: Path) -> Host | None:
    """The observatory that the file names, if it answers."""
    url = _noted_url(ready)
    if not url:
        return None
    host = _simulated(settings, url)
    return host if check_host(host, seconds=HEALTH_SECONDS, version=False).reachable else None


def _start(
    settings: Settings, arguments: Sequence[str], log: Path, descriptors: tuple[int, ...], *, lasting: bool = False
) -> subprocess.Popen[bytes]:
    """A Python child in a session of its own, so that an interrupt on our terminal is ours alone; not `lasting`, it ends with us."""
    theirs, ours = os.pipe()
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS} | {"PYTHONSAFEPATH": "1"}
    if WORKER in arguments:
        own = {
            "DATA": str(settings.data_dir),
            "DATABASE": settings.database_url,
            "STORAGE": settings.storage_url,
            "SIMULATED_URL": settings.simulated_url,
            "HOSTS": settings.hosts_file,
            "KEY": settings.key,
            "MAIL": settings.mail_url,
            "WEBHOOK": settings.webhook_url,
            "LOG": settings.log_form,
            "WORKSPACE": str(settings.workspace_dir or ""),
        }
        environment |= {f"INTEGRAL_DASHBOARD_{name}": value for name, value in own.items()}
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")  # fits are small: threads would wait for each other
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, *arguments, *([] if lasting else ["--parent-pipe", str(theirs)])],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=(*(() if lasting else (theirs,)), *descriptors),
                start_new_session=True,
            )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    if lasting:
        os.close(ours)
        _lasting.append(child)
    else:
        _children[child] = ours
    return child
