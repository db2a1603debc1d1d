"""A page process under load: sessions that are opened, held and clicked in while runs go on beside them; and an hour's worth of visitors.

    python -m benchmarks.load                          # 20 sessions, 3 runs, some minutes
    python -m benchmarks.load --soak 10                # 600 visits within 10 minutes
    python -m benchmarks.load --sessions 50 --runs 6

Clients have no screen: they take the whole document and what follows, as a browser does, and click as a browser does, by a change of a
widget's value. Observatory, worker, page process and clients share the machine: the load average stands beside the figures. What is
compared is the page process with itself: before, under load, and after all have left, when nothing of theirs may be left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter

import httpx
import numpy as np

from benchmarks.clicker import Clicker
from benchmarks.stage import Client, Served, alone, deployment, row, serve
from benchmarks.watched_run import Watched
from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

LIFETIME = 2.0
"""Seconds that a session outlives its visitor, here; 15 s otherwise."""
CLICKS = 6
PAUSE = 1.5
"""Seconds between two clicks of a visitor."""
HOUR = 600
"""Visits that are an hour's worth: one in six seconds."""
STAY = 4.0
"""Seconds that such a visitor stays."""
NOBODYS = 1
"""Documents of a page process where no session is, see `components/warm.py`."""
LONGEST = 900.0
"""Seconds that runs may take."""
OBSERVED = (54878.4, 54884.4, 54890.3, 54893.4, 54899.3, 54905.4)
"""MJD from which the simulated INTEGRAL looks at the Crab for two days, forty science windows."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a page process holds at a moment."""

    memory: float
    threads: int
    files: int
    documents: int

    @classmethod
    def of(cls, served: Served) -> Weight:
        process = Path(f"/proc/{served.process.pid}")
        threads = len(list((process / "task").iterdir()))
        files = len(list((process / "fd").iterdir()))
        documents = httpx.get(served.url.replace("/app", "/documents"), timeout=60).json()["documents"]
        return cls(served.memory, threads, files, documents)

    @property
    def text(self) -> str:
        return f"{self.memory:.0f} MB, {self.threads} threads, {self.files} files, {self.documents} documents"


@dataclass
class Tally:
    """What clients have met."""

    opened: list[float] = field(default_factory=list)
    clicked: list[float] = field(default_factory=list)
    received: list[int] = field(default_factory=list)

    async def visit(self, url: str, clicks: int, seconds: float = 0.0) -> None:
        """Open a page, click so many times, stay, leave."""
        start = perf_counter()
        client = await Clicker.open(url)
        try:
            self.opened.append(perf_counter() - start)
            await client.ready()
            if clicks:
                await client.shown()
            for _ in range(clicks):
                await asyncio.sleep(PAUSE)
                self.clicked.append(await client.click())
            await asyncio.sleep(seconds)
            self.received.append(client.received)
        finally:
            client.close()


def percentiles(values: list[float]) -> str:
    """Median, 95 % and largest."""
    return "  ".join(
        f"{name} {value:.2f} s" for name, value in zip(("p50", "p95", "max"), np.percentile(values, [50, 95, 100]), strict=True)
    )


def start_runs(settings: Settings, count: int) -> list[str]:
    """Runs of all products on the simulated host; none shares another's batches."""
    store, found = RunStore(settings), []
    for start in OBSERVED[:count]:
        asked = Request(src_name="Crab", T1=start, T2=start + 2.0, s_max=10, product=["mosaic", "spectrum", "lightcurve"])
        found.append(store.start(prepare(settings, asked, Identity()), Identity()))
    ensure_worker(settings)
    return found


async def until_ended(settings: Settings, run_ids: list[str]) -> float:
    """Seconds until all of these runs have ended."""
    store, start = RunStore(settings), monotonic()
    while any([not (await asyncio.to_thread(store.state, run_id)).finished for run_id in run_ids]):
        assert monotonic() - start < LONGEST, "the runs did not end"
        await asyncio.sleep(0.5)
    return monotonic() - start


def load(served: Served, settings: Settings, sessions: int, runs: int) -> None:
    """Sessions on runs that go on: how long clicks take, what each session costs."""
    run_ids, tally = start_runs(settings, runs), Tally()
    urls = [f"{served.url}?run={run_ids[number % runs]}" for number in range(sessions)]
    cpu, start = served.cpu, monotonic()

    async def together() -> float:
        visits = asyncio.gather(*(tally.visit(url, CLICKS) for url in urls))
        took = await until_ended(settings, run_ids)
        await visits
        return took

    took = alone(together)
    row(f"{sessions} sessions at once on {runs} runs, until they hold the page", percentiles(tally.opened))
    row("  a click, until its answer", percentiles(tally.clicked))
    row("  CPU of the page process, a session", f"{(served.cpu - cpu) / sessions:.2f} s in {monotonic() - start:.0f} s")
    row("  received, a session", f"{np.mean(tally.received) / 1e6:.2f} MB")
    row(f"  {runs} runs beside them, until all have ended", f"{took:.0f} s")


def landing_bytes(served: Served, run: Watched) -> None:
    """What a landing batch sends to who looks at the run."""

    async def look() -> list[int]:
        client = await Client.open(f"{served.url}?run={run.run_id}")
        await client.ready()
        await asyncio.sleep(6.0)
        sizes = []
        for _ in range(4):
            before = client.received
            await asyncio.to_thread(run.land)
            await asyncio.sleep(4.0)
            sizes.append(client.received - before)
        client.close()
        return sizes

    row("a landing batch, sent to a session", f"{np.median(alone(look)) / 1e6:.2f} MB", "", "1000 x 1000 pixels; 4.0 MB as float32")


def gone(served: Served) -> Weight:
    """The process once all sessions have left; documents that stay, but the one that was made for nobody, are a leak."""
    deadline = monotonic() + 60
    while (weight := Weight.of(served)).documents > NOBODYS and monotonic() < deadline:
        alone(lambda: asyncio.sleep(0.5))
    assert weight.documents <= NOBODYS, f"{weight.documents - NOBODYS} documents outlive their sessions"
    return weight


def soak(served: Served, urls: list[str], minutes: float, visits: int) -> None:
    """So many visits, evenly over so many minutes, a line a tenth of them."""
    tally, cpu, weights = Tally(), served.cpu, [gone(served)]

    async def hold(first: int, last: int) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(first, last):
                url = urls[number % len(urls)]
                group.create_task(tally.visit(url, "?run=" in url, STAY))
                await asyncio.sleep(60 * minutes / visits)

    row(f"before {visits} visits", weights[0].text)
    for tenth in range(10):
        alone(lambda tenth=tenth: hold(visits * tenth // 10, visits * (tenth + 1) // 10))  # type: ignore[misc]
        weights.append(gone(served))
        row(f"  after {visits * (tenth + 1) // 10}", weights[-1].text)
    grown = weights[-1].memory - weights[1].memory  # the first tenth loads libraries, and reads and draws the run
    row("growth, a visit after the first tenth", f"{1e3 * grown / (0.9 * visits):.0f} kB")
    row("CPU, a visit", f"{(served.cpu - cpu) / visits:.2f} s")
    row("a page, until it is held", percentiles(tally.opened))
    row("a click, until its answer", percentiles(tally.clicked))


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.load")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3, choices=range(1, len(OBSERVED) + 1))
    parser.add_argument("--soak", type=float, metavar="MINUTES", help=f"{HOUR} visits within so many minutes, instead")
    parser.add_argument("--visits", type=int, default=HOUR, help="of the soak")
    options = parser.parse_args()
    milliseconds = str(int(1000 * LIFETIME))
    flags = ("--setup", "components/warm.py", "--unused-session-lifetime", milliseconds, "--check-unused-sessions", milliseconds)
    print(f"load average at the start: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with deployment() as settings, serve(settings, *flags) as served:
        try:
            row("page process, nobody there", f"{served.memory:.0f} MB")
            if options.soak:
                run = Watched.of_all_products(settings)
                soak(served, [served.url, f"{served.url}?run={run.run_id}"], options.soak, options.visits)
            else:
                load(served, settings, options.sessions, options.runs)
                row("all have left", gone(served).text)
        finally:
            end_children()
        if not options.soak:
            watched = Watched(settings)
            watched.start()
            landing_bytes(served, watched)
            row("all have left", gone(served).text)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
