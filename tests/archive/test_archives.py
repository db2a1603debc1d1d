"""Which archives are asked, in which order, and what the plan then says and keeps of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from dashboard.archive.archives import HEASARC, ISLA, archives, first_answer, remarks
from dashboard.archive.coverage_list import find_coverage
from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.archive.selection import find_pointings
from dashboard.errors import ArchiveError, ArchiveUnavailable, NoScienceWindows, RequestError
from dashboard.hosts import Host, read_hosts
from dashboard.identity import Identity
from dashboard.plan.coverage import Coverage
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.plan.replanning import replanned
from dashboard.request.checks import problems
from dashboard.request.request import Request
from dashboard.run_acts import extends
from tests.archive.fake_archive import FakeArchive, observed
from tests.archive.fake_tap import FakeTap, Row

TARGET = Target("Crab", 83.633, 22.0145, "given")
OWN, FALLBACK = "http://own.example/api/v1.0", "http://fallback.example/api/v1.0"
HOST = Host("staging", "http://dispatcher.example", OWN, FALLBACK)
WINDOWS = [*observed(40, 3, 83.6, 22.0), *observed(41, 4, 83.6, 22.0)]
ISLA_AT, HEASARC_AT = f"{ISLA[1]} ila.scw", f"{HEASARC[1]} intscw"


def rows(version: str = "001", **values: object) -> list[Row]:
    """The windows of the timesystem as HEASARC has them, the TT of their times 66.184 s ahead of UTC."""
    return [
        {
            **{"scw_id": swid, "scw_ver": version, "ra": ra, "dec": dec},
            **{"start_date": 51544 + start - 66.184 / 86400, "end_date": 51544 + stop - 66.184 / 86400},
            **{"ps": "public", "good_isgri": elapsed, "good_jemx1": elapsed, "good_jemx2": elapsed, **values},
        }
        for swid, ra, dec, start, stop, elapsed in WINDOWS
    ]


@dataclass
class World:
    """The four archives of a host, all of the same sky; those in `down` answer with 503."""

    own: FakeArchive = field(default_factory=lambda: FakeArchive(rows=WINDOWS, index_version="1"))
    fallback: FakeArchive = field(default_factory=lambda: FakeArchive(rows=WINDOWS, index_version="2"))
    isla: FakeTap = field(default_factory=lambda: FakeTap({"ila.scw": rows()}))
    heasarc: FakeTap = field(default_factory=lambda: FakeTap({"intscw": rows()}))
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        name = {"own.example": "own", "fallback.example": "fallback", "isla.esac.esa.int": "isla"}.get(request.url.host, "heasarc")
        if name not in self.asked[-1:]:
            self.asked.append(name)
        if name in self.down:
            return httpx.Response(503, text="<html>down</html>")
        if name in ("isla", "heasarc"):
            tap: FakeTap = getattr(self, name)
            return tap.answer(request)
        with getattr(self, name).client as client:
            response = client.get(str(request.url).replace("/api/v1.0", ""))
        return httpx.Response(response.status_code, content=response.content)

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.answer))

    def find(self, host: Host = HOST, **values: object) -> Mapping[str, Pointings]:
        with self.client as client:
            return find_pointings(Request.from_dict({"T1": 1000, "T2": 9000, **values}), TARGET, host, client)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)
    return World()


@pytest.mark.parametrize(
    ("down", "asked", "origin"),
    [
        (set(), ["own"], OWN),
        ({"own"}, ["own", "fallback"], FALLBACK),
        ({"own", "fallback"}, ["own", "fallback", "isla"], ISLA_AT),
        ({"own", "fallback", "isla"}, ["own", "fallback", "isla", "heasarc"], HEASARC_AT),
    ],
)
def test_auto_asks_in_order_until_one_answers(world: World, down: set[str], asked: list[str], origin: str) -> None:
    world.down = down
    found = world.find()["isgri"]
    assert (world.asked, found.origin) == (asked, origin)
    assert found.swid == tuple(sorted(row[0] for row in WINDOWS if row[0].endswith("0"))), "whoever answers"


@pytest.mark.parametrize(("choice", "origin"), [("timesystem", OWN), ("isla", ISLA_AT), ("heasarc", HEASARC_AT)])
def test_a_choice_is_asked_alone(world: World, choice: str, origin: str) -> None:
    assert world.find(scw_archive=choice)["isgri"].origin == origin
    assert world.asked == ["own" if choice == "timesystem" else choice]
    world.down = {"own", "fallback", "isla", "heasarc"}
    with pytest.raises(ArchiveUnavailable, match=r"HTTP status 503: try again later"):
        world.find(scw_archive=choice)
    assert set(world.asked) == ({"own", "fallback"} if choice == "timesystem" else {choice})


@pytest.mark.parametrize("choice", ["timesystem", "isla", "heasarc"])
def test_intervals_revolutions_and_lists_select_alike_in_all(world: World, choice: str) -> None:
    assert len(world.find(scw_archive=choice)["isgri"]) == 7
    assert {scw[:4] for scw in world.find(scw_archive=choice, revolutions=[41])["isgri"]} == {"0041"}
    listed = ["004100000020.001", "004000000010"]
    assert world.find(scw_archive=choice, scw_list=listed)["isgri"].swid == ("004000000010", "004100000020")
    with pytest.raises(NoScienceWindows, match="004000009990"):
        world.find(scw_archive=choice, scw_list=["004000009990"])
    with pytest.raises(NoScienceWindows, match="widen T1 to T2"):
        world.find(scw_archive=choice, T1=5000, T2=5001)


def test_when_nobody_answers_each_is_named(world: World) -> None:
    world.down = {"own", "fallback", "isla", "heasarc"}
    with pytest.raises(ArchiveUnavailable) as caught:
        world.find()
    assert all(url in caught.value.sentence for url in (OWN, FALLBACK, ISLA[1], HEASARC[1]))


def test_nothing_found_is_an_answer_and_nobody_else_is_asked(world: World) -> None:
    with pytest.raises(NoScienceWindows):
        world.find(T1=5000, T2=5001)
    assert world.asked == ["own"]


def test_who_cannot_tell_near_real_time_data_is_passed_over(world: World) -> None:
    world.down = {"own", "fallback"}
    world.isla.tables = {"ila.scw": [{key: value for key, value in row.items() if key != "scw_ver"} for row in rows()]}
    world.heasarc.tables = {"intscw": rows("000")}
    found = world.find(data_version="NRT")["isgri"]
    assert (found.origin, found.with_versions("NRT")[0]) == (HEASARC_AT, "004000000010.000")


def test_each_unit_of_jemx_has_its_own_list_where_good_times_are_known(world: World) -> None:
    world.heasarc.tables = {"intscw": rows(good_jemx2=100.0)}
    with pytest.raises(NoScienceWindows, match="No CONS science window of more than 500 s of good data points within"):
        world.find(scw_archive="heasarc", instrument="jemx2")
    found = world.find(scw_archive="heasarc", instrument=["jemx1", "jemx2"])
    assert (len(found["jemx1"]), len(found["jemx2"])) == (7, 0)
    world.isla.tables = {"ila.scw": [{key: value for key, value in row.items() if not key.startswith("good")} for row in rows()]}
    alike = world.find(scw_archive="isla", instrument=["jemx1", "jemx2"])
    assert alike["jemx2"] is alike["jemx1"]
    with pytest.raises(NoScienceWindows, match="No CONS science window of more than 500 s points within"):
        world.find(scw_archive="isla", T1=5000, T2=5001)


def test_the_simulated_sky_is_never_mixed_with_the_real_one(world: World) -> None:
    simulated = replace(HOST, name="simulated", timesystem_fallback="")
    world.down = {"own"}
    with pytest.raises(ArchiveUnavailable, match=OWN):
        world.find(simulated)
    assert world.asked == ["own"]
    for choice in ("isla", "heasarc"):
        with pytest.raises(RequestError, match="not asked for the host simulated") as caught:
            archives(simulated, choice)
        assert caught.value.field == "scw_archive"
        (problem,) = problems(Request(scw_archive=choice))
        assert problem.field == "scw_archive"
        assert "lists the real sky" in problem.sentence
        assert problems(Request(scw_archive=choice, host_type="production")) == []


def test_a_deployment_may_keep_other_archives_out(world: World) -> None:
    world.down = {"own", "fallback"}
    with pytest.raises(ArchiveUnavailable):
        world.find(replace(HOST, other_archives=False))
    assert world.asked == ["own", "fallback"]


def test_a_file_of_hosts_can_say_so(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text("[production]\nother_archives = false\n")
    assert not read_hosts(tmp_path / "hosts.toml")["production"].other_archives


def test_a_refusal_by_the_first_is_told_and_not_gone_around(world: World) -> None:
    def refuse(_: object) -> None:
        raise ArchiveError("radius too large")

    with pytest.raises(ArchiveError, match="radius too large"):
        first_answer(HOST, "auto", world.client, refuse)


def said(found: Mapping[str, Pointings], choice: str = "auto", public: bool = True) -> list[str]:
    return list(remarks(found.values(), HOST, choice, public))


def test_the_plan_is_told_who_listed_when_it_was_not_the_host(world: World) -> None:
    assert said(world.find()) == []
    world.down = {"own", "fallback"}
    assert said(world.find()) == [f"The timesystem of staging did not answer: the science windows are those of {ISLA_AT}."]
    assert said(world.find(scw_archive="heasarc"), "heasarc") == [
        f"The science windows are those of {HEASARC_AT}, as asked by scw_archive.",
        "HEASARC's list was last updated on 2024-03-11: later science windows may be missing.",
    ]


def test_private_windows_in_a_public_request_are_told(world: World) -> None:
    world.heasarc.tables = {"intscw": [{**row, "ps": "private" if "0041" in row["scw_id"][:4] else "public"} for row in rows()]}
    found = world.find(scw_archive="heasarc", instrument=["isgri", "jemx1"])
    assert said(found, "heasarc")[-1].startswith("4 of the science windows are private as the archive knows")
    assert not any("private" in sentence for sentence in said(found, "heasarc", public=False))


def planned(world: World, **values: object) -> Plan:
    request = Request.from_dict({"T1": 1000, "T2": 9000, "host_type": "staging", **values})
    with world.client as client:
        return make_plan(request, TARGET, find_pointings(request, TARGET, HOST, client), Identity())


def test_a_plan_keeps_who_listed_and_when_and_the_same_windows_make_the_same_batches(world: World) -> None:
    own, isla = planned(world), planned(world, scw_archive="isla")
    assert [batch.batch_id for batch in own.batches] == [batch.batch_id for batch in isla.batches]
    for plan, origin, index in ((own, OWN, "1"), (isla, ISLA_AT, "")):
        again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
        for kept in (plan.pointings, again.pointings):
            assert (kept.origin, kept.index_version) == (origin, index)
            assert len(kept.asked) == len("2009-02-15T00:00:00")
        assert again.archive == {"address": origin, "asked": plan.pointings.asked, "index_version": index}
        assert again.pointings.version == plan.pointings.version
        assert again.pointings.public == plan.pointings.public
        (line,) = (line for line in plan.describe() if line.startswith("Listed by: "))
        assert line == f"Listed by: {origin}, asked {plan.pointings.asked} UTC" + (f", index version {index}" if index else "")
    assert "scw_archive" not in isla.batches[0].parameters, "it is the plan's, not the dispatcher's"


def test_versions_of_the_archive_are_those_that_are_asked_for(world: World) -> None:
    world.heasarc.tables = {"intscw": rows("002")}
    plan = planned(world, scw_archive="heasarc")
    assert plan.batches[0].scw[0] == "004000000010.002"
    assert plan.pointings.version == ("002",) * 7
    assert planned(world).batches[0].scw[0] == "004000000010.001"


def test_plans_of_before_know_less_and_their_runs_can_grow(world: World) -> None:
    plan = planned(world, T2=1140.5)
    document = plan.to_dict()
    document["request"].pop("scw_archive")
    for name in ("asked", "version", "public"):
        document["pointings"].pop(name)
    former = Plan.from_dict(document)
    assert (former.pointings.asked, former.pointings.version, former.pointings.origin) == ("", (), OWN)
    assert not extends(former, Request.from_dict(former.request)), "nothing differs"
    request = Request.from_dict({**former.request, "T2": 9000, "scw_archive": "heasarc"})
    assert extends(former, request)
    longer = replanned(former, request, world.find(scw_archive="heasarc"))
    assert longer.n_scw == 7
    assert longer.pointings.origin == f"{OWN} + {HEASARC_AT}"
    assert longer.pointings.version == ("",) * len(plan.pointings) + ("001",) * (7 - len(plan.pointings))


def test_coverage_agrees_with_the_list_of_the_plan_also_where_good_times_decide(world: World) -> None:
    world.heasarc.tables = {
        "intscw": [{**row, "good_isgri": 400.0 * (i % 3), "good_jemx1": 150.0 * (i % 4) + 250} for i, row in enumerate(rows())]
    }
    coverage = Coverage.of(find_coverage(TARGET.ra, TARGET.dec, 15.0, HOST, client=world.client, choice="heasarc"), TARGET.ra, TARGET.dec)
    assert (len(coverage), coverage.offline) == (7, False)
    for instrument in ("isgri", "jemx1"):
        listed = world.find(scw_archive="heasarc", instrument=instrument)[instrument].swid
        seen = coverage.seen(instrument, Request().radius_for(instrument))
        assert tuple(swid for swid, mark in zip(coverage.swid, seen, strict=True) if mark) == listed
        assert 0 < len(listed) < 7


def test_observations_are_asked_of_who_knows_them(world: World) -> None:
    """A timesystem that has no such column, and a table without it, are passed over."""
    world.heasarc = FakeTap({"intscw": rows(obs_id="02200120001")})
    found = world.find(observations=["0220012/0001"])["isgri"]
    assert found.origin == HEASARC_AT
    assert set(found.observation) == {"02200120001"}
    assert len(found) == 7, "whenever it was: T1 and T2 mean nothing beside it"
    for choice in ("timesystem", "isla"):
        with pytest.raises(ArchiveUnavailable, match="does not tell which observation"):
            world.find(observations=["0220012/0001"], scw_archive=choice)


def test_an_observation_that_is_not_there_is_named(world: World) -> None:
    world.heasarc = FakeTap({"intscw": rows(obs_id="02200120001")})
    with pytest.raises(NoScienceWindows, match=r"1 of the 2 observations .* 02200120002; remove them"):
        world.find(observations=["02200120001", "02200120002"])
    with pytest.raises(NoScienceWindows, match=r"in observations 02200120002: name other observations"):
        world.find(observations=["02200120002"])


def test_a_plan_keeps_observations_and_good_times(world: World) -> None:
    request = Request(observations=["02200120001"], scw_archive="heasarc", host_type="staging")
    world.heasarc = FakeTap({"intscw": rows(obs_id="02200120001", good_isgri=900.0, good_jemx2=None)})
    with world.client as client:
        plan = make_plan(request, TARGET, find_pointings(request, TARGET, HOST, client), Identity())
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    for one in (plan, again):
        assert set(one.pointings.observation) == {"02200120001"}
        assert one.pointings.good["isgri"].tolist() == [900.0] * 7
        assert all(seconds != seconds for seconds in one.pointings.good["jemx2"].tolist())
    assert extends(plan, Request.from_dict({**plan.request, "observations": ["02200120001", "02200120002"]}))
