"""`integral-dashboard runs`: a run is started and left, looked at, changed and removed, from one command after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, OK, WRONG_REQUEST
from dashboard.hosts import GATEWAY
from dashboard.runs import process
from dashboard.runs.process import worker_lock
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.processes import end_lasting
from tests.waiting import wait_for_run, wait_until

REQUEST = {"src_name": "Crab", "T1": "2009-02-15T00:00:00", "T2": "2009-02-17T12:00:00", "s_max": 10}
Do = Callable[..., Any]


@pytest.fixture
def do(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Do]:
    """Run one of the commands and return its JSON; the worker that outlives them is ended with the test."""
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", settings.simulated_url)
    monkeypatch.setattr(process, "IDLE_SECONDS", 2.0)
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))

    def run(*words: str, code: int = OK) -> Any:
        assert main(["runs", *words, "--json"]) == code
        told = capsys.readouterr()
        return json.loads(told.out) if code == OK else told.err

    yield run
    end_lasting()


def test_start_returns_at_once_and_the_run_goes_on(do: Do, settings: Settings, tmp_path: Path, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=0.1)
    started = do("start", str(tmp_path / "request.json"), "--name", "A Crab")
    state = RunStore(settings).state(started["run_id"])
    assert (state.name, started["batches"], state.n_done) == ("A Crab", 6, 0)
    observatory.knobs(time_per_scw=0.002)
    assert wait_for_run(RunStore(settings), started["run_id"]).state == "done"
    listed = do("list")
    assert [(run["run_id"], run["state"]) for run in listed] == [(started["run_id"], "done")]
    shown = do("show", started["run_id"])
    assert [batch["state"] for batch in shown["batches"]] == ["done"] * 6
    assert shown["request"]["s_max"] == 10
    assert shown["archive"]["address"].endswith(GATEWAY)
    assert shown["archive"]["index_version"]
    history = do("show", started["run_id"], "--history", "--batch", "2")
    assert [event["what"] for event in history][:2] == ["planned", "queued"]
    assert [event["what"] for event in history][-1] == "done"
    worker = int(worker_lock(settings).read_text())
    wait_until(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker), "the worker stays though nothing is left to do")


def test_what_the_plan_warns_of_is_told_beside_the_answer(do: Do, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For the name of a burst the request's own times stand: the day of the burst is a note."""
    request = tmp_path / "request.json"
    request.write_text(json.dumps({**REQUEST, "src_name": "GRB 090618", "RA": 83.633, "DEC": 22.0145}))
    assert main(["runs", "start", str(request), "--json"]) == OK
    told = capsys.readouterr()
    run_id = json.loads(told.out)["run_id"]
    assert "Note: T1 to T2 leave out the time of GRB 090618, 2009-06-18 by its name: T1 = 2009-06-18T00:00:00" in told.err
    assert do("show", run_id)["request"]["T1"] == REQUEST["T1"]
    assert main(["runs", "extend", run_id, "--T2", "2009-02-18T00:00:00", "--json"]) == OK
    assert "Note:" not in capsys.readouterr().err, "it has been said"
    do("cancel", run_id)


def test_coordinates_stand_for_a_name_on_the_command_line(do: Do, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps({**REQUEST, "src_name": "l=184.5575 b=-5.7843"}))
    assert main(["plan", str(request)]) == OK
    assert "RA 83.6332, Dec +22.0145 deg (given), l 184.5575, b -5.7843 deg" in capsys.readouterr().out
    request.write_text(json.dumps({**REQUEST, "src_name": "05 34 99 +22 00 52"}))
    assert "RA has 99 seconds" in do("start", str(request), code=WRONG_REQUEST)


def test_a_run_is_changed_from_the_command_line(do: Do, settings: Settings, tmp_path: Path, observatory: Observatory) -> None:
    store = RunStore(settings)
    run_id = do("start", str(tmp_path / "request.json"))["run_id"]
    wait_for_run(store, run_id)
    asked = observatory.get("/observatory/knobs")["counts"]["submissions"]

    assert do("exclude", run_id, "--batch", "2", "5")["batches"] == 2
    assert wait_for_run(store, run_id).line_of_truth.startswith("4 of 6 batches (2 excluded)")
    assert do("exclude", run_id, "--batch", "2", "5", "--back")["batches"] == 2
    assert wait_for_run(store, run_id).line_of_truth.startswith("6 of 6 batches")
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == asked, "nothing was asked again"

    out = store.state(run_id).batches[3].scw[1]
    assert do("exclude", run_id, "--scw", out)["batches"] == 1
    assert wait_for_run(store, run_id).scw_total == 41
    assert do("exclude", run_id, "--scw", out, "--back")["batches"] == 1
    assert wait_for_run(store, run_id).scw_total == 42
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == asked + 1, "the whole batch was kept"

    assert do("extend", run_id, "--T2", "2009-02-20T00:00:00")["batches"] == 4, "two at the former end are cut anew"
    assert wait_for_run(store, run_id).scw_total == 62

    assert do("rename", run_id, "  My   Crab ")["name"] == "My Crab"
    assert do("pin", run_id)["pinned"]
    assert not do("unpin", run_id)["pinned"]
    deleted = do("delete", run_id, "--yes")
    assert deleted["deleted"]
    assert deleted["bytes"] > 100_000
    assert do("list") == []


@pytest.mark.slow
def test_failed_batches_are_retried_all_or_one(do: Do, settings: Settings, tmp_path: Path, observatory: Observatory) -> None:
    observatory.knobs(fail_first={"jobs": 2, "submissions": 4, "kind": "backend"})
    store = RunStore(settings)
    run_id = do("start", str(tmp_path / "request.json"))["run_id"]
    state = wait_for_run(store, run_id)
    failed = [number for number, batch in enumerate(state.batches, 1) if batch.state == "failed"]
    assert len(failed) == 2
    assert do("retry", run_id, "--batch", str(failed[0]))["batches"] == 1
    assert wait_for_run(store, run_id).n_failed == 1
    assert do("retry", run_id)["batches"] == 1
    assert wait_for_run(store, run_id).state == "done"
    assert do("retry", run_id)["batches"] == 0


def test_cancelling_says_what_goes_on(do: Do, settings: Settings, tmp_path: Path, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=60.0)
    store = RunStore(settings)
    run_id = do("start", str(tmp_path / "request.json"))["run_id"]
    wait_until(lambda: any(batch.state in {"submitted", "running"} for batch in store.state(run_id).batches), "nothing was sent")
    assert do("cancel", run_id)["state"] == "cancelled"
    assert "go on at MMODA" in store.state(run_id).reason
    assert main(["runs", "cancel", run_id]) == OK, "cancelling twice is harmless"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("show", "20990101-000000-ffff"), BROKEN, "There is no run"),
        (("exclude", "RUN"), WRONG_REQUEST, "Say either which batches"),
        (("exclude", "RUN", "--batch", "9"), WRONG_REQUEST, "There is no batch 9: the run has batches 1 to 6."),
        (("exclude", "RUN", "--scw", "099900010010"), WRONG_REQUEST, "The run has no science window 099900010010"),
        (("extend", "RUN"), WRONG_REQUEST, "Nothing to extend by"),
        (("extend", "RUN", "--T2", "yesterday"), WRONG_REQUEST, "T2"),
        (("rename", "RUN", " "), WRONG_REQUEST, "between 1 and 120 characters"),
        (("retry", "RUN", "--batch", "0"), WRONG_REQUEST, "There is no batch 0"),
    ],
)
def test_what_cannot_be_is_a_sentence(do: Do, tmp_path: Path, words: tuple[str, ...], code: int, told: str) -> None:
    run_id = do("start", str(tmp_path / "request.json"))["run_id"]
    sentence = do(*(run_id if word == "RUN" else word for word in words), code=code)
    assert told in sentence
    assert "Traceback" not in sentence


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
