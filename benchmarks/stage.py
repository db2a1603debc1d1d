"""What the page's benchmarks stand on: an observatory, a page process, browsers, and clients without a screen."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any, Self, TypeVar

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from dashboard.settings import Settings
from tests.conftest import running_observatory

Value = TypeVar("Value")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
WATCH = """(() => {
  window.painted = {}
  const within = root => [...root.querySelectorAll("*")].flatMap(e => e.shadowRoot ? [e, ...within(e.shadowRoot)] : [e])
  const run = e => e.tagName == "BUTTON" && e.innerText.trim() == "Run" && e.offsetWidth
  const panes = {sky: "canvas", sources: ".tabulator-row", energy: "canvas", time: "canvas", histogram: "canvas"}
  const look = () => {
    const all = document.body ? within(document.body) : []
    const found = all.some(run) ? ["shell"] : []
    for (const [name, what] of Object.entries(panes)) {
      const pane = all.find(e => e.classList.contains(name + "-pane"))
      if (pane?.shadowRoot && within(pane.shadowRoot).some(e => e.matches(what))) found.push(name)
    }
    requestAnimationFrame(() => { for (const name of found) window.painted[name] ??= performance.now() })
    if (Object.keys(window.painted).length < 6 && performance.now() < 20000) setTimeout(look, 20)
  }
  look()
})()"""
"""Notes when the parts of a page are seen first."""
_EVENT = {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}
READY = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": _EVENT}


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

    @property
    def memory(self) -> float:
        """Resident MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def lag(self) -> tuple[float, float]:
        """Longest pause of its event loop since the last look, in seconds of the clock and of its CPU."""
        told = httpx.get(self.url.replace("/app", "/lag"), timeout=30).json()
        return told["clock"], told["cpu"]

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
def serve(settings: Settings, *flags: str) -> Iterator[Served]:
    """`panel serve dashboard/app.py` on a free port, with a watch on its loop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "panel", "serve", "dashboard/app.py", "--port", str(port)]
    command += ["--plugins", "dashboard.routes.plugin", "--plugins", "benchmarks.loop_lag", *flags]
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


@contextmanager
def deployment() -> Iterator[Settings]:
    """A data folder of its own, and an observatory that answers fast."""
    with tempfile.TemporaryDirectory() as name, running_observatory(Path(name)) as observatory:
        yield Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": f"{name}/data", "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url})


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser session of its own, and how many bytes its websocket brought."""

    browser: Browser
    received: int = 0
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)

    @property
    def painted(self) -> dict[str, float]:
        """Seconds from navigation until each part of the page could be seen."""
        return {name: milliseconds / 1e3 for name, milliseconds in self.page.evaluate("() => window.painted").items()}

    def until(self, *parts: str) -> None:
        """Wait for parts of the page, by the names that `painted` has."""
        self.page.wait_for_function("names => names.every(name => window.painted?.[name])", arg=list(parts), timeout=120_000)

    def go(self, url: str) -> None:
        self.page.goto(url, wait_until="commit")

    def usable(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).wait_for(timeout=120_000)
        self.page.wait_for_function("() => window.Bokeh?.documents.length && document.readyState == 'complete'", timeout=120_000)


@dataclass
class Client:
    """A websocket client without a screen, in the place of a browser: it takes all, and says nothing but that it is ready."""

    connection: WebSocketClientConnection
    reading: asyncio.Task[None] | None = None
    received: int = 0

    @classmethod
    async def open(cls, url: str) -> Self:
        """It holds the whole document."""
        page = await AsyncHTTPClient(max_clients=50).fetch(url, request_timeout=120)
        token = re.search(rb'"token":"([^"]+)"', page.body)
        assert token is not None
        socket_url = re.sub(r"^http(.*/app).*", r"ws\1/ws", url)
        request = HTTPRequest(socket_url, request_timeout=120)
        connection = await websocket_connect(request, subprotocols=["bokeh", token[1].decode()], max_message_size=1 << 28)
        client = cls(connection)
        await client._answer("ACK")
        await client._say("PULL-DOC-REQ", {})
        await client._answer("PULL-DOC-REPLY")
        return client

    async def ready(self) -> None:
        """Say that the document is shown, and take what follows until the end."""
        await self._say("PATCH-DOC", {"events": [READY]})
        self.reading = asyncio.create_task(self._read())

    def close(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
        self.connection.close()

    async def _say(self, kind: str, content: dict[str, Any]) -> None:
        for part in ({"msgid": str(perf_counter()), "msgtype": kind}, {}, content):
            await self.connection.write_message(json.dumps(part))

    async def _answer(self, kind: str) -> None:
        """Header, metadata, content, and as many buffers as the header counts; messages of other kinds go by."""
        found = ""
        while found != kind:
            header = await self._part()
            found = header["msgtype"]
            for _ in range(2 + 2 * header.get("num_buffers", 0)):
                await self._take()

    async def _part(self) -> dict[str, Any]:
        header: dict[str, Any] = json.loads(await self._take())
        return header

    async def _take(self) -> str | bytes:
        """The next part of a message."""
        part = await self.connection.read_message()
        assert part is not None, "the page closed the connection"
        self.received += len(part)
        return part

    async def _read(self) -> None:
        while True:
            await self._take()


def alone(work: Callable[[], Awaitable[Value]]) -> Value:
    """What a coroutine returns that has a thread and an event loop of its own: the browser's driver has those of this program."""

    async def done() -> Value:
        return await work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(done())).result()


def row(name: str, figure: str, bound: str = "", alternative: str = "") -> None:
    """A line of the table."""
    print(f"{name:52s} {figure:>24s}   {bound:8s} {alternative}", flush=True)


def head() -> None:
    """The first one."""
    row("", "measured", "bound", "alternative")
