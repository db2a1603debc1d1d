"""Partial sums and strips are made in the background, once for all who ask, and only as long as somebody waits."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.part_board import PartAnswer, PartBoard, StripAnswer
from dashboard.products.mosaic import Mosaic
from dashboard.request.times import IJD_0_MJD
from dashboard.runs.parts import partial
from dashboard.runs.strips import strip
from dashboard.watcher import Look, Watch
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.runs.stored_run import StoredRun, mosaic
from tests.waiting import wait_until

BATCHES = 5
BESIDE = (CRAB[0] + 1.0, CRAB[1] - 0.7)


@pytest.fixture(scope="module")
def maps() -> list[Mosaic]:
    return [mosaic(number, [(*CRAB, 60.0)]) for number in range(BATCHES)]


@pytest.fixture
def run(tmp_path: Path, maps: list[Mosaic]) -> StoredRun:
    run = StoredRun(tmp_path, plan_of(2 * BATCHES))
    run.arrive(dict(zip(run.ids, maps, strict=True)))
    run.publish()
    return run


@pytest.fixture
def board(run: StoredRun) -> PartBoard:
    return PartBoard(run.settings)


def look_of(run: StoredRun) -> Look:
    return Watch(run.settings, run.run_id).look


def between(run: StoredRun, first: int, last: int) -> tuple[float, float]:
    return run.plan.batches[first].tstart, run.plan.batches[last].tstop


@contextmanager
def held_up(board: PartBoard) -> Iterator[None]:
    """The board's thread is busy meanwhile; after it everything asked is made."""
    gate = threading.Event()
    board._thread.submit(gate.wait, 30)
    try:
        yield
    finally:
        gate.set()
        board._thread.submit(int).result(30)


def until_made(answer: PartAnswer) -> None:
    wait_until(lambda: answer.findings is not None or bool(answer.problem), "the range is not added up")


def test_a_range_becomes_the_sum_of_its_batches(run: StoredRun, board: PartBoard) -> None:
    look = look_of(run)
    with held_up(board):
        answer = board.ask(look, 0, *between(run, 1, 3))
        assert (answer.batch_ids, answer.stored, answer.done, answer.findings) == (run.ids[1:4], BATCHES, 0, None)
        assert (answer.start, answer.stop) == between(run, 1, 3), "known before it is added up"
        assert answer.words.startswith("adding 0 of 3 batches, MJD ")
    assert answer.findings is not None
    expected = partial(run.settings, run.plan, run.state, 0, *between(run, 1, 3))
    assert expected is not None
    np.testing.assert_array_equal(answer.findings.product.flux, expected.product.flux)  # type: ignore[union-attr]
    assert answer.findings.sources is expected.sources
    assert answer.findings.histogram is expected.histogram
    start, stop = (edge + IJD_0_MJD for edge in between(run, 1, 3))
    assert answer.words == f"3 of {BATCHES} batches, MJD {start:.2f}–{stop:.2f}"
    assert answer.done == 3


def test_who_means_the_same_batches_gets_the_same_answer(run: StoredRun, board: PartBoard) -> None:
    look, (start, stop) = look_of(run), between(run, 1, 3)
    answer = board.ask(look, 0, start, stop)
    assert board.ask(look_of(run), 0, start - 1e-3, stop + 1e-3) is answer
    assert board.ask(look, 0, *between(run, 1, 2)) is not answer
    until_made(answer)
    assert board.ask(look, 0, start, stop) is answer


def test_the_whole_range_is_the_published_sum_and_costs_nothing(run: StoredRun, board: PartBoard) -> None:
    look = look_of(run)
    run.lose(*run.ids)
    with held_up(board):
        answer = board.ask(look, 0, *between(run, 0, BATCHES - 1))
        assert answer.findings is look.findings[0]
        assert (answer.done, answer.stored) == (BATCHES, BATCHES)


def test_excluded_batches_are_not_asked_for(run: StoredRun, board: PartBoard) -> None:
    run.store.exclude(run.run_id, [run.ids[2]])
    with held_up(board):
        answer = board.ask(look_of(run), 0, *between(run, 1, 3))
        assert (answer.batch_ids, answer.stored) == ((run.ids[1], run.ids[3]), BATCHES - 1)
        whole = board.ask(look_of(run), 0, *between(run, 0, 4))
        assert whole.findings is not None, "of what is left it is all"


def watched_partial(monkeypatch: pytest.MonkeyPatch, step: Callable[[int], object]) -> None:
    """Let `step` see after how many batches what is asked for stands."""

    def stepping(*where: Any, told: Callable[[int, int], object], cancelled: Callable[[], bool]) -> Any:
        def then(done: int, asked: int) -> None:
            told(done, asked)
            step(done)

        return partial(*where, told=then, cancelled=cancelled)

    monkeypatch.setattr("dashboard.part_board.partial", stepping)


def test_progress_is_told(run: StoredRun, board: PartBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    with held_up(board):
        answer = board.ask(look_of(run), 0, *between(run, 0, 2))
        watched_partial(monkeypatch, lambda _: words.append(answer.words.split(",")[0]))
    assert words == ["adding 1 of 3 batches", "adding 2 of 3 batches", "adding 3 of 3 batches"]


def test_what_nobody_holds_is_not_begun(run: StoredRun, board: PartBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    watched_partial(monkeypatch, steps.append)
    with held_up(board):
        for last in (1, 2, 3):  # as a slider passes by
            answer = board.ask(look_of(run), 0, *between(run, 0, last))
        gc.collect()
    assert steps == [1, 2, 3, 4], "the last one alone"
    assert answer.findings is not None


def test_what_nobody_holds_any_more_is_not_finished(run: StoredRun, board: PartBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    held: list[PartAnswer] = []

    def lose_interest(done: int) -> None:
        steps.append(done)
        if done == 2:
            held.clear()

    watched_partial(monkeypatch, lose_interest)
    with held_up(board):
        held.append(board.ask(look_of(run), 0, *between(run, 0, 3)))
    assert steps == [1, 2]
    again = board.ask(look_of(run), 0, *between(run, 0, 3))
    until_made(again)
    assert again.done == 4


def test_errors_are_sentences_and_the_next_is_made(run: StoredRun, board: PartBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    run.lose(run.ids[4])
    lost = board.ask(look_of(run), 0, *between(run, 3, 4))
    until_made(lost)
    assert run.ids[4] in lost.problem
    assert lost.words == lost.problem

    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError("4 GB")

    with monkeypatch.context() as patch:
        patch.setattr("dashboard.part_board.partial", broken)
        patch.setattr("dashboard.part_board.strip", broken)
        unexpected, places = board.ask(look_of(run), 0, *between(run, 1, 2)), board.ask_strips(look_of(run), 0, (CRAB,))
        until_made(unexpected)
        wait_until(lambda: bool(places.problem), "the strips do not fail")
    assert "unexpected error (MemoryError)" in unexpected.problem
    assert "unexpected error (MemoryError)" in places.problem
    fine = board.ask(look_of(run), 0, *between(run, 0, 1))
    until_made(fine)
    assert fine.problem == ""


def test_strips_come_with_the_width_of_the_sky(run: StoredRun, board: PartBoard) -> None:
    look = look_of(run)
    assert look.findings[0] is not None
    with held_up(board):
        answer = board.ask_strips(look, 0, (BESIDE,), (CRAB,))
        assert (answer.strips, answer.problem) == (None, "")
        assert board.ask_strips(look, 0, (BESIDE,), (CRAB,)) is answer
        assert board.ask_strips(look, 0, (BESIDE,)) is not answer, "without neighbours it is another measurement"
    assert answer.strips is not None
    (expected,) = strip(run.settings, run.plan, run.state, 0, (BESIDE,), (CRAB,))
    assert [one.flux.tolist() for one in answer.strips] == [expected.flux.tolist()]
    assert look.findings[0]._width is not None, "whoever shows it does not wait for it"


def test_strips_that_cannot_be_measured_say_why(run: StoredRun, board: PartBoard) -> None:
    run.lose(run.ids[1])
    answer = board.ask_strips(look_of(run), 0, (CRAB,))
    wait_until(lambda: bool(answer.problem), "the strips do not fail")
    assert answer.strips is None
    assert run.ids[1] in answer.problem


def test_strips_that_nobody_waits_for_are_not_measured(run: StoredRun, board: PartBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Any] = []
    monkeypatch.setattr("dashboard.part_board.strip", lambda *where: measured.append(where[-2]))
    with held_up(board):
        held: StripAnswer = board.ask_strips(look_of(run), 0, (CRAB,))
        held = board.ask_strips(look_of(run), 0, (BESIDE,))
        gc.collect()
    assert measured == [(BESIDE,)]
    del held
