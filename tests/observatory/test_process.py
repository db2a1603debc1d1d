"""The observatory as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from dashboard.observatory.server import listen

ROOT = Path(__file__).resolve().parents[2]


def test_it_starts_says_where_and_ends_with_its_parent(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "dashboard.observatory", "--port", "0", "--ready-file", str(ready), "--parent-pipe", str(read_end)]
    process = subprocess.Popen(
        [*command, "--time-per-scw", "0.5", "--fail-first", '{"jobs": 1, "kind": "500"}'],
        cwd=ROOT,
        pass_fds=[read_end],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    os.close(read_end)
    assert process.stderr is not None
    try:
        line = process.stderr.readline().decode()
        told = json.loads(ready.read_text())
        assert told["url"] in line
        assert told["pid"] == process.pid
        knobs = httpx.get(f"{told['url']}/observatory/knobs").json()["knobs"]
        assert (knobs["time_per_scw"], knobs["fail_first"]["jobs"], knobs["fail_first"]["kind"]) == (0.5, 1, "500")
    finally:
        os.close(write_end)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert (out, err) == (b"", b"")


def test_a_wrong_knob_is_refused() -> None:
    command = [sys.executable, "-m", "dashboard.observatory", "--failure-kind", "evil"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert b"There is no failure 'evil'" in done.stderr


def test_a_taken_port_is_one_sentence() -> None:
    def started(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        for command in (["dashboard.observatory"], ["dashboard", "observatory"]):
            done = started(*command, "--port", port)
            assert done.returncode == 1
            assert done.stderr == f"The observatory cannot listen at 127.0.0.1:{port} (Address already in use): choose another --port.\n"
    done = started("dashboard.observatory", "--port", "99999")
    assert (done.returncode, done.stderr.count("\n"), "choose another --port" in done.stderr) == (1, 1, True)


def test_importing_the_server_does_not_load_what_is_slow() -> None:
    slow = ("astropy", "oda_api", "pandas", "scipy", "numba")
    code = f"import sys, dashboard.observatory.__main__; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=30, check=True)
    assert done.stdout.strip() == b"[]"
