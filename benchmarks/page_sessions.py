"""Many visitors of one page process: at once, one after the other, and doing nothing.

    python -m benchmarks.page_sessions

The clients have no screen: they take the whole document and all that follows, as a browser does, and leave the cores to the page. The
alternative is an early prototype of this page, measured as here.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from playwright.sync_api import Browser

from benchmarks.stage import Client, Served, Visit, alone, chromium, deployment, head, row, serve
from benchmarks.watched_run import Watched

LIFETIME = 2.0
"""Seconds that a session outlives its visitor, here; 15 s otherwise."""
IDLE_SESSIONS = 10
IDLE_SECONDS = 10.0


async def together(urls: list[str], seconds: float = 0.0) -> float:
    """Seconds until the last of these clients, let loose at once, holds its document; they stay `seconds` longer."""
    start = perf_counter()
    clients = await asyncio.gather(*(Client.open(url) for url in urls))
    took = perf_counter() - start
    for client in clients:
        await client.ready()
    await asyncio.sleep(seconds)
    for client in clients:
        client.close()
    return took


def visited(served: Served, urls: list[str]) -> float:
    """Resident MB when these visitors have come, ten at a time, and their sessions have gone."""

    async def come() -> None:
        for first in range(0, len(urls), 10):
            await together(urls[first : first + 10], 3.0)
        await asyncio.sleep(3 * LIFETIME)

    alone(come)
    return served.memory


def idle(served: Served, url: str) -> float:
    """Share of a core that a session takes while nothing happens."""

    async def wait() -> float:
        clients = [await Client.open(url) for _ in range(IDLE_SESSIONS)]
        for client in clients:
            await client.ready()
        await asyncio.sleep(8.0)
        cpu = served.cpu
        await asyncio.sleep(IDLE_SECONDS)
        used = served.cpu - cpu
        for client in clients:
            client.close()
        await asyncio.sleep(3 * LIFETIME)
        cpu = served.cpu
        await asyncio.sleep(IDLE_SECONDS)
        return used - (served.cpu - cpu)

    return alone(wait) / IDLE_SECONDS / IDLE_SESSIONS


def browsers(served: Served, browser: Browser, count: int = 10) -> float:
    """Seconds until that many browsers, let loose at once, can all be used."""
    visits = [Visit(browser) for _ in range(count)]
    start = perf_counter()
    for visit in visits:
        visit.go(served.url)
    for visit in visits:
        visit.until("shell")
    seconds = perf_counter() - start
    for visit in visits:
        visit.context.close()
    return seconds


def measure(served: Served, browser: Browser, run: Watched) -> None:
    """The table."""
    empty, full = served.url, f"{served.url}?run={run.run_id}"
    visited(served, [empty, full] * 10)  # what is imported, drawn and read once
    for name, url in (("25 sessions opened at once", empty), ("  all on a finished run, until they hold the page", full)):
        row(name, f"{alone(lambda url=url: together([url] * 25)):.1f} s", "15 s", "about 16 s: 50 at once took 32 s")  # type: ignore[misc]
    row("ten browsers at once on these cores", f"{browsers(served, browser):.1f} s", "8 s", "8-11 s; chromium's own CPU is in it")
    for name, url in (("before a run", empty), ("on a finished run", full)):
        row(f"an idle session {name}", f"{idle(served, url):.2%} of a core", "1 %")
    before = visited(served, [])
    after = visited(served, [empty, full] * 50)
    row("100 sessions opened and closed", f"{after - before:+.0f} MB", "50 MB", f"of {before:.0f} MB; 150 sessions of the prototype: +6 MB")


def main() -> None:
    with deployment() as settings, chromium() as browser:
        run = Watched.of_all_products(settings)
        head()
        milliseconds = str(int(1000 * LIFETIME))
        with serve(settings, "--unused-session-lifetime", milliseconds, "--check-unused-sessions", milliseconds) as served:
            measure(served, browser, run)


if __name__ == "__main__":
    main()
