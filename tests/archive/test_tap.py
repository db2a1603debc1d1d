"""A TAP answer is read whole or refused with a sentence that says whom it concerns and what to do."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import httpx
import pytest

from dashboard.archive.tap import TapService
from dashboard.errors import ArchiveError, ArchiveUnavailable
from tests.archive.fake_tap import FakeTap, refusal, votable
from tests.dispatcher.replay import Reply, serving

URL = "https://archive.example/tap"
TABLE = votable({"SCW_ID": str, "good_isgri": float, "n": int}, [("004000010010", 1200.5, 7), ("004000020010", None, None)])
HTML = "<!doctype html><html><title>Maintenance</title><body>We are down.</body></html>"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)


def service(answer: Callable[[httpx.Request], httpx.Response], follow_redirects: bool = False) -> TapService:
    client = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=follow_redirects)
    return TapService("The archive", URL, client)


def test_a_table_comes_by_name_with_what_is_absent_as_none() -> None:
    columns = service(lambda _: httpx.Response(200, text=TABLE)).query("SELECT * FROM scw")
    assert {name: column.tolist() for name, column in columns.items()} == {
        "scw_id": ["004000010010", "004000020010"],
        "good_isgri": [1200.5, None],
        "n": [7, None],
    }


def test_columns_of_arrays_are_passed_over() -> None:
    corners = TABLE.replace('<FIELD name="n" datatype="long"/>', '<FIELD name="corners" datatype="double" arraysize="2"/>')
    columns = service(lambda _: httpx.Response(200, text=corners.replace("<TD>7</TD>", "<TD>7 8</TD>"))).query("SELECT TOP 2 * FROM scw")
    assert columns["corners"].tolist() == [None, None]
    assert columns["scw_id"].tolist() == ["004000010010", "004000020010"]


def test_a_table_without_rows_is_a_table() -> None:
    columns = service(lambda _: httpx.Response(200, text=votable({"a": str}, []))).query("SELECT a FROM scw")
    assert columns["a"].tolist() == []


@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_carries_the_servers_words(status: int) -> None:
    with pytest.raises(
        ArchiveError, match=r"The archive \(https://archive.example/tap\) refused the question: Unknown column <x>"
    ) as caught:
        service(lambda _: refusal("Unknown column <x>", status)).query("SELECT x FROM scw")
    assert not isinstance(caught.value, ArchiveUnavailable)


def test_a_refusal_that_is_a_page_is_read_as_text() -> None:
    with pytest.raises(ArchiveError, match=r"refused the question: Maintenance We are down\.$"):
        service(lambda _: httpx.Response(400, text=HTML)).query("SELECT x FROM scw")


def test_an_answer_that_was_cut_short_is_none() -> None:
    with pytest.raises(ArchiveError, match="sends only part of so many science windows: ask for a shorter interval"):
        service(lambda _: httpx.Response(200, text=votable({"a": int}, [(1,)], "OVERFLOW"))).query("SELECT a FROM scw")


@pytest.mark.parametrize(
    "body",
    [
        HTML,
        "",
        "{}",
        TABLE[:-60],
        TABLE[: TABLE.index("<TABLE>")] + "</RESOURCE></VOTABLE>",
        TABLE.replace("<TABLEDATA>", '<BINARY><STREAM href="file:///etc/passwd"/></BINARY><TABLEDATA>'),
    ],
    ids=["HTML", "empty", "JSON", "truncated", "no table", "linked"],
)
def test_something_else_than_a_table_is_no_answer(body: str) -> None:
    with pytest.raises(ArchiveUnavailable, match=r"The archive \(https://archive.example/tap\) sent an answer that .*: try again later"):
        service(lambda _: httpx.Response(200, text=body)).query("SELECT a FROM scw")


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_status_is_told(status: int) -> None:
    with pytest.raises(ArchiveUnavailable, match=f"HTTP status {status}"):
        service(lambda _: httpx.Response(status, text=HTML)).query("SELECT a FROM scw")


def test_a_redirect_is_followed_and_a_ring_of_them_is_not() -> None:
    def moved(request: httpx.Request) -> httpx.Response:
        if request.url.host == "new.example":
            return httpx.Response(200, text=TABLE)
        return httpx.Response(302, headers={"Location": str(request.url.copy_with(host="new.example"))})

    assert len(service(moved, follow_redirects=True).query("SELECT a FROM scw")["scw_id"]) == 2
    with pytest.raises(ArchiveUnavailable, match="cannot be reached"):
        service(lambda r: httpx.Response(302, headers={"Location": str(r.url)}), follow_redirects=True).query("SELECT a FROM scw")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), "cannot be reached"),
        (httpx.ReadTimeout("slow"), "did not answer within 50 s"),
        (httpx.ConnectTimeout("slow"), "did not answer within 10 s"),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), "cannot be reached"),
    ],
    ids=["TLS", "slow", "unreached", "cut"],
)
def test_a_lost_answer_is_told(error: httpx.TransportError, told: str) -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        if isinstance(error, httpx.ConnectError):
            raise error from ssl.SSLCertVerificationError("self-signed certificate")
        raise error

    with pytest.raises(ArchiveUnavailable, match=told):
        service(lose).query("SELECT a FROM scw")


def test_a_body_shorter_than_its_length_is_no_answer() -> None:
    with serving([Reply(TABLE.encode(), cut=200)]) as server, pytest.raises(ArchiveUnavailable, match="cannot be reached"):
        TapService("The archive", server.url + "/tap").query("SELECT a FROM scw")


def test_the_question_is_put_as_the_protocol_wants_it() -> None:
    tap = FakeTap({"scw": [{"scw_id": "004000010010", "n": 3}]})
    assert TapService("The archive", URL, tap.client).query("SELECT TOP 1 * FROM scw")["n"].tolist() == [3]
    assert tap.asked == ["SELECT TOP 1 * FROM scw"]
