"""A JupyterHub of the tests' own, behind configurable-http-proxy, with the dashboard as its service and in its users' launchers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from dashboard.settings import Settings
from tests.conftest import ROOT
from tests.waiting import wait_until

TOOLS = Path(os.environ.get("INTEGRAL_TESTS_HUB", ROOT / ".hub"))
PYTHON = TOOLS / "bin/python"
PROXY = TOOLS / "node_modules/.bin/configurable-http-proxy"
RECIPE = ROOT / "deploy/jupyterhub/jupyterhub_config.py"


@dataclass(frozen=True)
class Hub:
    """A hub where everybody may log in, with any password."""

    url: str
    data: Path

    @property
    def service(self) -> str:
        """Address of the page."""
        return f"{self.url}/services/integral/app"

    @property
    def settings(self) -> Settings:
        """Of the service."""
        return Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(self.data), "INTEGRAL_DASHBOARD_USERS": "login"})

    def log_in(self, page: Page, name: str) -> None:
        """On the hub's page for that, to which whoever is nobody yet is sent."""
        page.get_by_label("Username").fill(name, timeout=60_000)
        page.get_by_label("Password").fill("any")
        page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()


def need_tools() -> None:
    """Skip the test where the tools are missing."""
    for tool in (PYTHON, PROXY):
        if not tool.exists():
            pytest.skip(f"{tool.name} of JupyterHub is not installed: make hub-tools, which needs npm")


def entry_points(folder: Path) -> Path:
    """A folder for PYTHONPATH by which the entry points of pyproject.toml are found, whatever was installed before."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    about = folder / "integral_dashboard_tested-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: integral-dashboard-tested\nVersion: 0\n")
    lines = [f"[{group}]\n" + "\n".join(f"{name} = {target}" for name, target in points.items()) for group, points in groups.items()]
    (about / "entry_points.txt").write_text("\n\n".join(lines) + "\n")
    return folder


@contextmanager
def running_hub(folder: Path, simulated_url: str) -> Iterator[Hub]:
    """A hub by the recipe that ships; it and all it started end with the block."""
    public, api, proxy_api, service = free_ports(4)
    hub, path = Hub(f"http://127.0.0.1:{public}", folder / "data"), f"{ROOT}:{entry_points(folder / 'site')}"
    config = folder / "jupyterhub_config.py"
    config.write_text(f"""
load_subconfig({str(RECIPE)!r})
c.JupyterHub.bind_url = {hub.url!r}
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{api}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = {str(folder / "cookie_secret")!r}
c.ConfigurableHTTPProxy.command = [{str(PROXY)!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.pid_file = {str(folder / "proxy.pid")!r}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(folder / "{username}")!r}
c.Spawner.cmd = [{str(PYTHON)!r}, "-m", "jupyterhub.singleuser", "--allow-root"]
c.Spawner.environment = {{"PYTHONPATH": {path!r}, "INTEGRAL_DASHBOARD_SIMULATED_URL": {simulated_url!r}}}
c.Spawner.default_url = "/tree"
c.JupyterHub.services[0]["environment"] |= {{"PYTHONPATH": {path!r}, "INTEGRAL_DASHBOARD_SIMULATED_URL": {simulated_url!r},
    "INTEGRAL_DASHBOARD_ADDRESS": {hub.service!r}}}
""")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("INTEGRAL_", "JUPYTER", "PYTHONPATH"))}
    environment |= {
        "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}",
        "INTEGRAL_PUBLIC_HOST": hub.url.partition("//")[2],
        "INTEGRAL_SERVICE_URL": f"http://127.0.0.1:{service}",
        "INTEGRAL_DASHBOARD_DATA": str(hub.data),
        "HOME": str(folder),
    }
    with (folder / "hub.log").open("wb") as log:
        command = [str(PYTHON), "-m", "jupyterhub", "-f", str(config)]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            wait_until(
                lambda: process.poll() is not None or answers(f"{hub.url}/services/integral/health"), "the hub does not come up", 120
            )
            assert process.poll() is None, (folder / "hub.log").read_text()[-3000:]
            yield hub
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def free_ports(number: int) -> tuple[int, ...]:
    held = [socket.socket() for _ in range(number)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = tuple(each.getsockname()[1] for each in held)
    for each in held:
        each.close()
    return ports
