"""The same batches of ISGRI images through oda_integral_wrapper and through a run: from the first request to the sum.

    python -m benchmarks.batches [--batches N]

Each side has a fresh simulated observatory, turned alike, behind a proxy that counts the bytes of its answers; requests
and products are counted by the observatory itself. Each side is a process of its own, and its clock starts when all
imports are done and, for the run, its worker idles. The ideal is what the jobs take with four in flight, were
products and sums made and moved in no time.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import socketserver
import tempfile
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.plan.plan import Plan
    from dashboard.settings import Settings
    from tests.conftest import Observatory

SCW = 30
"""Science windows in each batch."""
JOB_SECONDS = 2.0
KNOBS = {"concurrency": 4, "time_per_scw": round(JOB_SECONDS / (SCW + 1), 4)}
TO_BE_CUT = {"T1": "2009-02-15T00:00:00", "T2": "2015-06-15T00:00:00", "s_max": 50}
"""The default request's target, in an interval long enough, cut into batches that are long enough."""
LOOK_SECONDS = 0.1
LIMIT_SECONDS = 900
HOSTNAME = "127.0.0.1"


@dataclass(frozen=True)
class Measured:
    """What one side took; seconds."""

    wall: float
    first: float
    cpu: float
    result: str
    n_bytes: int = 0
    counts: dict[str, Any] | None = None

    def count(self, name: str) -> int:
        """One of the observatory's counts."""
        return int((self.counts or {})[name])


class Relay(socketserver.BaseRequestHandler):
    """One connection, passed on in both directions."""

    server: Proxy

    def handle(self) -> None:
        with socket.create_connection((HOSTNAME, self.server.port)) as upstream:
            for end in (self.request, upstream):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_pass_on, args=(self.request, upstream), daemon=True).start()
            _pass_on(upstream, self.request, self.server.answered.append)


class Proxy(socketserver.ThreadingTCPServer):
    """Before an observatory; counts the bytes of its answers, headers and all."""

    daemon_threads, request_queue_size = True, 128

    def __init__(self, url: str) -> None:
        super().__init__((HOSTNAME, 0), Relay)
        self.port = urlsplit(url).port
        self.url = f"http://{HOSTNAME}:{self.server_address[1]}"
        self.answered: list[int] = []


def _pass_on(source: socket.socket, sink: socket.socket, count: Callable[[int], object] = lambda _: None) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 18):
            count(len(data))
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def counting(url: str) -> Iterator[Proxy]:
    """A proxy at work."""
    with Proxy(url) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()


@contextmanager
def fresh_observatory() -> Iterator[tuple[Observatory, Path]]:
    """An observatory that nobody has asked yet, and a folder."""
    from tests.conftest import running_observatory

    with tempfile.TemporaryDirectory() as name, running_observatory(Path(name)) as observatory:
        observatory.knobs(**KNOBS)
        yield observatory, Path(name)


def settings_of(folder: Path, url: str) -> Settings:
    from dashboard.settings import Settings

    return Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(folder / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": url})


def planned(count: int) -> Plan:
    """That many batches of one length, so that slices of that length are the same batches."""
    from dashboard.identity import Identity
    from dashboard.plan.making import make_plan
    from dashboard.request.request import Request
    from dashboard.road import prepare

    with fresh_observatory() as (observatory, folder):
        plan = prepare(settings_of(folder, observatory.url), Request(**TO_BE_CUT), Identity())
    slices = [batch.scw[:SCW] for batch in plan.batches if len(batch.scw) >= SCW]
    if not 1 < count <= len(slices):
        raise SystemExit(f"--batches is from 2 to {len(slices)}, not {count}.")
    chosen = {scw[:12] for part in slices[:count] for scw in part}
    windows = plan.pointings.take(np.flatnonzero([swid in chosen for swid in plan.pointings.swid]))
    made = make_plan(Request(**{**TO_BE_CUT, "s_max": SCW}), plan.target, {"isgri": windows}, Identity())
    assert [batch.scw for batch in made.batches] == slices[:count], "the batches of the run are not slices of one length"
    return made


def notebook_call(plan: Plan) -> dict[str, Any]:
    """The arguments with which a notebook would ask the wrapper for the same."""
    asked, target = plan.batches[0].parameters, plan.target
    return {
        **{name: asked[name] for name in ("instrument", "E1_keV", "E2_keV", "osa_version", "detection_threshold")},
        **{name: plan.request[name] for name in ("T1", "T2")},
        **{"product": asked["product_type"], "product_type": "Real", "src_name": target.name, "RA": target.ra, "DEC": target.dec},
        "in_total_scw_list": [scw for batch in plan.batches for scw in batch.scw],
    }


def through_wrapper(url: str, folder: Path, call: dict[str, Any], token: str) -> Measured:
    """As the notebooks do it; nothing is visible before the end."""
    _begin()
    os.chdir(folder)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        wrapper = import_module("oda_integral_wrapper.wrapper").INTEGRALwrapper(token=token)
        import_module("mosaic")  # as the wrapper does before it adds
        wrapper.disp.url = url
        start, cpu = perf_counter(), process_time()
        try:
            made = wrapper.long_scw_list_call(s_max=SCW, sleep_time=1, **call)
            result = f"{len(made)} not added" if isinstance(made, list) else type(made).__name__
        except Exception as error:  # noqa: BLE001
            result = type(error).__name__
        wall = perf_counter() - start
    return Measured(wall, wall, process_time() - cpu, result)


def through_run(url: str, folder: Path, plan: Plan) -> Measured:
    """As the command line does it; what is visible is the published sum, read from the store."""
    _begin()
    from dashboard.identity import Identity
    from dashboard.runs.process import end_children, ensure_worker, worker_lock
    from dashboard.runs.results import load_mosaic, load_sources
    from dashboard.runs.store import RunStore

    settings = settings_of(folder, url)
    try:
        ensure_worker(settings)
        worker = _idle(worker_lock(settings))
        store, first = RunStore(settings), 0.0
        start, cpu = perf_counter(), process_time() + _cpu(worker)
        run_id = store.start(plan, Identity())
        while True:
            ensure_worker(settings)
            state = store.state(run_id)
            if state.sum_version and (state.finished or not first):
                load_mosaic(settings, state)
                load_sources(settings, state)
                first = first or perf_counter() - start
            if state.finished:
                wall = perf_counter() - start
                return Measured(wall, first or wall, process_time() + _cpu(worker) - cpu, f"sum of {state.n_done} batches")
            sleep(LOOK_SECONDS)
    finally:
        end_children()


def _begin() -> None:
    """In a side's process: be silent, and end it when it takes for ever."""
    signal.alarm(LIMIT_SECONDS)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)


def _cpu(pid: int) -> float:
    """Seconds of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _idle(lock: Path) -> int:
    """Wait until the worker takes its turns (each touches its lock) and has imported all it needs; its process id."""
    pid = int(lock.read_text())
    while True:
        touched, used = lock.stat().st_mtime, _cpu(pid)
        sleep(1.0)
        if lock.stat().st_mtime > touched and _cpu(pid) - used < 0.25:
            return pid


def measured(side: Callable[..., Measured], *given: Any) -> Measured:
    """One side against an observatory of its own."""
    with fresh_observatory() as (observatory, folder), counting(observatory.url) as proxy:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            taken = process.submit(side, proxy.url, folder, *given).result()
        return replace(taken, n_bytes=sum(proxy.answered), counts=observatory.get("/observatory/knobs")["counts"])


def row(what: str, theirs: float, ours: float, unit: str = "", digits: int = 1) -> None:
    """A line of the table."""
    figures = (f"{figure:.{digits}f} {unit}".rstrip() for figure in (theirs, ours))
    print(f"{what:28s}", *(f"{figure:>22s}" for figure in figures), f"{theirs / ours:14.1f}")


def main(count: int) -> None:
    from dashboard.observatory.query import sign

    plan = planned(count)
    job = KNOBS["time_per_scw"] * (SCW + 1)
    ideal = -(-count // KNOBS["concurrency"]) * job
    knobs = ", ".join(f"{name} {value:g}" for name, value in KNOBS.items())
    print(f"{count} batches of {SCW} science windows; knobs of the observatory: {knobs}, so {job:.1f} s a job")
    print(f"ideal with {KNOBS['concurrency']:g} in flight: {ideal:.1f} s", flush=True)
    theirs, ours = measured(through_wrapper, notebook_call(plan), sign("")), measured(through_run, plan)
    print(f"{'':28s} {'wrapper ' + version('oda-integral-wrapper'):>22s} {'run':>22s} {'wrapper / run':>14s}")
    row("wall time", theirs.wall, ours.wall, "s")
    row("  over the ideal", theirs.wall / ideal, ours.wall / ideal, digits=2)
    row("first visible result", theirs.first, ours.first, "s")
    row("jobs asked for", theirs.count("jobs"), ours.count("jobs"), digits=0)
    row("HTTP requests", theirs.count("requests"), ours.count("requests"), digits=0)
    row("fetched", theirs.n_bytes / 1e6, ours.n_bytes / 1e6, "MB")
    row("products built", theirs.count("products"), ours.count("products"), digits=0)
    row("CPU of client and worker", theirs.cpu, ours.cpu, "s")
    print(f"{'result':28s} {theirs.result:>22s} {ours.result:>22s}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.batches", description="Batches through oda_integral_wrapper and through a run.")
    parser.add_argument("--batches", type=int, default=20, help="how many (default: 20)")
    main(parser.parse_args().batches)
