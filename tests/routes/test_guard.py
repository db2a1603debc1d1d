"""Headers, limits and cookies of every answer, and who may ask: on an application of the test's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application, RequestHandler, StaticFileHandler

from dashboard.errors import SettingsError
from dashboard.routes.guard import HEADERS, LARGEST_BODY, guard
from dashboard.routes.plugin import ROUTES
from dashboard.settings import Settings
from tests.conftest import ROOT

INLINE = "<html><script>let a = 1</script><SCRIPT src='a.js'></SCRIPT><script type=\"module\">let b</script></html>"


class Strict(Application):
    """What is guarded here, so that no other application is."""


class Handler(RequestHandler):
    """As Panel's: a cookie of the login, inline scripts, and bodies of any kind."""

    def set_default_headers(self) -> None:
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Access-Control-Allow-Credentials", "true")

    def get(self) -> None:
        self.set_cookie("user", "somebody", path="/")
        self.set_cookie("next_url", "/", httponly=False)
        self.write(INLINE)

    def post(self) -> None:
        self.write(str(len(self.request.body)))


def asked(path: str, env: Mapping[str, str] | None = None, **request: Any) -> HTTPResponse:
    """What a guarded server answers to one request."""
    handler = type("Guarded", (Handler,), {})
    application = type("Application", (Strict,), {})
    guard(Settings.from_environment(env or {}), application, handler)
    assets = (r"/assets/(.*)", StaticFileHandler, {"path": str(ROOT / "assets")})

    async def ask() -> HTTPResponse:
        server = application([*ROUTES, (r"/page", handler), assets]).listen(0, "127.0.0.1")
        try:
            (socket,) = server._sockets.values()
            url = f"http://127.0.0.1:{socket.getsockname()[1]}{path}"
            return await AsyncHTTPClient().fetch(url, raise_error=False, allow_nonstandard_methods=True, **request)
        finally:
            server.stop()
            await server.close_all_connections()

    return asyncio.run(ask())


def directives(answer: HTTPResponse) -> dict[str, list[str]]:
    (policy,) = answer.headers.get_list("Content-Security-Policy")
    return {words[0]: words[1:] for words in (part.split() for part in policy.split(";"))}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *((path, 200) for path in ("/page", "/health", "/ready", "/metrics", "/docs/", "/assets/page.css")),
        *((path, 404) for path in ("/docs/nothing", "/nothing")),
        ("/download/a/all.zip?ticket=a.1.b", 403),
    ],
)
def test_every_answer_carries_them(path: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    answer = asked(path)
    assert answer.code == code
    assert {name: answer.headers.get_list(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    policy = directives(answer)
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'self'"]
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not {"*", "http:", "https:", "data:", "blob:"} & set(policy["script-src"])


def test_what_is_kept_in_a_browsers_cache_stays_so() -> None:
    answer = asked("/assets/page.css?v=1")
    assert answer.headers["Cache-Control"] == "max-age=315360000"
    assert answer.headers["Etag"]
    again = asked("/assets/page.css?v=1", headers={"If-None-Match": answer.headers["Etag"]})
    assert again.code == 304


def test_the_scripts_that_were_written_carry_the_nonce_of_their_answer() -> None:
    nonces = set()
    for _ in range(2):
        answer = asked("/page")
        (nonce,) = re.findall("'nonce-([^']+)'", " ".join(directives(answer)["script-src"]))
        assert answer.body.decode() == INLINE.replace("<script", f'<script nonce="{nonce}"')
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        assert "Etag" not in answer.headers
        nonces.add(nonce)
    assert len(nonces) == 2


def test_the_documentation_keeps_its_own_policy() -> None:
    policy = directives(asked("/docs/"))
    assert [word[:8] for word in policy["script-src"]] == ["'sha256-"]
    assert policy["form-action"] == ["'none'"]


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("", "'self'"),
        ("none", "'none'"),
        ("self, https://hub.example:8443 https://*.esac.esa.int", "'self' https://hub.example:8443 https://*.esac.esa.int"),
    ],
)
def test_who_may_show_the_page_in_a_frame_is_set(text: str, sources: str) -> None:
    answer = asked("/page", {"INTEGRAL_DASHBOARD_FRAME_ANCESTORS": text})
    assert " ".join(directives(answer)["frame-ancestors"]) == sources


@pytest.mark.parametrize(
    "text", ["*", "https:", "hub.example", "https://a; script-src *", "none self", "javascript://a", "https://a/b", "'self'"]
)
def test_other_frames_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="INTEGRAL_DASHBOARD_FRAME_ANCESTORS"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_FRAME_ANCESTORS": text})


def test_a_body_is_a_form_and_no_more() -> None:
    assert asked("/page", method="POST", body=bytes(LARGEST_BODY)).body == str(LARGEST_BODY).encode()
    assert asked("/page", method="POST", body=bytes(LARGEST_BODY + 1)).code in (400, 599)


@pytest.mark.parametrize(("address", "secure"), [("", False), ("http://dash.example", False), ("https://dash.example", True)])
def test_cookies_are_for_this_site_and_no_script(address: str, secure: bool) -> None:
    answer = asked("/page", {"INTEGRAL_DASHBOARD_ADDRESS": address})
    cookies = SimpleCookie()
    for line in answer.headers.get_list("Set-Cookie"):
        cookies.load(line)
    assert set(cookies) == {"user", "next_url"}
    for cookie in cookies.values():
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Lax"
        assert bool(cookie["secure"]) == secure


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("method", "mode", "code"),
    [
        ("GET", "navigate", 200),  # a link, a frame (whose page says who may)
        ("GET", "cors", 403),  # fetch()
        ("GET", "no-cors", 403),  # <script>, <img>
        ("POST", "navigate", 403),  # a form
        ("POST", "cors", 403),
        ("GET", None, 403),
    ],
)
def test_a_page_of_another_site_may_lead_here_and_no_more(site: str, method: str, mode: str | None, code: int) -> None:
    headers = {"Sec-Fetch-Site": site, **({"Sec-Fetch-Mode": mode} if mode else {})}
    answer = asked("/page", method=method, headers=headers, body=b"" if method == "POST" else None)
    assert answer.code == code
    if code == 403:
        assert "let a" not in answer.body.decode()
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_the_page_itself_and_who_is_no_browser_are_answered(site: str | None) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors"} if site else {}
    assert asked("/page", headers=headers).code == 200
    assert asked("/page", headers=headers, method="POST", body=b"user=a").body == b"6"
