"""What a session shows of a run, and of a part of it; how a catalogue is reviewed, and what is asked next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dashboard.catalog_draft import CatalogDraft
from dashboard.identity import Identity
from dashboard.part_board import part_board
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import catalog_from_text
from dashboard.products.spectrum import SpectrumSet
from dashboard.runs.run_state import REVIEW
from dashboard.runs.store import RunStore
from dashboard.session import Session
from tests.combine.curves import curve
from tests.dispatcher.replay import serving
from tests.mission import questions, reply, settings_at
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import CRAB, plan_of, settings_in
from tests.runs.stored_run import StoredRun, mosaic
from tests.spectra import spectrum
from tests.test_part_board import held_up
from tests.test_range_look import plan_of_three, stored_run_of_three
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives is published by hand."""
    for name in ("session", "run_acts"):
        monkeypatch.setattr(f"dashboard.{name}.ensure_worker", lambda _: None)


@pytest.fixture
def stored(tmp_path: Path) -> StoredRun:
    """A mosaic, spectra and light curves of four batches that have all arrived."""
    return stored_run_of_three(tmp_path)


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


def until(session: Session, holds: Callable[[], bool], what: str) -> None:
    def looked() -> bool:
        session.refresh()
        return holds()

    wait_until(looked, what)


def batches_used(session: Session) -> tuple[int, float]:
    """In the mosaic that is shown; and the exposure of the spectra, 1 ks for the first batch and twice as much for each further one."""
    assert session.mosaic is not None
    ((_, findings),) = session.extracted("spectrum")
    return session.mosaic.provenance.batches_used, findings.product.spectra[0].exposure


def test_a_time_range_shows_the_batches_within_it_everywhere(stored: StoredRun) -> None:
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    assert batches_used(session) == (4, 15000.0)
    whole, version = session.sources, session.product_version
    second, third = stored.plan.batches[1:3]
    session.selection.time_range = (second.tstart, third.tstop)
    until(session, lambda: session.sources is not whole, "the range is not added up")
    until(session, lambda: batches_used(session) == (2, 6000.0), "the spectra of the range are not added up")
    assert session.product_version > version
    assert [source.name for source in session.sources.detected] == ["Crab"]
    assert session.sources.sources[0].n_batches == 2
    assert session.shown_mosaics()[0][1] is session.findings
    ((_, curves),) = session.extracted("lightcurve")
    assert session.look is not None
    assert curves is session.look.findings[2], "light curves show the range themselves"
    assert session.range_words("mosaic").startswith("2 of 4 batches, MJD")
    assert session.range_words("spectrum").startswith("2 of 4 batches, MJD")
    assert session.range_words("lightcurve") == ""
    before = session.product_version
    session.refresh()
    assert session.product_version == before, "nothing has changed"
    session.selection.time_range = None
    assert batches_used(session) == (4, 15000.0)
    assert session.sources is whole
    assert session.product_version == before + 1
    assert session.range_words("mosaic") == ""


def test_spectra_of_a_range_are_told_though_the_map_stays(tmp_path: Path) -> None:
    """Of the mosaic only the two batches of the range have come: it is shown as it was."""
    stored = StoredRun(tmp_path, plan_of_three())
    maps, spectra, _ = (job.batch_ids for job in stored.plan.jobs)
    stored.arrive({maps[number]: mosaic(number) for number in (1, 2)})
    stored.arrive({batch_id: SpectrumSet((spectrum(exposure=1000.0 * 2**n),)) for n, batch_id in enumerate(spectra)}, 1)
    stored.publish(0)
    stored.publish(1)
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    shown = session.findings
    with held_up(part_board(stored.settings)):
        session.selection.time_range = (stored.plan.batches[1].tstart, stored.plan.batches[2].tstop)
        version = session.product_version
        assert batches_used(session) == (2, 15000.0)
    session.refresh()
    assert batches_used(session) == (2, 6000.0)
    assert session.findings is shown
    assert session.product_version == version + 1


def test_a_beat_that_sees_nothing_new_tells_nobody(stored: StoredRun) -> None:
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    session.refresh()
    told: list[str] = []
    session.param.watch(lambda *events: told.extend(event.name for event in events), [name for name in session.param if name != "beat"])
    for _ in range(3):
        session.refresh()
    assert told == []


def test_another_run_begins_with_nothing_selected(stored: StoredRun) -> None:
    other = RunStore(stored.settings).start(plan_of(4, first=40), Identity())
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    first = stored.plan.batches[0]
    session.selection.param.update(source="Crab", energy_range=(20.0, 40.0), time_range=(first.tstart, first.tstop))
    until(session, lambda: batches_used(session)[0] == 1, "the range is not added up")
    for leave in (lambda: session.watch_run(other), session.leave_run):
        session.watch_run(stored.run_id)
        session.selection.param.update(source="Crab", place=(83.0, 22.0), time_range=(first.tstart, first.tstop))
        before = session.product_version
        leave()
        chosen = session.selection
        assert (chosen.source, chosen.place, chosen.time_range, chosen.energy_range) == ("", None, None, None)
        assert (session.mosaic, session.sources.sources) == (None, ())
        assert (session.shown_mosaics(), session.extracted("spectrum")) == ((), ())
        assert session.product_version > before
    session.watch_run(stored.run_id)
    assert batches_used(session) == (4, 15000.0), "of a range that is selected no more nothing is left"


def test_what_is_asked_next_fills_the_request_and_wishes_for_its_plan(tmp_path: Path) -> None:
    session = Session(settings_in(tmp_path / "data"), Identity())
    session.accept(plan_of(2), 0)
    wished: list[bool] = []
    session.param.watch(lambda _: wished.append(session.plan is None and session.request.radius == 5.0), "plan_wished")
    session.ask_next({"product": ["spectrum", "lightcurve"], "radius": 5.0, "bands": []})
    assert wished == [True], "after the request has been filled"
    assert session.asked().products == ("spectrum", "lightcurve")
    session.ask_next({"radius": -5.0})
    assert "radius" in session.faults


def edited(session: Session) -> CatalogDraft:
    draft = CatalogDraft(SourceCatalog((CatalogSource("Crab", 83.6331, 22.0145, isgri_flag=2, flag=1),)), "isgri")
    session.edit(draft)
    assert draft.add("IGR J06000+2200", 90.0, 22.0)
    return draft


def test_a_catalogue_that_is_edited_survives_what_the_run_does(stored: StoredRun) -> None:
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    draft = edited(session)
    stored.store.cancel(stored.run_id)
    until(session, lambda: session.run is not None and session.run.state == "cancelled", "the session does not see it")
    assert session.draft is draft
    assert session.editing
    session.take_edited()
    assert session.draft is draft, "nothing is decided yet"
    session.edit(None)
    assert (session.draft, session.editing) == (None, False)
    draft = edited(session)
    session.watch_run(stored.run_id)
    assert (session.draft, session.editing) == (None, False), "another look begins anew"


def test_an_edited_catalogue_is_that_of_the_next_request(stored: StoredRun) -> None:
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    session.request.param.update(product=["spectrum", "lightcurve"], use_default_catalog=False, make_image=True, review_catalog=True)
    edited(session).use()
    session.take_edited()
    assert (session.draft, session.editing, session.faults) == (None, False, {})
    asked = session.asked()
    assert (asked.use_default_catalog, asked.make_image, asked.review_catalog) == (False, False, False)
    assert catalog_from_text(asked.api_catalog_file).names == ("Crab", "IGR J06000+2200")
    session.refresh()
    assert session.draft is None


def test_with_an_edited_catalogue_sources_are_extracted(stored: StoredRun) -> None:
    session = Session(stored.settings, Identity())
    session.watch_run(stored.run_id)
    edited(session).use()
    session.take_edited()
    assert session.asked().extracted == ("spectrum", "lightcurve")
    assert session.plan_wished == 1


def test_a_link_brings_back_the_run_and_what_it_asked(stored: StoredRun) -> None:
    session = Session(stored.settings, Identity())
    session.open(stored.run_id)
    assert session.run is not None
    assert session.run.run_id == stored.run_id
    assert session.plan is not None
    assert session.asked().to_dict() == stored.plan.request
    assert session.computed == len(stored.plan.batches)
    assert session.plan.batches == stored.plan.batches
    assert batches_used(session) == (4, 15000.0)
    assert (session.faults, session.problem) == ({}, "")


def test_a_link_to_no_run_says_so(tmp_path: Path) -> None:
    session = Session(settings_in(tmp_path / "data"), Identity())
    session.open("nowhere")
    assert session.run is None
    assert "nowhere" in session.problem


def _has_forecast(session: Session) -> bool:
    return session.ahead.forecast is not None


def test_what_is_known_of_a_target_is_known_to_all_sessions_and_asked_once(tmp_path: Path) -> None:
    with serving([reply()]) as server:
        settings = settings_at(tmp_path, server)
        first, second = Session(settings, Identity()), Session(settings, Identity())
        for session in (first, second):
            session.request.param.update(src_name="", RA=CRAB[0], DEC=CRAB[1], T1="2004-05-18", T2="2004-06-18")
            until(session, partial(_has_forecast, session), "there is no forecast")
            assert session.ahead.forecast.n_scw == 60
        second.request.T2 = "2004-05-20"
        assert 0 < second.ahead.forecast.n_scw < 60, "at once"
        second.request.T2 = "never"
        assert second.faults
        assert second.ahead.forecast is None
        assert first.ahead.forecast.n_scw == 60
        assert len(questions(server)) == 1
