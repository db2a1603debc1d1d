"""Who gets which session of the page: a real server, requests and websockets as anybody may write them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import panel as pn
import pytest
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, get_session_id, get_token_payload
from panel.auth import BasicAuthProvider
from panel.config import config
from panel.io.state import set_curdoc
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.web import create_signed_value
from tornado.websocket import websocket_connect

from components.entrance import visitor, way_out
from components.header import user_words

HEADER = "X-Forwarded-User"


class Site:
    """A server whose page notes who began each of its sessions.

    Attributes
    ----------
    began
        Of each session, the oldest first.
    url
        Of the server.
    """

    def __init__(self, **options: Any) -> None:
        self.began: list[tuple[str | None, str]] = []

        def begin(document: Document) -> None:
            with set_curdoc(document):
                self.began.append((visitor(), way_out()))

        self._server = Server({"/app": Application(FunctionHandler(begin))}, port=0, **options)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.port}"

    async def get(self, path: str = "app", **headers: str) -> HTTPResponse:
        about = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
        return await AsyncHTTPClient().fetch(f"{self.url}/{path}", headers=about, raise_error=False)

    async def token(self, user: str) -> str:
        """Of a new session of this user, from the page that he gets."""
        return token_in(await self.get(**{HEADER: user}))

    async def joins(self, token: str, **headers: str) -> bool:
        """Whether a websocket with this token is served: Bokeh says ACK first."""
        about = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
        request = HTTPRequest(f"{self.url}/app/ws".replace("http", "ws"), headers=about)
        try:
            socket = await websocket_connect(request, subprotocols=["bokeh", token])
        except HTTPClientError:  # the handshake was refused
            return False
        message = await socket.read_message()
        socket.close()
        while message is not None and await socket.read_message() is not None:
            pass
        return message is not None and json.loads(message)["msgtype"] == "ACK"

    async def close(self) -> None:
        self._server.stop()
        await self._server._http.close_all_connections()


def token_in(answer: HTTPResponse) -> str:
    """Of the session that a page belongs to."""
    found = re.search(r'"token":\s*"([^"]+)"', answer.body.decode())
    assert answer.code == 200
    assert found
    return found[1]


@pytest.fixture
def at_site(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a coroutine with a site that believes a header from this machine; further options are of Bokeh's server."""
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "header")

    def run(act: Callable[[Site], Awaitable[None]], **options: Any) -> None:
        async def inside() -> None:
            site = Site(**options)
            try:
                await act(site)
            finally:
                await site.close()

        asyncio.run(inside())

    return run


def test_the_page_is_whose_the_proxy_says(at_site: Any) -> None:
    async def act(site: Site) -> None:
        for user in ("ada", "bob"):
            assert (await site.get(**{HEADER: user})).code == 200
        assert site.began == [("ada", ""), ("bob", "")]
        for headers in ({}, {HEADER: ""}, {HEADER: "local"}, {HEADER: "a,b"}, {"X-Remote-User": "ada"}):
            answer = await site.get(**headers)
            assert answer.code == 403
            assert b"<h1>Not let in</h1><p>" in answer.body
            assert answer.headers["Cache-Control"] == "no-store"
        for path in ("app/autoload.js?bokeh-autoload-element=x", "app/metadata", "app?run=x"):
            assert (await site.get(path)).code == 403
        assert len(site.began) == 2, "nobody else has begun a session"

    at_site(act)


def test_a_session_is_joined_by_its_own_user_alone(at_site: Any) -> None:
    async def act(site: Site) -> None:
        token = await site.token("ada")
        assert not await site.joins(token, **{HEADER: "bob"})
        assert not await site.joins(token, **{HEADER: ""})
        assert not await site.joins(token)
        assert await site.joins(token, **{HEADER: "ada"})
        session_id = get_session_id(token)
        for path in (f"app?bokeh-session-id={session_id}", f"app?bokeh-token={token}"):
            assert (await site.get(path, **{HEADER: "bob"})).code == 403
            assert (await site.get(path, **{HEADER: "ada"})).code == 200
        assert (await site.get("app", **{HEADER: "bob", "Bokeh_Session_Id": session_id})).code == 403
        script = f"app/autoload.js?bokeh-autoload-element=x&bokeh-session-id={session_id}"
        assert (await site.get(script, **{HEADER: "bob"})).code == 403
        assert site.began == [("ada", "")], "and none was begun for who tried"

    at_site(act)


def test_what_a_token_says_of_its_user_is_not_believed(at_site: Any) -> None:
    """Tokens are not signed: anybody may write one, with a session of his own choice and Ada's headers and cookies."""

    async def act(site: Site) -> None:
        forged = generate_jwt_token("a" * 44, extra_payload={"headers": {HEADER: "ada"}, "cookies": {"user": "ada"}, "arguments": {}})  # type: ignore[arg-type]
        assert await site.joins(forged, **{HEADER: "bob"})
        assert site.began == [("bob", "")]
        assert not await site.joins(forged, **{HEADER: "ada"}), "a session that Bob laid out for her is not hers"
        assert not await site.joins("nonsense", **{HEADER: "bob"})

    at_site(act)


def test_without_users_the_page_is_everybodys(at_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "single")

    async def act(site: Site) -> None:
        assert await site.joins(await site.token("ada"))
        assert site.began == [("", "")]

    at_site(act)


def test_with_panels_login_the_cookie_of_each_request_counts(at_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "login")
    monkeypatch.setenv("INTEGRAL_DASHBOARD_LINKS", "open")
    ada, bob, forged = (
        f"user={create_signed_value(secret, 'user', user).decode()}"
        for secret, user in (("the server's", "ada"), ("the server's", "bob"), ("another", "ada"))
    )

    async def act(site: Site) -> None:
        token = token_in(await site.get(Cookie=ada))
        assert site.began == [("ada", "./logout")]
        assert [await site.joins(token, Cookie=cookie) for cookie in (ada, bob, forged, "")] == [True, False, False, False]
        for cookie in (forged, "", "is_guest=1"):
            answer = await site.get(Cookie=cookie)
            assert answer.effective_url.startswith(f"{site.url}/login")
        monkeypatch.setattr(config, "oauth_optional", True)
        assert (await site.get(Cookie="")).code == 403, "a guest without a link"
        shared = token_in(await site.get("app?link=x", Cookie=""))
        assert site.began[1:] == [("", "")]
        assert [await site.joins(shared, Cookie=cookie) for cookie in (bob, "")] == [False, True]
        assert [await site.joins(token, Cookie=cookie) for cookie in (ada, "")] == [True, False]

    at_site(act, auth_provider=BasicAuthProvider(), cookie_secret="the server's")


def test_a_login_that_is_not_switched_on_lets_nobody_in(at_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "login")

    async def act(site: Site) -> None:
        for headers in ({}, {HEADER: "ada"}, {"Cookie": "user=ada"}):
            assert (await site.get(**headers)).code == 403
        assert site.began == []

    at_site(act)


def test_the_header_names_the_user_as_text() -> None:
    assert user_words("", "") == ""
    assert user_words("ada", "./logout") == '<span title="ada">ada</span> <a href="./logout">log out</a>'
    assert user_words("ada", "") == '<span title="ada">ada</span>', "who comes through a proxy logs out there"
    assert "<img" not in user_words('"><img src=x>', "")


def test_outside_a_server_nobody_began_anything() -> None:
    assert pn.state.curdoc is None
    assert (visitor(), way_out()) == (None, "")


def test_a_token_of_panels_holds_no_more_than_is_told_it(at_site: Any) -> None:
    """What `serve` gives with --include-headers and --include-cookies keeps credentials out of the page."""

    async def act(site: Site) -> None:
        site._server._tornado._include_headers = ["User-Agent"]
        site._server._tornado._include_cookies = ["is_guest"]
        answer = await site.get(**{HEADER: "ada", "Authorization": "Basic secret", "Cookie": "user=secret; is_guest=1"})
        assert "secret" not in str(get_token_payload(token_in(answer)))

    at_site(act)
