"""What one does with a run on the page: retry, exclude, cancel, extend, rename, delete."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.runs.store import RunStore
from tests.browser.conftest import Served, Visitor
from tests.conftest import Observatory
from tests.waiting import wait_until


@pytest.mark.slow
def test_a_failed_batch_is_retried_from_the_page(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    observatory.knobs(fail_first={"jobs": 1, "submissions": 4, "kind": "backend"})
    visitor.open(f"{served.url}?run={served.start_run(s_max=20)}")
    visitor.read("DONE WITH FAILURES", 120)
    visitor.read("2 of 3 batches (1 failed)")
    visitor.click("Retry failed")
    visitor.read("3 of 3 batches", 60)
    expect(visitor.page.get_by_role("button", name="Retry failed")).not_to_be_visible()


@pytest.mark.slow
def test_a_batch_is_left_out_and_put_back_and_its_history_is_told(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    visitor.open(f"{served.url}?run={served.start_run(s_max=20)}")
    visitor.read("3 of 3 batches", 120)
    asked = observatory.get("/observatory/knobs")["counts"]["submissions"]
    visitor.click("Batches")
    visitor.page.locator(".batches .tabulator-row input[type=checkbox]").nth(1).click()
    visitor.read(re.compile(r"Batch 2: \d+ ScW, \d{12}\.001 to \d{12}\.001, job [0-9a-f]{16} at the dispatcher"))
    for word in ("planned", "queued", "submitted", "downloading"):
        expect(visitor.page.locator(".history td", has_text=word).first).to_be_visible()
    visitor.click("Exclude")
    visitor.read("1 of 1 left out of the sums.")
    visitor.read("2 of 3 batches (1 excluded)")
    expect(visitor.page.locator("i.cell.excluded")).to_have_text("–")
    visitor.click("Put back")
    visitor.read("3 of 3 batches")
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == asked, "nothing is asked again"


@pytest.mark.slow
def test_a_cancelled_run_says_what_goes_on_elsewhere(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    observatory.knobs(time_per_scw=60.0)
    run_id = served.start_run(s_max=10)
    visitor.open(f"{served.url}?run={run_id}")
    store = RunStore(served.settings)
    wait_until(lambda: any(batch.state in {"submitted", "running"} for batch in store.state(run_id).batches), "nothing was sent")
    visitor.click("Cancel")
    visitor.read("CANCELLED")
    visitor.read(re.compile(r"\d batches not asked or no longer waited for, \d of them go on at MMODA\."))
    expect(visitor.page.get_by_role("button", name="Cancel")).not_to_be_visible()
    observatory.knobs(time_per_scw=0.002)
    visitor.click("Retry failed")
    visitor.read("6 of 6 batches", 120)


@pytest.mark.slow
def test_a_run_is_extended_renamed_found_in_the_list_and_deleted(served: Served, visitor: Visitor) -> None:
    run_id = served.start_run(s_max=10)
    visitor.open(f"{served.url}?run={run_id}")
    visitor.read("6 of 6 batches, 42 of 42 ScW", 120)
    visitor.fill("To [UTC]", "2009-02-20T00:00:00")
    visitor.click("Extend the run to this interval")
    visitor.read("8 of 8 batches, 62 of 62 ScW", 60)
    visitor.click("Runs")
    visitor.fill("Name of this run", "The Crab, a little longer")
    expect(visitor.page.locator(".runs-list a")).to_have_text("The Crab, a little longer")
    visitor.click("Pin")
    visitor.page.get_by_role("button", name="Unpin").wait_for()
    assert RunStore(served.settings).state(run_id).pinned
    visitor.click("Delete")
    visitor.click("Delete with its files: sure?")
    visitor.read("No run yet.")
    visitor.read("Nothing asked yet")
    assert RunStore(served.settings).list_runs() == ()
    visitor.page.wait_for_url(lambda url: "run=" not in url)


@pytest.mark.slow
def test_a_batch_of_a_flare_is_suspected_and_left_out_by_a_click(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    """All of revolution 774, the first of two, is twice as noisy as its maps say."""
    observatory.knobs(flare_revolution=774)
    visitor.open(f"{served.url}?run={served.start_run(s_max=5, T2='2009-02-21T00:00:00')}")
    visitor.read("DONE", 180)
    visitor.click("Batches")
    button = visitor.page.get_by_role("button", name=re.compile(r"Leave out \d+ suspect batch"))
    button.wait_for(timeout=30_000)
    visitor.read(re.compile(r"▲ Empty sky is [12]\.\d\d wide; 1\.\d\d is usual in this run\."))
    button.click()
    visitor.read(re.compile(r"(\d+) of \1 left out of the sums; Put back undoes it\."))
    visitor.read(re.compile(r"\d+ of \d+ batches \(\d+ excluded\)"))
    expect(button).not_to_be_visible()
    visitor.click("Put back")
    expect(button).to_be_visible()
