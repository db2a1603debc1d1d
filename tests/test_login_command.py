"""What `serve` refuses before it listens, and what it gives to Panel's login."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN
from dashboard.errors import NotAuthorized, SettingsError
from dashboard.identity import Identity
from dashboard.settings import THIS_MACHINE, Settings

Serve = Callable[..., list[str]]


class Served(Exception):
    """Instead of becoming `panel serve`."""


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`serve` with these words and settings: the command that it would become."""
    found: list[str] = []

    def become(_: str, command: list[str]) -> NoReturn:
        found[:] = command
        raise Served

    monkeypatch.setattr(os, "execv", become)
    for name in ("PANEL_COOKIE_SECRET", "PANEL_OAUTH_ENCRYPTION", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "x")  # so that what is set below is undone
        monkeypatch.delenv(name)

    def call(*words: str, **settings: str) -> list[str]:
        monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
        for name, value in settings.items():
            monkeypatch.setenv(f"INTEGRAL_DASHBOARD_{name}", value)
        try:
            assert main(["serve", *words]) == BROKEN
        except Served:
            return found
        return []

    return call


@pytest.fixture
def users(tmp_path: Path) -> str:
    (tmp_path / "users.json").write_text(json.dumps({"ada": "one", "bob": "two"}))
    return str(tmp_path / "users.json")


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_one_user_on_this_machine_is_the_default(serve: Serve, address: str) -> None:
    command = serve("--address", address)
    assert command[command.index("--address") + 1] == address
    assert [command[at + 1] for at, word in enumerate(command) if word == "--plugins"] == ["dashboard.routes.server", "components.entrance"]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "dashboard.example.org"])
def test_one_user_for_all_who_reach_the_port_must_be_said(serve: Serve, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve("--address", address) == []
    assert f"At {address} whoever reaches this port is the user" in capsys.readouterr().err
    assert serve("--address", address, "--everyone")


def test_a_header_from_other_machines_needs_to_know_which(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(USERS="header")
    assert serve("--address", "0.0.0.0") == []
    assert "name in INTEGRAL_DASHBOARD_PROXIES" in capsys.readouterr().err
    assert serve("--address", "0.0.0.0", PROXIES="192.0.2.7")


def test_a_login_needs_to_be_switched_on(serve: Serve, users: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("--", "--oauth-optional"), ("--", "--auth-template", "x")):
        assert serve(*words, USERS="login") == []
        assert "no login is switched on" in capsys.readouterr().err
    assert serve("--", "--basic-auth", users)
    assert serve("--address", "0.0.0.0", "--", f"--basic-auth={users}")
    assert serve("--", "--oauth-provider", "generic")


def test_one_password_for_all_is_no_login(serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Panel takes what is no file for a password, with which anybody may log in as anybody."""
    for name, text in (("list", "[]"), ("word", '"word"'), ("broken", "{"), ("empty", '{"ada": ""}'), ("number", '{"ada": 1}')):
        (tmp_path / name).write_text(text)
        assert serve("--", "--basic-auth", str(tmp_path / name), USERS="login") == []
        assert "names no file of users" in capsys.readouterr().err
    for value in ("open sesame", "usres.json", ""):
        assert serve("--", "--basic-auth", value) == []
        told = capsys.readouterr().err
        assert "names no file of users" in told
        assert value not in told or not value, "it may be a password"


def test_no_page_is_shared_between_users(serve: Serve, users: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve("--", "--basic-auth", users, "--reuse-sessions", USERS="login") == []
    assert "--reuse-sessions" in capsys.readouterr().err


def test_the_login_is_sealed_and_asks_no_other_host(serve: Serve, users: str, tmp_path: Path) -> None:
    command = serve("--", "--basic-auth", users, USERS="login")
    secrets = os.environ["PANEL_COOKIE_SECRET"], os.environ["PANEL_OAUTH_ENCRYPTION"]
    assert len(set(secrets)) == 2
    assert not any(secret in word for secret in secrets for word in command), "others on the machine can read commands"
    for option in ("--basic-login-template", "--logout-template"):
        page = Path(command[command.index(option) + 1]).read_text()
        assert "://" not in page
        assert "PANEL_CDN" not in page
    assert (command[command.index("--include-cookies") + 1], command[command.index("--include-headers") + 1]) == ("is_guest", "User-Agent")
    mine = tmp_path / "mine.html"
    given = serve("--", "--basic-auth", users, "--basic-login-template", str(mine), "--include-headers", "Host", USERS="login")
    assert (given.count("--basic-login-template"), given.count("--include-headers")) == (1, 1)


def test_given_secrets_stay(serve: Serve, users: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert serve("--", "--basic-auth", users, "--cookie-secret", "s", "--oauth-encryption-key", "k", USERS="login")
    assert not {"PANEL_COOKIE_SECRET", "PANEL_OAUTH_ENCRYPTION"} & os.environ.keys()
    monkeypatch.setenv("PANEL_COOKIE_SECRET", "mine")
    assert serve("--", "--basic-auth", users)
    assert os.environ["PANEL_COOKIE_SECRET"] == "mine"


def read(**settings: str) -> Settings:
    return Settings.from_environment({f"INTEGRAL_DASHBOARD_{name}": value for name, value in settings.items()})


def test_settings_of_users() -> None:
    one, many = read(), read(USERS="header", USER_HEADER=" Remote-User ", PROXIES="192.0.2.7 198.51.100.0/24", ADMINS="ada, Bob Ross,,")
    assert (one.single_user, one.links_open, one.user_header, one.proxies, one.administrators) == (True, True, "", (), frozenset())
    assert (many.single_user, many.links_open, many.user_header) == (False, False, "Remote-User")
    assert [str(network) for network in many.proxies] == ["192.0.2.7/32", "198.51.100.0/24"]
    assert many.administrators == {"ada", "Bob Ross"}
    assert (read(USERS="header").user_header, read(USERS="header").proxies) == ("X-Forwarded-User", THIS_MACHINE)
    assert read(USERS="login", USER_HEADER="Remote-User").user_header == "", "no header counts beside a login"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("USER_HEADER", "X User"),
        ("USER_HEADER", "X_User:"),
        ("PROXIES", "proxy.example.org"),
        ("PROXIES", "192.0.2.7/24"),
        ("LINKS", "open"),
    ],
)
def test_settings_that_cannot_be_meant(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"INTEGRAL_DASHBOARD_{name}"):
        read(USERS="header", **{name: value})


@pytest.mark.parametrize("name", ["local", "guest", "", "link:abc", " ada", "ada\n", "a" * 201, "ada\u200b"])
def test_names_that_are_nobodys(name: str) -> None:
    with pytest.raises(NotAuthorized):
        Identity.of_visitor(name, single_user=False)
    assert Identity.of_visitor(name, single_user=True) == Identity(origin="page")
