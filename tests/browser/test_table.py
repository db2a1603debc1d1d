"""The table of sources: sorted by a title, filtered by letters, and what is asked of the sources whose boxes are ticked."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, expect

from dashboard.plan.plan import Plan, exposure_text
from dashboard.products.catalog import MeasuredSource
from dashboard.products.catalog_api import catalog_from_api
from dashboard.runs.results import load_sources
from dashboard.runs.store import RunStore
from tests.browser.conftest import Served, Visitor

OTHER, FIRST_LIMIT, SECOND_LIMIT = "4U 0614+091", "1A 0535+262", "4U 0517+17"
"""Beside the Crab a second source is detected; two that the catalogue knows are not."""


@pytest.fixture
def sources(site: Served, finished: str) -> tuple[MeasuredSource, ...]:
    """Those of the run, in the order of its table."""
    found = load_sources(site.settings, RunStore(site.settings).state(finished.partition("run=")[2]))
    assert {source.name for source in found.detected} == {"Crab", OTHER}
    assert {FIRST_LIMIT, SECOND_LIMIT} < {source.name for source in found.sources if source.kind == "forced"}
    return found.sources


@pytest.fixture
def plan(site: Served, finished: str) -> Plan:
    return RunStore(site.settings).plan(finished.partition("run=")[2])


@pytest.fixture
def page(finished: str, visitor: Visitor) -> Visitor:
    visitor.open(finished)
    visitor.wait_for_sources()
    return visitor


def title(visitor: Visitor, column: str) -> Locator:
    return visitor.page.locator(f".sources-pane .tabulator-col[tabulator-field='{column}']")


def tick(visitor: Visitor, name: str) -> None:
    row = visitor.page.locator(".sources-pane .tabulator-row").filter(has=visitor.page.get_by_role("gridcell", name=name))
    row.locator("input[type=checkbox]").click()
    visitor.page.get_by_role("button", name="Spectrum and light curve of these").wait_for()


def expect_ticked(visitor: Visitor, *wanted: str) -> None:
    """The boxes of these rows, and of no other."""
    rows = visitor.page.locator(".sources-pane .tabulator-row").filter(has=visitor.page.locator("input:checked"))
    names = rows.locator(".tabulator-cell[tabulator-field='name'] button")
    expect(names).to_have_count(len(wanted))
    assert {text.removesuffix("▲").strip() for text in names.all_inner_texts()} == set(wanted)


def catalogue_asked(visitor: Visitor) -> dict[str, int]:
    """FLAG of each source of the catalogue that the request holds."""
    visitor.click("▸ Catalogue: one of my own")
    sources = catalog_from_api(json.loads(visitor.field("Catalogue [JSON]").input_value())).sources
    return {source.name: source.flag for source in sources}


def test_rows_are_sorted_by_a_title_and_stay_what_they_are(sources: tuple[MeasuredSource, ...], page: Visitor) -> None:
    numbers: dict[str, dict[str, float]] = {
        "σ": {source.name: round(source.scaled_significance, 1) for source in sources},
        "flux": {source.name: source.upper_limit if source.kind == "forced" else source.flux for source in sources},
        "n": {source.name: source.n_batches for source in sources},
        "Dec": {source.name: source.dec for source in sources},
    }
    for column, by in numbers.items():
        for way in ("ascending", "descending"):
            title(page, column).click()
            expect(title(page, column)).to_have_attribute("aria-sort", way)
            order = [by[name] for name in page.names]
            assert order == sorted(by.values(), reverse=way == "descending"), column
    shown, north = page.names, max(sources, key=lambda source: source.dec).name
    assert shown[0] == north
    assert north != sources[0].name
    page.cells("σ").first.click()
    expect(page.chosen).to_contain_text(north)
    assert page.names == shown, "a sorted table stays sorted"
    title(page, "name").click()
    expect(title(page, "name")).to_have_attribute("aria-sort", "ascending")
    assert page.names == sorted(numbers["σ"], key=str.casefold), "the chosen one, too"


@pytest.mark.slow
def test_boxes_stay_with_their_sources_whatever_is_filtered(sources: tuple[MeasuredSource, ...], page: Visitor) -> None:
    tick(page, OTHER)
    letters = page.page.locator(".find input")
    letters.fill("4u 05")
    expect(page.cells("name")).to_have_text([SECOND_LIMIT])
    expect_ticked(page)
    page.cells("σ").click()
    expect(page.chosen).to_contain_text(SECOND_LIMIT)
    letters.fill("4u")
    expect(page.cells("name")).to_have_count(2)
    assert page.names == [source.name for source in sources if source.name in (OTHER, SECOND_LIMIT)]
    expect_ticked(page, OTHER)
    tick(page, SECOND_LIMIT)
    letters.fill("")
    expect(page.cells("name")).to_have_count(len(sources))
    expect_ticked(page, OTHER, SECOND_LIMIT)
    page.page.locator(".sources-pane").get_by_text("limits", exact=True).click()
    expect(page.cells("name")).to_have_count(len(sources) - 2)
    assert page.names == [source.name for source in sources if source.kind == "forced"]
    expect_ticked(page, SECOND_LIMIT)
    page.click("Spectrum and light curve of these")
    assert catalogue_asked(page) == {"Crab": 0, OTHER: 1, SECOND_LIMIT: 1}


def test_a_click_right_after_typing_finds_what_was_typed(page: Visitor) -> None:
    sky = page.plot("Sky, ")
    page.page.locator(".view button").click()
    page.field("Highest").fill("17.5")
    page.page.get_by_role("gridcell", name=OTHER).click()
    expect(page.chosen).to_contain_text(OTHER)
    sky.wait("plot => plot.js_event_callbacks.mousemove[0].args.info.tags[0].high == 17.5")
    page.page.get_by_role("button", name="🔒 locked").wait_for()


def test_ticked_sources_are_asked_for_or_edited_as_a_catalogue(plan: Plan, page: Visitor) -> None:
    tick(page, OTHER)
    tick(page, FIRST_LIMIT)
    page.click("Spectrum and light curve of these")
    told = page.page.locator(".big")
    expect(told).to_have_text(f"{plan.n_scw} ScW · {exposure_text(plan.exposure)} · {2 * len(plan.batches)} batches")
    products = page.page.get_by_role("group", name="Product")
    for label, asked in (("Mosaic", False), ("Spectrum", True), ("Light curve", True)):
        expect(products.get_by_label(label)).to_be_checked(checked=asked)
    assert [float(page.field(label).input_value()) for label in ("E min [keV]", "E max [keV]")] == [30.0, 50.0]
    assert catalogue_asked(page) == {"Crab": 0, OTHER: 1, FIRST_LIMIT: 1}, "all that is detected is the model of the sky"
    page.page.locator(".line").get_by_text("6 of 6 batches").wait_for()  # the run is still looked at

    page.click("Edit as catalogue")
    editor = page.page.locator(".catalogue-pane")
    editor.get_by_text("3 sources · 2 to extract").wait_for()
    rows = editor.locator(".tabulator-row")
    expect(rows.locator(".tabulator-cell[tabulator-field='name']")).to_have_text(["Crab", OTHER, FIRST_LIMIT])
    rows.filter(has_text=OTHER).get_by_text("✕").click()
    editor.get_by_text("2 sources · 1 to extract").wait_for()
    editor.get_by_role("button", name="Use this catalogue").click()
    expect(editor).to_have_count(0)
    expect(page.field("Catalogue [JSON]")).to_have_value(re.compile(rf"^(?!.*{re.escape(OTHER)}).*{re.escape(FIRST_LIMIT)}"))
