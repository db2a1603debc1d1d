"""What deploy/compose.yaml puts together, as plain processes: two page servers, two workers, PostgreSQL, object storage and the proxy."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from dashboard.identity import Identity
from dashboard.routes.download import address
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.store import RunStore
from tests.conftest import ROOT, Observatory
from tests.faults.crab import LONGER, assert_whole, counts, happened, planned
from tests.shared.object_store import BUCKET, object_store
from tests.shared.team import Deployment, deployment
from tests.shared.visitor import visiting
from tests.waiting import wait_for_run, wait_until

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def page_server(made: Deployment, name: str, port: int, site: str) -> subprocess.Popen[bytes]:
    """As the composition starts it."""
    (made.folder / name).mkdir()
    command = [sys.executable, "-m", "dashboard", "serve", "--address", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, **made.machine(name), "INTEGRAL_DASHBOARD_WORKERS": "0"}
    with (made.folder / f"{name}.log").open("wb") as log:
        page = subprocess.Popen([*command, "--", "--allow-websocket-origin", site], cwd=ROOT, env=environment, stdout=log, stderr=log)
    made.workers.append(page)
    return page


@contextmanager
def proxy(folder: Path, port: int, pages: dict[str, int]) -> Iterator[Path]:
    """nginx with the configuration that ships, but for names and ports; the path of its log."""
    if NGINX is None:
        reason = "nginx is not installed: apt-get install nginx-light"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    text, log = (ROOT / "deploy/nginx.conf").read_text(), folder / "access.log"
    for name, number in pages.items():
        assert text.count(f"{name}:5006") == 1
        text = text.replace(f"{name}:5006", f"127.0.0.1:{number}")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("access_log /dev/stdout", f"access_log {log}")
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        text = text.replace("http {", f"http {{\n    {kind}_temp_path {folder}/{kind};", 1)
    (folder / "nginx.conf").write_text(text)
    about = f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
    with subprocess.Popen([str(NGINX), "-p", str(folder), "-c", "nginx.conf", "-e", f"{folder}/error.log", "-g", about]) as process:
        try:
            yield log
        finally:
            process.terminate()


def ready(url: str, workers: int) -> bool:
    try:
        answer = httpx.get(f"{url}/ready", timeout=10)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and answer.json().get("workers") == workers


@pytest.mark.slow
def test_the_composition_loses_nothing_when_a_worker_and_a_page_server_end(
    tmp_path: Path, observatory: Observatory, database_url: str
) -> None:
    observatory.knobs(time_per_scw=1.5, concurrency=50)
    port, numbers = free_port(), {"page-1": free_port(), "page-2": free_port()}
    site, direct = f"http://127.0.0.1:{port}", {name: f"http://127.0.0.1:{number}" for name, number in numbers.items()}
    with object_store() as cloud:
        where = {"INTEGRAL_DASHBOARD_STORAGE": f"s3://{BUCKET}/{uuid.uuid4().hex}", **cloud.environment}
        with deployment(tmp_path, observatory.url, database_url, **where) as made, proxy(tmp_path, port, numbers) as log:
            pages = {name: page_server(made, name, number, f"127.0.0.1:{port}") for name, number in numbers.items()}
            workers = [made.worker("worker-1"), made.worker("worker-2")]
            for url in (site, *direct.values()):
                wait_until(lambda url=url: ready(url, 2), f"{url} is not ready", 150)  # type: ignore[misc]
            settings = made.settings("page-1")
            store, plan = RunStore(settings), planned(settings, **LONGER)
            run_id = store.start(plan, Identity())

            with visiting(f"{site}/app?run={run_id}") as visitor:
                wait_until(lambda: "batches" in "".join(visitor.heard), "the visitor of the proxy sees nothing of the run")
            asked_of = re.findall(r'GET /app" 200 .* 127\.0\.0\.1:(\d+)', log.read_text())
            [serving] = [name for name, number in numbers.items() if asked_of == [str(number)]]
            wait_until(lambda: any(store.state(run_id).sums), "nothing is published")
            for url in direct.values():
                answer = httpx.get(f"{url}/{address(settings, 'local', run_id, '0-mosaic.fits')}", timeout=60)
                assert answer.content.startswith(b"SIMPLE"), answer.status_code

            workers[0].kill()
            pages[serving].send_signal(signal.SIGTERM)
            assert pages[serving].wait(12) == 0
            assert not store.state(run_id).finished, "that was in the midst of it"
            wait_until(lambda: ready(site, 1), "the proxy does not turn to the other page server")
            with visiting(f"{site}/app?run={run_id}") as visitor:
                state = wait_for_run(store, run_id, 300.0)
                whole = f"{len(plan.batches)} of {len(plan.batches)} batches"
                wait_until(lambda: whole in "".join(visitor.heard), "the other page server does not show the end")
            assert_whole(settings, state)
            assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
            asked = counts(observatory)
            assert asked["jobs"] == len(plan.batches), "nothing is computed twice"
            assert asked["products"] <= len(plan.batches) + settings.hosts["simulated"].jobs_in_flight, (
                "one that is killed may lose answers"
            )
            answer = httpx.get(f"{site}/{address(settings, 'local', run_id, '0-mosaic.fits')}", timeout=60)
            name = run_file(run_id, "mosaic", 0, state.sums[0])
            assert answer.content == ProductStore(settings.storage_url).read(name, Path.read_bytes)
            assert httpx.get(f"{site}/metrics").status_code == 404, "numbers are for who asks the page servers themselves"
            assert "ticket=" not in log.read_text()
            assert f"run={run_id}" not in log.read_text()
