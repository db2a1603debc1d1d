"""A target is where it was said to be, or there is an error: never (0, 0) in silence."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest
from astropy.table import Table

from dashboard.archive import simbad
from dashboard.archive.resolver import resolve
from dashboard.errors import ArchiveUnavailable, RequestError, UnknownSource
from dashboard.request.request import Request
from tests.archive.fake_archive import FakeArchive

CRAB = (83.633, 22.0145)


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive(names={"Crab": CRAB})


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)


def knows(ra: float, dec: float) -> Any:
    return lambda name: (ra, dec)


def unknown(name: str) -> tuple[float, float]:
    raise UnknownSource("Simbad does not know it.")


def unreachable(name: str) -> tuple[float, float]:
    raise ArchiveUnavailable("Simbad cannot be reached.")


def down(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_the_dispatcher_is_asked_first(archive: FakeArchive) -> None:
    target = resolve(Request(src_name="Crab"), archive.host(), archive.client, simbad=knows(1, 1))
    assert (target.ra, target.dec, target.origin, target.notes) == (*CRAB, "MMODA", ())


def test_simbad_answers_when_the_dispatcher_cannot(archive: FakeArchive) -> None:
    target = resolve(Request(src_name="PKS 1"), archive.host(), archive.client, simbad=knows(10, -5))
    assert (target.name, target.ra, target.dec, target.origin) == ("PKS 1", 10, -5, "Simbad")


def test_sesame_answers_when_the_others_cannot(archive: FakeArchive) -> None:
    archive.sesame["[ABC2009] 1&2 #3"] = ("NED", 10.25, -5.5)
    target = resolve(Request(src_name=" [ABC2009] 1&2 #3 "), archive.host(), archive.client, simbad=unknown)
    assert (target.name, target.ra, target.dec, target.origin) == ("[ABC2009] 1&2 #3", 10.25, -5.5, "Sesame (NED)")
    silent = resolve(Request(src_name="[ABC2009] 1&2 #3"), archive.host(), archive.client, simbad=unreachable)
    assert silent == target


def test_who_knows_the_name_first_is_the_last_to_be_asked(archive: FakeArchive) -> None:
    archive.sesame["Crab"] = archive.sesame["PKS 1"] = ("Simbad", 1.0, 1.0)
    resolve(Request(src_name="Crab"), archive.host(), archive.client, simbad=unreachable)
    resolve(Request(src_name="PKS 1"), archive.host(), archive.client, simbad=knows(10, -5))
    assert not [url for url in archive.asked if "sesame" in url]


@pytest.mark.parametrize("name", ["PKS 1", "GRB 090618", "Crab"])
def test_the_simulated_host_asks_nobody_outside(archive: FakeArchive, name: str) -> None:
    def forbidden(_: str) -> tuple[float, float]:
        raise AssertionError("Simbad was asked")

    archive.sesame[name] = ("Simbad", 1.0, 1.0)
    with contextlib.suppress(UnknownSource):
        resolve(Request(src_name=name), archive.host("simulated"), archive.client, simbad=forbidden)
    with contextlib.suppress(UnknownSource):
        resolve(Request(src_name=name, RA=83.6, DEC=22.0), archive.host("simulated"), archive.client, simbad=forbidden)
    assert archive.asked
    assert all(url.startswith("http://dispatcher/resolve_name?") for url in archive.asked)


def test_the_simulated_host_does_not_ask_simbad(archive: FakeArchive) -> None:
    assert resolve(Request(src_name="Crab"), archive.host("simulated"), archive.client).origin == "simulated observatory"
    with pytest.raises(UnknownSource):
        resolve(Request(src_name="PKS 1"), archive.host("simulated"), archive.client, simbad=knows(10, -5))


def test_an_unknown_name_stops_with_advice(archive: FakeArchive) -> None:
    with pytest.raises(UnknownSource, match=r"'Cygnus X1'.*spelling.*similar: Cyg X-1.*RA and DEC") as caught:
        resolve(Request(src_name="Cygnus X1"), archive.host(), archive.client, simbad=unknown)
    assert "did not answer" not in caught.value.sentence


def test_unreachable_is_not_unknown(archive: FakeArchive) -> None:
    archive.broken = down
    with pytest.raises(ArchiveUnavailable, match=r"the resolver of production, Simbad and Sesame do not answer: .* RA and DEC"):
        resolve(Request(src_name="Crab"), archive.host(), archive.client, simbad=unreachable)
    with pytest.raises(UnknownSource, match="2 resolvers did not answer"):
        resolve(Request(src_name="Crab"), archive.host(), archive.client, simbad=unknown)
    archive.broken = None
    with pytest.raises(UnknownSource, match="One resolver did not answer"):
        resolve(Request(src_name="PKS 1"), archive.host(), archive.client, simbad=unreachable)


@pytest.mark.parametrize(
    "answer", [{"message": "ok"}, {"RA": None, "DEC": None}, {"RA": 1, "DEC": 99}, {"RA": float("nan"), "DEC": 0}, [1, 2], "x"]
)
def test_an_answer_without_position_is_no_position(archive: FakeArchive, answer: Any) -> None:
    archive.broken = lambda request: httpx.Response(200, text=json.dumps(answer))
    with pytest.raises(ArchiveUnavailable):
        resolve(Request(src_name="Crab"), archive.host(), archive.client, simbad=unreachable)


def test_given_coordinates_win_and_a_disagreement_is_told(archive: FakeArchive) -> None:
    near = resolve(Request(src_name="Crab", RA=83.64, DEC=22.02), archive.host(), archive.client)
    assert (near.ra, near.dec, near.origin, near.notes) == (83.64, 22.02, "given", ())
    far = resolve(Request(src_name="Crab", RA=83.633, DEC=22.1145), archive.host(), archive.client)
    assert (far.ra, far.dec) == (83.633, 22.1145)
    assert "6.0'" in far.notes[0]


def test_given_coordinates_need_no_resolver(archive: FakeArchive) -> None:
    archive.broken = down
    target = resolve(Request(src_name="Crab", RA=1.0, DEC=2.0), archive.host(), archive.client, simbad=unreachable)
    assert (target.ra, target.dec) == (1.0, 2.0)
    assert "not checked" in target.notes[0]


def test_a_bare_position_names_itself_and_asks_nobody(archive: FakeArchive) -> None:
    assert resolve(Request(src_name="", RA=1.0, DEC=-2.0), archive.host(), archive.client).name == "RA 1.0000 Dec -2.0000"
    assert resolve(Request(src_name="", RA=0, DEC=0, zero_position=True), archive.host(), archive.client).ra == 0
    assert archive.asked == []
    with pytest.raises(RequestError):
        resolve(Request(src_name=""), archive.host(), archive.client)


@pytest.mark.parametrize("host", ["production", "simulated"])
def test_coordinates_in_place_of_a_name_are_the_position_and_ask_nobody(archive: FakeArchive, host: str) -> None:
    bare = resolve(Request(src_name="", RA=83.633, DEC=22.014), archive.host(host), archive.client)
    assert resolve(Request(src_name="83.633 +22.014"), archive.host(host), archive.client) == bare
    galactic = resolve(Request(src_name="l=184.5575 b=-5.7843"), archive.host(host), archive.client)
    assert (galactic.name, galactic.origin) == ("RA 83.6332 Dec +22.0145", "given")
    zero = resolve(Request(src_name="0 0"), archive.host(host), archive.client)
    assert (zero.name, zero.ra, zero.dec) == ("RA 0.0000 Dec +0.0000", 0.0, 0.0)
    assert archive.asked == []
    with pytest.raises(RequestError, match="99 seconds"):
        resolve(Request(src_name="05 34 99 +22 00 52"), archive.host(host), archive.client)


def test_a_position_beside_coordinates_wins_and_a_disagreement_is_told(archive: FakeArchive) -> None:
    near = resolve(Request(src_name="83.633 22.014", RA=83.63, DEC=22.01), archive.host(), archive.client)
    assert (near.name, near.ra, near.dec, near.notes) == ("RA 83.6300 Dec +22.0100", 83.63, 22.01, ())
    far = resolve(Request(src_name="83.633 22.014", RA=83.633, DEC=22.114), archive.host(), archive.client)
    assert (far.ra, far.dec) == (83.633, 22.114)
    assert "lies 6.0' from 83.633 22.014" in far.notes[0]
    assert archive.asked == []


def test_a_burst_has_its_time_whoever_gives_the_position(archive: FakeArchive) -> None:
    archive.names["GRB 090618"] = (293.995, 78.3569)
    day = ("2009-06-18T00:00:00", "2009-06-19T00:00:00", "its name")
    for request in (Request(src_name="GRB 090618"), Request(src_name="GRB 090618", RA=293.995, DEC=78.357)):
        for host in ("production", "simulated"):
            burst = resolve(request, archive.host(host), archive.client).burst
            assert burst is not None
            assert (burst.t1, burst.t2, burst.origin) == day
    archive.bursts["GRB 090618"] = {
        "success": True,
        "success_time": True,
        "view": {"t1": "2009-06-18T08:00:00", "t2": "2009-06-18T09:00:00"},
    }
    known = resolve(Request(src_name="GRB 090618"), archive.host(), archive.client).burst
    assert known is not None
    assert (known.t1, known.t2, known.origin) == ("2009-06-18T08:00:00", "2009-06-18T09:00:00", "MMODA")
    asked = len(archive.asked)
    assert resolve(Request(src_name="Crab"), archive.host(), archive.client).burst is None
    assert len(archive.asked) == asked + 1, "nobody is asked for times of what is no burst"


@pytest.mark.parametrize("outcome", [Table(names=["ra", "dec"], dtype=[float, float]), None])
def test_simbads_empty_answers_are_unknown(monkeypatch: pytest.MonkeyPatch, outcome: Table | None) -> None:
    monkeypatch.setattr("astroquery.simbad.SimbadClass.query_object", lambda self, name: outcome)
    with pytest.raises(UnknownSource):
        simbad.simbad_position("nobody")


def test_simbads_answer_and_its_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("astroquery.simbad.SimbadClass.query_object", lambda self, name: Table({"ra": [10.5], "dec": [-3.25]}))
    assert simbad.simbad_position("somebody") == (10.5, -3.25)

    def fail(self: object, name: str) -> Table:
        raise ConnectionError("no route")

    monkeypatch.setattr("astroquery.simbad.SimbadClass.query_object", fail)
    with pytest.raises(ArchiveUnavailable):
        simbad.simbad_position("somebody")
