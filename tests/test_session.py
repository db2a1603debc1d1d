"""What a session shows of a run of several jobs, and how a catalogue is reviewed in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.identity import Identity
from dashboard.runs.run_state import REVIEW
from dashboard.runs.store import RunStore
from dashboard.session import Session
from tests.combine.curves import curve
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.spectra import spectrum


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives is published by hand."""
    monkeypatch.setattr("dashboard.session.ensure_worker", lambda _: None)


def looking(run: PublishedRun) -> Session:
    session = Session(run.settings, Identity())
    session.watch_run(run.run_id)
    run.seen(session)
    return session


def flux(session: Session) -> float:
    """Of the mosaic that is shown, NaN without one."""
    return float("nan") if session.mosaic is None else float(np.asarray(session.mosaic.flux)[0, 0])


def test_of_several_mosaics_the_one_asked_for_is_shown(tmp_path: Path) -> None:
    run = PublishedRun(settings_in(tmp_path / "data"), plan_of(4, bands=[[28, 40], [40, 80]]))
    run.publish(0, 1.0)
    session = looking(run)
    assert session.mosaics == (0, 1)
    assert flux(session) == 1.0
    before = session.product_version
    session.show(1)
    assert np.isnan(flux(session)), "its first batch has not arrived"
    assert session.product_version > before
    run.publish(1, 2.0)
    run.seen(session)
    assert flux(session) == 2.0
    session.show(0)
    assert flux(session) == 1.0


def test_before_a_run_the_plan_says_what_is_expected(tmp_path: Path) -> None:
    session = Session(settings_in(tmp_path / "data"), Identity())
    assert session.expected("spectrum") == ()
    session.plan = plan_of(4, product=["spectrum", "lightcurve"], use_default_catalog=False, make_image=True)
    assert [job.label for job in session.expected("spectrum")] == ["isgri spectrum"]
    assert [job.label for job in session.expected("mosaic")] == ["isgri mosaic 28-40 keV (for the catalogue)"]
    assert session.extracted("spectrum") == ()


def test_the_reviewed_catalogue_is_what_the_run_goes_on_with(tmp_path: Path) -> None:
    plan = plan_of(4, product=["spectrum", "lightcurve"], use_default_catalog=False, make_image=True, review_catalog=True)
    run = PublishedRun(settings_in(tmp_path / "data"), plan)
    session = looking(run)
    run.publish(0, 1.0)
    run.seen(session)
    assert not session.draft, "the image is there, but not all of it"
    run.set_state(REVIEW)
    run.seen(session)
    assert session.draft is not None
    assert [source.name for source in session.draft.catalog.sources] == ["Crab"]
    session.use_catalog()
    assert RunStore(run.settings).state(run.run_id).state == REVIEW, "nothing is decided yet"
    draft = session.draft
    session.refresh()
    assert session.draft is draft, "an edit is not lost to a refresh"
    assert draft is not None
    assert draft.add("IGR J06000+2200", 90.0, 22.0)
    draft.use()
    session.use_catalog()
    run.seen(session)
    assert session.draft is None
    assert [job.label for job in session.expected("spectrum")] == ["isgri spectrum"]
    continued = RunStore(run.settings).plan(run.run_id)
    assert [source.name for source in continued.lists["isgri"].sources] == ["Crab", "IGR J06000+2200"]
    run.publish(1, [spectrum()])
    run.publish(2, [curve([3000.0, 3000.1])])
    run.seen(session)
    for product, length in (("spectrum", 24), ("lightcurve", 2)):
        ((job, findings),) = session.extracted(product)
        assert job.product == product
        values = findings.product.spectra[0].rate if product == "spectrum" else findings.product.curves[0].rate
        assert len(values) == length


def test_catalogues_of_several_instruments_are_reviewed_one_after_the_other(tmp_path: Path) -> None:
    plan = plan_of(4, instrument=["isgri", "jemx1"], product="spectrum", use_default_catalog=False, make_image=True, review_catalog=True)
    run = PublishedRun(settings_in(tmp_path / "data"), plan)
    run.publish(0, 1.0)
    run.publish(1, 2.0)
    run.set_state(REVIEW)
    session = looking(run)
    for instrument, expected in (("isgri", 1.0), ("jemx1", 2.0)):
        assert session.draft is not None
        assert session.draft.instrument == instrument
        assert flux(session) == expected, "the image whose sources are reviewed is the one that is shown"
        session.draft.use()
        session.use_catalog()
        if instrument == "isgri":
            run.set_state(REVIEW)  # before any session has looked in between
        run.seen(session)
    assert session.draft is None
