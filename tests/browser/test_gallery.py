"""Publishing from the page: seen first, then sent; and what the gallery has of a source."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from dashboard.runs.store import RunStore
from tests.browser.conftest import Served, Visitor, serving, visiting
from tests.conftest import Observatory
from tests.gallery.gallery_server import GalleryServer, gallery_server, hosts_of
from tests.gallery.real_sky import full_run, real_curve
from tests.published import PublishedRun
from tests.signed import signed

IMAGE, SPECTRUM, CURVE = "Crab isgri image 28-40 keV", "Crab isgri spectrum", "Crab isgri light curve 20-40 keV"


@pytest.fixture(scope="module")
def gallery() -> Iterator[GalleryServer]:
    with gallery_server() as server:
        yield server


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, gallery: GalleryServer, shared_observatory: Observatory) -> Iterator[Served]:
    """One whose real host is the gallery's."""
    with serving(tmp_path_factory.mktemp("gallery"), shared_observatory.url, hosts_of(gallery)) as started:
        yield started


@pytest.fixture
def run(page: Served) -> PublishedRun:
    return full_run(page.settings)


@pytest.fixture(autouse=True)
def forgotten(gallery: GalleryServer) -> None:
    """Of what was sent before."""
    gallery.forms.clear()
    gallery.refused = {}


def opened(visitor: Visitor, page: Served, run: PublishedRun) -> Locator:
    """The run's gallery drawer."""
    visitor.open(f"{page.url}?run={run.run_id}")
    visitor.read("Crab")
    visitor.click("Gallery")
    return visitor.page.locator(".drawer.gallery")


def give_token(visitor: Visitor) -> None:
    visitor.open_hosts()
    visitor.field("token").first.fill(signed("gallery contributor"))
    visitor.field("token").first.press("Enter")
    visitor.read("given here")
    visitor.page.get_by_role("button", name=re.compile("·")).click()


def box(visitor: Visitor, title: str) -> Locator:
    return visitor.page.get_by_role("checkbox", name=title, exact=True)


def test_a_simulated_run_is_not_published_and_the_real_sky_is_marked_so(finished: str, visitor: Visitor) -> None:
    visitor.open(finished)
    visitor.wait_for_sources()
    visitor.click("Gallery")
    visitor.read("This is simulated and never goes to the gallery")
    expect(visitor.page.get_by_role("button", name=re.compile("^(Publish|Update)"))).to_have_count(0)
    visitor.read("Observations of the real sky; what this page shows beside them is simulated.")
    visitor.click("Look up Crab")
    visitor.read(re.compile(r"The gallery of institute .* cannot be reached"))
    visitor.click("Runs")
    expect(visitor.page.get_by_text("This is simulated and never goes")).not_to_be_visible()


@pytest.mark.slow
def test_what_is_seen_is_published_and_a_failure_leaves_the_rest(
    page: Served, visitor: Visitor, run: PublishedRun, gallery: GalleryServer
) -> None:
    gallery.refused = {"isgri_lc": "Nothing of this kind"}
    drawer = opened(visitor, page, run)
    visitor.read("Nothing is published in the gallery of institute without a token")
    for title in (IMAGE, SPECTRUM, CURVE):
        expect(box(visitor, title)).to_be_checked(timeout=30_000)
    expect(drawer.locator("img")).to_have_count(3)
    assert all(drawer.locator("img").evaluate_all("images => images.map(image => image.naturalWidth > 300)"))
    expect(visitor.page.get_by_role("button", name="Publish 3 products")).not_to_be_visible()
    assert gallery.forms == []

    give_token(visitor)
    visitor.click("Gallery")
    visitor.read("your token has the role gallery contributor")
    drawer.get_by_text("fields", exact=False).first.click()
    visitor.read("isgri_image")
    box(visitor, SPECTRUM).uncheck()
    visitor.click("Publish 2 products")
    visitor.read("1 of 2 published. What was published stays; publish the rest again.")
    visitor.read("Nothing of this kind")
    assert [form["product_title"] for form in gallery.forms] == [IMAGE]
    expect(box(visitor, IMAGE)).not_to_be_checked()
    expect(box(visitor, CURVE)).to_be_checked()
    (known,) = RunStore(page.settings).publications(run.run_id)
    expect(drawer.get_by_role("link", name="see it there")).to_have_attribute("href", known.link)

    gallery.refused = {}
    visitor.click("Publish 1 product")
    visitor.read("1 of 1 published.")
    assert [form["product_title"] for form in gallery.forms] == [IMAGE, CURVE]

    visitor.click("Look up Crab")
    yours = drawer.locator("tr", has_text="yours")
    expect(yours).to_have_count(2)
    expect(yours.first.get_by_role("link")).to_have_attribute("href", re.compile(r"/node/\d+$"))
    expect(drawer.locator("tr", has_text="Crab JEM-X image")).to_contain_text("rev. 665–666")


@pytest.mark.slow
def test_a_run_that_has_changed_is_updated_and_sources_are_chosen(
    page: Served, browser: Browser, run: PublishedRun, gallery: GalleryServer
) -> None:
    with visiting(browser) as visitor:
        opened(visitor, page, run)
        give_token(visitor)
        visitor.click("Gallery")
        visitor.click("Publish 3 products")
        visitor.read("3 of 3 published.")
        run.publish(2, [real_curve(), real_curve(source="Cyg X-1")])
        visitor.read("the run has changed since")
        expect(box(visitor, CURVE)).to_be_checked()
        expect(box(visitor, IMAGE)).not_to_be_checked()
        box(visitor, "Cyg X-1").check(force=True)
        expect(box(visitor, "Cyg X-1 isgri spectrum")).to_be_checked(timeout=30_000)
        box(visitor, "Cyg X-1 isgri spectrum").uncheck()
        box(visitor, "Cyg X-1 isgri light curve 20-40 keV").uncheck()
        visitor.click("Update 1 product")
        visitor.read("1 of 1 published.")
        assert gallery.forms[3]["product_id"] == gallery.forms[2]["product_id"]
        assert gallery.forms[3]["img"] != gallery.forms[2]["img"]


@pytest.mark.slow
def test_a_request_with_upload_to_gallery_is_published_by_one_click_and_not_before(
    page: Served, visitor: Visitor, gallery: GalleryServer
) -> None:
    run = full_run(page.settings, upload_to_gallery=True)
    visitor.open(f"{page.url}?run={run.run_id}")
    visitor.read("upload_to_gallery: may be published without another look; nothing is sent by itself")
    visitor.read("one click on Publish")
    give_token(visitor)
    assert gallery.forms == []
    visitor.click("Publish")
    visitor.read("3 of 3 published.")
    assert [form["product_title"] for form in gallery.forms] == [IMAGE, SPECTRUM, CURVE]
    visitor.click("Gallery")
    visitor.click("Publish")
    visitor.read("Nothing new: all of it stands in the gallery as it is now.")
    assert len(gallery.forms) == 3
