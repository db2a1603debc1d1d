"""A page process that is killed leaves no process behind and loses nothing; its run is found again while it works and when it is done."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from tests.browser.conftest import Served, serving, visiting
from tests.conftest import Observatory
from tests.waiting import wait_until


def kin(folder: Path) -> dict[int, str]:
    """Living processes that work on a data folder, by id, with their commands."""
    mark = f"INTEGRAL_DASHBOARD_DATA={folder}\0".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = mark in (process / "environ").read_bytes()
            if ours and (process / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def done_batches(state: RunState) -> dict[str, float]:
    return {batch.batch_id: batch.updated for batch in state.batches if batch.arrived}


def kill(served: Served, folder: Path) -> None:
    assert served.process is not None
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait(timeout=30)
    wait_until(lambda: not kin(folder), "worker, observatory and page end with the killed process", 20)


@pytest.mark.slow
def test_a_killed_page_process_leaves_nobody_behind_and_loses_nothing(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as served:
        with visiting(browser) as visitor:
            visitor.open(served.url)
            wait_until(lambda: {"worker", "observatory"} <= roles(folder), "the page starts worker and observatory")
            observatory(served).knobs(time_per_scw=0.3)
            run_id = served.start_run()
            address = f"{served.url}?run={run_id}"
            visitor.open(address)
            visitor.page.locator("i.cell.done").first.wait_for(timeout=60_000)
            visitor.page.goto("about:blank")
        kill(served, folder)
        store = RunStore(served.settings)
        before = store.state(run_id)
        assert not before.finished
        assert done_batches(before)

        served.start()
        with visiting(browser) as visitor:
            visitor.open(address)
            visitor.read("6 of 6 batches", 120)
            visitor.read("DONE")
            visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
        after = store.state(run_id)
        assert done_batches(before).items() <= done_batches(after).items(), "what was done is not done again"

        kill(served, folder)
        served.start()
        with visiting(browser) as visitor:
            visitor.open(address)
            visitor.read("DONE")
            visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
            expect(visitor.field("s_max [ScW]")).to_have_count(0)
            assert visitor.field("From [UTC]").input_value() == "2009-02-15T00:00:00", "with the request that made it"
    wait_until(lambda: not kin(folder), "a page process that is asked to end takes its children along", 20)


def roles(folder: Path) -> set[str]:
    running = " ".join(kin(folder).values())
    return {role for role in ("worker", "observatory") if role in running and (folder / f"{role}.log").exists()} & (
        {"worker", "observatory"} if (folder / "observatory.json").exists() else set()
    )


def observatory(served: Served) -> Observatory:
    ready = (served.settings.data_dir / "observatory.json").read_text()
    found = re.search(r'"url": "([^"]+)"', ready)
    assert found is not None
    return Observatory(found.group(1))


def test_an_address_of_no_run_says_so(site: Served, browser: Browser) -> None:
    with visiting(browser) as visitor:
        visitor.open(f"{site.url}?run=20200101-000000-0000")
        visitor.page.get_by_role("alert").filter(has_text="20200101-000000-0000").wait_for()
