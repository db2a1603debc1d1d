"""Files and answers made to fill the memory are refused with a sentence, and before they could."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

MOST_MEMORY = 250_000_000
"""Bytes: what an archive packs may unpack to 80 MB, of which there are two copies for a moment."""
pytestmark = pytest.mark.slow  # a process of its own


@pytest.fixture(scope="module")
def ends() -> dict[str, tuple[str, int]]:
    """What each bomb was answered with, and the memory it took."""
    done = subprocess.run([sys.executable, "-m", "tests.bombs"], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (told, memory) for name, told, memory in map(json.loads, done.stdout.splitlines())}


def test_every_bomb_is_refused_in_bounded_memory(ends: dict[str, tuple[str, int]]) -> None:
    assert len(ends) == 20
    assert {name: memory for name, (_, memory) in ends.items() if memory > MOST_MEMORY} == {}
    assert {name: told for name, (told, _) in ends.items() if not told.startswith("refused: ")}.keys() == {
        "VOTable with a file of this machine"
    }


def test_no_file_of_this_machine_is_read_into_a_table(ends: dict[str, tuple[str, int]]) -> None:
    told, _ = ends["VOTable with a file of this machine"]
    assert "None" in told
    assert "root" not in told
