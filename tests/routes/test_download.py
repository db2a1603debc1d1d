"""Files over HTTP: which there are, for whom, and what is in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from astropy.io import fits

from dashboard.identity import BY_LINK
from dashboard.routes.download import EVERYTHING, OF_A_MOSAIC, address
from dashboard.runs.links import link_id_of
from dashboard.runs.store import RunStore
from tests.published import PublishedRun
from tests.routes.web import fetch
from tests.runs.sky_dispatcher import plan_of, settings_in

USER = "X-Forwarded-User"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedRun:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    return PublishedRun(settings_in(tmp_path / "data"), plan_of(4, bands=[[28, 40], [40, 80]]))


def test_each_mosaic_has_files_of_its_own_and_everything_is_one_file(run: PublishedRun) -> None:
    for job in (0, 1):
        run.publish(job, float(job + 1))
        for what in OF_A_MOSAIC:
            answer = fetch(address(run.settings, "local", run.run_id, f"{job}-{what}"))
            assert answer.code == 200
            band = ("28-40keV", "40-80keV")[job]
            assert answer.headers["Content-Disposition"] == f'attachment; filename="SIMULATED_{run.run_id}_isgri_mosaic_{band}_{what}"'
            if what == "mosaic.fits":
                with fits.open(io.BytesIO(answer.body)) as hdus:
                    image = next(hdu for hdu in hdus if hdu.header.get("IMATYPE") == "INTENSITY")
                    assert float(image.data[0, 0]) == job + 1
            else:
                assert b"Crab" in answer.body
    answer = fetch(address(run.settings, "local", run.run_id, EVERYTHING))
    assert (answer.code, answer.headers["Content-Type"]) == (200, "application/zip")
    folders = {Path(name).parts[1] for name in zipfile.ZipFile(io.BytesIO(answer.body)).namelist()}
    assert folders == {"isgri_mosaic_28-40keV", "isgri_mosaic_40-80keV"}


def test_what_is_not_there_is_404_and_what_is_not_allowed_403(run: PublishedRun) -> None:
    for name in (EVERYTHING, "0-mosaic.fits", "7-mosaic.fits", "0-passwd", "mosaic.fits", "-mosaic.fits"):
        assert fetch(address(run.settings, "local", run.run_id, name)).code == 404, name
    run.publish(0, 1.0)
    good = address(run.settings, "local", run.run_id, "0-mosaic.fits")
    assert fetch(good).code == 200
    assert fetch(good.replace("0-mosaic.fits", "1-mosaic.fits")).code == 403, "a ticket opens one file"
    assert fetch(good.partition("?")[0]).code == 403
    assert fetch(good.replace("mosaic.fits?", "sources.csv?")).code == 403


def test_where_there_are_users_a_ticket_is_good_in_its_holders_hands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "header")
    run = PublishedRun(settings_in(tmp_path / "data"), plan_of(2), owner="ada")
    run.publish(0, 1.0)
    link = link_id_of(RunStore(run.settings, "ada").share(run.run_id))
    assert fetch(address(run.settings, "ada", run.run_id, EVERYTHING), {USER: "bob"}).code == 403
    for name in ("0-mosaic.fits", "0-sources.csv"):
        adas, shared = (address(run.settings, user, run.run_id, name) for user in ("ada", f"{BY_LINK}{link}"))
        assert [fetch(path, {USER: "ada"}).code for path in (adas, shared)] == [200, 200]
        assert [fetch(path, {USER: "bob"}).code for path in (adas, shared)] == [403, 200]
        for nobody in ({}, {USER: ""}, {USER: "local"}, {USER: "ada,bob"}, {"X-Remote-User": "ada"}):
            assert [fetch(path, nobody).code for path in (adas, shared)] == [403, 403]
        bobs = address(run.settings, "bob", run.run_id, name)
        assert fetch(bobs, {USER: "bob"}).code == 404, "his own ticket for her run, which for him is none"
    monkeypatch.setenv("INTEGRAL_DASHBOARD_PROXIES", "192.0.2.7")
    assert fetch(adas, {USER: "ada", "X-Real-Ip": "192.0.2.7"}, xheaders=True).code == 403, "this machine is no proxy"


def test_with_a_login_that_is_not_there_no_file_is_given(run: PublishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run.publish(0, 1.0)
    path = address(run.settings, "local", run.run_id, "0-mosaic.fits")
    assert fetch(path).code == 200
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "login")
    assert fetch(path, {USER: "local"}).code == 403
