"""A page with all panes filled: what it costs, when each pane is seen, and for how long it keeps others waiting.

    python -m benchmarks.page_linked

A finished run of mosaics and light curves in two bands and a spectrum; the light curves have a million points together. CPU seconds
are those of the page process, pauses those of its event loop: meanwhile nobody is served. For the pauses a client without a screen opens
the page, so that no browser takes the cores away. The alternative is an early prototype of this page: four figures, all built at once.
"""

from __future__ import annotations

import asyncio

import numpy as np
from playwright.sync_api import Browser

from benchmarks.stage import Client, Served, Visit, alone, chromium, deployment, head, row, serve
from benchmarks.watched_run import ROWS, Watched

PANES = ("sky", "sources", "energy", "time", "histogram")
FILLED = 4.0
"""Seconds within which a page is filled."""
ZOOMS = 6

# Milliseconds from the turn of the wheel until the points that belong to the new range have been presented.
ZOOM = """() => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const figure = models.find(m => m.type == "Figure" && m.left.some(axis => /count/.test(axis.axis_label)))
  const source = figure.renderers.find(r => r.glyph.type == "Segment").data_source
  window.zoomed = new Promise(resolve => {
    let start
    addEventListener("wheel", () => { start ??= performance.now() }, {once: true, capture: true})
    const heard = () => {
      if (start == null) return
      source.properties.data.change.disconnect(heard)
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - start)))
    }
    source.properties.data.change.connect(heard)
  })
}"""
STRIP = """() => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const figure = models.find(m => m.type == "Figure" && m.html_attributes?.["aria-label"]?.includes("ScW"))
  const box = Bokeh.index.find_one(figure).el.getBoundingClientRect()
  return [box.x + 0.6 * box.width, box.y + 0.4 * box.height]
}"""


async def _open(url: str, seconds: float) -> None:
    client = await Client.open(url)
    await client.ready()
    await asyncio.sleep(seconds)
    client.close()


def pauses(served: Served, url: str) -> tuple[float, float, float]:
    """Longest pauses of the loop while a page is opened, of the clock and of its CPU; and CPU seconds of it all."""
    served.lag  # noqa: B018 (forgets what was before)
    spent = served.spent(lambda: alone(lambda: _open(url, FILLED)), FILLED)
    return (*served.lag, spent)


def fill(served: Served, browser: Browser, url: str) -> tuple[float, dict[str, float]]:
    """CPU seconds of one more page, and when each of its parts is seen."""
    visit = Visit(browser)

    def open_page() -> None:
        visit.go(url)
        visit.until("shell", *PANES)

    try:
        return served.spent(open_page, FILLED), visit.painted
    finally:
        visit.context.close()


def zooms(browser: Browser, url: str) -> list[float]:
    """Seconds of each turn of the wheel over the light curves' time axis."""
    visit, times = Visit(browser), []
    visit.go(url)
    visit.until(*PANES)
    for _ in range(ZOOMS):
        visit.page.wait_for_timeout(900)
        visit.page.evaluate(ZOOM)
        visit.page.mouse.move(*visit.page.evaluate(STRIP))
        visit.page.mouse.wheel(0, -120)
        times.append(visit.page.evaluate("() => window.zoomed") / 1e3)
    visit.context.close()
    return times


def measure(served: Served, browser: Browser, run: Watched) -> None:
    """The table."""
    url = f"{served.url}?run={run.run_id}"
    clock, cpu, _ = pauses(served, url)
    row(
        "longest pause when the process sees a run first",
        f"{cpu:.2f} s CPU, {clock:.2f} s",
        "0.2 s",
        "all is read and drawn",
    )
    fill(served, browser, url)
    found = [fill(served, browser, url) for _ in range(3)]
    row("page with all panes filled", f"{np.median([cpu for cpu, _ in found]):.2f} s CPU", "0.9 s", "1.4-1.9 s the prototype")
    for name in ("shell", *PANES):
        row(f"  {name} seen after", f"{np.median([seen[name] for _, seen in found]):.2f} s", "1 s" if name == "shell" else "")
    clock, cpu, spent = (float(value) for value in np.median([pauses(served, url) for _ in range(3)], axis=0))
    row("  longest pause meanwhile", f"{cpu:.2f} s CPU, {clock:.2f} s", "0.2 s", f"{spent:.2f} s CPU without a browser")
    times = zooms(browser, url)
    row(
        f"zoom on {ROWS:.0e} points, wheel to pixels",
        f"{np.median(times):.3f} s (max {max(times):.3f})",
        "0.15 s",
        "0.04-0.05 s on the server alone",
    )


def main() -> None:
    with deployment() as settings, chromium() as browser:
        run = Watched.of_all_products(settings)
        head()
        with serve(settings) as served:
            measure(served, browser, run)


if __name__ == "__main__":
    main()
