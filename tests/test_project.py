"""What a fresh machine relies on: the locks, and nothing in them but hashes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-test.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_hashes_no_urls_and_no_package_twice(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", text) if entry.strip() and not entry.startswith("#")]
    names = Counter(re.match(r"[\w.-]+", entry)[0] for entry in entries)  # type: ignore[index]
    assert [name for name, count in names.items() if count > 1] == []
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_test_lock_contains_the_runtime_lock() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (ROOT / lock).read_text(), re.M))

    assert pins(LOCKS[0]) <= pins(LOCKS[1])


def test_installed_versions_are_the_locked_ones() -> None:
    for name, pinned in re.findall(r"^([\w.-]+)==(\S+)(?! ;)", (ROOT / LOCKS[0]).read_text(), re.M):
        if name in {"panel", "bokeh", "oda-api", "astropy", "dbos", "numpy"}:
            assert version(name) == pinned


def test_only_the_bokeh_pin_of_oda_api_is_unmet() -> None:
    lines = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False).stdout.splitlines()
    assert [line for line in lines if not line.startswith("oda-api")] in ([], ["No broken requirements found."])
    assert all("bokeh" in line for line in lines if line.startswith("oda-api"))
