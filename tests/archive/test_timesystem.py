"""Science windows come back complete, once, in time order; failures are sentences."""

from __future__ import annotations

from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from dashboard.archive import fetching
from dashboard.archive.fetching import WebService
from dashboard.archive.timesystem import Timesystem
from dashboard.errors import ArchiveError, ArchiveUnavailable, RequestError
from dashboard.request.times import TimeSpan, parse_spans
from tests.archive.fake_archive import FakeArchive, observed, revolution_edges
from tests.dispatcher.replay import FakeTime

RA, DEC = 83.633, 22.0145


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive(rows=[*observed(41, 5, RA, DEC), *observed(40, 4, RA + 5, DEC)])


def timesystem(archive: FakeArchive) -> Timesystem:
    return Timesystem("http://timesystem/", archive.client)


def spans(t1: object, t2: object) -> tuple[TimeSpan, ...]:
    return parse_spans(t1, t2)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)


def test_a_revolution_has_its_edges(archive: FakeArchive) -> None:
    assert timesystem(archive).convert_revolution(1554) == revolution_edges(1554)
    with pytest.raises(ArchiveError, match="revolution 5000: no such revolution"):
        timesystem(archive).convert_revolution(5000)


def test_pointings_come_sorted_without_slews_with_all_columns(archive: FakeArchive) -> None:
    found = timesystem(archive).scwlist(spans(1000, 9000), RA, DEC, 10.5, "CONS")
    assert found.swid == tuple(sorted(row[0] for row in archive.rows if row[0].endswith("0")))
    assert len(found) == 9
    assert np.all(np.diff(found.tstart) > 0)
    assert np.all(found.telapse == 2000)
    np.testing.assert_allclose(found.dec_scz, found.dec_scx - 90)
    assert found.index_version == "20260101"


def test_the_question_is_put_in_the_services_terms(archive: FakeArchive) -> None:
    timesystem(archive).scwlist(spans("2009-02-15", "2009-03-30"), RA, DEC, 10.5, "NRT")
    (asked,) = archive.asked
    assert "/scwlist/nrt/2009-02-15T00:00:00.000/2009-03-30T00:00:00.000?" in asked
    assert "ra=83.6330&dec=22.0145&radius=10.5000" in asked
    assert "min_good_isgri=500" in asked


def test_overlapping_spans_list_a_window_once(archive: FakeArchive) -> None:
    whole = timesystem(archive).scwlist(spans(1000, 9000), RA, DEC, 10.5, "CONS")
    pieces = timesystem(archive).scwlist(spans([1000, "rev:40"], ["rev:41", "rev:41"]), RA, DEC, 10.5, "CONS")
    assert pieces.swid == whole.swid
    assert timesystem(archive).scwlist(spans("rev:41", "rev:41"), RA, DEC, 10.5, "CONS").swid == whole.swid[4:]


def test_nothing_found_is_an_empty_list(archive: FakeArchive) -> None:
    found = timesystem(archive).scwlist(spans(1000, 9000), RA, -DEC, 3.0, "CONS")
    assert len(found) == 0
    assert found.tstart.shape == (0,)


def test_a_server_without_roll_columns_is_asked_for_the_rest(archive: FakeArchive) -> None:
    archive.columns = ("SWID", "RA_SCX", "DEC_SCX", "TSTART", "TSTOP")
    found = timesystem(archive).scwlist(spans(1000, 9000), RA, DEC, 10.5, "CONS")
    assert np.isnan(found.ra_scz).all()
    np.testing.assert_allclose(found.telapse, 2000, rtol=1e-4)  # from TSTOP - TSTART


def test_a_refusal_carries_the_servers_words(archive: FakeArchive) -> None:
    with pytest.raises(ArchiveError, match="radius too large"):
        timesystem(archive).scwlist(spans(1000, 9000), RA, DEC, 999, "CONS")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>maintenance</html>"),
        httpx.Response(200, json=["001"]),
        httpx.Response(200, json={"SWID": ["004000010010"]}),
        httpx.Response(200, json={name: ["x"] for name in ("SWID", "RA_SCX", "DEC_SCX", "TSTART", "TSTOP")}),
        httpx.Response(200, json={"SWID": ["004000010010"], "RA_SCX": [None], "DEC_SCX": [1], "TSTART": [1], "TSTOP": [2]}),
        httpx.Response(200, json={"SWID": ["004000010010"], "RA_SCX": [], "DEC_SCX": [1], "TSTART": [1], "TSTOP": [2]}),
        httpx.Response(500, text="oops"),
        httpx.Response(404, text="gone"),
    ],
)
def test_useless_answers_are_archive_unavailable(archive: FakeArchive, answer: httpx.Response) -> None:
    archive.broken = lambda request: answer
    with pytest.raises(ArchiveUnavailable, match="The timesystem"):
        timesystem(archive).scwlist(spans(1000, 9000), RA, DEC, 10.5, "CONS")
    with pytest.raises(ArchiveUnavailable):
        timesystem(archive).convert_revolution(40)


def test_old_servers_without_index_version_are_understood(archive: FakeArchive) -> None:
    columns = {"SWID": ["004000010010.001"], "RA_SCX": [1], "DEC_SCX": [1], "TSTART": [1], "TSTOP": [2]}
    archive.broken = lambda request: httpx.Response(200, json=columns)
    found = timesystem(archive).scwlist(spans(1000, 9000), RA, DEC, 10.5, "CONS")
    assert (found.swid, found.index_version) == (("004000010010",), "")


def test_a_lost_connection_is_tried_three_times_in_all(archive: FakeArchive) -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    archive.broken = lose
    assert not timesystem(archive).healthy()
    assert len(archive.asked) == 3


def test_a_passing_failure_is_survived(archive: FakeArchive) -> None:
    def fail_once(request: httpx.Request) -> httpx.Response:
        archive.broken = None
        raise httpx.RemoteProtocolError("hung up")

    archive.broken = fail_once
    assert timesystem(archive).healthy()


@pytest.mark.parametrize(("lost", "limit"), [(httpx.ReadTimeout, "50"), (httpx.ConnectTimeout, "10")])
def test_a_service_that_hangs_is_asked_once(archive: FakeArchive, lost: type[httpx.TimeoutException], limit: str) -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise lost("slow")

    archive.broken = hang
    with pytest.raises(ArchiveUnavailable, match=f"did not answer within {limit} s: try again later"):
        timesystem(archive).convert_revolution(40)
    assert len(archive.asked) == 1


def test_all_tries_together_have_one_deadline(archive: FakeArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    monkeypatch.setattr(fetching, "time", SimpleNamespace(monotonic=clock.clock, sleep=clock.sleep))
    allowed: list[float] = []

    def fail_late(request: httpx.Request) -> httpx.Response:
        allowed.append(request.extensions["timeout"]["read"])
        clock.now += 0.8 * allowed[-1]
        return httpx.Response(503)

    archive.broken = fail_late
    for host in (archive.host("simulated"), archive.host("production")):
        allowed.clear()
        start, limit = clock.now, fetching.patience(host)
        with pytest.raises(ArchiveUnavailable, match="HTTP status 503"):
            WebService("The timesystem", "http://timesystem", archive.client, limit).get("/healthcheck")
        assert allowed[0] == limit
        assert allowed[1] == pytest.approx(0.2 * limit - 0.5)
        assert clock.now - start <= limit
        assert limit + fetching.CONNECT_SECONDS <= (30 if host.simulated else 60)


def test_a_date_before_the_revolution_it_goes_with_is_told(archive: FakeArchive) -> None:
    start, _ = revolution_edges(41)
    for t1, t2 in (("rev:41", "2002-01-01"), (start + 5, "rev:41"), ("rev:41", start)):
        with pytest.raises(RequestError, match=r"T2 \(.*\) is not after T1 \(.*\): swap them") as caught:
            timesystem(archive).scwlist(spans(t1, t2), RA, DEC, 10.5, "CONS")
        assert caught.value.field == "T2"
    assert len(timesystem(archive).scwlist(spans("rev:41", start + 5), RA, DEC, 10.5, "CONS")) == 5


def test_a_host_without_address_says_so() -> None:
    with pytest.raises(ArchiveUnavailable, match="no address"):
        WebService("The timesystem", "").get("/healthcheck")
