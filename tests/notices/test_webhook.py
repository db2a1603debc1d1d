"""A webhook gets JSON at its own address; that address stays a secret, and nothing takes longer than it may."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time

import pytest

from dashboard.errors import NoticeFailed
from dashboard.notices import webhook
from dashboard.notices.webhook import post
from tests.notices.crab_news import SECRET, crab_news
from tests.notices.http_server import Reply, hook
from tests.waiting import wait_until

HANG_UP = Reply(hang_up=True)


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSE", 0.01)


def failure(url: str, seconds: float = 10.0) -> str:
    """The sentence, in which and behind which the secret does not stand."""
    with pytest.raises(NoticeFailed) as caught:
        post(url, crab_news(), seconds)
    assert SECRET not in caught.value.sentence
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value.sentence


def no_thread_is_left() -> bool:
    return not any(thread.name.startswith("notice") for thread in threading.enumerate())


@pytest.mark.parametrize("status", [200, 204])
def test_the_news_arrive_as_json(status: int) -> None:
    news = crab_news(name="Crab 蟹\r\nX-Injected: 1", reason="day\ud800")
    with hook(Reply(status)) as server:
        post(f"{server.url}/services/{SECRET}?key=a%2Fb", news)
    assert server.documents == [news.to_dict()]
    assert server.documents[0]["name"] == "Crab 蟹 X-Injected: 1"
    assert server.paths == [f"/services/{SECRET}?key=a%2Fb"]
    assert server.headers[0]["content-type"] == "application/json"
    assert server.headers[0]["host"] == server.url.removeprefix("http://")
    assert not {"authorization", "x-injected"} & set(server.headers[0])


def test_a_user_name_and_password_are_sent_as_such() -> None:
    with hook() as server:
        post(server.url.replace("://", f"://ada:{SECRET}@"), crab_news())
    assert server.headers[0]["authorization"] == f"Basic {base64.b64encode(f'ada:{SECRET}'.encode()).decode()}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with hook() as elsewhere, hook(Reply(status, {"Location": f"{elsewhere.url}/{SECRET}"})) as server:
        assert "redirects elsewhere" in failure(f"{server.url}/{SECRET}")
    assert (len(server.paths), elsewhere.paths) == (1, [])


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with hook() as server:
        post(server.url, crab_news())
    assert len(server.paths) == 1


@pytest.mark.parametrize("first", [Reply(500), Reply(503), HANG_UP])
def test_a_second_try_is_made(first: Reply) -> None:
    with hook(first, Reply()) as server:
        post(server.url, crab_news())
    assert len(server.paths) == 2


@pytest.mark.parametrize(
    ("replies", "tries", "told"),
    [
        ((Reply(503),), 2, "HTTP status 503: try again later"),
        ((HANG_UP,), 2, "cannot be reached"),
        ((Reply(500), HANG_UP), 2, "cannot be reached"),
        ((HANG_UP, Reply(500)), 2, "HTTP status 500"),
        ((Reply(404),), 1, "HTTP status 404: check its address"),
        ((Reply(429),), 1, "HTTP status 429"),
    ],
)
def test_no_third_try_is_made(replies: tuple[Reply, ...], tries: int, told: str) -> None:
    with hook(*replies) as server:
        sentence = failure(f"{server.url}/{SECRET}?key={SECRET}")
    assert len(server.paths) == tries
    assert told in sentence
    assert "127.0.0.1" in sentence


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert failure(f"http://ada:{SECRET}@127.0.0.1:{port}/{SECRET}").startswith("The webhook at 127.0.0.1 cannot be reached")
    assert "The webhook at hooks.invalid cannot be reached" in failure(f"http://hooks.invalid/{SECRET}")


def test_a_certificate_must_be_trusted_and_tls_spoken() -> None:
    with hook() as server:
        assert "cannot be reached" in failure(f"https://127.0.0.1:{server.port}/{SECRET}")


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(trickle=True), Reply(503, trickle=True)])
def test_a_server_that_hangs_is_left_at_the_deadline(reply: Reply) -> None:
    with hook(reply) as server:
        started = time.monotonic()
        assert "did not answer within 0.4 s" in failure(f"{server.url}/{SECRET}", seconds=0.4)
        assert time.monotonic() - started < 2
        wait_until(no_thread_is_left, "the request goes on behind the deadline", 5)
    assert len(server.paths) == 1


def test_a_port_that_does_not_speak_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for scheme in ("http", "https"):
            started = time.monotonic()
            assert "did not answer within 0.4 s" in failure(f"{scheme}://127.0.0.1:{port}/{SECRET}", seconds=0.4)
            assert time.monotonic() - started < 2
        wait_until(no_thread_is_left, "the request goes on behind the deadline", 5)


@pytest.mark.parametrize(
    "url",
    [
        *("", SECRET, f"hooks.example.org/{SECRET}", f"ftp://hooks.example.org/{SECRET}", f"http:///{SECRET}", f"http://[::1/{SECRET}"),
        *(
            f"http://127.0.0.1:99999/{SECRET}",
            f"http://127.0.0.1:{SECRET}/",
            f"http://127.0.0.1/{SECRET}\n",
            f"http://{'a' * 300}/{SECRET}",
        ),
    ],
)
def test_what_is_no_address_is_told(url: str) -> None:
    assert failure(url, 2.0).startswith("The webhook")


def test_a_port_beyond_the_last_is_not_taken_for_another() -> None:
    """The resolver would leave 65536 out of it, and ask whoever listens there."""
    with hook(Reply(200)) as server:
        beyond = f"http://127.0.0.1:{int(server.url.rpartition(':')[2]) + 65536}/{SECRET}"
        assert "up to 65535" in failure(beyond, 2.0)


def test_no_log_knows_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), hook(Reply(500)) as server:
        failure(f"{server.url}/{SECRET}?key={SECRET}")
    assert SECRET not in caplog.text
