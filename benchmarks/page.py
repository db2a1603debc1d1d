"""The page under a browser: what a visit, a click and a landing batch cost.

    python -m benchmarks.page

A page process of its own serves runs of known size, 1000 x 1000 pixels, whose sums this program publishes as a worker does
(it holds the worker's lock, so that no other works on them). Chromium looks on. CPU seconds are those of the page process.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, process_time, sleep

import holoviews as hv
import httpx
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from benchmarks.watched_run import SIDE, Watched
from components.elements.sky import sky_picture
from components.sky import coloured
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs.histogram_document import read_histogram
from dashboard.settings import Settings

LANDINGS = 6
LANDING_SECONDS = 3.0
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")

# Milliseconds from the click to the first frame whose sky differs, once it has been presented.
CLICK = """act => new Promise(resolve => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const figure = models.find(m => m.type == "Figure" && m.renderers.some(r => r.glyph?.type == "Image"))
  const canvas = Bokeh.index.find_one(figure).canvas_view.primary.canvas
  const small = new OffscreenCanvas(48, 48).getContext("2d", {willReadFrequently: true})
  const look = () => {
    small.drawImage(canvas, 0, 0, canvas.width, canvas.height * 0.9, 0, 0, 48, 48)
    return small.getImageData(0, 0, 48, 48).data.join()
  }
  const before = look(), start = performance.now()
  const frame = () => look() == before ? requestAnimationFrame(frame) : requestAnimationFrame(() => resolve(performance.now() - start))
  const within = root => [...root.querySelectorAll("*")].flatMap(e => e.shadowRoot ? [e, ...within(e.shadowRoot)] : [e])
  const all = within(document)
  const chip = all.find(e => e.tagName == "BUTTON" && e.innerText.trim() == act)
  if (chip) chip.click()
  else {
    const menu = all.find(e => e.tagName == "SELECT" && [...e.options].some(o => o.value == act))
    menu.value = act
    menu.dispatchEvent(new Event("change"))
  }
  requestAnimationFrame(frame)
})"""
DRAWN = """() => window.Bokeh?.documents.length &&
  [...Bokeh.documents[0]._all_models.values()].some(m => m.type == "Figure" && m.renderers.some(r => r.glyph?.type == "Image"))"""


@dataclass
class Served:
    """A page process."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def cpu(self) -> float:
        """Seconds so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def spent(self, act: Callable[[], object], seconds: float) -> float:
        """CPU seconds of an act and what follows it, less what the same time costs when nothing happens."""
        start, cpu = monotonic(), self.cpu
        act()
        sleep(max(0.0, start + seconds - monotonic()))
        span, used = monotonic() - start, self.cpu - cpu
        cpu = self.cpu
        sleep(span)
        return used - (self.cpu - cpu)


@contextmanager
def serve(settings: Settings) -> Iterator[Served]:
    """`panel serve dashboard/app.py` without flags, but for the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "panel", "serve", "dashboard/app.py", "--port", str(port), "--plugins", "dashboard.routes.plugin"]
    env = os.environ | {"INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": settings.simulated_url}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = monotonic() + 90
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).raise_for_status()
                    break
                except httpx.HTTPError:
                    if process.poll() is not None or monotonic() > deadline:
                        raise
                    sleep(0.1)
            yield Served(f"http://127.0.0.1:{port}/app", process)
        finally:
            process.terminate()


@dataclass
class Visit:
    """A browser session of its own, and how many bytes its websocket brought."""

    browser: Browser
    received: int = 0
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)

    def go(self, url: str) -> None:
        self.page.goto(url, wait_until="commit")

    def usable(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).wait_for(timeout=120_000)
        self.page.wait_for_function("() => window.Bokeh?.documents.length && document.readyState == 'complete'", timeout=120_000)

    def watch(self, served: Served, run: Watched) -> None:
        """Open a run and wait for its map."""
        self.go(f"{served.url}?run={run.run_id}")
        self.page.wait_for_function(DRAWN, timeout=60_000)


def shell(served: Served, browser: Browser) -> float:
    """CPU seconds of one more empty page."""
    visit = Visit(browser)

    def open_page() -> None:
        visit.go(served.url)
        visit.usable()

    try:
        return served.spent(open_page, 2.5)
    finally:
        visit.context.close()


def crowd(served: Served, browser: Browser, count: int = 10) -> float:
    """Seconds until that many browsers, let loose at once, can all be used."""
    visits = [Visit(browser) for _ in range(count)]
    start = perf_counter()
    for visit in visits:
        visit.go(served.url)
    for visit in visits:
        visit.usable()
    seconds = perf_counter() - start
    for visit in visits:
        visit.context.close()
    return seconds


async def client(url: str) -> float:
    """Seconds until a websocket client without a screen holds the whole document."""
    start = perf_counter()
    page = await AsyncHTTPClient(max_clients=50).fetch(url, request_timeout=120)
    token = re.search(rb'"token":"([^"]+)"', page.body)
    assert token is not None
    request = HTTPRequest(url.replace("http", "ws", 1) + "/ws", request_timeout=120)
    connection = await websocket_connect(request, subprotocols=["bokeh", token[1].decode()], max_message_size=1 << 26)
    for asked in ((), ('{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}")):
        for part in asked:
            await connection.write_message(part)
        for _ in range(3):  # header, metadata and content of the acknowledgement, then of the document
            assert await connection.read_message() is not None, "the page closed the connection"
    connection.close()
    return perf_counter() - start


def clients(url: str, count: int = 10) -> float:
    """Seconds until the last of that many clients, let loose at once, holds its document."""

    async def together() -> float:
        return max(await asyncio.gather(*(client(url) for _ in range(count))))

    with ThreadPoolExecutor(1) as thread:  # the browser's driver has the loop of this one
        return thread.submit(lambda: asyncio.run(together())).result()


def clicks(visit: Visit, acts: tuple[str, ...]) -> tuple[list[float], list[int]]:
    """Seconds and bytes of each change."""
    times, sizes = [], []
    for act in acts:
        visit.page.wait_for_timeout(900)
        before = visit.received
        times.append(visit.page.evaluate(CLICK, act) / 1e3)
        visit.page.wait_for_timeout(300)
        sizes.append(visit.received - before)
    return times, sizes


def landing(served: Served, run: Watched) -> float:
    """CPU seconds of the page process for one landing batch."""
    return float(np.median([served.spent(run.land, LANDING_SECONDS) for _ in range(LANDINGS)]))


def alone(path: Path) -> tuple[float, float]:
    """CPU seconds: what all sessions share of a landing, and HoloViews rendering the map again."""
    hv.extension("bokeh")
    for _ in range(2):  # the first round imports and compiles
        start = process_time()
        read = read_mosaic(path)
        _, indices = coloured(read, "significance", "asinh")
        read_histogram(path.with_suffix(".json"))
        end = process_time()
        hv.render(sky_picture(indices, read.wcs, SourceTable()))
        rendered = process_time()
    return end - start, rendered - end


def row(name: str, figure: str, bound: str, alternative: str = "") -> None:
    print(f"{name:46s} {figure:>22s}   {bound:8s} {alternative}", flush=True)


def measure(served: Served, browser: Browser, run: Watched) -> None:
    """The table."""
    shared, again = alone(run.files[0])
    row("", "measured", "bound", "alternative")
    shell(served, browser)
    row("shell of a browser session", f"{np.median([shell(served, browser) for _ in range(3)]):.2f} s CPU", "0.35 s")
    visit = Visit(browser)
    visit.watch(served, run)
    for name, acts in (("plane", ("flux", "exposure", "variance", "significance")), ("stretch", ("linear", "sqrt", "asinh"))):
        for state in ("first look", "seen before"):
            times, sizes = clicks(visit, acts)
            figure = f"{np.median(times):.3f} s (max {max(times):.3f})"
            row(f"{name}, click to pixels, {state}", figure, "0.15 s", f"{again:.2f} s CPU to render with HoloViews")
    row("bytes of such a change", f"{max(sizes) / 1e6:.2f} MB", "0.4 MB", f"{4 * SIDE**2 / 1e6:.1f} MB as float32")
    one = landing(served, run)
    told = f"of it {1e3 * shared:.0f} ms once a process"
    row("a landing batch, one session watches", f"{1e3 * one:.0f} ms CPU", "50 ms", told)
    for _ in range(4):
        Visit(browser).watch(served, run)
    more = (landing(served, run) - one) / 4
    row("  each further session", f"{1e3 * more:.0f} ms CPU", "50 ms", f"{1e3 * (shared + more):.0f} ms if nothing were shared")
    for context in browser.contexts:
        context.close()
    row("ten browsers at once on these cores", f"{crowd(served, browser):.1f} s", "8 s", "chromium's own CPU is in it")
    row("ten websocket clients at once", f"{clients(served.url):.1f} s", "8 s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": folder, "INTEGRAL_DASHBOARD_SIMULATED_URL": "http://127.0.0.1:9"})
        run = Watched(settings)
        run.start()
        run.land()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        with serve(settings) as served:
            measure(served, browser, run)
        browser.close()


if __name__ == "__main__":
    main()
