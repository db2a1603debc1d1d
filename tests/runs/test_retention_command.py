"""`integral-dashboard retention`, and the settings it takes its limits from."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, OK, WRONG_REQUEST
from dashboard.errors import SettingsError
from dashboard.settings import Settings
from tests.runs.warehouse import BATCH, DAY, MOSAIC, NOW, Warehouse

pytestmark = pytest.mark.sqlite


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    for name in ("DAYS", "GB"):
        monkeypatch.delenv(f"INTEGRAL_DASHBOARD_KEEP_{name}", raising=False)
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("INTEGRAL_DASHBOARD_STORAGE", raising=False)
    monkeypatch.delenv("INTEGRAL_DASHBOARD_DATABASE", raising=False)
    monkeypatch.setattr(time, "time", lambda: NOW)
    return Warehouse(tmp_path / "data")


def test_without_apply_it_only_tells_what_would_go(house: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    old, fresh = house.run(10, 40), house.run(20, 5)
    before = house.contents()
    assert main(["retention", "--days", "30"]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0] == f"run         0.005 MB  {old} from 10 of ada. It ended 40.0 days ago; 30 days are allowed."
    for line, batch_id in zip(lines[1:], sorted(house.batches_of(old)), strict=False):
        assert line.startswith(f"batch       0.001 MB  {batch_id}. No run has it")
    assert lines[-1] == "3 would go, 0.007 MB. Nothing was removed: that takes --apply."
    assert house.contents() == before

    assert main(["retention", "--days", "30", "--apply"]) == OK
    assert capsys.readouterr().out.splitlines() == [*lines[:-1], "0.007 MB are free again."]
    assert [run.run_id for run in house.store.list_runs()] == [fresh]
    assert main(["retention", "--days", "30"]) == OK
    assert capsys.readouterr().out == "0 would go, 0.000 MB. Nothing was removed: that takes --apply.\n"


def test_json_holds_the_same(house: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    old = house.run(10, 40)
    house.set_run(house.run(20, 40), pinned=True)
    limit = (MOSAIC + BATCH) / 1e9
    for applied in (False, True):
        assert main(["retention", "--gigabytes", str(limit), "--json", *["--apply"] * applied]) == OK
        document = json.loads(capsys.readouterr().out)
        assert (document["days"], document["gigabytes"], document["applied"]) == (None, limit, applied)
        assert (document["bytes"], document["bytes_freed"]) == (MOSAIC + 2 * BATCH, (MOSAIC + 2 * BATCH) * applied)
        assert "pinned" in document["stays"]
        first = document["removals"][0]
        assert (first["kind"], first["id"], first["bytes"], first["name"], first["owner"]) == ("run", old, MOSAIC, "from 10", "ada")
        assert first["at"] == time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NOW - 40 * DAY))
        assert "still holds" in document["removals"][-1]["reason"]
    assert main(["retention", "--gigabytes", str(limit)]) == OK
    assert "pinned" in capsys.readouterr().out, "also when nothing may go"


def test_limits_come_from_the_deployment_and_without_any_nothing_goes(
    house: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run(10, 40)
    assert main(["retention", "--apply"]) == OK
    assert "INTEGRAL_DASHBOARD_KEEP_DAYS" in capsys.readouterr().out
    monkeypatch.setenv("INTEGRAL_DASHBOARD_KEEP_DAYS", "50")
    assert main(["retention"]) == OK
    assert "0 would go" in capsys.readouterr().out
    assert main(["retention", "--days", "39"]) == OK
    assert "3 would go" in capsys.readouterr().out
    monkeypatch.setenv("INTEGRAL_DASHBOARD_KEEP_GB", "0.0000015")
    assert main(["retention"]) == OK
    assert "2 would go" in capsys.readouterr().out
    assert main(["retention", "--days", "-1"]) == WRONG_REQUEST
    assert "0 or more" in capsys.readouterr().err
    monkeypatch.setenv("INTEGRAL_DASHBOARD_KEEP_GB", "-6")
    assert main(["retention"]) == BROKEN
    assert "INTEGRAL_DASHBOARD_KEEP_GB is '-6'" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf", "30 days"])
@pytest.mark.parametrize(("name", "unit"), [("DAYS", "days"), ("GB", "gigabytes")])
def test_settings_that_cannot_be_meant_are_refused_with_a_sentence(name: str, unit: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"KEEP_{name} is '{text}': it must be a number of {unit} above 0"):
        Settings.from_environment({f"INTEGRAL_DASHBOARD_KEEP_{name}": text})
    assert Settings.from_environment({f"INTEGRAL_DASHBOARD_KEEP_{name}": " "}).keep_days is None


def test_settings_are_read() -> None:
    settings = Settings.from_environment({"INTEGRAL_DASHBOARD_KEEP_DAYS": "90", "INTEGRAL_DASHBOARD_KEEP_GB": "0.5"})
    assert (settings.keep_days, settings.keep_gigabytes) == (90.0, 0.5)
    assert Settings.from_environment({"INTEGRAL_DASHBOARD_QUOTA_GB": "2"}).quota_bytes == 2e9
