"""An observatory that comes back at the same address, and one whose every request is written down."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.conftest import ROOT, Observatory
from tests.dispatcher.replay import Reply, serving
from tests.waiting import wait_until

DOWN = Reply(b"<html><body>502 Bad Gateway</body></html>", 502)


@dataclass
class Restartable:
    """Ends and begins again, with another memory and the same address."""

    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def here(self) -> Observatory:
        return Observatory(f"http://127.0.0.1:{self.port}")

    def start(self, folder: Path, **knobs: float) -> Observatory:
        ready = folder / f"observatory-{time.monotonic_ns()}.json"
        command = [sys.executable, "-m", "dashboard.observatory", "--port", str(self.port), "--ready-file", str(ready)]
        command += [part for name, value in knobs.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        wait_until(lambda: ready.exists() or self.process is None or self.process.poll() is not None, "the observatory does not come up")
        self.port = urlsplit(httpx.Response(200, content=ready.read_bytes()).json()["url"]).port or 0
        return self.here

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)


@contextmanager
def restartable() -> Iterator[Restartable]:
    """It ends with the block."""
    observatory = Restartable()
    try:
        yield observatory
    finally:
        observatory.end()


@dataclass
class Recorder:
    """Passes queries on to an observatory, and notes when they came; while it is `down` it answers with 502.

    Attributes
    ----------
    asked
        Moments of the queries of each session, which is one for each submission of a job.
    open
        Sessions whose job has been submitted and has not been answered for good.
    most_open
        The most of them at one moment.
    refused
        Moments of the queries that were answered with 502.
    """

    behind: Observatory
    url: str = ""
    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    open: set[str] = field(default_factory=set)
    most_open: int = 0
    refused: list[float] = field(default_factory=list)
    down: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, form: dict[str, list[str]]) -> Reply:
        session = form["session_id"][0]
        with self.lock:
            if self.down.is_set():
                self.refused.append(time.monotonic())
                self.open.discard(session)
                return DOWN
            self.asked[session].append(time.monotonic())
            self.open.add(session)
            self.most_open = max(self.most_open, len(self.open))
        response = httpx.post(f"{self.behind.url}/run_analysis", data=form, timeout=60)
        ended = response.status_code != 200 or response.json()["query_status"] in ("done", "failed")
        with self.lock:
            self.open -= {session} if ended else set()
        return Reply(response.content, response.status_code)

    @property
    def pauses(self) -> list[float]:
        """Seconds between two queries for the same job."""
        return [later - earlier for moments in self.asked.values() for earlier, later in pairwise(moments)]

    @property
    def later_pauses(self) -> list[float]:
        """Of a job's pauses all but the first, which is drawn shorter."""
        return [later - earlier for moments in self.asked.values() for earlier, later in pairwise(moments[1:])]


@contextmanager
def recorded(behind: Observatory) -> Iterator[Recorder]:
    """A recorder that listens."""
    recorder = Recorder(behind)
    with serving(recorder) as server:
        recorder.url = server.url
        yield recorder
