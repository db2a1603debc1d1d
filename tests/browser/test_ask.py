"""The request: examples, units and help at every control, wrong values at their field, the plan before Run."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.examples import EXAMPLES
from tests.browser.conftest import Served, Visitor
from tests.conftest import Observatory

UNITS = {
    **{"Source": "", "From": "UTC", "To": "UTC", "E min": "keV", "E max": "keV", "Bands": "keV", "Radius": "deg", "Threshold": "sigma"},
    **{"RA": "deg", "DEC": "deg", "s_max": "ScW", "integral_data_rights": "", "osa_version": "", "data_version": ""},
    **{"scw_list": "", "revolutions": "", "observations": "", "scw_archive": "", "isdc_cat_url": "path or address"},
}


@pytest.mark.slow
def test_every_example_shows_its_plan_before_anything_is_sent(site: Served, visitor: Visitor, shared_observatory: Observatory) -> None:
    before = shared_observatory.get("/observatory/knobs")["counts"]["submissions"]
    visitor.open(site.url)
    plan = visitor.page.locator(".big").filter(has_text="ScW")
    for name, values in EXAMPLES.items():
        visitor.click(name)
        expect(visitor.field("Source")).to_have_value(values["src_name"])
        expect(visitor.field("From [UTC]")).to_have_value(values["T1"])
        visitor.read(re.compile(rf"{re.escape(values['src_name'])} \d+\.\d{{4}} [+-]\d+\.\d{{4}} \(simulated"))
        expect(plan).to_have_text(re.compile(r"^\d+ ScW · [\d.]+ [kM]s · \d+ batch"))
        visitor.read(re.compile(r"^about \d+ (s|min)|^nothing left"))
        if "product" not in values:
            visitor.read("5σ limit, more near bright sources: ISGRI 28–40 keV")
        visitor.read("anonymous is enough")
    assert shared_observatory.get("/observatory/knobs")["counts"]["submissions"] == before


def test_every_control_has_its_unit_and_its_help(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    visitor.unfold()
    visitor.click("edit")
    for label, unit in UNITS.items():
        text = f"{label} [{unit}]" if unit else label
        expect(visitor.page.get_by_label(text, exact=True)).to_have_count(1)
    helped = visitor.page.locator(".bk-input-group label").filter(has=visitor.page.locator(".bk-description"))
    expect(helped).to_have_count(len(UNITS) + 1, timeout=5000)
    assert set(visitor.field("integral_data_rights").locator("option").all_inner_texts()) >= {"public", "all-private"}
    assert set(visitor.field("scw_archive").locator("option").all_inner_texts()) == {"auto", "timesystem", "isla", "heasarc"}


def test_a_token_is_taken_in_secret(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    visitor.open_hosts()
    field = visitor.page.get_by_label("token").first
    expect(field).to_have_attribute("type", "password")
    field.fill("no-token-at-all")
    field.press("Enter")
    visitor.page.get_by_role("alert").first.wait_for()
    expect(field).to_have_value("")
    assert "no-token-at-all" not in visitor.page.content() + visitor.page.url


WRONG = [
    ("From [UTC]", "yesterday", "T1"),
    ("To [UTC]", "2001-01-01T00:00:00", "T"),
    ("E min [keV]", "-3", "band -3-40 keV"),
    ("E max [keV]", "9000", "28-9000 keV"),
    ("Radius [deg]", "400", "radius"),
    ("Threshold [sigma]", "0", "detection_threshold"),
]


@pytest.mark.slow
def test_each_wrong_value_is_marked_at_its_field_with_a_sentence(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    run = visitor.page.get_by_role("button", name="Run", exact=True)
    for label, wrong, word in WRONG:
        field = visitor.page.get_by_label(label, exact=True)
        good = field.input_value()
        top = field.bounding_box()
        visitor.fill(label, wrong)
        alert = visitor.page.get_by_role("alert").filter(has_text=word).first
        alert.wait_for(timeout=10_000)
        below, at = alert.bounding_box(), field.bounding_box()
        assert top is not None
        assert below is not None
        assert at is not None
        assert 0 <= below["y"] - (at["y"] + at["height"]) < 30, f"the sentence stands below {label}"
        assert abs(below["x"] - at["x"]) < 30, label
        expect(field).to_have_css("border-color", "rgb(194, 53, 43)")
        expect(run).to_be_disabled()
        visitor.fill(label, good)
        expect(field).to_have_value(good)
        visitor.page.get_by_role("alert").first.wait_for(state="detached", timeout=10_000)
        expect(run).to_be_enabled()
    visitor.fill("Source", "Krab Nebbula")
    visitor.click("Plan")
    visitor.page.get_by_role("alert").filter(has_text="Krab Nebbula").first.wait_for()
