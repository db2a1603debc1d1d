"""A host's own timesystem is asked first; the one it falls back on is asked when that gives no list, and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.archive.selection import find_pointings
from dashboard.errors import ArchiveError, ArchiveUnavailable, NoScienceWindows
from dashboard.hosts import GATEWAY, Host
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.settings import Settings
from tests.archive.fake_archive import FakeArchive, observed
from tests.conftest import Observatory, running_observatory
from tests.dispatcher.replay import Reply, Script, serving

TARGET = Target("Crab", 83.633, 22.0145, "given")
WINDOWS = [*observed(40, 20, 83.6, 22.0), *observed(41, 30, 83.6, 22.0)]
OWN, FALLBACK = "http://own.example/api/v1.0", "http://fallback.example/api/v1.0"
HOST = Host("staging", "http://dispatcher.example", OWN, FALLBACK, other_archives=False)
HTML = "<!doctype html><title>Maintenance</title>"

Answering = Callable[[httpx.Request], httpx.Response]


def lost(error: type[httpx.TransportError]) -> Answering:
    def lose(request: httpx.Request) -> httpx.Response:
        raise error("lost")

    return lose


DOWN: dict[str, Answering] = {
    "refused": lost(httpx.ConnectError),
    "unreached": lost(httpx.ConnectTimeout),
    "silent": lost(httpx.ReadTimeout),
    "hung up": lost(httpx.RemoteProtocolError),
    "500": lambda _: httpx.Response(500, text="oops"),
    "503": lambda _: httpx.Response(503, text=HTML),
    "404": lambda _: httpx.Response(404, text=HTML),
    "HTML": lambda _: httpx.Response(200, text=HTML),
    "other JSON": lambda _: httpx.Response(200, json={"message": "welcome"}),
}


@dataclass
class Archives:
    """Two timesystems of the same windows behind one client; after `lasts` answers the host's own one is refused."""

    own: FakeArchive = field(default_factory=lambda: FakeArchive(rows=WINDOWS, index_version="1"))
    fallback: FakeArchive = field(default_factory=lambda: FakeArchive(rows=WINDOWS, index_version="2"))
    lasts: int = 1000

    def find(self, host: Host = HOST, **values: object) -> dict[str, Pointings]:
        request = Request.from_dict({"instrument": ["isgri", "jemx1"], "T1": 1000, "T2": 9000, **values})
        with self.own.client as own, self.fallback.client as fallback:
            clients = {"own.example": own, "fallback.example": fallback}

            def answer(asked: httpx.Request) -> httpx.Response:
                if asked.url.host == "own.example" and len(self.own.asked) >= self.lasts:
                    self.own.broken = DOWN["refused"]
                response = clients[asked.url.host].get(str(asked.url).replace("/api/v1.0", ""))
                return httpx.Response(response.status_code, content=response.content)

            with httpx.Client(transport=httpx.MockTransport(answer)) as both:
                return find_pointings(request, TARGET, host, both)


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Archives:
    """Tries follow each other at once."""
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)
    return Archives()


def test_the_own_timesystem_is_asked_alone_when_it_answers(archives: Archives) -> None:
    for found in archives.find().values():
        assert (len(found), found.origin, found.index_version) == (50, OWN, "1")
    assert len(archives.own.asked) == 2
    assert archives.fallback.asked == []


@pytest.mark.parametrize("down", DOWN.values(), ids=DOWN)
def test_the_fallback_is_asked_and_named_when_the_own_one_gives_no_list(archives: Archives, down: Answering) -> None:
    expected = archives.find()
    archives.own.asked.clear()
    archives.own.broken = down
    for instrument, found in archives.find().items():
        assert (found.swid, found.origin, found.index_version) == (expected[instrument].swid, FALLBACK, "2")
        np.testing.assert_array_equal(found.tstart, expected[instrument].tstart)
    assert archives.own.asked, "it was asked first"
    assert len(archives.fallback.asked) == 2


def test_revolutions_are_converted_by_the_timesystem_that_lists(archives: Archives) -> None:
    archives.own.broken = DOWN["503"]
    found = archives.find(revolutions=[41], instrument="isgri")["isgri"]
    assert (len(found), found.origin) == (30, FALLBACK)
    assert any("/converttime/REVNUM/41/IJD" in url for url in archives.fallback.asked)


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_a_selection_is_never_made_of_two_archives(archives: Archives, answers: int) -> None:
    """The own one goes down after the first conversion, after both, after ISGRI's list."""
    archives.lasts = answers
    found = archives.find(revolutions=[41])
    assert {(windows.origin, windows.index_version, len(windows)) for windows in found.values()} == {(FALLBACK, "2", 30)}


@pytest.mark.parametrize("down", DOWN.values(), ids=DOWN)
def test_when_both_are_down_there_is_no_list(archives: Archives, down: Answering) -> None:
    archives.own.broken = archives.fallback.broken = down
    with pytest.raises(ArchiveUnavailable, match=FALLBACK) as caught:
        archives.find()
    assert "try again later" in caught.value.sentence
    assert archives.own.asked
    assert archives.fallback.asked


def test_without_a_fallback_nobody_else_is_asked(archives: Archives) -> None:
    archives.own.broken = DOWN["503"]
    with pytest.raises(ArchiveUnavailable, match=OWN):
        archives.find(replace(HOST, timesystem_fallback=""))
    assert archives.fallback.asked == []


def test_an_answer_one_does_not_like_is_an_answer(archives: Archives) -> None:
    """Nothing found, a window the archive lacks, a refused question: the other archive might say otherwise, but is not asked."""
    with pytest.raises(NoScienceWindows):
        archives.find(T1=5000, T2=5001)
    with pytest.raises(NoScienceWindows, match="004000009990"):
        archives.find(scw_list=["004000009990"])
    archives.own.broken = lambda _: httpx.Response(400, json={"bad request": "no such index"})
    with pytest.raises(ArchiveError, match="no such index"):
        archives.find()
    assert archives.fallback.asked == []


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    with running_observatory(tmp_path_factory.mktemp("sky")) as started:
        yield started


def planned(folder: Path, sky: Observatory, own: str, fallback: str) -> Plan:
    """A plan for a host whose dispatcher is the observatory."""
    host = Host("institute", sky.url, own, fallback, other_archives=False)
    settings = replace(Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(folder)}), hosts={host.name: host})
    request = Request(host_type=host.name, src_name="Crab", T1="2009-02-20T00:00:00", T2="2009-02-24T00:00:00")
    return prepare(settings, request, Identity())


def test_a_plan_says_so_when_its_windows_come_from_the_fallback(tmp_path: Path, sky: Observatory) -> None:
    fallback = sky.url + GATEWAY
    with serving([Reply(HTML.encode())]) as own:
        plan = planned(tmp_path, sky, own.url, fallback)
        assert own.requests[0][1].startswith("/scwlist/cons/2009-02-20T00:00:00.000/")
    assert len(plan.pointings) > 0
    assert plan.pointings.origin == fallback
    told = [notice for notice in plan.notices if "timesystem" in notice]
    assert told == [f"The timesystem of institute did not answer: the science windows are those of {fallback}."]


def test_a_plan_says_nothing_of_the_fallback_when_its_own_timesystem_answers(tmp_path: Path, sky: Observatory) -> None:
    with serving([Reply(HTML.encode())]) as fallback:
        plan = planned(tmp_path, sky, sky.url + GATEWAY, fallback.url)
        assert fallback.requests == []
    assert plan.pointings.origin == sky.url + GATEWAY
    assert not any("timesystem" in notice for notice in plan.notices)


def test_there_is_no_plan_when_both_are_down(tmp_path: Path, sky: Observatory) -> None:
    page: Script = [Reply(HTML.encode())]
    with serving(page) as own, serving(page) as fallback, pytest.raises(ArchiveUnavailable, match=fallback.url):
        planned(tmp_path, sky, own.url, fallback.url)
