"""What a notebook gets: views in a cell, products of a run as our objects and as tables, nothing asked unless it says so."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from dashboard.errors import RequestError, RunNotFound
from dashboard.products.light_curve import TOTAL_ERROR
from dashboard.request.request import Request
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from integral_dashboard import explore
from tests.browser.conftest import SHORT
from tests.conftest import ROOT
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.runs.stored_run import StoredRun
from tests.test_range_look import stored_run_of_three

pytestmark = [pytest.mark.sqlite, pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredRun:
    """A mosaic, spectra of 1, 2, 4 and 8 ks, light curves with a point at IJD 3000, 3001, 3002 and 3003."""
    made = stored_run_of_three(tmp_path)
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(made.settings.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_STORAGE", made.settings.storage_url)
    return made


def test_a_name_finds_its_newest_run_and_gives_its_products(run: StoredRun) -> None:
    look = explore(" crab ")
    assert look.run_id == run.run_id
    mosaic = look.mosaic()
    assert mosaic.provenance.batches_used == 4
    assert look.mosaic("isgri", (28, 40)).shape == mosaic.shape
    assert [source.name for source in look.sources.detected] == ["Crab"]
    assert [spectrum.exposure for spectrum in look.spectra.spectra] == [15000.0]
    assert look.light_curves.curves[0].time.tolist() == [3000.0, 3001.0, 3002.0, 3003.0]


def test_tables_have_units_and_say_where_they_come_from(run: StoredRun) -> None:
    look = explore(run.run_id)
    sources, spectrum, curve = look.table("sources"), look.table("spectrum"), look.table("lightcurve", "Crab")
    assert {type(table) for table in (sources, spectrum, curve)} == {Table}
    assert (sources["ra"].unit, sources["flux"].unit, sources["exposure"].unit) == (u.deg, u.count / u.s, u.s)
    assert sources["flux"][0] == look.sources.sources[0].flux
    (whole,) = look.spectra.spectra
    assert (spectrum["e_min"].unit, spectrum["rate"].unit, spectrum.meta["exposure_s"]) == (u.keV, u.count / u.s, 15000.0)
    np.testing.assert_array_equal(spectrum["rate"], whole.rate)
    np.testing.assert_array_equal(spectrum["e_max"], whole.redistribution.e_max)
    assert spectrum["channel"][0] == whole.redistribution.first_channel
    assert (curve["mjd_tt"].unit, curve["rate"].unit) == (u.d, u.count / u.s)
    assert curve["mjd_tt"].tolist() == [54544.0, 54545.0, 54546.0, 54547.0]
    assert curve[TOTAL_ERROR.lower()][0] == pytest.approx(math.hypot(1.0, 0.0015 * 3000.0)), "ISGRI's systematic fraction"
    assert spectrum.meta["origin"] == curve.meta["origin"] == "SIMULATED"


def test_what_is_not_there_or_not_named_is_said(run: StoredRun) -> None:
    look = explore("Crab")
    for asked in (lambda: look.mosaic("jemx1"), lambda: look.table("lightcurve", "Vela X-1"), lambda: look.table("image")):
        with pytest.raises(RequestError, match=r"There (are|is)|ask for one"):
            asked()
    with pytest.raises(RunNotFound):
        explore("20200101-000000-abcd")
    with pytest.raises(RequestError, match="no parameter"):
        explore("Crab", E1=20)


def test_of_several_mosaics_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = PublishedRun(settings_in(tmp_path / "data"), plan_of(4, bands=[[28, 40], [40, 80]]))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(made.settings.data_dir))
    made.publish(0, 1.0)
    made.publish(1, 2.0)
    look = explore("Crab")
    with pytest.raises(RequestError, match="isgri mosaic 28-40 keV; isgri mosaic 40-80 keV"):
        look.mosaic()
    assert float(np.asarray(look.mosaic(band=(40, 80)).flux)[0, 0]) == 2.0
    with pytest.raises(RequestError, match="not asked for any spectrum"):
        _ = look.spectra


def test_a_request_finds_only_the_run_that_was_asked_so_and_starts_none(run: StoredRun) -> None:
    request = Request.from_dict({name: value for name, value in run.plan.request.items() if name in Request.param})
    assert explore(request).run_id == explore(request.to_dict()).run_id == run.run_id
    before = len(RunStore(run.settings).list_runs())
    for look in (explore(request, E1_keV=33.0, bands=[]), explore("Vela X-1"), explore()):
        with pytest.raises(RunNotFound, match=r"\.start\(\)"):
            _ = look.run_id
    assert explore("Vela X-1").session.request.src_name == "Vela X-1"
    assert len(RunStore(run.settings).list_runs()) == before


def test_the_views_stand_in_a_document(run: StoredRun) -> None:
    look = explore("Crab")
    root: Any = look.__panel__().get_root()
    assert root.css_classes[:3] == ["page", "cell", "no-form"]
    figures: list[Any] = [model for model in root.references() if type(model).__name__ == "figure"]
    assert len(figures) >= 3
    points = [r.data_source.data for figure in figures for r in figure.renderers if "x" in r.data_source.data]
    assert any(np.allclose(data["x"], [54544.0, 54545.0, 54546.0, 54547.0]) for data in points if len(data["x"]) == 4)
    assert look.session.run is not None
    asking = explore("Vela X-1").__panel__()
    assert "no-form" not in asking.css_classes


def test_the_name_alone_loads_no_page() -> None:
    code = "import sys, integral_dashboard; sys.exit(bool({'panel', 'bokeh', 'holoviews'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
def test_a_run_is_started_once_and_comes_back(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", settings.simulated_url)
    asked = Request(T1=SHORT[0], T2=SHORT[1], s_max=10)
    look, again = explore(asked, start=True), explore(asked, start=True)
    assert again.run_id == look.run_id
    state = look.wait(180).state
    assert (state.state, state.n_done) == ("done", 6)
    crab = look.table("sources")[0]
    assert (crab["name"], crab["kind"]) == ("Crab", "known")
    assert look.mosaic().provenance.batches_used == 6
    assert crab["mcrab"] == pytest.approx(1000, rel=0.1)
