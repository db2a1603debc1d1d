"""The quality of a run's batches is measured on their stored maps, once, and says which to leave out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import OK
from dashboard.errors import ProductError
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.products.mosaic import Mosaic
from dashboard.quality_board import quality_board
from dashboard.request.request import Request
from dashboard.runs.quality import BatchQuality, run_quality, suspects
from dashboard.watcher import Look
from tests.plan.test_making import SKY, TARGET, windows
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.runs.stored_run import StoredRun, mosaic
from tests.waiting import wait_until

BATCHES, BAD = 9, 4


def noisier(made: Mosaic, factor: float) -> Mosaic:
    """With more noise than its variance says."""
    assert made.flux is not None
    return replace(made, flux=made.flux * np.float32(factor), significance=made.significance * np.float32(factor))


def run_with(folder: Path, widths: Sequence[float]) -> StoredRun:
    run = StoredRun(folder, plan_of(2 * len(widths)))
    run.arrive(
        {batch_id: noisier(mosaic(n, [(*CRAB, 20.0)]), width) for n, (batch_id, width) in enumerate(zip(run.ids, widths, strict=True))}
    )
    return run


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    """All batches but one are as wide as they should be."""
    return run_with(tmp_path, [1.0] * BAD + [1.8] + [1.0] * (BATCHES - BAD - 1))


def quality_of(run: StoredRun, **more: Any) -> dict[str, BatchQuality]:
    found = run_quality(run.settings, run.plan, run.state, **more)
    assert found is not None
    return found


def test_the_batch_that_stands_out_is_found_on_its_stored_map(run: StoredRun) -> None:
    found = quality_of(run)
    assert tuple(found) == run.ids
    assert found[run.ids[BAD]].figures.width == pytest.approx(1.8, rel=0.1)
    assert [found[one].figures.width for one in run.ids if one != run.ids[BAD]] == pytest.approx([1.0] * (BATCHES - 1), abs=0.1)
    assert list(suspects(run.state, found)) == [(BAD + 1, run.ids[BAD])]
    (reason,) = found[run.ids[BAD]].reasons
    assert reason.startswith("Empty sky is 1.")
    assert {one.figures.asked for one in found.values()} == {2 * 1728.0}


def test_a_clean_run_has_nothing_to_suggest(tmp_path: Path) -> None:
    run = run_with(tmp_path, [1.3] * BATCHES)
    assert not list(suspects(run.state, quality_of(run)))


def test_a_map_is_read_once(run: StoredRun) -> None:
    """And no more when batches come or go."""
    before = quality_of(run)
    run.lose(*run.ids)
    assert quality_of(run) == before
    run.store.exclude(run.run_id, [run.ids[BAD]], True)
    without = quality_of(run)
    assert set(without) == set(before) - {run.ids[BAD]}
    assert not list(suspects(run.state, without))


def test_a_map_that_cannot_be_read_is_told(run: StoredRun) -> None:
    run.lose(run.ids[2])
    with pytest.raises(ProductError):
        quality_of(run)


def test_who_waits_no_more_stops_it_and_progress_is_told(run: StoredRun) -> None:
    heard: list[tuple[int, int]] = []
    assert run_quality(run.settings, run.plan, run.state, told=lambda *n: heard.append(n), cancelled=lambda: len(heard) == 3) is None
    assert heard == [(1, BATCHES), (2, BATCHES), (3, BATCHES)]


def test_good_time_of_the_archive_counts_for_every_product_and_needs_no_file(tmp_path: Path) -> None:
    """Batches of one and two windows: of one both have little good time, of another the archive tells nothing."""
    good = np.array([1900.0, 600.0, 520.0, 1800.0, np.nan, np.nan])
    listed = {"isgri": replace(windows(6), good={"isgri": good})}
    run = StoredRun(tmp_path, make_plan(Request(product="lightcurve", s_max=2), TARGET, listed, Identity(), SKY))
    for batch_id in run.ids:
        run._ledger.done(batch_id, "nowhere")
    found = quality_of(run)
    assert [found[one].figures.good for one in run.ids] == pytest.approx([0.95, 0.28, 0.9, np.nan], nan_ok=True)
    assert list(suspects(run.state, found)) == [(2, run.ids[1])]
    assert found[run.ids[1]].reasons == ("Its science windows have 28% good time, as the archive tells.",)


def test_the_board_measures_in_the_background_once_for_all(run: StoredRun) -> None:
    board, look = quality_board(run.settings), Look(run.state, run.plan, (None,))
    answer = board.ask(look)
    assert board.ask(look) is answer
    wait_until(lambda: not answer.pending, "the batches are not compared")
    assert (answer.done, answer.total, answer.problem) == (BATCHES, BATCHES, "")
    assert answer.quality == quality_of(run)


def test_the_board_says_why_it_cannot(run: StoredRun) -> None:
    run.lose(run.ids[2])
    answer = quality_board(run.settings).ask(Look(run.state, run.plan, (None,)))
    wait_until(lambda: not answer.pending, "nothing is said")
    assert answer.quality is None
    assert answer.problem


@pytest.mark.sqlite
def test_the_command_prints_the_table_and_the_way_out(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(run.settings.data_dir))
    assert main(["runs", "quality", run.run_id]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == BATCHES + 1
    assert lines[0].startswith("batch 1 (job 0): 3.5 ks, width 1.0")
    assert ". Empty sky is 1." in lines[BAD]
    assert lines[-1] == f"Suggested: integral-dashboard runs exclude {run.run_id} --batch {BAD + 1}"
    assert main(["runs", "quality", run.run_id, "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["suspect"] == [BAD + 1]
    assert [row["batch"] for row in told["batches"]] == list(range(1, BATCHES + 1))
    assert told["batches"][0]["good"] is None
    assert told["batches"][BAD]["width"] == pytest.approx(1.8, rel=0.1)
    run.store.exclude(run.run_id, [run.ids[BAD]], True)
    assert main(["runs", "quality", run.run_id]) == OK
    assert capsys.readouterr().out.splitlines()[-1] == f"{BATCHES - 1} batches compared, none stands out."
