"""Hosts and token: how hosts are, what a token allows, and that no part of it comes back to the browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.observatory.query import sign
from dashboard.plan.roles import LARGE
from tests.browser.conftest import SHORT, Served, Visitor


def ask_for_large_batches(visitor: Visitor) -> None:
    for label, text in (("From [UTC]", SHORT[0]), ("To [UTC]", "2009-03-01T00:00:00"), ("E min [keV]", "33"), ("E max [keV]", "55")):
        visitor.fill(label, text)
    visitor.unfold()
    visitor.fill("s_max [ScW]", "200")


def test_each_host_is_shown_with_its_state_in_mark_and_word(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    expect(visitor.page.get_by_role("button", name="simulated · anonymous")).to_have_text(re.compile("✓ simulated"), timeout=20_000)
    visitor.open_hosts()
    row = visitor.page.locator(".drawer tr", has_text="the observatory that ships")
    expect(row).to_contain_text("✓ answers", timeout=20_000)
    expect(row).to_contain_text(re.compile(r"\d+ ms.*1\.3\.6.*0 of 4", re.S))
    silent = visitor.page.locator(".drawer tr", has_text="nobody listens there")
    expect(silent).to_contain_text("✗ silent", timeout=20_000)
    visitor.read("institute does not answer")
    host = visitor.field("host_type")
    assert host.locator("option").all_inner_texts() == ["simulated", "institute"]
    host.select_option("institute")
    expect(visitor.page.get_by_role("button", name="institute · anonymous")).to_be_visible()
    visitor.read("Anonymous at institute: public data, up to 50 ScW a batch.")


def test_what_a_token_allows_is_told_and_the_token_never_comes_back(site: Served, visitor: Visitor, tmp_path: Path) -> None:
    frames: list[str] = []
    visitor.page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(str(data))))
    visitor.open(site.url)
    ask_for_large_batches(visitor)
    visitor.click("Plan")
    visitor.read(f"without a token you lack the role {LARGE}; set s_max to 50 or give a token that has it")
    visitor.click("Run")
    visitor.page.get_by_role("alert").filter(has_text=f"simulated would refuse this: without a token you lack the role {LARGE}").wait_for()

    visitor.open_hosts()
    given = sign(f"general, {LARGE}")
    visitor.field("token").first.fill(given)
    visitor.field("token").first.press("Enter")
    visitor.read(re.compile(r"✓ expires \d{4}-\d\d-\d\d \d\d:\d\d UTC"))
    visitor.read(f"Simulated user (given here); roles: general, {LARGE}")
    rights = visitor.page.locator(".drawer tr", has_text="more than 50 ScW a batch")
    expect(rights).to_contain_text("✓ yes")
    expect(visitor.page.locator(".drawer tr", has_text="near-real-time")).to_contain_text("– no")
    expect(visitor.field("token").first).to_have_value("")
    visitor.page.get_by_role("button", name="simulated · Simulated user").click()
    visitor.click("Plan")
    visitor.read(f"your token has the role{'s'} it needs")

    visitor.open_hosts()
    visitor.click("Forget it")
    visitor.read("Anonymous at simulated")
    (tmp_path / "token").write_text(given + "\n")
    visitor.page.locator(".drawer input[type=file]").set_input_files(tmp_path / "token")
    visitor.read("Simulated user (given here)")
    visitor.click("Forget it")
    visitor.read("Anonymous at simulated")

    _, payload, signature = given.split(".")
    assert frames
    assert not [frame for frame in frames if payload in frame or signature in frame]
    assert signature not in visitor.page.content() + visitor.page.url


@pytest.mark.slow
def test_the_largest_s_max_that_the_roles_allow_is_one_click_away(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    ask_for_large_batches(visitor)
    visitor.click("Plan")
    visitor.click("Set s_max to 50")
    visitor.read("anonymous is enough")
    expect(visitor.field("s_max [ScW]")).to_have_value("50")
    expect(visitor.page.get_by_role("button", name="Set s_max to 50")).not_to_be_visible()
