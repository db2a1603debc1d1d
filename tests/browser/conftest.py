"""A served page and a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import ROOT, Observatory

CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser; where there is none they are skipped, and under CI that is a failure."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
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
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/app"

    def start(self) -> None:
        command = [sys.executable, "-m", "dashboard", "serve", "--port", str(self.port)]
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

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process is not None:
            self.process.wait(timeout=30)


@pytest.fixture
def served(tmp_path: Path, observatory: Observatory) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(tmp_path / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    page = Served(port, env)
    page.start()
    yield page
    page.stop()


@dataclass
class Visitor:
    """One browser session, with everything it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)

    def field(self, label: str) -> Any:
        return self.page.get_by_label(label)

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label).fill(text)
        self.page.get_by_label(label).press("Tab")

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def read(self, text: str, seconds: float = 60) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    yield from visit(browser)


@pytest.fixture
def second_visitor(browser: Browser) -> Iterator[Visitor]:
    yield from visit(browser)


def visit(browser: Browser) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    me = Visitor(context.new_page())
    me.page.on("pageerror", lambda error: me.complaints.append(f"page error: {error}"))
    me.page.on("console", lambda message: me.complaints.append(message.text) if message.type == "error" else None)
    own = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    me.page.on("request", lambda request: None if request.url.startswith(own) else me.complaints.append(f"foreign host: {request.url}"))
    yield me
    context.close()
    assert me.complaints == []
