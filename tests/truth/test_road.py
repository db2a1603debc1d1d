"""The whole road over HTTP: all six services, from an image to what is extracted, reviews, and a worker that dies on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.bundle import export_run, folder_name
from dashboard.identity import Identity
from dashboard.plan.making import catalogue_of_image
from dashboard.products.catalog import SourceCatalog
from dashboard.products.crab import crab_rate
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.results import load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import REVIEW, RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory, running_observatory
from tests.processes import kill_worker
from tests.waiting import wait_for_run, wait_until

ALL = {"product": ["mosaic", "spectrum", "lightcurve"], "instrument": ["isgri", "jemx1"]}
FROM_IMAGE = {"use_default_catalog": False, "make_image": True}
DURING = {"T1": "2009-02-20T00:00:00", "T2": "2009-02-24T12:00:00"}
"""While SIM J0547+171 is on."""
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.json"))


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    """One observatory for all of this."""
    with running_observatory(tmp_path_factory.mktemp("sky")) as started:
        yield started


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, sky: Observatory) -> Iterator[Settings]:
    """One deployment with one worker for all of this; what a run has asked the next may reuse."""
    folder = tmp_path_factory.mktemp("deployment")
    yield Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(folder), "INTEGRAL_DASHBOARD_SIMULATED_URL": sky.url})
    end_children()


def started(settings: Settings, **values: Any) -> tuple[RunStore, str]:
    plan = prepare(settings, Request.from_dict({"src_name": "Crab", **DURING, **values}), Identity())
    store = RunStore(settings)
    run_id = store.start(plan, Identity())
    ensure_worker(settings)
    return store, run_id


def jobs(store: RunStore, run_id: str) -> dict[tuple[str, str], int]:
    """Numbers of the jobs by instrument and product."""
    return {(job.instrument, job.product): number for number, job in enumerate(store.plan(run_id).jobs)}


def finished(store: RunStore, run_id: str) -> RunState:
    state = wait_for_run(store, run_id)
    assert state.state == "done", (state.state, state.reason, [batch.reason for batch in state.batches if batch.reason])
    assert all(state.sums)
    return state


def rate_in(spectrum: Any, low: float, high: float) -> float:
    inside = spectrum.good & (spectrum.redistribution.e_min >= low) & (spectrum.redistribution.e_max <= high)
    return float(spectrum.rate[inside].sum())


@pytest.mark.slow
def test_all_six_services_from_one_request(settings: Settings, sky: Observatory, tmp_path: Path) -> None:
    store, run_id = started(settings, **ALL, radius=4.0, T2="2009-02-23T12:00:00")
    state = finished(store, run_id)
    number = jobs(store, run_id)
    assert set(number) == {(instrument, product) for instrument in ALL["instrument"] for product in ALL["product"]}
    scw = sorted({scw for batch in state.batches for scw in batch.scw})
    for instrument in ALL["instrument"]:
        plan, job = store.plan(run_id), number[instrument, "lightcurve"]
        band = plan.jobs[job].band
        assert band is not None
        asked = {"scw_list": ",".join(scw), "E1_keV": band[0], "E2_keV": band[1], "instrument": instrument}
        truth = next(row["flux"] for row in sky.get("/observatory/truth", **asked) if row["name"] == "Crab")
        curve = load_light_curves(settings, state, job).of("Crab")
        assert curve is not None
        weight = curve.half_width * curve.fracexp
        assert weight @ curve.rate / weight.sum() == pytest.approx(truth, rel=0.02)
        assert set(curve.batch_ids) == set(plan.jobs[job].batch_ids)
        crab = load_spectra(settings, state, number[instrument, "spectrum"]).of("Crab")[0]
        assert crab.provenance.simulated
        assert rate_in(crab, *band) > 0.7 * truth
        sources = load_sources(settings, state, number[instrument, "mosaic"])
        flux = next(source.flux for source in sources.sources if source.name == "Crab")
        mosaic = load_mosaic(settings, state, number[instrument, "mosaic"])
        assert flux > 0.8 * crab_rate(mosaic.band or band, instrument, "mosaic", mosaic.unit)
    export_run(settings, store, state, tmp_path)
    plan = store.plan(run_id)
    assert {path.name for path in tmp_path.iterdir()} == {folder_name(plan, job) for job in range(len(plan.jobs))}
    assert all(any(folder.iterdir()) for folder in tmp_path.iterdir())


def test_an_image_gives_the_catalogue_and_that_the_spectra_and_light_curves(settings: Settings) -> None:
    store, run_id = started(settings, product=["spectrum", "lightcurve"], instrument="isgri", radius=6.0, **FROM_IMAGE)
    state = finished(store, run_id)
    plan, number = store.plan(run_id), jobs(store, run_id)
    assert not plan.coming
    found = {source.name for source in load_sources(settings, state, number["isgri", "mosaic"]).detected}
    new = [name for name in found if name.startswith("NEW")]
    assert new, "the field holds sources that are in no catalogue"
    spectra = load_spectra(settings, state, number["isgri", "spectrum"])
    curves = load_light_curves(settings, state, number["isgri", "lightcurve"])
    assert {"Crab", *new} <= set(spectra.sources)
    assert set(curves.sources) == set(spectra.sources)
    for name in new:
        (spectrum, curve) = spectra.of(name)[0], curves.of(name)
        assert curve is not None
        assert spectrum.batch_ids
        assert np.hypot.reduce(curve.rate / curve.error) > 7


@pytest.mark.slow
def test_a_review_stops_the_run_and_goes_on_with_what_its_owner_wants_also_after_a_kill(settings: Settings, sky: Observatory) -> None:
    values = {"product": ["mosaic", "spectrum"], "instrument": "isgri", "radius": 6.0, "E1_keV": 30.0, "E2_keV": 60.0}
    store, run_id = started(settings, **values, **FROM_IMAGE, review_catalog=True)
    state = wait_for_run(store, run_id)
    assert state.state == REVIEW
    assert all(batch.arrived for batch in state.batches)
    plan = store.plan(run_id)
    image = plan.coming[0].image
    asked = sky.get("/observatory/knobs")["counts"]["submissions"]
    kill_worker(settings)
    catalog, _ = catalogue_of_image(plan, image, load_sources(settings, state, image))
    assert len(catalog) > 1
    wanted = SourceCatalog(tuple(replace(source, flag=1) for source in catalog.sources if source.name == "Crab"))
    store.go_on(run_id, image, wanted)
    ensure_worker(settings)
    state = finished(store, run_id)
    assert load_spectra(settings, state, jobs(store, run_id)["isgri", "spectrum"]).sources == ("Crab",)
    spectra = [batch for batch in state.batches if batch.job != image]
    assert sky.get("/observatory/knobs")["counts"]["submissions"] - asked == len(spectra), "the image was not asked again"


@pytest.mark.slow
def test_killing_the_worker_between_image_and_spectra_loses_nothing(settings: Settings) -> None:
    values = {"product": ["mosaic", "spectrum"], "instrument": "isgri", "radius": 5.0, "E1_keV": 25.0, "E2_keV": 50.0}
    store, run_id = started(settings, **values, **FROM_IMAGE)
    images = len(store.plan(run_id).batches)
    wait_until(lambda: store.state(run_id).n_done >= images - 1, "the image does not come")
    kill_worker(settings)
    ensure_worker(settings)
    wait_until(lambda: len(store.plan(run_id).jobs) > 1, "the spectra are not asked")
    kill_worker(settings)
    ensure_worker(settings)
    state = finished(store, run_id)
    number = jobs(store, run_id)
    assert load_mosaic(settings, state, number["isgri", "mosaic"]).provenance.batches_used == images
    crab = load_spectra(settings, state, number["isgri", "spectrum"]).of("Crab")[0]
    assert set(crab.batch_ids) == set(store.plan(run_id).jobs[number["isgri", "spectrum"]].batch_ids)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_runs_from_the_command_line(settings: Settings, sky: Observatory, tmp_path: Path, example: Path) -> None:
    env = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(tmp_path / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": sky.url}
    command = [sys.executable, "-m", "dashboard", "run", str(example), "--host", "simulated", "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "SIMULATED" in ended.stdout
    request = Request.from_json(example.read_text())
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    documents = [json.loads(path.read_text()) for path in written if path.name == "provenance.json"]
    assert len(documents) >= len(request.products) * len(request.instruments)
    assert all(document["batches_used"] == document["batches_asked"] for document in documents)
    endings = {"mosaic": "mosaic.fits", "spectrum": ".pha", "lightcurve": ".csv"}
    for product in request.products:
        assert any(path.name.endswith(endings[product]) for path in written), (product, written)
