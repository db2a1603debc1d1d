"""The folder of the user's follows the run: the sum as it is, under names that people read, never twice and never half."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable

from dashboard.errors import SettingsError
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs.store import RunStore
from dashboard.runs.workspace import Workspace
from dashboard.settings import Settings
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in

pytestmark = [pytest.mark.sqlite]
IMAGE, TABLE = "isgri_mosaic_28-40keV.fits", "isgri_mosaic_28-40keV_sources.ecsv"


@pytest.fixture
def run(tmp_path: Path) -> PublishedRun:
    settings = replace(settings_in(tmp_path / "data"), workspace_dir=tmp_path / "workspace")
    return PublishedRun(settings, plan_of(4, bands=[[28, 40], [40, 80]]))


def folder(run: PublishedRun) -> Path:
    assert run.settings.workspace_dir is not None
    return run.settings.workspace_dir / f"Crab_{run.run_id}"


def names(run: PublishedRun) -> list[str]:
    return sorted(path.name for path in folder(run).iterdir())


def flux(path: Path) -> float:
    return float(np.asarray(read_mosaic(path).flux)[0, 0])


def test_files_appear_with_the_first_sum_and_the_next_one_replaces_them(run: PublishedRun) -> None:
    workspace = Workspace(run.settings)
    workspace.keep([run.run_id])
    assert not folder(run).exists(), "there is nothing to show yet"
    run.publish(0, 1.0)
    workspace.keep([run.run_id])
    assert names(run) == [IMAGE, TABLE, "run.json"]
    assert flux(folder(run) / IMAGE) == 1.0
    run.publish(0, 2.0)
    run.publish(1, 7.0)
    RunStore(run.settings).rename(run.run_id, "another name")
    workspace.keep([run.run_id])
    assert names(run) == [IMAGE, TABLE, "isgri_mosaic_40-80keV.fits", "isgri_mosaic_40-80keV_sources.ecsv", "run.json"]
    assert (flux(folder(run) / IMAGE), flux(folder(run) / "isgri_mosaic_40-80keV.fits")) == (2.0, 7.0)
    assert len(list(folder(run).parent.iterdir())) == 1, "a renamed run keeps its folder"
    sources = QTable.read(folder(run) / TABLE)
    assert (list(sources["name"]), sources.meta["origin"]) == (["Crab"], "SIMULATED")
    told = json.loads((folder(run) / "run.json").read_text())
    assert told["request"]["src_name"] == "Crab"
    assert [job["sum"] for job in told["jobs"]] == [2, 3]


def test_a_file_that_is_current_is_not_written_again(run: PublishedRun) -> None:
    run.publish(0, 1.0)
    Workspace(run.settings).keep([run.run_id])
    before = {path.name: path.stat().st_ino for path in folder(run).iterdir()}
    later = Workspace(run.settings)
    later.keep([run.run_id])
    run.publish(1, 7.0)
    later.keep([run.run_id])
    assert [path.name for path in folder(run).iterdir() if before.get(path.name) == path.stat().st_ino and path.name != "run.json"] in (
        [IMAGE, TABLE],
        [TABLE, IMAGE],
    )


def test_what_an_earlier_worker_did_not_write_is_written_by_the_next(run: PublishedRun) -> None:
    run.publish(0, 1.0)
    Workspace(run.settings).keep([run.run_id])
    run.publish(0, 2.0)
    run.set_state("done")
    later = Workspace(run.settings)
    later.look_for_missing()
    later.keep([])
    assert flux(folder(run) / IMAGE) == 2.0


def test_a_folder_that_cannot_be_written_costs_the_run_nothing_and_is_tried_again(
    run: PublishedRun, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    workspace = Workspace(run.settings, lambda: now[0])
    run.publish(0, 1.0)
    assert run.settings.workspace_dir is not None
    run.settings.workspace_dir.write_text("no folder")
    workspace.keep([run.run_id])
    assert "does not get into the workspace" in caplog.text
    run.settings.workspace_dir.unlink()
    workspace.keep([run.run_id])
    assert not folder(run).exists(), "not at once"
    now[0] = 31.0
    workspace.keep([])
    assert flux(folder(run) / IMAGE) == 1.0


def test_a_run_that_was_deleted_is_left_alone(run: PublishedRun) -> None:
    run.publish(0, 1.0)
    Workspace(run.settings).keep([run.run_id])
    run.set_state("done")
    RunStore(run.settings).delete(run.run_id)
    later = Workspace(run.settings)
    later.look_for_missing()
    later.keep([])
    assert names(run) == [IMAGE, TABLE, "run.json"], "what is in the workspace is the user's"
    shutil.rmtree(folder(run))
    later.keep([run.run_id])
    assert not folder(run).exists()


def test_a_workspace_is_of_one_user(tmp_path: Path) -> None:
    env = {"INTEGRAL_DASHBOARD_DATA": str(tmp_path), "INTEGRAL_DASHBOARD_WORKSPACE": str(tmp_path / "w")}
    assert Settings.from_environment(env).workspace_dir == tmp_path / "w"
    with pytest.raises(SettingsError, match="one user"):
        Settings.from_environment(env | {"INTEGRAL_DASHBOARD_USERS": "login"})
