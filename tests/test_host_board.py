"""How hosts are, found out in the background and only while somebody looks."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from dashboard.host_board import HostBoard, HostLook, look_at
from dashboard.hosts import Host
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from tests.dispatcher.replay import Reply, answer, host, serving
from tests.runs.sky_dispatcher import settings_in
from tests.waiting import wait_until

NAMES = answer(["E1_keV", "E2_keV"])
REFUSAL = answer({"error_message": "unknown", "cdci_data_analysis_version": "1.3.6"}, 400)


def test_a_host_is_asked_while_somebody_looks_and_its_version_once(tmp_path: Path) -> None:
    with serving(lambda _: NAMES) as server, serving([NAMES, REFUSAL, NAMES]) as told:
        base = settings_in(tmp_path)
        settings = replace(base, hosts={"staging": host(told.url), "quiet": host(server.url, name="quiet")})
        board = HostBoard(settings)
        wait_until(lambda: board.looks(["staging"])["staging"].word == "answers", "it was not asked")
        look = board.looks(["staging"])["staging"]
        assert look.health is not None
        assert look.health.version == "1.3.6"
        assert "It runs version 1.3.6." in look.detail
        assert board.looks([])["quiet"].word == "asking", "nobody looks at it"
        assert server.requests == []
        assert next(path for _, path, _ in told.requests).startswith("/api/par-names")


def test_a_host_that_does_not_answer_is_silent_and_a_paused_one_says_until_when(tmp_path: Path) -> None:
    with serving([Reply(status=502)]) as server:
        settings = replace(settings_in(tmp_path), hosts={"staging": host(server.url)})
        assert look_at(settings, "staging").word == "silent"
        Gate(open_database(settings), settings.hosts).pause("staging", math.inf, "moved to another building")
        paused = look_at(settings, "staging")
        assert (paused.word, paused.detail) == ("paused", "staging is left alone: moved to another building")
        assert paused.to_dict()["state"] == "paused"
        assert paused.to_dict()["paused_until"] is None


def test_what_is_reached_from_inside_only_is_offered_where_its_name_is_known(tmp_path: Path) -> None:
    inside = Host("esa", "http://mmoda.invalid", only_inside=True)
    settings = replace(settings_in(tmp_path), hosts={"esa": inside})
    assert not HostLook(inside).offered, "before anything is known"
    assert not look_at(settings, "esa").offered
    with serving(lambda _: NAMES) as server:
        known = replace(settings, hosts={"esa": replace(inside, dispatcher_url=server.url)})
        assert look_at(known, "esa").offered


def test_the_simulated_host_is_idle_until_it_is_needed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "")
    look = look_at(settings, "simulated")
    assert (look.word, look.detail) == ("idle", "simulated is started when it is needed.")
    assert look.offered
