"""Whom a proxy names, and that nobody else is believed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, RequestHandler

from dashboard.errors import NotAuthorized
from dashboard.routes.visitor import may_fetch, visitor_of
from dashboard.settings import Settings

HEADER = "X-Forwarded-User"
LOGIN = Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": "login"})


def proxied(proxies: str = "", **more: str) -> Settings:
    return Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": "header", "INTEGRAL_DASHBOARD_PROXIES": proxies, **more})


def asked(*values: str, peer: Any = ("127.0.0.1", 40000), header: str = HEADER, provider: Any = None) -> RequestHandler:
    """A request from `peer` that has the header so often, as Tornado reads it."""
    headers = HTTPHeaders({"Host": "127.0.0.1"})
    if values:
        headers._as_list[header.title()] = list(values)  # what it refuses by itself, too
    connection: Any = SimpleNamespace(context=SimpleNamespace(address=peer, remote_ip="127.0.0.1", protocol="http"))
    connection.set_close_callback = lambda _: None
    line = RequestStartLine("GET", "/app", "HTTP/1.1")
    application = Application()
    if provider is not None:
        application.auth_provider = provider  # type: ignore[attr-defined]
    return RequestHandler(application, HTTPServerRequest(headers=headers, connection=connection, start_line=line))


def test_the_proxys_user_is_the_user() -> None:
    assert visitor_of(proxied(), asked("ada")) == "ada"
    assert visitor_of(proxied(), asked("ada.l@example.org", header="x-forwarded-user")) == "ada.l@example.org"
    assert visitor_of(proxied(), asked("Ada Müller".encode().decode("latin-1"))) == "Ada Müller"
    other = proxied(INTEGRAL_DASHBOARD_USER_HEADER="Remote-User")
    assert visitor_of(other, asked("bob", header="Remote-User")) == "bob"
    with pytest.raises(NotAuthorized, match="names no user"):
        visitor_of(other, asked("bob"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((), "names no user"),
        (("",), "empty"),
        (("ada", "ada"), "more than one user"),
        (("ada", "root"), "more than one user"),
        (("ada,root",), "more than one user"),
        (("ada\tl",), "not printed"),
        (("ada\x00",), "not printed"),
        (("ada\x7f",), "not printed"),
        (("\xff\xfe",), "not in UTF-8"),
        (("ada\u202e".encode().decode("latin-1"),), "not printed"),
        (("a" * 201,), "too long"),
        (("local",), "'local'"),
        (("guest",), "'guest'"),
        (("link:0000",), "'link:0000'"),
    ],
)
def test_what_names_nobody_lets_nobody_in(values: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(NotAuthorized, match=sentence):
        visitor_of(proxied(), asked(*values))


@given(st.lists(st.binary(max_size=40), max_size=3))
@example([b"local"])
@example([b" local"])
@example([b"LOCAL"])
def test_whatever_stands_in_the_header_is_one_printed_name_or_refused(values: list[bytes]) -> None:
    try:
        user = visitor_of(proxied(), asked(*(value.decode("latin-1") for value in values)))
    except NotAuthorized:
        return
    assert [user.encode()] == values
    assert user.isprintable()
    assert user
    assert user not in ("local", "guest")
    assert not user.startswith("link:")


@pytest.mark.parametrize(
    ("proxies", "peer", "believed"),
    [
        ("", ("127.0.0.1", 1), True),
        ("", ("127.8.9.10", 1), True),
        ("", ("::1", 1, 0, 0), True),
        ("", ("::ffff:127.0.0.1", 1, 0, 0), True),
        ("", ("192.0.2.7", 1), False),
        ("", ("fe80::1%eth0", 1, 0, 2), False),
        ("", "", False),
        ("", b"\0socket", False),
        ("", None, False),
        ("192.0.2.7, 198.51.100.0/24", ("192.0.2.7", 1), True),
        ("192.0.2.7, 198.51.100.0/24", ("198.51.100.9", 1), True),
        ("192.0.2.7, 198.51.100.0/24", ("192.0.2.8", 1), False),
        ("192.0.2.7, 198.51.100.0/24", ("127.0.0.1", 1), False),
        ("2001:db8::/32", ("2001:db8::9", 1, 0, 0), True),
        ("2001:db8::/32", ("192.0.2.7", 1), False),
    ],
)
def test_only_a_connection_of_the_proxy_is_believed(proxies: str, peer: Any, believed: bool) -> None:
    settings = proxied(proxies)
    if believed:
        assert visitor_of(settings, asked("ada", peer=peer)) == "ada"
    else:
        with pytest.raises(NotAuthorized, match="come through its proxy"):
            visitor_of(settings, asked("ada", peer=peer))


def test_what_a_proxy_says_of_addresses_counts_for_nothing() -> None:
    """As with --use-xheaders, where Tornado's own `remote_ip` is whatever a header says."""
    handler = asked("ada", peer=("192.0.2.7", 1))
    handler.request.headers.add("X-Real-Ip", "127.0.0.1")
    handler.request.remote_ip = "127.0.0.1"
    with pytest.raises(NotAuthorized, match="come through its proxy"):
        visitor_of(proxied(), handler)


def test_with_a_login_a_header_is_nobody() -> None:
    assert visitor_of(LOGIN, asked("ada")) == "", "no login is switched on"

    def logged_in(user: Any) -> Any:
        return SimpleNamespace(get_user=lambda _: user, get_user_async=None)

    for user, visitor in (("ada", "ada"), ("guest", ""), (None, ""), ({"name": "ada"}, "")):
        handler = asked("root", provider=logged_in(user))
        handler.current_user = user
        assert visitor_of(LOGIN, handler) == visitor
    assert visitor_of(Settings.from_environment({}), asked("ada")) == "", "without users there are none"


@pytest.mark.parametrize(
    ("settings", "holder", "visitor", "allowed"),
    [
        (Settings.from_environment({}), "local", "", True),
        (Settings.from_environment({}), "link:0", "", True),
        (LOGIN, "ada", "ada", True),
        (LOGIN, "ada", "bob", False),
        (LOGIN, "ada", "", False),
        (LOGIN, "local", "ada", False),
        (LOGIN, "link:0", "bob", True),
        (LOGIN, "link:0", "", False),
        (Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": "login", "INTEGRAL_DASHBOARD_LINKS": "open"}), "link:0", "", True),
        (Settings.from_environment({"INTEGRAL_DASHBOARD_USERS": "login", "INTEGRAL_DASHBOARD_LINKS": "open"}), "ada", "", False),
    ],
)
def test_a_ticket_is_its_holders(settings: Settings, holder: str, visitor: str, allowed: bool) -> None:
    assert may_fetch(settings, holder, visitor) is allowed
