"""A run as a time range shows it: sums of whole batches, what was shown before until they are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.errors import JobFailed
from dashboard.part_board import PartBoard, part_board
from dashboard.plan.plan import Plan
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.spectrum import SpectrumSet
from dashboard.range_look import RangeLook, batches_selected
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Ledger
from dashboard.watcher import Findings, Look
from tests.combine.curves import curve
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.runs.stored_run import StoredRun, mosaic
from tests.spectra import spectrum
from tests.test_part_board import held_up, look_of

MOSAIC, SPECTRUM, CURVE = range(3)
BATCHES = 4


def plan_of_three() -> Plan:
    """A mosaic, spectra and light curves of four batches each."""
    plan = plan_of(2 * BATCHES, bands=[[28, 40], [40, 60], [60, 80]])
    products = ("mosaic", "spectrum", "lightcurve")
    return replace(plan, jobs=tuple(replace(job, product=product) for job, product in zip(plan.jobs, products, strict=True)))


def stored_run_of_three(folder: Path) -> StoredRun:
    """Of these, all arrived and published; spectra of 1, 2, 4 and 8 ks."""
    run = StoredRun(folder, plan_of_three())
    maps, spectra, curves = (run.plan.jobs[job].batch_ids for job in range(3))
    run.arrive({batch_id: mosaic(n, [(*CRAB, 60.0)]) for n, batch_id in enumerate(maps)}, MOSAIC)
    run.arrive({batch_id: SpectrumSet((spectrum(exposure=1000.0 * 2**n),)) for n, batch_id in enumerate(spectra)}, SPECTRUM)
    run.arrive({batch_id: LightCurveSet((curve([3000.0 + n]),)) for n, batch_id in enumerate(curves)}, CURVE)
    for job in range(3):
        run.publish(job)
    return run


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    return stored_run_of_three(tmp_path)


@pytest.fixture
def look(run: StoredRun) -> Look:
    return look_of(run)


@pytest.fixture
def board(run: StoredRun) -> PartBoard:
    return part_board(run.settings)


def between(look: Look, first: int, last: int) -> tuple[float, float]:
    return look.plan.batches[first].tstart, look.plan.batches[last].tstop


def shown(part: RangeLook, look: Look) -> tuple[Findings | None, ...]:
    return tuple(part.findings(number, found) for number, found in enumerate(look.findings))


def test_without_a_range_all_is_shown(run: StoredRun, look: Look) -> None:
    part = RangeLook(run.settings)
    part.refresh(look, None)
    assert shown(part, look) == look.findings
    assert [part.words(job) for job in range(3)] == ["", "", ""]
    assert part.answer(MOSAIC) is None
    part.refresh(None, (1.0, 2.0))
    assert part.findings(MOSAIC, None) is None


def test_a_range_adds_up_maps_and_spectra_and_leaves_curves_alone(run: StoredRun, look: Look, board: PartBoard) -> None:
    part = RangeLook(run.settings)
    with held_up(board):
        part.refresh(look, between(look, 1, 2))
        assert shown(part, look) == look.findings, "until they are added up"
        assert part.words(MOSAIC).startswith("adding 0 of 2 batches")
    mosaics, spectra, curves = shown(part, look)
    assert mosaics is not None
    assert spectra is not None
    assert mosaics is not look.findings[MOSAIC]
    assert mosaics.product.provenance.batches_used == 2
    assert mosaics.sources.sources[0].name == "Crab"
    assert spectra.product.spectra[0].exposure == 2000.0 + 4000.0
    assert curves is look.findings[CURVE], "the range itself shows it"
    assert [part.words(job).split(",")[0] for job in range(3)] == ["2 of 4 batches", "2 of 4 batches", ""]


def test_while_a_new_range_is_added_up_the_former_stays(run: StoredRun, look: Look, board: PartBoard) -> None:
    part = RangeLook(run.settings)
    with held_up(board):
        part.refresh(look, between(look, 0, 1))
    former = shown(part, look)
    with held_up(board):
        for last in (2, 3):  # the first of them is passed by
            part.refresh(look, between(look, 1, last))
            assert shown(part, look) == former
    newer = shown(part, look)[MOSAIC]
    assert newer is not None
    assert newer.product.provenance.batches_used == 3
    part.refresh(look, None)
    assert shown(part, look) == look.findings
    with held_up(board):
        part.refresh(look, between(look, 0, 1))
        assert shown(part, look) == look.findings, "after all has been shown, all stays until the range is added up"


def test_nothing_is_asked_while_nothing_changes(run: StoredRun, look: Look, board: PartBoard) -> None:
    part = RangeLook(run.settings)
    with held_up(board):
        part.refresh(look, between(look, 0, 1))
        first = part.answer(MOSAIC)
        part.refresh(look_of(run), between(look, 0, 1))
        assert part.answer(MOSAIC) is first
    part.refresh(look, between(look, 0, 1))
    assert part.answer(MOSAIC) is first


def test_a_whole_range_is_the_published_sum(run: StoredRun, look: Look) -> None:
    part = RangeLook(run.settings)
    part.refresh(look, between(look, 0, BATCHES - 1))
    assert shown(part, look) == look.findings
    assert part.words(MOSAIC).startswith("4 of 4 batches, MJD")


def test_two_sessions_share_what_is_added_up(run: StoredRun, look: Look, board: PartBoard) -> None:
    mine, others = RangeLook(run.settings), RangeLook(run.settings)
    with held_up(board):
        mine.refresh(look, between(look, 1, 2))
        others.refresh(look_of(run), between(look, 1, 2))
    assert mine.answer(MOSAIC) is others.answer(MOSAIC)
    assert shown(mine, look)[:2] == shown(others, look)[:2]


def test_a_batch_that_comes_into_the_range_is_added(tmp_path: Path) -> None:
    """And one that its owner takes out, or that failed, is not used."""
    run = StoredRun(tmp_path, plan_of(2 * BATCHES))
    maps = {batch_id: mosaic(n, [(*CRAB, 60.0)]) for n, batch_id in enumerate(run.ids)}
    run.arrive({batch_id: maps[batch_id] for batch_id in run.ids[:2]})
    run.publish()
    part, board, span = RangeLook(run.settings), part_board(run.settings), between(look_of(run), 1, 3)

    def used() -> tuple[tuple[str, ...], int]:
        look = look_of(run)
        with held_up(board):
            part.refresh(look, span)
        answer, (findings,) = part.answer(0), shown(part, look)
        assert answer is not None
        assert findings is answer.findings
        assert findings is not None
        assert batches_selected(look, 0, span) == frozenset(answer.batch_ids)
        return answer.batch_ids, findings.product.provenance.batches_used

    assert used() == ((run.ids[1],), 1)
    run.arrive({run.ids[3]: maps[run.ids[3]]})
    Ledger(open_database(run.settings), "test").failed(run.ids[2], JobFailed("no backend"), None)
    run.publish()
    assert run.state.batches[2].state == "failed"
    assert used() == ((run.ids[1], run.ids[3]), 2)
    run.store.exclude(run.run_id, [run.ids[1]])
    run.publish()
    assert used() == ((run.ids[3],), 1)


def test_jobs_that_have_nothing_yet_show_nothing(tmp_path: Path) -> None:
    run = StoredRun(tmp_path, plan_of(2 * BATCHES, bands=[[28, 40], [40, 60]]))
    run.arrive({batch_id: mosaic(n) for n, batch_id in enumerate(run.ids)})
    run.publish()
    look, part = look_of(run), RangeLook(run.settings)
    with held_up(part_board(run.settings)):
        part.refresh(look, between(look, 0, 1))
    assert part.answer(1) is None
    assert part.findings(1, look.findings[1]) is None
    assert part.words(1) == ""


def test_a_range_that_cannot_be_added_up_says_so_and_shows_what_was_there(run: StoredRun, look: Look, board: PartBoard) -> None:
    run.lose(look.plan.jobs[MOSAIC].batch_ids[0])
    part = RangeLook(run.settings)
    with held_up(board):
        part.refresh(look, between(look, 0, 1))
    assert shown(part, look)[MOSAIC] is look.findings[MOSAIC]
    assert look.plan.jobs[MOSAIC].batch_ids[0] in part.words(MOSAIC)
    spectra = shown(part, look)[SPECTRUM]
    assert spectra is not None
    np.testing.assert_allclose(spectra.product.spectra[0].exposure, 3000.0)
