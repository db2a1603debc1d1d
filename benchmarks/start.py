"""A page process from its start to its first visitor: as `integral-dashboard serve` starts it, and as `panel serve` by itself would.

    python -m benchmarks.start

Seconds of the clock, and of CPU, which other work on the machine changes little. Cold: numba's compiled kernels are not there, as on a new
machine. A visitor is a client without a screen: it holds the page when it has the whole document.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
import numpy as np

from benchmarks.stage import Client, Served, alone, head, row

ROUNDS = 3
LONGEST = 300.0
OURS = ("dashboard", "serve", "--workers", "0")
PLAIN = ("panel", "serve", "dashboard/app.py", "--index", "app", "--plugins", "dashboard.routes.server")


@contextmanager
def started(words: tuple[str, ...], folder: Path, *, cold: bool) -> Iterator[Served]:
    """A fresh process, once it says that it is ready; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"INTEGRAL_DASHBOARD_DATA": str(folder / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": "http://127.0.0.1:9"}
    if cold:
        env["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(dir=folder)
    module, *rest = words
    command = [sys.executable, "-m", module, *rest, "--port", str(port)]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = monotonic() + LONGEST
            while not _ready(port):
                assert process.poll() is None, "the page process ended"
                assert monotonic() < deadline, "the page process was not ready in time"
                sleep(0.02)
            yield Served(f"http://127.0.0.1:{port}/app", process)
        finally:
            process.terminate()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def visited(served: Served) -> tuple[float, float]:
    """Seconds until one more visitor holds the page, and CPU seconds of the process."""

    async def come() -> None:
        (await Client.open(served.url)).close()

    start, cpu = monotonic(), served.cpu
    alone(come)
    return monotonic() - start, served.cpu - cpu


def measured(words: tuple[str, ...], folder: Path, *, cold: bool) -> list[float]:
    """Clock and CPU seconds until ready, for the first visitor and for the second."""
    start = monotonic()
    with started(words, folder, cold=cold) as served:
        return [monotonic() - start, served.cpu, *visited(served), *visited(served)]


def main() -> None:
    print(f"load average at the start: {os.getloadavg()[0]:.1f}; medians of {ROUNDS} processes each")
    head()
    with tempfile.TemporaryDirectory() as name:
        for cold in (False, True):
            ours, plain = ([measured(words, Path(name), cold=cold) for _ in range(ROUNDS)] for words in (OURS, PLAIN))
            one, other = np.median(ours, axis=0), np.median(plain, axis=0)
            print("numba's cache is empty" if cold else "numba's cache is filled")
            for title, at, bound in (("start to ready", 0, "12 s"), ("first page", 2, "1 s"), ("second page", 4, "1 s")):
                alternative = f"{other[at]:.2f} s, {other[at + 1]:.2f} s CPU without warming"
                row(f"  {title}", f"{one[at]:.2f} s, {one[at + 1]:.2f} s CPU", bound, alternative)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
