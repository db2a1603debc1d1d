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

from components.elements.scale import natural_scale
from components.elements.sky import sky_picture
from components.sky import plane_values
from dashboard.analysis.sky_width import significance_histogram
from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.combine.grid import ISGRI_PIXEL, Grid
from dashboard.identity import Identity
from dashboard.plan.plan import make_plan
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import read_mosaic, write_mosaic
from dashboard.request.request import Request
from dashboard.runs.ledger import Ledger
from dashboard.runs.lock import try_lock
from dashboard.runs.process import worker_lock
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.schema import make_data_folder, open_database
from dashboard.runs.source_document import write_sources
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

SIDE = 1000
CRAB = (83.6331, 22.0145)
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


def mosaic(seed: int) -> Mosaic:
    """White noise on a vignetted field with a bright source; the rim is NaN."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    coding = np.clip((SIDE / 2 - 5 - np.hypot(x, y)) / (SIDE / 2), 0, 1).astype("f4")
    variance = np.where(coding > 0, 0.1 / np.maximum(coding, 1e-6) ** 2, np.nan).astype("f4")
    flux = (rng.standard_normal((SIDE, SIDE), dtype="f4") * np.sqrt(variance) + 200 * np.exp(-0.5 * (x**2 + y**2) / 4)).astype("f4")
    wcs = Grid("TAN", CRAB, ISGRI_PIXEL, (SIDE, SIDE), (SIDE / 2 + 1, SIDE / 2 + 1)).wcs
    origin = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS")
    return Mosaic(flux, variance, flux / np.sqrt(variance), coding * 2000, wcs, (28.0, 40.0), "isgri", "counts/sec", provenance=origin)


@dataclass
class Watched:
    """A run whose batches land when told to."""

    settings: Settings
    run_id: str = ""
    version: int = 0
    files: tuple[Path, ...] = ()
    lock: int | None = None

    def start(self, batches: int = 40) -> None:
        """Note the run, and make two mosaics that will take turns."""
        make_data_folder(self.settings.data_dir)
        self.lock = try_lock(worker_lock(self.settings))
        step = np.arange(batches * 2)
        ra, dec = CRAB[0] + np.cos(step), CRAB[1] + np.sin(step)
        begin = np.asarray(1600 + 0.03 * step, dtype=np.float64)
        swid = tuple(f"0665{number:04d}0010" for number in step)
        end = np.asarray(begin + 0.02, dtype=np.float64)
        pointings = Pointings(swid, ra, dec, ra.copy(), dec + 90.0, begin, end, np.full(len(step), 1728.0))
        plan = make_plan(Request(s_max=2, src_name="Crab"), Target("Crab", *CRAB, "given"), pointings, Identity())
        self.run_id = RunStore(self.settings).start(plan, Identity())
        self.ledger = Ledger(open_database(self.settings), "benchmark")
        self.batch_ids = [batch.batch_id for batch in plan.batches]
        self.files = tuple(self.settings.data_dir / f"{seed}.fits" for seed in (1, 2))
        for seed, path in enumerate(self.files):
            write_mosaic(mosaic(seed), path)

    def land(self) -> None:
        """One more batch is done and in the sum."""
        batch_id, self.version = self.batch_ids[self.version], self.version + 1
        sources = tuple(MeasuredSource(f"S{i}", CRAB[0] + i / 5, CRAB[1] - i / 5, 9, 1, 9, 9 + self.version, 0.2) for i in range(30))
        products = ProductStore(self.settings.storage_url)
        names = {kind: run_file(self.run_id, kind, 0, self.version) for kind in ("mosaic", "sources")}
        products.write(names["mosaic"], lambda path: Path(shutil.copyfile(self.files[self.version % 2], path)).touch())
        products.write(names["sources"], lambda path: write_sources(SourceTable(sources, "counts/sec", 7.0, 1.0), path))
        self.ledger.done(batch_id, batch_file(batch_id))
        self.ledger.publish(self.run_id, 0, self.version, tuple(self.batch_ids[: self.version]))


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

    def close(self) -> None:
        self.context.close()


def shell(served: Served, browser: Browser) -> float:
    """CPU seconds of one more empty page."""
    visit = Visit(browser)

    def open_page() -> None:
        visit.go(served.url)
        visit.usable()

    try:
        return served.spent(open_page, 2.5)
    finally:
        visit.close()


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
        visit.close()
    return seconds


async def client(url: str) -> float:
    """Seconds until a websocket client without a screen holds the whole document."""
    start = perf_counter()
    page = await AsyncHTTPClient(max_clients=50).fetch(url, request_timeout=120)
    token = re.search(rb'"token":"([^"]+)"', page.body)
    assert token is not None
    request = HTTPRequest(url.replace("http", "ws", 1) + "/ws", request_timeout=120)
    connection = await websocket_connect(request, subprotocols=["bokeh", token[1].decode()], max_message_size=1 << 26)
    for part in ('{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}"):
        await connection.write_message(part)
    while b"PULL-DOC-REPLY" not in str(await connection.read_message()).encode():
        continue
    for _ in range(2):
        await connection.read_message()
    return perf_counter() - start


async def clients(url: str, count: int = 10) -> float:
    """Seconds until the last of that many clients, let loose at once, holds its document."""
    return max(await asyncio.gather(*(client(url) for _ in range(count))))


def served_clients(served: Served) -> float:
    """`clients` outside the loop of the browser's driver."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(clients(served.url))).result()


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


def alone(path: Path) -> tuple[float, float, float]:
    """CPU seconds a landing costs a session that shares nothing; that HoloViews needs to render the map again; seconds of the latter."""
    read = read_mosaic(path)
    hv.extension("bokeh")
    values = plane_values(read, "significance")
    hv.render(sky_picture(natural_scale(values, "significance").indices(values), read.wcs, SourceTable()))
    cpu = process_time()
    fresh = read_mosaic(path)
    values = plane_values(fresh, "significance")
    indices = natural_scale(values, "significance").indices(values)
    significance_histogram(fresh, 100, scaled=True)
    own = process_time() - cpu
    cpu, start = process_time(), perf_counter()
    hv.render(sky_picture(indices, fresh.wcs, SourceTable()))
    return own, process_time() - cpu, perf_counter() - start


def row(name: str, figure: str, bound: str, alternative: str = "") -> None:
    print(f"{name:46s} {figure:>22s}   {bound:12s} {alternative}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": folder, "INTEGRAL_DASHBOARD_SIMULATED_URL": "http://127.0.0.1:9"})
        run = Watched(settings)
        run.start()
        run.land()
        own, again, _ = alone(run.files[0])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        row("", "measured", "bound", "alternative")
        with serve(settings) as served:
            shell(served, browser)
            row("shell of a browser session", f"{np.median([shell(served, browser) for _ in range(3)]):.2f} s CPU", "0.35 s")
            row("ten browsers at once, all usable", f"{crowd(served, browser):.1f} s", "8 s")
            row("  the same without screens (websocket clients)", f"{served_clients(served):.1f} s", "8 s")
            visit = Visit(browser)
            visit.go(f"{served.url}?run={run.run_id}")
            visit.page.wait_for_function(DRAWN, timeout=60_000)
            for name, acts in (("plane", ("flux", "exposure", "variance", "significance")), ("stretch", ("linear", "sqrt", "asinh"))):
                for again_, state in enumerate(("first look", "seen before")):
                    times, sizes = clicks(visit, acts)
                    other = f"+ {again:.3f} s to render again with HoloViews" * (not again_)
                    row(f"{name}, click to pixels, {state}", f"{np.median(times):.3f} s (max {max(times):.3f})", "0.15 s", other)
            row("bytes of such a change", f"{max(sizes) / 1e6:.2f} MB", "0.4 MB", f"{4 * SIDE**2 / 1e6:.1f} MB raw float32")
            one = landing(served, run)
            bare = f"{1e3 * own:.0f} ms to read, colour and count pixels alone"
            row("a landing batch, one session watches", f"{1e3 * one:.0f} ms CPU", "50 ms", bare)
            more = [Visit(browser) for _ in range(4)]
            for one_more in more:
                one_more.go(f"{served.url}?run={run.run_id}")
            for one_more in more:
                one_more.page.wait_for_function(DRAWN, timeout=60_000)
            five = landing(served, run)
            row("  each further session", f"{1e3 * (five - one) / 4:.0f} ms CPU", "50 ms")
        browser.close()
        if run.lock is not None:
            os.close(run.lock)


if __name__ == "__main__":
    main()
