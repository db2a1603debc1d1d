"""What of a run is shown before it goes to the gallery, and what becomes of it there."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dashboard.account import Account
from dashboard.dispatcher.gallery import GalleryDoor
from dashboard.errors import NotAuthorized, RequestError
from dashboard.gallery_desk import GalleryDesk, Preview, extracted_names, may_be_published, permission
from dashboard.products.mosaic import Provenance
from dashboard.runs.store import RunStore
from dashboard.watcher import Look, watcher
from tests.gallery.gallery_server import GalleryServer, gallery_server, settings_with
from tests.gallery.real_sky import full_run, job_of, real_curve, real_mosaic, real_plan, real_spectrum
from tests.published import PublishedRun
from tests.signed import signed
from tests.waiting import wait_until

IMAGE, SPECTRUM, CURVE = "Crab isgri image 28-40 keV", "Crab isgri spectrum", "Crab isgri light curve 20-40 keV"


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> Iterator[GalleryServer]:
    monkeypatch.setattr("dashboard.gallery_desk.GalleryDoor", partial(GalleryDoor, pauses=()))
    with gallery_server() as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, gallery: GalleryServer) -> PublishedRun:
    return full_run(settings_with(tmp_path, gallery))


def desk_of(run: PublishedRun, token: str = "") -> GalleryDesk:
    account = Account(run.settings)
    account.take("institute", token or signed("gallery contributor"))
    return GalleryDesk(run.settings, RunStore(run.settings), account)


def look_at(run: PublishedRun) -> Look:
    watch = watcher(run.settings).watch(run.run_id)
    wait_until(lambda: watch.look.state.version == run_version(run), "what is published is not seen")
    return watch.look


def run_version(run: PublishedRun) -> int:
    return RunStore(run.settings).versions([run.run_id])[run.run_id]


def drawn(desk: GalleryDesk, run: PublishedRun, *sources: str) -> Preview:
    preview = desk.preview(look_at(run), sources or ("Crab",))
    wait_until(lambda: preview.ready, "the preview is not drawn")
    return preview


def test_all_is_seen_before_anything_is_sent(run: PublishedRun, gallery: GalleryServer) -> None:
    preview = drawn(desk_of(run), run)
    assert [offer.draft.title for offer in preview.offers] == [IMAGE, SPECTRUM, CURVE]
    assert (preview.problems, preview.publications, gallery.forms) == ((), (), [])
    for offer in preview.offers:
        assert offer.suggested
        assert offer.picture == offer.draft.files[0].path.read_bytes()
        assert offer.picture[:4] == b"\x89PNG"


def test_what_was_seen_is_sent_its_links_stay_and_a_second_time_updates(run: PublishedRun, gallery: GalleryServer) -> None:
    desk = desk_of(run)
    preview = drawn(desk, run)
    desk.send(preview, preview.offers[:2])
    assert [offer.state for offer in preview.offers] == ["published", "published", ""]
    for form, offer in zip(gallery.forms, preview.offers, strict=False):
        assert {name: form[name] for name in offer.draft.fields if "\n" not in form[name]}.items() <= offer.draft.fields.items()
        assert [form[file.part] for file in offer.draft.files] == [file.path.name for file in offer.draft.files]
    stored = RunStore(run.settings).publications(run.run_id)
    assert [(known.title, known.link) for known in stored] == [(IMAGE, f"{gallery.url}/node/100"), (SPECTRUM, f"{gallery.url}/node/101")]
    again = drawn(desk, run)
    assert [offer.suggested for offer in again.offers] == [False, False, True]

    run.publish(1, [real_spectrum(), real_spectrum(source="Cyg X-1")])
    later = drawn(desk, run)
    assert [(offer.current, offer.suggested) for offer in later.offers] == [(True, False), (False, True), (False, True)]
    desk.send(later, later.offers[1:2])
    assert later.offers[1].state == "updated"
    assert gallery.forms[2]["product_id"] == gallery.forms[1]["product_id"]
    assert len(RunStore(run.settings).publications(run.run_id)) == 2


def test_what_is_refused_stops_no_other(run: PublishedRun, gallery: GalleryServer) -> None:
    gallery.refused = {"isgri_spectrum": "no such type"}
    desk = desk_of(run)
    preview = drawn(desk, run)
    desk.send(preview, preview.offers)
    assert [offer.state for offer in preview.offers] == ["published", "failed", "published"]
    assert "no such type" in preview.offers[1].problem
    assert [known.title for known in preview.publications] == [IMAGE, CURVE]
    assert not preview.sending


def test_a_gallery_that_is_away_is_not_asked_for_the_rest(run: PublishedRun, gallery: GalleryServer) -> None:
    desk = desk_of(run)
    preview = drawn(desk, run)
    desk.send(preview, preview.offers[:1])
    gallery.away = True
    desk.send(preview, preview.offers[1:])
    assert [offer.state for offer in preview.offers] == ["published", "failed", ""]
    assert [known.title for known in RunStore(run.settings).publications(run.run_id)] == [IMAGE]
    gallery.away = False
    desk.send(preview, preview.offers[1:])
    assert [offer.state for offer in preview.offers] == ["published"] * 3


def test_each_product_tells_how_far_it_is(run: PublishedRun, gallery: GalleryServer) -> None:
    gallery.open.clear()
    desk = desk_of(run)
    preview = drawn(desk, run)
    sending = threading.Thread(target=desk.send, args=(preview, preview.offers))
    sending.start()
    wait_until(lambda: [offer.state for offer in preview.offers] == ["sending", "waiting", "waiting"], "nothing is under way")
    assert preview.sending
    gallery.open.set()
    sending.join(60)
    assert [offer.state for offer in preview.offers] == ["published"] * 3


def test_without_the_role_nothing_is_sent_and_what_to_do_is_told(run: PublishedRun, gallery: GalleryServer) -> None:
    desk = desk_of(run, signed("general"))
    preview = drawn(desk, run)
    assert len(preview.offers) == 3, "looking takes no role"
    assert "lacks the role 'gallery contributor'" in desk.lack("institute")
    with pytest.raises(NotAuthorized):
        desk.send(preview, preview.offers)
    assert (gallery.forms, preview.sending) == ([], False)
    assert desk_of(run).lack("institute") == ""


def test_a_run_that_has_changed_since_is_looked_at_again(run: PublishedRun, gallery: GalleryServer) -> None:
    desk = desk_of(run)
    preview = drawn(desk, run)
    run.publish(0, real_mosaic(band=(28.0, 40.0)))
    with pytest.raises(RequestError, match="has changed since this was shown"):
        desk.send(preview, preview.offers)
    assert gallery.forms == []


def test_spectra_and_light_curves_are_those_of_the_chosen_sources(run: PublishedRun) -> None:
    run.publish(2, [real_curve()])
    assert extracted_names(look_at(run)) == ("Crab", "Cyg X-1")
    preview = drawn(desk_of(run), run, "Cyg X-1")
    assert [offer.draft.title for offer in preview.offers] == [IMAGE, "Cyg X-1 isgri spectrum"]
    assert preview.problems == ()


def test_what_is_drawn_already_is_not_drawn_again(run: PublishedRun) -> None:
    desk = desk_of(run)
    first, second = drawn(desk, run), drawn(desk, run, "Crab", "Cyg X-1")
    assert second.offers[0] is first.offers[0]
    assert len(second.offers) == 5


def test_an_image_made_for_its_catalogue_is_offered_and_not_suggested(tmp_path: Path, gallery: GalleryServer) -> None:
    plan = real_plan(host_type="institute")
    run = PublishedRun(settings_with(tmp_path, gallery), replace(plan, jobs=(replace(plan.jobs[0], for_catalogue=True),)))
    run.publish(0, real_mosaic(band=(28.0, 40.0)))
    run.set_state("done")
    (offer,) = drawn(desk_of(run), run).offers
    assert (offer.by_name, offer.suggested) == (True, False)


def test_simulated_products_are_never_offered(tmp_path: Path, run: PublishedRun) -> None:
    desk = desk_of(run)
    simulated = PublishedRun(run.settings, real_plan(host_type="simulated"))
    simulated.publish(0, 1.0)
    simulated.set_state("done")
    assert "simulated and never goes to the gallery" in desk.refusal(look_at(simulated))
    disguised = PublishedRun(run.settings, replace(job_of("lightcurve", host_type="institute")))
    disguised.publish(0, [real_curve(provenance=Provenance("SIMULATED", "simulated"))])
    disguised.set_state("done")
    assert desk.refusal(look_at(disguised)) == ""
    preview = drawn(desk, disguised)
    assert preview.offers == ()
    assert "simulated and never goes to the gallery" in preview.problems[0]


def test_a_run_under_way_or_without_host_is_refused_with_a_sentence(run: PublishedRun) -> None:
    desk = desk_of(run)
    assert desk.refusal(look_at(run)) == ""
    run.set_state("running")
    assert "is still running: publish it when it has ended" in desk.refusal(look_at(run))
    elsewhere = PublishedRun(run.settings, real_plan(host_type="production"))
    elsewhere.publish(0, 1.0)
    elsewhere.set_state("done")
    assert "production is not offered here any more" in desk.refusal(look_at(elsewhere))


def test_the_files_go_when_nobody_looks_any_more(run: PublishedRun) -> None:
    desk = desk_of(run)
    preview = drawn(desk, run)
    folder = preview.offers[0].draft.files[0].path.parent
    assert folder.stat().st_mode & 0o077 == 0, "private data are nobody else's"
    offer = preview.offers[0]
    del desk, preview
    gc.collect()
    assert folder.exists(), "an offer is still held"
    del offer
    gc.collect()
    wait_until(lambda: not folder.exists(), "the files are still there")


def test_what_upload_to_gallery_means_is_told() -> None:
    assert (permission(real_plan()), may_be_published(real_plan())) == ("", False)
    allowed = real_plan(upload_to_gallery=True)
    assert "without another look; nothing is sent by itself" in permission(allowed)
    assert may_be_published(allowed)
    for request, words in (({"host_type": "simulated"}, "never published"), ({"integral_data_rights": "all-private"}, "only after a look")):
        plan = real_plan(upload_to_gallery=True, **request)
        assert words in permission(plan)
        assert not may_be_published(plan)
