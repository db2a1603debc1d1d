"""The main job, whole: from "Crab" to files, through worker and observatory, with two batches that fail first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable

from dashboard.bundle import export_run
from dashboard.identity import Identity
from dashboard.products.catalog import MeasuredSource
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import ensure_worker
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory
from tests.waiting import wait_for_run

CRAB = {"src_name": "Crab", "T1": "2009-02-15T00:00:00", "T2": "2009-03-20T00:00:00"}


def start(settings: Settings, **values: object) -> tuple[RunStore, str]:
    plan = prepare(settings, Request.from_dict({**CRAB, **values}), Identity())
    store = RunStore(settings)
    run_id = store.start(plan, Identity())
    ensure_worker(settings)
    return store, run_id


def consistent(state: RunState) -> None:
    """The line of truth says what the cells say."""
    done = [batch for batch in state.batches if batch.state in {"done", "reused"}]
    assert state.line_of_truth.startswith(f"{len(done)} of {len(state.batches)} batches")
    scw = sum(len(batch.scw) for batch in state.batches)
    assert f"{state.scw_done} of {scw} ScW" in state.line_of_truth
    assert state.scw_done >= sum(len(batch.scw) for batch in done)
    assert state.line_of_truth.endswith("SIMULATED")


def offset(source: MeasuredSource, ra: float, dec: float) -> float:
    here, there = SkyCoord(source.ra, source.dec, unit="deg"), SkyCoord(ra, dec, unit="deg")
    return float(here.separation(there).arcmin)


def test_crab_with_two_batches_failing_first(settings: Settings, observatory: Observatory, tmp_path: Path) -> None:
    observatory.knobs(fail_first={"submissions": 1, "jobs": 2, "kind": "500"})
    store, run_id = start(settings)
    state = wait_for_run(store, run_id, each=consistent)
    assert state.state == "done"
    assert len(state.batches) >= 4
    assert sum(len(batch.scw) for batch in state.batches) >= 200
    assert sum(batch.attempts > 1 for batch in state.batches) == 2

    mosaic, table = load_mosaic(settings, state), load_sources(settings, state)
    assert mosaic.provenance.simulated
    assert mosaic.provenance.batches_used == mosaic.provenance.batches_asked == len(state.batches)
    scw = [scw for batch in state.batches for scw in batch.scw]
    assert list(mosaic.provenance.scw) == sorted(scw)
    truth = {row["name"]: row for row in observatory.get("/observatory/truth", scw_list=",".join(scw), E1_keV=28, E2_keV=40)}

    crab = next(source for source in table.sources if source.name == "Crab")
    assert offset(crab, truth["Crab"]["ra"], truth["Crab"]["dec"]) < 0.3
    assert crab.flux == pytest.approx(truth["Crab"]["flux"], rel=0.01)

    coding = observatory.get("/observatory/knobs")["knobs"]["coding_noise"] * truth["Crab"]["flux"]

    def true_snr(row: dict[str, float]) -> float:
        """Against counting and coding noise together: the Crab's residuals do not average down."""
        return float(row["flux"] / np.hypot(np.sqrt(row["variance"]), coding))

    missed = []
    for row in truth.values():
        brighter = [b for b in truth.values() if b["flux"] > row["flux"] and sky_arcmin(b, row) < 24]
        found = [source for source in table.detected if offset(source, row["ra"], row["dec"]) < 4]
        if true_snr(row) >= 11 and not brighter and not found:
            missed.append((row["name"], true_snr(row)))
        if found and not row["catalogued"]:
            assert found[0].kind == "new"
            assert found[0].name.startswith("NEW_")
    assert missed == []
    strong_new = [row for row in truth.values() if not row["catalogued"] and true_snr(row) >= 11]
    assert strong_new, "the field holds sources that are in no catalogue"
    strays = [source for source in table.detected if all(offset(source, row["ra"], row["dec"]) > 5 for row in truth.values())]
    assert strays == [], "nothing is found where nothing is"

    paths = export_run(settings, store, state, tmp_path / "out")
    with fits.open(paths[0]) as hdus:
        assert {hdu.header["ORIGIN"] for hdu in hdus[:5]} == {"SIMULATED"}
    assert len(QTable.read(tmp_path / "out/sources.ecsv")) == len(table.sources)
    told = json.loads((tmp_path / "out/provenance.json").read_text())
    assert told["batches_used"] == len(state.batches)
    assert told["archive"] == store.plan(run_id).archive
    assert all(told["archive"].values())


def sky_arcmin(a: dict[str, float], b: dict[str, float]) -> float:
    return float(SkyCoord(a["ra"], a["dec"], unit="deg").separation(SkyCoord(b["ra"], b["dec"], unit="deg")).arcmin)


def test_same_request_again_asks_nothing(settings: Settings, observatory: Observatory) -> None:
    short = {"T1": "2009-02-20T00:00:00", "T2": "2009-02-23T00:00:00"}
    store, first = start(settings, **short)
    one = wait_for_run(store, first)
    submissions = observatory.get("/observatory/knobs")["counts"]["submissions"]
    store, second = start(settings, **short, detection_threshold=5.0)
    two = wait_for_run(store, second)
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == submissions
    np.testing.assert_array_equal(load_mosaic(settings, one).flux, load_mosaic(settings, two).flux)


def test_run_command_writes_its_files_and_names_what_failed(settings: Settings, observatory: Observatory, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps({**CRAB, "T1": "2009-02-20T00:00:00", "T2": "2009-02-26T00:00:00", "host_type": "simulated"}))
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(settings.data_dir), "INTEGRAL_DASHBOARD_SIMULATED_URL": observatory.url}
    command = [sys.executable, "-m", "dashboard", "run", str(request), "--host", "simulated", "--out", str(tmp_path / "out")]
    observatory.knobs(fail_first={"submissions": 100, "jobs": 1, "kind": "backend"})
    broken = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert broken.returncode == 1, broken.stderr
    assert "failed: " in broken.stderr
    assert "Traceback" not in broken.stderr
    observatory.knobs(fail_first=0)
    whole = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stderr
    names = {"mosaic.fits", "sources.ecsv", "sources.csv", "sources.vot", "sources.reg", "provenance.json", "mosaic.png"}
    assert names == {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.slow
def test_two_bands_are_two_mosaics(settings: Settings, tmp_path: Path) -> None:
    store, run_id = start(settings, T2="2009-02-17T12:00:00", bands=[[20, 40], [40, 60]])
    state = wait_for_run(store, run_id)
    export_run(settings, store, state, tmp_path)
    crab = {}
    for name, band in (("isgri_mosaic_20-40keV", (20, 40)), ("isgri_mosaic_40-60keV", (40, 60))):
        with fits.open(tmp_path / name / "mosaic.fits") as hdus:
            assert (hdus[1].header["E_MIN"], hdus[1].header["E_MAX"]) == band
        rows = QTable.read(tmp_path / name / "sources.ecsv")
        crab[band] = float(rows["flux"][rows["name"] == "Crab"][0])
    # OSA11 rates of the Crab, 209.8 and 76.3 counts/s (2016), within its slow changes.
    assert crab[20, 40] == pytest.approx(209.8, rel=0.05)
    assert crab[40, 60] == pytest.approx(76.3, rel=0.05)
