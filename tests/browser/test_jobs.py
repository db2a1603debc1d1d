"""My jobs at the host: a token is asked for, a foreign job is attached, another is reported."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.runs.store import RunStore
from tests.browser.conftest import Served, Visitor
from tests.conftest import Observatory
from tests.test_job_acts import ADA, ForeignClient


@pytest.mark.slow
def test_a_foreign_job_is_attached_and_a_failed_one_is_reported(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    observatory.knobs(fail_first=1)
    foreign = ForeignClient(observatory)
    failed, done = foreign.send(E1_keV="20.25"), foreign.send()
    page = visitor.page
    visitor.open(served.url)
    visitor.click("Runs")
    visitor.click("My jobs at the host")
    visitor.read("give a token for simulated first")
    page.get_by_role("button", name=re.compile("simulated · anonymous")).click()
    page.locator("input[type=password]").fill(ADA)
    page.keyboard.press("Enter")
    visitor.read("ada@example.invalid")
    visitor.click("Runs")
    visitor.click("Look again")
    rows = page.locator(".jobs .tabulator-row")
    expect(rows).to_have_count(2)
    rows.filter(has_text="done").click()
    visitor.read("Attached, it is handed over without a new computation.")
    visitor.click("Attach as a run")
    visitor.read("1 of 1 batches", 120)
    expect(page.locator(".runs-list a")).to_have_text(f"Job {done} isgri image")
    expect(rows.filter(has_text="done")).to_contain_text(f"Job {done}")
    rows.filter(has_text="failed").click()
    visitor.read("OSA fails at energies that are no multiple of 0.5 keV")
    visitor.click("Report an incident")
    page.get_by_placeholder("what you expected").fill("It is empty.")
    expect(page.locator(".report-preview")).to_contain_text(failed)
    assert observatory.get("/observatory/knobs")["counts"]["incidents"] == []
    visitor.click("Send")
    visitor.read("Sent: incident report email successfully sent.")
    (sent,) = observatory.get("/observatory/knobs")["counts"]["incidents"]
    assert (sent["job_id"], sent["incident_content"]) == (failed, "It is empty.")
    assert [batch.job_id for batch in RunStore(served.settings).list_runs()[0].batches] == [done]
