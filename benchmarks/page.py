"""The page under a browser: what a visit, a click and a landing batch cost.

    python -m benchmarks.page

A page process of its own serves runs of known size, 1000 x 1000 pixels in two bands, whose sums this program publishes as a worker
does (it holds the worker's lock, so that no other works on them). Chromium looks on. CPU seconds are those of the page process; the
alternative is HoloViews drawing the map again, measured here, or an early prototype of this page: 1000 x 1000 pixels as float32 or
through datashader, four figures and 24 widgets, everything built at once. `page_linked` fills all panes, `page_sessions` has many visitors.
"""

from __future__ import annotations

import re
from pathlib import Path
from time import process_time

import holoviews as hv
import numpy as np
from playwright.sync_api import Browser

from benchmarks.stage import Served, Visit, chromium, deployment, head, row, serve
from benchmarks.watched_run import SIDE, Watched
from components.elements.sky import sky_picture
from components.job_words import series_name
from components.sky import coloured
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs.histogram_document import read_histogram
from dashboard.settings import Settings

LANDINGS = 6
LANDING_SECONDS = 2.5
SETTLED = 900
"""Milliseconds between two clicks."""

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
  const within = root => [...root.querySelectorAll("*")].flatMap(e => e.shadowRoot ? [e, ...within(e.shadowRoot)] : [e])
  const all = within(document)
  const chip = all.find(e => e.tagName == "BUTTON" && e.innerText.trim() == act)
  const menu = all.find(e => e.tagName == "SELECT" && [...e.options].some(o => o.value == act))
  const before = look(), start = performance.now()
  const frame = () => look() == before ? requestAnimationFrame(frame) : requestAnimationFrame(() => resolve(performance.now() - start))
  if (chip) chip.click()
  else {
    menu.value = act
    menu.dispatchEvent(new Event("change"))
  }
  requestAnimationFrame(frame)
})"""


def shell(served: Served, browser: Browser) -> tuple[float, float, float]:
    """CPU seconds of one more page; seconds until it is seen by a browser that was never here, and the next time."""
    visit = Visit(browser)

    def open_page() -> None:
        visit.go(served.url)
        visit.until("shell")

    try:
        spent = served.spent(open_page, 2.5)
        first = visit.painted["shell"]
        open_page()
        return spent, first, visit.painted["shell"]
    finally:
        visit.context.close()


def shells(served: Served, browser: Browser) -> list[float]:
    """Medians of `shell`, the first of a process left out."""
    shell(served, browser)
    return [float(value) for value in np.median([shell(served, browser) for _ in range(3)], axis=0)]


def clicks(visit: Visit, acts: tuple[str, ...]) -> tuple[list[float], list[int]]:
    """Seconds and bytes of each change."""
    times, sizes = [], []
    for act in acts:
        visit.page.wait_for_timeout(SETTLED)
        before = visit.received
        times.append(visit.page.evaluate(CLICK, act) / 1e3)
        visit.page.wait_for_timeout(300)
        sizes.append(visit.received - before)
    return times, sizes


def watch(served: Served, browser: Browser, run: Watched) -> Visit:
    """Open a run and wait for its map."""
    visit = Visit(browser)
    visit.go(f"{served.url}?run={run.run_id}")
    visit.until("sky", "sources")
    return visit


def landing(served: Served, run: Watched) -> float:
    """CPU seconds of the page process for one landing batch."""
    return float(np.median([served.spent(run.land, LANDING_SECONDS) for _ in range(LANDINGS)]))


def unshared(path: Path) -> tuple[float, float]:
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


def measure_shell(settings: Settings, browser: Browser) -> None:
    """The page before anything is asked: without an archive's answer its panes stay empty."""
    silent = Settings.from_environment(
        {"INTEGRAL_DASHBOARD_DATA": f"{settings.data_dir}-silent", "INTEGRAL_DASHBOARD_SIMULATED_URL": "http://127.0.0.1:9"}
    )
    with serve(silent) as served:
        cpu, first, again = shells(served, browser)
        row("shell of a browser session", f"{cpu:.2f} s CPU", "0.35 s", "0.46-0.55 s plain Bokeh, 1.4-1.9 s the prototype")
        row("  seen by a browser that was never here", f"{first:.2f} s", "1 s")
        row("  seen by one that was", f"{again:.2f} s", "1 s")


def measure_clicks(served: Served, browser: Browser, run: Watched, again: float) -> None:
    """Planes, stretches, bands: of the finished run."""
    visit = watch(served, browser, run)
    visit.page.get_by_role("button", name=re.compile("asinh")).click()
    bands = tuple(series_name(job) for job in run.plan.jobs)
    sizes: list[int] = []
    for name, acts in (
        ("plane", ("flux", "exposure", "variance", "significance")),
        ("stretch", ("linear", "sqrt", "asinh")),
        ("band", (bands[1], bands[0])),
    ):
        for state in ("first look", "seen before"):
            times, brought = clicks(visit, acts if state == "first look" else acts * 2)
            sizes += brought
            figure = f"{np.median(times):.3f} s (max {max(times):.3f})"
            told = f"{again:.2f} s CPU for HoloViews" if name != "band" else "prototype 0.21-0.35 s"
            row(f"{name}, click to pixels, {state}", figure, "0.15 s", told)
    row(
        "bytes of such a change, at the most",
        f"{max(sizes) / 1e6:.2f} MB",
        "0.4 MB",
        f"{4 * SIDE**2 / 1e6:.1f} MB as float32, 0.64-1.07 datashader",
    )
    visit.context.close()


def measure_landings(served: Served, browser: Browser, run: Watched, shared: float) -> None:
    """Batches that land while somebody looks."""
    watch(served, browser, run)
    one = landing(served, run)
    row("a landing batch, one session watches", f"{1e3 * one:.0f} ms CPU", "50 ms", f"of it {1e3 * shared:.0f} ms once a process")
    for _ in range(4):
        watch(served, browser, run)
    more = (landing(served, run) - one) / 4
    row("  each further session", f"{1e3 * more:.0f} ms CPU", "50 ms", f"{1e3 * (shared + more):.0f} ms if nothing were shared")


def main() -> None:
    with deployment() as settings, chromium() as browser:
        finished, landing = Watched(settings), Watched(settings)
        for run in (finished, landing):
            run.start()
        finished.finish()
        landing.land()
        shared, again = unshared(finished.files[0])
        head()
        measure_shell(settings, browser)
        with serve(settings) as served:
            cpu, *_ = shells(served, browser)
            row("page with coverage and pointings", f"{cpu:.2f} s CPU", "", "1.4-1.9 s the prototype")
            measure_clicks(served, browser, finished, again)
            measure_landings(served, browser, landing, shared)


if __name__ == "__main__":
    main()
