"""Sesame's answer is a position, or a sentence; what does not answer is asked for at the mirror."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dashboard.archive import sesame
from dashboard.archive.sesame import LARGEST_ANSWER, sesame_position
from dashboard.errors import ArchiveUnavailable, UnknownSource
from tests.archive.fake_archive import sesame_answer
from tests.dispatcher.replay import Reply, serving

KNOWN = {"M 1": ("Simbad", 83.6324, 22.0174)}
GOOD = sesame_answer("M 1", KNOWN)
Answer = Callable[[httpx.Request], httpx.Response]


def asking(first: Answer, second: Answer | None = None) -> tuple[httpx.Client, list[httpx.URL]]:
    """A client for which Strasbourg and its mirror answer so."""
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return (first if request.url.host == "cds.unistra.fr" else second or first)(request)

    return httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True), asked


def text(content: str | bytes, status: int = 200, **headers: str) -> Answer:
    body = content.encode() if isinstance(content, str) else content
    return lambda request: httpx.Response(status, content=body, headers=headers)


def failing(error: Exception) -> Answer:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    return fail


class Broken(httpx.SyncByteStream):
    """A body that ends before its announced length, as the transport reports it."""

    def __iter__(self) -> Iterator[bytes]:
        yield GOOD[:200].encode()
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body (received 200 bytes, expected 900)")


def test_the_first_position_is_taken_with_its_catalogue() -> None:
    client, asked = asking(text(GOOD))
    assert sesame_position("M 1", client) == (83.6324, 22.0174, "Simbad")
    assert [str(url) for url in asked] == ["https://cds.unistra.fr/cgi-bin/nph-sesame/-oxp/SNV?M%201"]


def test_a_catalogue_without_a_position_is_passed_over() -> None:
    both = GOOD.replace("<Resolver", '<Resolver name="N=NED"><INFO>no position</INFO></Resolver><Resolver', 1)
    assert sesame_position("M 1", asking(text(both))[0]) == (83.6324, 22.0174, "Simbad")
    outside = GOOD.replace("<Resolver", '<Resolver name="N=NED"><jradeg>999</jradeg><jdedeg>nan</jdedeg></Resolver><Resolver', 1)
    assert sesame_position("M 1", asking(text(outside))[0]) == (83.6324, 22.0174, "Simbad")


@pytest.mark.parametrize("name", ["GX 5-1", "A&B=C#D?E/F", "1E 1740.7−2942", "%41"])
def test_a_name_is_asked_as_it_is_written(name: str) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        written = httpx.QueryParams(b"name=" + request.url.query)["name"]
        return httpx.Response(200, text=sesame_answer(written, {name: ("Simbad", 1.0, 2.0)}))

    assert sesame_position(name, asking(echo)[0]) == (1.0, 2.0, "Simbad")


def test_an_unknown_name_is_unknown_and_the_mirror_is_left_alone() -> None:
    client, asked = asking(text(sesame_answer("Nobody", KNOWN)))
    with pytest.raises(UnknownSource, match="'Nobody'"):
        sesame_position("Nobody", client)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (text("<html><body>Maintenance<br></body></html>"), "is no XML"),
        (text("<html><body>Maintenance</body></html>"), "is no position"),
        (text(f'<!DOCTYPE x [<!ENTITY a "{"a" * 99}"><!ENTITY b "{"&a;" * 99}">]>{GOOD}'), "is no position"),
        (text("Bad request", 400), "is no position"),
        (text("busy", 503), "HTTP status 503"),
        (text("gone", 404), "HTTP status 404"),
        (text(""), "is no XML"),
        (text(GOOD[:300]), "is no XML"),
        (text(b"\xff\xfe\x00\x01"), "is no XML"),
        (text(GOOD.replace("UTF-8", "klingon")), "is no XML"),
        (text(GOOD.replace("jradeg", "ra").replace("jdedeg", "dec")), "holds no position"),
        (text(GOOD.replace("83.6324", "05 34 31")), "holds no position"),
        (text(GOOD.replace("83.6324", "483.6324")), "holds no position"),
        (text("<Sesame/>"), "is no position"),
        (text("<Sesame><Target><INFO>Simbad is away</INFO></Target></Sesame>"), "holds no position"),
        (text(b" " * (LARGEST_ANSWER + 1)), "larger than 1 MB"),
        (text("", 302, location="https://cds.unistra.fr/cgi-bin/nph-sesame/-oxp/SNV?M%201"), "cannot be reached"),
        (text(b"no gzip", 200, **{"content-encoding": "gzip"}), "cannot be reached"),
        (failing(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")), "cannot be reached"),
        (failing(httpx.ReadTimeout("slow")), "did not answer within"),
        (failing(httpx.ConnectTimeout("slow")), "did not answer within"),
        (lambda request: httpx.Response(200, stream=Broken()), "cannot be reached"),
    ],
)
def test_trouble_at_one_is_no_trouble_and_at_both_a_sentence(trouble: Answer, words: str) -> None:
    client, asked = asking(trouble, text(GOOD))
    assert sesame_position("M 1", client) == (83.6324, 22.0174, "Simbad")
    assert asked[-1].host == "vizier.cfa.harvard.edu"
    with pytest.raises(ArchiveUnavailable) as caught:
        sesame_position("M 1", asking(trouble)[0])
    assert caught.value.sentence.count(words) == 2
    assert "Sesame's mirror (" in caught.value.sentence


def test_a_redirect_is_followed_to_an_answer() -> None:
    moved = text("", 301, location="https://elsewhere.example/sesame?M%201")
    client, asked = asking(moved, text(GOOD))
    assert sesame_position("M 1", client) == (83.6324, 22.0174, "Simbad")
    assert [url.host for url in asked] == ["cds.unistra.fr", "elsewhere.example"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(GOOD.encode(), cut=200),
        Reply(GOOD.encode(), headers={"Content-Length": "9999"}),
        Reply(hang_up=True),
        Reply(hang=True),
        Reply(status=302, headers={"Location": "ftp://elsewhere/"}),
    ],
)
def test_what_a_real_connection_does_wrong_is_mended_by_the_mirror(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> None:
    monkeypatch.setattr(sesame, "SESAME_SECONDS", 1.0)
    with serving([reply]) as broken, serving([Reply(GOOD.encode())]) as mirror:
        mirrors: Any = {"Sesame": broken.url, "Sesame's mirror": mirror.url}
        monkeypatch.setattr(sesame, "MIRRORS", mirrors)
        assert sesame_position("M 1") == (83.6324, 22.0174, "Simbad")
        assert [server.requests[0][1] for server in (broken, mirror)] == ["/-oxp/SNV?M%201"] * 2
