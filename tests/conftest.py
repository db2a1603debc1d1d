"""Fixtures every room shares."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings as hypothesis_settings

from dashboard.runs.process import end_children
from dashboard.settings import Settings
from tests.certificate import certificate as certificate

hypothesis_settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
hypothesis_settings.load_profile("untimed")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real INTEGRAL products and recorded exchanges, kept outside the project."""
    folder = (ROOT / "../shared/data").resolve()
    if not (folder / "integral").is_dir():
        pytest.skip("real INTEGRAL data not found at ../shared/data")
    return folder


@dataclass(frozen=True)
class Observatory:
    """A simulated observatory of the tests' own, in a process of its own."""

    url: str

    def get(self, path: str, **query: Any) -> Any:
        return httpx.get(f"{self.url}{path}", params=query, timeout=30).raise_for_status().json()

    def knobs(self, **values: Any) -> None:
        httpx.post(f"{self.url}/observatory/knobs", json=values, timeout=30).raise_for_status()


@contextmanager
def running_observatory(folder: Path) -> Iterator[Observatory]:
    """A fresh observatory that answers fast; it ends with the block."""
    ready = folder / "observatory.json"
    command = [sys.executable, "-m", "dashboard.observatory", "--port", "0", "--ready-file", str(ready), "--time-per-scw", "0.002"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
                assert time.monotonic() < deadline, "the observatory did not come up"
                time.sleep(0.02)
            yield Observatory(json.loads(ready.read_text())["url"])
        finally:
            process.terminate()


@pytest.fixture
def observatory(tmp_path: Path) -> Iterator[Observatory]:
    """The test's own."""
    with running_observatory(tmp_path) as started:
        yield started


@pytest.fixture
def settings(tmp_path: Path, observatory: Observatory) -> Iterator[Settings]:
    """A deployment of its own in a folder of its own, talking to the test's observatory; its worker ends with the test."""
    yield Settings.from_environment(
        {"INTEGRAL_DASHBOARD_DATA": str(tmp_path / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    )
    end_children()
