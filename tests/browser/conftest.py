"""A served page and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory, running_observatory
from tests.waiting import wait_for_run

CHROMIUM = shutil.which("chromium")
expect.set_options(timeout=20_000)  # a deadline, on machines that have other things to do
HOSTS = """
production.offered = false
staging.offered = false
esa.offered = false
[institute]
dispatcher_url = "http://127.0.0.1:9"
other_archives = false
note = "nobody listens there"
"""
"""No host of the outside is asked; one of these two never answers."""
SHORT = ("2009-02-15T00:00:00", "2009-02-17T12:00:00")
VIEW = """() => {
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type == "Figure" && model.renderers.some(r => r.glyph?.type == "Image"))
      return [model.x_range.start, model.x_range.end, model.y_range.start, model.y_range.end]
}"""
"""The sky's ranges, as the browser has them."""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser; where there is none they are skipped, and under CI that is a failure."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """It ends with this folder, and its event loop with it: other tests run loops of their own."""
    if CHROMIUM is None:
        reason = "chromium is not installed: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@dataclass
class Served:
    """A page process on a port of its own."""

    port: int
    env: dict[str, str]
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/app"

    def start(self) -> None:
        command = [sys.executable, "-m", "dashboard", "serve", "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 90
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2).raise_for_status()
                return
            except httpx.HTTPError:
                assert self.process.poll() is None, "the page process ended"
                assert time.monotonic() < deadline, "the page did not come up"
                time.sleep(0.1)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.env)

    def start_run(self, **values: object) -> str:
        """Put the short run in six batches into the store; it begins when somebody looks at it."""
        plan = prepare(self.settings, Request.from_dict({"T1": SHORT[0], "T2": SHORT[1], "s_max": 10, **values}), Identity())
        return RunStore(self.settings).start(plan, Identity())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process is not None:
            self.process.wait(timeout=30)


@contextmanager
def serving(folder: Path, simulated_url: str = "", others: str = HOSTS, options: Sequence[str] = (), **more: str) -> Iterator[Served]:
    """A page with a data folder of its own, and such a file of hosts; without a `simulated_url` it starts an observatory of its own.

    `options` are of `serve`, `more` further variables of its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hosts = folder.with_suffix(".toml")
    hosts.write_text(others)
    env = {
        "INTEGRAL_DASHBOARD_DATA": str(folder),
        "INTEGRAL_DASHBOARD_SIMULATED_URL": simulated_url,
        "INTEGRAL_DASHBOARD_HOSTS": str(hosts),
    }
    page = Served(port, {**os.environ, **env, **more}, tuple(options))
    try:
        page.start()
        yield page
    finally:
        page.stop()


@pytest.fixture
def served(tmp_path: Path, observatory: Observatory) -> Iterator[Served]:
    """The test's own page, for tests that kill it or turn the observatory's knobs."""
    with serving(tmp_path / "data", observatory.url) as page:
        yield page


@pytest.fixture(scope="package")
def shared_observatory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    with running_observatory(tmp_path_factory.mktemp("observatory")) as started:
        yield started


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, shared_observatory: Observatory) -> Iterator[Served]:
    """One page for all tests that leave it as it was: every run asks for energies of its own, so that nothing is there before it."""
    with serving(tmp_path_factory.mktemp("site"), shared_observatory.url) as page:
        yield page


def finished_run(site: Served, browser: Browser, **values: object) -> str:
    """Id of a run that is done."""
    run_id = site.start_run(**values)
    with visiting(browser) as anyone:  # the first to look at a run starts the worker
        anyone.open(f"{site.url}?run={run_id}")
        state = wait_for_run(RunStore(site.settings), run_id)
    assert state.n_done == len(state.batches), [batch.reason for batch in state.batches]
    return run_id


@pytest.fixture(scope="package")
def finished(site: Served, browser: Browser) -> str:
    """Address of a run of six batches that is done."""
    return f"{site.url}?run={finished_run(site, browser, E1_keV=30.0, E2_keV=50.0)}"


@dataclass(frozen=True)
class Plot:
    """A figure of the page, found by the beginning of its alternative text; `number` counts those that begin alike."""

    page: Page
    name: str
    number: int = 0

    def _script(self, told: str) -> str:
        return f"""([name, number, arg]) => {{
          const views = [...Bokeh.documents[0]._all_models.values()].filter(
            m => m.type == "Figure" && (m.html_attributes?.["aria-label"] ?? "").startsWith(name)).map(m => Bokeh.index.find_one(m))
          const view = views.filter(v => v != null)[number]
          return view ? ({told})(view.model, view, arg) : undefined
        }}"""

    def tell(self, told: str, arg: Any = None) -> Any:
        """What a function (plot, view, arg) of JavaScript returns, once the figure is there."""
        self.wait("() => true")
        return self.page.evaluate(self._script(told), [self.name, self.number, arg])

    def wait(self, told: str, arg: Any = None, seconds: float = 20) -> None:
        """Until a function (plot, view, arg) of JavaScript holds."""
        self.page.wait_for_function(self._script(told), arg=[self.name, self.number, arg], timeout=seconds * 1000)

    def columns(self, renderer: int) -> dict[str, list[Any]]:
        """The columns of a renderer's source."""
        read = "(plot, _, i) => Object.fromEntries(Object.entries(plot.renderers[i].data_source.data).map(([k, v]) => [k, [...v]]))"
        found: dict[str, list[Any]] = self.tell(read, renderer)
        return found

    @property
    def x_range(self) -> tuple[float, float]:
        start, end = self.tell("plot => [plot.x_range.start, plot.x_range.end]")
        return start, end

    def spot(self, x: float, y: float | None = None) -> tuple[float, float]:
        """Pixel of the page where (x, y) is drawn; without y, in the middle of the frame's height."""
        at = """(_, view, [x, y]) => {
          const box = view.el.getBoundingClientRect(), {x_scale, y_scale, bbox} = view.frame
          return [box.x + x_scale.compute(x), box.y + (y == null ? bbox.top + bbox.height / 2 : y_scale.compute(y))]
        }"""
        left, top = self.tell(at, [x, y])
        return left, top

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.spot(x, y))

    def drag(self, start: tuple[float, float | None], end: tuple[float, float | None]) -> None:
        """With the mouse, from one place of the figure to another."""
        (x0, y0), (x1, y1) = self.spot(*start), self.spot(*end)
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        for part in (0.1, 0.5, 1.0):
            self.page.mouse.move(x0 + part * (x1 - x0), y0 + part * (y1 - y0))
        self.page.mouse.up()


@dataclass
class Visitor:
    """One browser session, with everything it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)

    def field(self, label: str) -> Any:
        return self.page.get_by_label(label, exact=True)

    def fill(self, label: str, text: str) -> None:
        self.field(label).fill(text)
        self.field(label).press("Tab")

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def plot(self, name: str, number: int = 0) -> Plot:
        return Plot(self.page, name, number)

    def cells(self, column: str) -> Any:
        """The source table's column, row by row as it stands."""
        return self.page.locator(f".sources-pane .tabulator-row .tabulator-cell[tabulator-field='{column}']")

    @property
    def names(self) -> list[str]:
        """Of the sources in the table, as it stands."""
        return [text.removesuffix("▲").strip() for text in self.cells("name").all_inner_texts()]

    @property
    def chosen(self) -> Any:
        """The name of the row that is chosen."""
        return self.page.locator(".sources-pane button.chosen")

    def wait_for_sources(self) -> None:
        """Until table and map are drawn."""
        self.page.get_by_role("gridcell", name="Crab").wait_for(timeout=60_000)
        self.page.locator(".sky canvas").first.wait_for()

    def zoom_to(self, source: str) -> None:
        """Choose a source in the table, and wait until the map shows the square around it: the four edges arrive one by one."""
        x0, x1, *_ = self.page.evaluate(VIEW)
        self.page.get_by_role("gridcell", name=source).click()
        square = f"w => {{ const v = ({VIEW})(), wide = v[1] - v[0]; return wide < w && Math.abs(v[3] - v[2] - wide) < 1e-6 * wide }}"
        self.page.wait_for_function(square, arg=0.5 * (x1 - x0))

    def unfold(self) -> None:
        self.page.get_by_role("button", name=re.compile("Advanced")).click()
        self.page.get_by_label("s_max").first.wait_for()

    def open_hosts(self) -> None:
        """Open "Hosts and token" from the header."""
        self.page.get_by_role("button", name=re.compile("·")).click()
        self.page.get_by_label("token").first.wait_for()

    def read(self, text: str | re.Pattern[str], seconds: float = 60) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    with visiting(browser) as one:
        yield one


@pytest.fixture
def second_visitor(browser: Browser) -> Iterator[Visitor]:
    with visiting(browser) as another:
        yield another


OWN = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")


@contextmanager
def visiting(browser: Browser, width: int = 1440, height: int = 900) -> Iterator[Visitor]:
    """A browser of one visitor, who at the end must have seen no error and no request to another host."""
    context = browser.new_context(viewport={"width": width, "height": height})
    me = Visitor(context.new_page())

    def asked(what: Any) -> None:
        if not what.url.startswith(OWN):
            me.complaints.append(f"foreign host: {what.url}")

    me.page.on("pageerror", lambda error: me.complaints.append(f"page error: {error}"))
    me.page.on("console", lambda message: me.complaints.append(message.text) if message.type == "error" else None)
    me.page.on("request", asked)
    me.page.on("websocket", asked)
    try:
        yield me
    finally:
        context.close()
    assert me.complaints == []
