from __future__ import annotations

import gzip
import math
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.dispatcher import health as module
from dashboard.dispatcher.health import check_host
from dashboard.hosts import GENEVA, Host, known_hosts
from tests.dispatcher.replay import FakeTime, Reply, Server, answer, host, recorded, serving

NAMES = answer(["src_name", "RA"])
REFUSAL = {"error_message": "instrument unknown", "cdci_data_analysis_version": "1.3.6", "config": {"smtp_server": "smtp.example"}}


def questions(server: Server) -> list[dict[str, list[str]]]:
    """What was asked; nothing but parameter names, by GET, without a token."""
    for method, path, _ in server.requests:
        assert (method, urlsplit(path).path) == ("GET", "/api/par-names")
    asked = [parse_qs(urlsplit(path).query) for _, path, _ in server.requests]
    assert all(set(query) == {"instrument", "product_type"} for query in asked)
    return asked


def test_a_dispatcher_is_reachable_and_tells_its_version(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_TOKEN", "secret")
    names = recorded(shared_data, "04_dummy_sync_isgri_image", "/api/par-names")
    refusals = recorded(shared_data, "25_wrong_instrument", "/api/par-names")
    with serving([*names, *refusals]) as server:
        health = check_host(host(server.url + "/"))
        first, second = questions(server)
    assert (health.reachable, health.version, health.resolves) == (True, "1.3.6", True)
    assert first == {"instrument": ["isgri"], "product_type": ["isgri_image"]}
    assert second["instrument"] != ["isgri"]


def test_the_version_is_asked_for_on_demand_alone() -> None:
    with serving([NAMES]) as server:
        health = check_host(host(server.url), version=False)
        assert len(questions(server)) == 1
    assert (health.reachable, health.version) == (True, "")


def test_the_latency_is_that_of_the_first_question() -> None:
    """Looks at the clock: for the deadlines of all and of the question, before and after it, after each piece of the answer."""
    with serving([NAMES, answer(REFUSAL, 400)]) as server:
        health = check_host(host(server.url), seconds=60.0, clock=FakeTime(per_look=0.5).clock)
    assert health.latency == 1.5
    assert "1.50 s" in health.detail


@pytest.mark.parametrize(
    "version",
    [None, 136, ["1.3.6"], {"a": 1}, "", "unknown", "1", "1.3.6 <b>", "1." + "3" * 40, "1.3\n", "eyJ.e30.x", "1.3.6; a", "١.٢"],
)
def test_what_is_not_shaped_like_a_version_is_none(version: Any) -> None:
    with serving([NAMES, answer({**REFUSAL, "cdci_data_analysis_version": version}, 400)]) as server:
        health = check_host(host(server.url))
    assert (health.reachable, health.version) == (True, "")


@pytest.mark.parametrize("version", ["1.3.6", "v1.3.7", "1.3.6.dev12+g0f5a1b2", "1.4.0rc1", "1." + "3" * 38])
def test_versions_of_development_are_versions_too(version: str) -> None:
    with serving([NAMES, answer({**REFUSAL, "cdci_data_analysis_version": version}, 400)]) as server:
        assert check_host(host(server.url)).version == version


@pytest.mark.parametrize(
    "second",
    [
        answer(REFUSAL, 500),
        answer(REFUSAL, 200),
        Reply(b"<html>", 400),
        answer(["1.3.6"], 400),
        Reply(b"[" * 100_000, 400),
        Reply(b'{"cdci_data_analysis_version": ' + b"9" * 9_000 + b"}", 400),
        Reply(b"\xff\xfe", 400),
        answer({**REFUSAL, "padding": " " * module.LARGEST_ANSWER}, 400),
        Reply(b"{}", 302, {"Location": "/elsewhere"}),
        Reply(hang_up=True),
        Reply(b"{}", 400, cut=1),
    ],
    ids=lambda reply: f"{reply.status} {reply.body[:20]!r} {reply.hang_up}",
)
def test_a_reachable_host_stays_so_whatever_it_answers_about_its_version(second: Reply) -> None:
    with serving([NAMES, second]) as server:
        health = check_host(host(server.url))
    assert (health.reachable, health.version) == (True, "")
    assert "answers in" in health.detail


def test_nothing_else_of_a_refusal_is_kept() -> None:
    with serving([NAMES, answer(REFUSAL, 400)]) as server:
        health = check_host(host(server.url))
    assert health.version == "1.3.6"
    for word in ("smtp", "instrument unknown", "config"):
        assert word not in repr(health)


def test_a_version_that_does_not_come_keeps_nobody_beyond_the_deadline() -> None:
    with serving([NAMES, Reply(hang=True)]) as server:
        health = check_host(host(server.url), seconds=1.5)
        assert len(questions(server)) == 2
    assert (health.reachable, health.version) == (True, "")


@pytest.mark.parametrize("status", [500, 302, 301, 404, 403])
def test_other_statuses_are_no_dispatcher_and_redirects_are_not_followed(status: int) -> None:
    with serving([Reply(NAMES.body, status, {"Location": "/elsewhere"})]) as server:
        health = check_host(host(server.url))
        assert len(questions(server)) == 1
    assert not health.reachable
    assert str(status) in health.detail


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"isgri": 1}',
        b'"isgri"',
        b"null",
        b"[1, 2]",
        b'["RA", null]',
        b'["RA"',
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_list_of_names_is_no_dispatchers(body: bytes) -> None:
    with serving([Reply(body)]) as server:
        health = check_host(host(server.url))
        assert len(questions(server)) == 1
    assert not health.reachable
    assert "not as a dispatcher" in health.detail
    assert "html" not in health.detail


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_of_a_huge_answer_the_beginning_is_read(coding: str) -> None:
    """It would be a list of names, if it ever came to its end."""
    body = b'["RA"' + b" " * 30_000_000 + b"]"
    sent = Reply(gzip.compress(body) if coding == "gzip" else body, headers={"Content-Encoding": coding}, hang=True)
    with serving([replace(sent, cut=int(len(sent.body) * 0.9))]) as server:
        health = check_host(host(server.url), seconds=20.0)
    assert not health.reachable
    assert "not as a dispatcher" in health.detail


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(NAMES.body, hang=True, cut=3)], ids=["silent", "stuck"])
def test_silence_ends_at_the_deadline(reply: Reply) -> None:
    with serving([reply]) as server:
        health = check_host(host(server.url), seconds=0.2)
    assert (health.reachable, health.resolves) == (False, True)
    assert health.detail == "staging does not answer within 0.2 s."
    assert math.isnan(health.latency)


def test_absence_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        health = check_host(host(f"http://127.0.0.1:{free.getsockname()[1]}"))
    assert (health.reachable, health.resolves, health.version) == (False, True, "")
    assert health.detail == "staging does not answer (ConnectError)."
    assert math.isnan(health.latency)
    assert "no address" in check_host(Host("simulated")).detail
    assert not check_host(host("http://[broken")).reachable


@pytest.fixture
def lost_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that knows no names, as the operating system tells it."""

    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.usefixtures("lost_names")
def test_a_name_the_network_does_not_know() -> None:
    health = check_host(host("https://dispatcher.example.org/mmoda"))
    assert (health.reachable, health.resolves, health.version) == (False, False, "")
    assert health.detail == "staging is not known to this network."
    inside = check_host(known_hosts()["esa"])
    assert not inside.resolves
    assert inside.detail == "esa is not known to this network: it is reached from inside ESAC only."
    other = check_host(Host("institute", "http://mmoda.example.lan", note="of our own", only_inside=True))
    assert other.detail == "institute is not known to this network: it is reached from inside its own network only."


@pytest.mark.parametrize("name", ["a" * 70 + ".example", "mmoda..example"])
def test_a_name_that_cannot_be_one_is_not_known_either(name: str) -> None:
    health = check_host(host(f"http://{name}/"))
    assert (health.reachable, health.resolves) == (False, False)


@pytest.fixture
def endless_look_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A network whose name server does not answer while the test lasts."""
    over = threading.Event()

    def wait(*_: Any, **__: Any) -> list[Any]:
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    over.set()


@pytest.mark.timeout(30)
@pytest.mark.usefixtures("endless_look_up")
def test_looking_a_name_up_has_the_same_deadline() -> None:
    health = check_host(host(GENEVA), seconds=0.2)
    assert (health.reachable, health.resolves) == (False, True)
    assert health.detail == "staging does not answer within 0.2 s."
