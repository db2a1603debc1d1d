"""A target is looked up once for all sessions of a process, and what fails becomes a sentence."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.aim_board import KEPT, LEAST_RADIUS, Aim, AimBoard, aim_board
from dashboard.request.request import Request
from tests.dispatcher.replay import Server, host, serving
from tests.mission import SILENT, questions, reply, settings_at
from tests.waiting import wait_until


def at(dec: float = 22.0, **values: Any) -> Request:
    return Request(RA=83.6331, DEC=dec, **values)


def until_known(*aims: Aim) -> None:
    wait_until(lambda: all(aim.coverage is not None or aim.problem for aim in aims), "nothing becomes known of the target")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving([reply()]) as server:
        yield server


@pytest.fixture
def board(tmp_path: Path, server: Server) -> AimBoard:
    settings = settings_at(tmp_path, server)
    return AimBoard(replace(settings, hosts={**settings.hosts, "staging": host(server.url).at(server.url)}))


def test_a_target_is_one_question_for_all_sessions(tmp_path: Path, server: Server) -> None:
    settings = settings_at(tmp_path, server)
    with ThreadPoolExecutor(8) as sessions:
        aims = list(sessions.map(lambda _: aim_board(settings).aim(at()), range(40)))
    assert all(aim is aims[0] for aim in aims)
    until_known(aims[0])
    assert aims[0].coverage is not None
    assert len(aims[0].coverage) == 60
    assert aim_board(settings).aim(at()) is aims[0]
    assert len(server.requests) == 1


def test_what_is_news_of_a_target_shows_in_its_progress(board: AimBoard) -> None:
    assert Aim().progress == (False, False, "")
    aim = board.aim(at())
    until_known(aim)
    assert aim.progress == (True, True, "")


def test_nothing_but_the_target_is_asked_for(board: AimBoard, server: Server) -> None:
    aim = board.aim(at())
    same = [
        at(radius=3.0),
        at(radius=LEAST_RADIUS),
        at(instrument=["isgri", "jemx1"]),
        at(T1="2010-01-01T00:00:00", T2="2011-01-01T00:00:00"),
        at(product="spectrum", E1_keV=30.0, s_max=10),
    ]
    assert all(board.aim(request) is aim for request in same)
    others = [
        board.aim(other) for other in (at(radius=20.0), at(data_version="NRT"), at(dec=23.0), at(src_name="Crab"), at(host_type="staging"))
    ]
    assert len({*others, aim}) == 6
    until_known(aim, *others)
    asked = questions(server)
    assert len(asked) == 6
    assert sum("radius=15.0000" in path for path in asked) == 5
    assert sum("radius=20.0000" in path for path in asked) == 1
    assert sum("/scwlist/nrt/" in path for path in asked) == 1


def test_a_name_is_looked_up_once_however_it_is_spaced(board: AimBoard, server: Server) -> None:
    aim = board.aim(Request(src_name="Crab"))
    assert board.aim(Request(src_name=" Crab ")) is aim
    until_known(aim)
    assert aim.target is not None
    assert (aim.target.name, aim.target.origin) == ("Crab", "simulated observatory")
    assert len(questions(server, "resolve_name")) == 1


def test_the_request_may_change_while_its_target_is_looked_up(board: AimBoard, server: Server) -> None:
    request, gate = at(), threading.Event()
    for _ in range(2):
        board._threads.submit(gate.wait, 30)
    aim = board.aim(request)
    request.DEC = -60.0
    gate.set()
    until_known(aim)
    assert "dec=22.0000" in questions(server)[0]


def test_the_newest_targets_are_kept_and_those_that_a_session_holds(board: AimBoard, server: Server) -> None:
    """Else more sessions than are kept would ask the archive again and again, several times a second."""
    sessions = [board.aim(at(float(dec))) for dec in range(KEPT + 3)]
    until_known(*sessions)
    for _ in range(3):
        assert [board.aim(at(float(dec))) for dec in range(KEPT + 3)] == sessions
    assert len(server.requests) == KEPT + 3
    del sessions
    gc.collect()
    kept = [board.aim(at(float(dec))) for dec in range(3, KEPT + 3)]
    until_known(*kept)
    assert len(server.requests) == KEPT + 3, "nobody holds them, but they are the newest"
    until_known(board.aim(at(0.0)))
    assert len(server.requests) == KEPT + 4, "the oldest is forgotten"


def test_an_unexpected_error_is_a_sentence_and_ends_no_thread(board: AimBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("of no use to the user")

    with monkeypatch.context() as patch:
        patch.setattr("dashboard.aim_board.find_coverage", broken)
        broken_aims = [board.aim(at(float(dec))) for dec in range(4)]
        until_known(*broken_aims)
    assert all("unexpected error (ValueError)" in aim.problem for aim in broken_aims)
    assert all("of no use" not in aim.problem for aim in broken_aims)
    assert all(aim.target is not None for aim in broken_aims), "what was found before it is shown"
    aim = board.aim(at(10.0))
    until_known(aim)
    assert aim.coverage is not None


def test_who_did_not_answer_is_asked_again_later_or_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([SILENT, SILENT, reply()]) as server:
        board = AimBoard(settings_at(tmp_path, server))
        first = board.aim(at())
        until_known(first)
        assert "try again later" in first.problem
        assert board.aim(at()) is first, "not at once"
        monkeypatch.setattr("dashboard.aim_board.SILENT_SECONDS", 0.0)
        second = board.aim(at(), again=True)
        assert second is not first
        until_known(second)
        assert "try again later" in second.problem
        third = board.aim(at())
        assert third is not second, "its time has come"
        until_known(third)
        assert third.coverage is not None
        assert board.aim(at(), again=True) is third
        assert len(server.requests) == 3


def test_a_host_that_is_not_offered_is_told_and_not_asked_again(board: AimBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.aim_board.SILENT_SECONDS", 0.0)
    aim = board.aim(at(host_type="nowhere"))
    until_known(aim)
    assert "'nowhere' is not offered" in aim.problem
    assert board.aim(at(host_type="nowhere")) is aim
