"""As in a datalab: one command, all from the environment, behind a proxy under a path, products in the workspace as they land."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from dashboard.products.mosaic_fits import read_mosaic
from dashboard.request.link import link_of_request
from dashboard.request.request import Request
from tests.browser.conftest import HOSTS, SHORT, Visitor
from tests.browser.hub import answers, free_ports
from tests.conftest import ROOT, Observatory
from tests.waiting import wait_until

PREFIX = "/datalabs/ada/lab-7"


@contextmanager
def relay(port: int, to: int) -> Iterator[None]:
    """A proxy that passes everything on unchanged, path and headers included."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", to)
        except OSError:
            writer.close()
            return
        with suppress(asyncio.CancelledError):
            await asyncio.gather(pipe(reader, back), pipe(there, writer))

    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(connect, "127.0.0.1", port)
        await ended.wait()
        server.close()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # ends what still goes to and fro
            runner.run(serve())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)


@pytest.mark.slow
def test_one_command_serves_under_a_path_and_fills_the_workspace(visitor: Visitor, observatory: Observatory, tmp_path: Path) -> None:
    port, outside = free_ports(2)
    (tmp_path / "hosts.toml").write_text(HOSTS)
    workspace = tmp_path / "workspace"
    env = {
        "PORT": str(port),
        "PREFIX": PREFIX,
        "ORIGINS": f"127.0.0.1:{outside}",
        "DATA": str(tmp_path / "data"),
        "WORKSPACE": str(workspace),
        "SIMULATED_URL": observatory.url,
        "HOSTS": str(tmp_path / "hosts.toml"),
    }
    observatory.knobs(time_per_scw=0.4, concurrency=1)
    command = [sys.executable, "-m", "dashboard", "serve"]
    environment = {**os.environ, **{f"INTEGRAL_DASHBOARD_{name}": value for name, value in env.items()}}
    url = f"http://127.0.0.1:{outside}{PREFIX}"
    with relay(outside, port), subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(f"{url}/health"), "the page does not come up", 90)
            visitor.open(f"{url}/app?ask={link_of_request(Request(T1=SHORT[0], T2=SHORT[1], s_max=10))}")
            expect(visitor.field("To [UTC]")).to_have_value(SHORT[1], timeout=20_000)
            visitor.click("Run")
            visitor.page.wait_for_url(re.compile(r"[?&]run="))
            wait_until(lambda: bool(list(workspace.glob("Crab_*/run.json"))), "nothing gets into the workspace")
            (told,) = workspace.glob("Crab_*/run.json")
            first = json.loads(told.read_text())
            assert first["state"] == "running", "files are there before the run has ended"
            assert 0 < first["batches_done"] < len(first["batches"])
            image = told.parent / "isgri_mosaic_28-40keV.fits"
            wait_until(lambda: read_mosaic(image).provenance.batches_used == len(first["batches"]), "the last sum does not arrive")
            assert sorted(path.name for path in told.parent.glob("isgri*")) == [image.name, "isgri_mosaic_28-40keV_sources.ecsv"]
            visitor.wait_for_sources()
            with visitor.page.expect_download() as download:
                visitor.page.get_by_text("CSV ↓", exact=True).click()
            assert download.value.url.startswith(f"{url}/download/")
            assert httpx.get(f"{url}/docs/", follow_redirects=True).status_code == 200
            visitor.page.goto(f"{url}/")
            expect(visitor.page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=60_000)
        finally:
            process.terminate()
    visitor.complaints[:] = [complaint for complaint in visitor.complaints if "404" not in complaint]  # of a favicon
