"""The documentation over HTTP: every page and link of it, a place for every parameter, and nothing else of the disk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application

from dashboard.request.request import Request
from dashboard.routes.docs import parameter_link, rendered
from dashboard.routes.plugin import ROUTES
from tests.conftest import ROOT

PREFIXED: list[Any] = [(f"/some/where{pattern}", *rest) for pattern, *rest in ROUTES]
PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))


def fetched(*paths: str) -> list[HTTPResponse]:
    """What a server under a prefix answers."""

    async def ask() -> list[HTTPResponse]:
        server = Application(PREFIXED).listen(0, "127.0.0.1")
        try:
            (socket,) = server._sockets.values()
            host = f"http://127.0.0.1:{socket.getsockname()[1]}"
            return [await AsyncHTTPClient().fetch(host + path, raise_error=False) for path in paths]
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(ask())


class Seen(HTMLParser):
    """Anchors of a document, and what it points to or loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []
        self.loads += [given[key] or "" for key in ("src", "srcset", "data") if key in given]
        self.loads += [given["href"] or ""] if tag == "link" else []


@pytest.fixture(scope="module")
def documents() -> dict[str, Seen]:
    """All pages and lists by address."""
    addresses = [f"/some/where/docs/{name}" for name in ("", "examples", *PAGES)]
    answers = fetched(*addresses)
    assert [answer.code for answer in answers] == [200] * len(addresses)
    assert all(answer.headers["Content-Type"].startswith("text/html") for answer in answers)
    return {address: Seen(answer.body.decode()) for address, answer in zip(addresses, answers, strict=True)}


def inside(documents: dict[str, Seen]) -> Iterator[tuple[str, str]]:
    """Every link and picture of a page, resolved, that does not lead out of it."""
    for address, seen in documents.items():
        for link in seen.links + seen.loads:
            if not re.match(r"https?:", link):
                yield address, urljoin(address, link)


def test_the_list_names_every_page(documents: dict[str, Seen]) -> None:
    assert set(documents["/some/where/docs/"].links) == {*PAGES, "../app", "./"}
    assert len(documents["/some/where/docs/examples"].links) == 2 + len(list((ROOT / "docs/examples").glob("*.json")))


def test_every_link_leads_somewhere_under_the_prefix(documents: dict[str, Seen]) -> None:
    targets = {target for _, target in inside(documents)}
    assert "/some/where/app" in targets
    assert any(target.endswith(".png") for target in targets)
    whole = sorted({urldefrag(target).url for target in targets} - {"/some/where/app"} - set(documents))
    for target, answer in zip(whole, fetched(*whole), strict=True):
        assert answer.code == 200, target
        assert answer.body == (ROOT / target.removeprefix("/some/where/")).read_bytes()
        assert (
            answer.headers["Content-Type"].partition(";")[0] == {"png": "image/png", "json": "application/json"}[target.rpartition(".")[2]]
        )
    for target in targets:
        url, fragment = urldefrag(target)
        assert not fragment or fragment in documents[url].ids, target


def test_nothing_is_loaded_from_another_host(documents: dict[str, Seen]) -> None:
    for seen in documents.values():
        assert not [load for load in seen.loads if ":" in load or load.startswith("//")]
        assert len(set(seen.ids)) == len(seen.ids)
    (answer,) = fetched("/some/where/docs/runs")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(rb"@import|url\(", answer.body)


def test_every_parameter_has_a_place_to_jump_to(documents: dict[str, Seen]) -> None:
    for name in Request.param:
        if name == "name":
            continue
        url, fragment = urldefrag(urljoin("/some/where/app", parameter_link(name)))
        assert fragment == name
        assert name in documents[url].ids, name


def test_what_is_not_there_is_404_with_a_sentence_and_a_way_back() -> None:
    for path in ("nothing", "runs.md", "images/nothing.png", "a/b/c"):
        (answer,) = fetched(f"/some/where/docs/{path}")
        assert answer.code == 404, path
        assert b"There is no page of this name." in answer.body
        assert {urljoin(answer.effective_url, link) for link in Seen(answer.body.decode()).links} == {
            urljoin(answer.effective_url.partition("/docs/")[0] + "/", rest) for rest in ("app", "docs/")
        }


@pytest.mark.parametrize(
    "path",
    [
        "../pyproject.toml",
        "..%2Fpyproject.toml",
        "images/../../pyproject.toml",
        "%2Fetc%2Fpasswd",
        "images/..%2F..%2Fassets/theme.css",
        "..",
        "%2e%2e/README",
    ],
)
def test_nothing_else_of_the_disk_is_read(path: str) -> None:
    (answer,) = fetched(f"/some/where/docs/{path}")
    assert answer.code == 404
    assert b"There is no page of this name." in answer.body
    assert not any(text in answer.body for text in (b"[project]", b"root:x:", b"# "))


def test_without_its_slash_the_list_is_found_too() -> None:
    (answer,) = fetched("/some/where/docs")
    assert answer.code == 200
    assert answer.effective_url.endswith("/some/where/docs/")


def test_markdown_becomes_a_page() -> None:
    title, html = rendered("# A *fine* page: two\n\n## What it is\n\nSee [runs](runs.md#end), `a < b`.\n\n<script>no</script>\n")
    assert title == "A *fine* page: two"
    assert '<h1 id="a-fine-page-two">A <em>fine</em> page: two' in html
    assert '<h2 id="what-it-is">' in html
    assert 'href="runs#end"' in html
    assert "<code>a &lt; b</code>" in html
    assert "<script>" not in html
