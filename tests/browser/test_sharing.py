"""A run is shared from the page: another browser sees it grow and can press nothing, until the link is revoked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.report import report
from dashboard.runs.store import RunStore
from tests.browser.conftest import VIEW, Served, Visitor
from tests.waiting import wait_until

ACTS = ("Run", "Plan", "Publish", "Batches", "Retry failed", "Cancel", "Share", "Gallery", "Runs", "ISLA", "Edit as catalogue")
READ_ONLY = "shared by link, read-only"


def looking(page: Page, link: str) -> Page:
    page.goto(link)
    page.get_by_text(READ_ONLY).wait_for(timeout=60_000)
    return page


def made_link(visitor: Visitor) -> str:
    """Make a link on the page."""
    visitor.click("Share")
    visitor.click("Make a link to this run")
    return link_on(visitor, "link=")


def link_on(visitor: Visitor, kind: str) -> str:
    field: Locator = visitor.page.get_by_label("Link", exact=True)
    expect(field).to_have_value(re.compile(re.escape(kind)), timeout=20_000)
    return field.input_value()


def assert_nothing_to_press(page: Page) -> None:
    for name in ACTS:
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.locator(".ask")).to_have_count(0)
    expect(page.locator("input[type=password], input[type=checkbox]")).to_have_count(0)


def test_a_second_browser_sees_the_run_live_and_can_press_nothing(site: Served, visitor: Visitor, second_visitor: Visitor) -> None:
    run_id = site.start_run(E1_keV=31.0, E2_keV=53.0)
    link = f"{site.url}?link={RunStore(site.settings).share(run_id)}"
    other = looking(second_visitor.page, link)
    visitor.open(f"{site.url}?run={run_id}")  # the owner's page sees to it that a worker is there
    other.locator(".line").get_by_text("6 of 6 batches").wait_for(timeout=90_000)
    second_visitor.wait_for_sources()
    assert_nothing_to_press(other)
    assert other.url == link, "the address stays, so that it can be loaded again"
    with other.expect_download() as download:
        other.get_by_text("CSV ↓", exact=True).click()
    assert download.value.suggested_filename.startswith(f"SIMULATED_{run_id}")


@pytest.mark.slow
def test_the_view_comes_along_and_the_link_can_be_revoked(site: Served, finished: str, visitor: Visitor, second_visitor: Visitor) -> None:
    visitor.open(finished)
    visitor.wait_for_sources()
    visitor.click("flux")
    visitor.zoom_to("Crab")
    mine = visitor.page.evaluate(VIEW)
    link = made_link(visitor)
    assert link.startswith(f"{site.url}?link=")

    other = looking(second_visitor.page, link)
    second_visitor.wait_for_sources()
    expect(second_visitor.chosen).to_have_attribute("aria-label", "Crab, show on the map")
    expect(other.get_by_role("button", name="flux", exact=True)).to_have_class(re.compile("bk-active"))
    seen = other.evaluate(VIEW)
    assert sum(seen[:2]) / 2 == pytest.approx(sum(mine[:2]) / 2, abs=0.5)
    assert sum(seen[2:]) / 2 == pytest.approx(sum(mine[2:]) / 2, abs=0.5)
    other.reload()
    looking(other, link)
    second_visitor.wait_for_sources()

    visitor.click("Revoke")
    expect(other.get_by_text("This link was revoked")).to_be_visible(timeout=10_000)
    expect(other.get_by_role("gridcell", name="Crab")).to_have_count(0)
    expect(other.get_by_text("CSV ↓", exact=True)).to_have_count(0)
    looking(other, link)
    expect(other.get_by_text("This link was revoked")).to_be_visible(timeout=20_000)


@pytest.mark.slow
def test_a_copy_and_a_link_to_the_request_fill_the_form_and_start_nothing(
    site: Served, finished: str, visitor: Visitor, second_visitor: Visitor
) -> None:
    store = RunStore(site.settings)
    visitor.open(finished)
    visitor.wait_for_sources()
    visitor.fill("Source", "Cyg X-1")
    visitor.fill("E min [keV]", "33")
    wait_until(lambda: visitor.field("E min [keV]").input_value() == "33", "the field is not filled")
    visitor.click("Share")
    visitor.click("Link to this request")
    ask = link_on(visitor, "ask=")
    before = len(store.list_runs())
    run_id = finished.partition("run=")[2]
    for address, source, low in ((ask, "Cyg X-1", "33"), (f"{site.url}?copy={store.share(run_id)}", "Crab", "30")):
        second_visitor.open(address)
        expect(second_visitor.field("E min [keV]")).to_have_value(low, timeout=20_000)
        expect(second_visitor.field("Source")).to_have_value(source)
        expect(second_visitor.page.locator(".cells")).to_have_count(0)
    assert len(store.list_runs()) == before


@pytest.mark.slow
def test_addresses_that_open_nothing_say_so(site: Served, visitor: Visitor) -> None:
    visitor.page.goto(f"{site.url}?link=%3Cscript%3E")
    expect(visitor.page.get_by_text("This link opens no run")).to_be_visible(timeout=60_000)
    visitor.open(f"{site.url}?ask=%3Cscript%3E")
    expect(visitor.page.get_by_text("This link holds no request").first).to_be_visible(timeout=20_000)


@pytest.mark.slow
def test_the_report_is_read_without_network_and_without_scripts(site: Served, finished: str, browser: Browser, tmp_path: Path) -> None:
    store = RunStore(site.settings)
    file = tmp_path / "report.html"
    file.write_text(report(site.settings, store, store.state(finished.partition("run=")[2])))
    context = browser.new_context(offline=True, java_script_enabled=False)
    page, asked = context.new_page(), []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", name="Method")).to_be_visible()
    expect(page.get_by_role("cell", name="Crab", exact=True).first).to_be_visible()
    expect(page.get_by_text("SIMULATED", exact=True)).to_be_visible()
    assert page.get_by_role("img").first.bounding_box()["height"] > 300  # type: ignore[index]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert complaints == [], "the file keeps to its own policy"
    context.close()
