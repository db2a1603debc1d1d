"""The whole mission around a position comes in one answer, complete, with mode and rights where the archive knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest

from dashboard.archive.coverage_list import find_coverage
from dashboard.errors import ArchiveUnavailable
from dashboard.hosts import GATEWAY, Host, known_hosts
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import history
from tests.archive.fake_archive import FakeArchive, observed
from tests.conftest import Observatory, running_observatory

CRAB = (83.633, 22.0145)
ALL = ("SWID", "RA_SCX", "DEC_SCX", "TSTART", "TSTOP", "RA_SCZ", "DEC_SCZ", "TELAPSE", "IBISMODE", "PS", "OBS_ID")


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    with running_observatory(tmp_path_factory.mktemp("sky")) as started:
        yield started


def test_the_observatory_tells_all_that_it_pointed_near_the_crab(sky: Observatory) -> None:
    past = history()
    near = past.axis @ unit_vectors(*np.round(CRAB, 4)) > np.cos(np.deg2rad(15))
    rows = np.flatnonzero(near & ~past.slew)
    assert len(rows) > 5000
    found = find_coverage(*CRAB, 15.0, known_hosts()["simulated"].at(sky.url))
    assert found.pointings.swid == tuple(f"{swid:012d}" for swid in past.swid[rows].tolist())
    np.testing.assert_array_equal(found.science, past.ibis_mode[rows] == 41)
    assert not found.science.all()
    assert found.pointings.telapse.min() < 500, "short ones too"
    np.testing.assert_allclose(found.pointings.tstart, past.tstart[rows])
    np.testing.assert_allclose(unit_vectors(found.pointings.ra_scz, found.pointings.dec_scz), past.z[rows], atol=1e-12)
    assert np.all(found.public == 1)
    assert found.pointings.origin == sky.url + GATEWAY


def test_it_is_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = FakeArchive()
    archive.broken = lambda _: answered(
        ["004000010010", "004000010011", "004000020010.001"], [41, 41, 43.0], ["public", "public", "Private"]
    )
    found = find_coverage(*CRAB, 20.5, archive.host(), "NRT", archive.client)
    (asked,) = archive.asked
    query = {name: value for name, (value,) in parse_qs(urlsplit(asked).query).items()}
    assert "/scwlist/nrt/2002-10-17T04:41:00.000/2025-02-28T23:59:59.000" in asked
    assert (query["ra"], query["dec"], query["radius"]) == ("83.6330", "22.0145", "20.5000")
    assert "min_good_isgri" not in query
    assert set(query["return_columns"].split(",")) == set(ALL)
    assert found.pointings.swid == ("004000010010", "004000020010"), "no slew"
    assert (found.science.tolist(), found.public.tolist()) == ([True, False], [1, 0])
    assert found.pointings.observation == ("", "02200120002")


def answered(swid: list[str], mode: list[Any], rights: list[Any]) -> httpx.Response:
    observations = [None, *("02200120002" for _ in swid[1:])]
    table = {name: list(range(1, len(swid) + 1)) for name in ALL}
    return httpx.Response(200, json={"scwlist": {**table, "SWID": swid, "IBISMODE": mode, "PS": rights, "OBS_ID": observations}})


def test_what_the_archive_does_not_know_is_unknown() -> None:
    archive = FakeArchive()
    swid = [f"00400001{n:03d}0" for n in range(1, 5)]
    archive.broken = lambda _: answered(swid, [None, "41", 43, 41], [None, "", 7, "PUBLIC"])
    found = find_coverage(*CRAB, 20.5, archive.host(), client=archive.client)
    assert found.science.tolist() == [True, True, False, True]
    assert found.public.tolist() == [-1, -1, -1, 1]


@pytest.mark.parametrize("more", [(), ("IBISMODE",), ("IBISMODE", "PS")])
@pytest.mark.parametrize("rolled", [True, False])
def test_a_server_that_has_fewer_columns_is_asked_for_those(more: tuple[str, ...], rolled: bool) -> None:
    known = [*ALL[:5], *(ALL[5:8] if rolled else ()), *more]
    archive = FakeArchive()

    def answer(request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)["return_columns"].split(",")
        if unknown := [name for name in asked if name not in known]:
            return httpx.Response(400, json=[f"unknown columns {unknown}, known are {known}"])
        whole = answered(["004000010010", "004000020010"], [41, 43], ["public", "public"]).json()["scwlist"]
        return httpx.Response(200, json={name: whole[name] for name in asked})

    archive.broken = answer
    found = find_coverage(*CRAB, 20.5, archive.host(), client=archive.client)
    assert len(found.pointings) == 2
    assert np.isfinite(found.pointings.ra_scz).all() == rolled
    assert found.science.tolist() == [True, not (more and rolled)], "known only together with the roll"
    assert found.public.tolist() == ([1, 1] if rolled and "PS" in more else [-1, -1])
    assert found.pointings.observation == ()


@pytest.mark.parametrize("mode", [[41], "science"])
def test_columns_that_do_not_fit_are_no_answer(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)
    archive = FakeArchive()
    archive.broken = lambda _: answered(["004000010010", "004000020010"], mode, ["public", "public"])
    with pytest.raises(ArchiveUnavailable, match="one length"):
        find_coverage(*CRAB, 20.5, archive.host(), client=archive.client)


def test_nothing_near_is_an_empty_list() -> None:
    archive = FakeArchive(rows=observed(40, 5, *CRAB))
    found = find_coverage(CRAB[0], -CRAB[1], 3.0, archive.host(), client=archive.client)
    assert (len(found.pointings), len(found.science), len(found.public)) == (0, 0, 0)


def test_the_fallback_is_asked_when_the_own_timesystem_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)
    archive = FakeArchive()

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if request.url.host == "own.example" else answered(["004000010010"], [41], ["public"])

    archive.broken = answer
    host = Host("staging", "http://dispatcher.example", "http://own.example/api/v1.0", "http://fallback.example/api/v1.0")
    found = find_coverage(*CRAB, 20.5, host, client=archive.client)
    assert (found.pointings.swid, found.pointings.origin) == (("004000010010",), "http://fallback.example/api/v1.0")
