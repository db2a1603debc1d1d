"""Bad input and a bad world: each ends in one sentence, none in a traceback, and nothing that was computed is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, FAILED_BATCHES, INTERRUPTED, WRONG_REQUEST
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory

CRAB: dict[str, Any] = {"src_name": "Crab", "T1": "2009-02-15T00:00:00", "T2": "2009-02-17T12:00:00"}
Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ask:
    """`plan` or `run` a request in this process: exit code and what stands on stderr."""
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", settings.simulated_url)

    def run(command: str = "plan", *options: str, **values: Any) -> tuple[int, str]:
        path = tmp_path / "request.json"
        path.write_text(json.dumps({**CRAB, **values}))
        extra = ["--out", str(tmp_path / "out")] if command == "run" else []
        code = main([command, str(path), *extra, *options])
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"src_name": "Krab Nebbula"}, ("Krab Nebbula", "RA and DEC")),
        ({"T1": "2009-02-22T00:00:00", "T2": "2009-02-20T00:00:00"}, ("T2", "T1")),
        ({"T1": "2009-02-20T00:00:00", "T2": "2009-02-22T00:00:00"}, ("no", "science window", "widen T1 to T2")),
        ({"E1_keV": 60.0, "E2_keV": 40.0}, ("E1_keV", "E2_keV")),
        ({"E1_keV": 10.0, "E2_keV": 40.0}, ("15", "800")),
        ({"E1_keV": 20.0, "E2_keV": 900.0}, ("15", "800")),
        ({"radius": 0}, ("radius",)),
        ({"scr_name": "Crab"}, ("scr_name", "src_name")),
        ({"host_type": "produktion"}, ("host_type", "production")),
        ({"instrument": "jemx"}, ("jemx_unit", "1, 2")),
        ({"instrument": "jemx1", "jemx_unit": 2}, ("jemx1", "jemx_unit")),
        ({"instrument": "jemx1", "E2_keV": 60}, ("3-35", "jemx1")),
        ({"product": "spectra"}, ("product", "spectrum")),
        ({"product": "lightcurve", "lc_time_bin": 30000}, ("lc_time_bin", "20000 s")),
        ({"product": "spectrum", "make_image": True}, ("use_default_catalog", "make_image")),
        ({"product": "spectrum", "use_default_catalog": False}, ("catalogue", "api_catalog_file")),
        ({"product": "spectrum", "use_default_catalog": False, "api_catalog_file": "{}"}, ("cat_column_names",)),
        ({"product": "spectrum", "isgri_grouping_factor": 10}, ("isgri_grouping_max_energy",)),
        ({"isdc_cat_url": "http://169.254.169.254/cat.fits"}, ("isdc_cat_url", "no host")),
        ({"n_scw_image": 0}, ("n_scw_image", "-1 for all")),
    ],
)
def test_wrong_request_is_one_sentence(ask: Ask, values: dict[str, Any], words: tuple[str, ...]) -> None:
    code, told = ask("plan", **values)
    assert code == WRONG_REQUEST
    assert "Traceback" not in told
    assert len(told.strip().splitlines()) == 1
    assert all(word.lower() in told.lower() for word in words), told


def test_file_that_is_no_json(ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text("{")
    assert main(["plan", str(tmp_path / "broken.json")]) == WRONG_REQUEST
    assert main(["plan", str(tmp_path / "absent.json")]) == WRONG_REQUEST
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 2
    assert "absent.json" in told[1]


def test_server_that_is_not_there(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", f"http://127.0.0.1:{port}")
        code, told = ask("plan")
        assert code == WRONG_REQUEST
        assert "Traceback" not in told
        assert f"127.0.0.1:{port}" in told


@pytest.mark.parametrize(
    "kind", [pytest.param("truncated", marks=pytest.mark.slow), "empty", pytest.param("500", marks=pytest.mark.slow), "backend"]
)
def test_a_batch_that_never_comes_leaves_the_others(ask: Ask, observatory: Observatory, settings: Settings, kind: str) -> None:
    observatory.knobs(fail_first={"submissions": 100, "jobs": 1, "kind": kind})
    code, told = ask("run", s_max=20)
    assert code == FAILED_BATCHES, told
    assert "Traceback" not in told
    run = RunStore(settings).list_runs("local")[0]
    state = RunStore(settings).state(run.run_id)
    assert state.state == "done with failures"
    assert [batch.state for batch in state.batches].count("failed") == 1
    assert all(batch.reason for batch in state.batches if batch.state == "failed")
    assert state.sum_version > 0, "what arrived is shown"


def test_a_file_that_holds_no_token_is_refused_at_once(ask: Ask, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-that-is-no-token")
    code, told = ask("run", "--token-file", str(tmp_path / "token"))
    assert code == BROKEN
    assert "The token cannot be read" in told
    assert "secret-that-is-no-token" not in told
    written = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert b"secret-that-is-no-token" not in written


@pytest.mark.slow
def test_interrupt_keeps_what_is_done(settings: Settings, observatory: Observatory, tmp_path: Path) -> None:
    observatory.knobs(time_per_scw=0.2)
    (tmp_path / "request.json").write_text(json.dumps({**CRAB, "T2": "2009-03-20T00:00:00", "s_max": 20}))
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    command = [sys.executable, "-m", "dashboard", "run", str(tmp_path / "request.json"), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        store, deadline = RunStore(settings), time.monotonic() + 120
        while not any(batch.state == "done" for run in store.list_runs("local") for batch in store.state(run.run_id).batches):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in told
    assert "kept" in told
