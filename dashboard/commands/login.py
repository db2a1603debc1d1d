"""Who gets in where `serve` listens: what is refused before it begins, and what Panel's login is given."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from assets import asset_path
from dashboard.errors import SettingsError
from dashboard.runs.secret_key import derived_key
from dashboard.settings import THIS_MACHINE, Settings

SWITCHES = ("--basic-auth", "--oauth-provider", "--auth-module")
"""Options of `panel serve` that ask for a login."""


def refuse_open_door(settings: Settings, address: str, rest: Sequence[str], *, everyone: bool) -> None:
    """Raise when others would get in than the settings say.

    Parameters
    ----------
    settings
        Of the deployment.
    address, rest
        Where the server listens, and the further options of `panel serve`.
    everyone
        Whether it was said that whoever reaches it may do everything.

    Raises
    ------
    SettingsError
        With what to say instead.
    """
    outside = not _is_here(address)
    if settings.single_user:
        if outside and not everyone:
            raise SettingsError(
                f"At {address} whoever reaches this port is the user, with his runs and tokens: set INTEGRAL_DASHBOARD_USERS to login or "
                "header, or add --everyone where something in front of it lets nobody else through."
            )
        return
    if _has(rest, "--reuse-sessions"):
        raise SettingsError("--reuse-sessions shows several visitors one page: leave it out where there are users.")
    if settings.user_header:
        if outside and settings.proxies == THIS_MACHINE:
            raise SettingsError(
                f"At {address} requests come from other machines: name in INTEGRAL_DASHBOARD_PROXIES the proxies among them "
                "that are to be believed."
            )
    elif not any(_has(rest, switch) for switch in SWITCHES) and not os.environ.get("PANEL_OAUTH_PROVIDER"):
        raise SettingsError("INTEGRAL_DASHBOARD_USERS is login, but no login is switched on: add -- --basic-auth or -- --oauth-provider.")
    elif _has(rest, "--basic-auth"):
        _refuse_common_password(_value(rest, "--basic-auth"))


def defaults_of_login(rest: Sequence[str]) -> list[str]:
    """Options of `panel serve` that were not given: login pages that ask no other host; and of cookies and headers, which Bokeh
    writes into the page, none that opens anything.
    """
    options = []
    for name, file in (("--basic-login-template", "login.html"), ("--logout-template", "logout.html")):
        if not _has(rest, name):
            options += [name, str(asset_path(file))]
    for what, kept in (("headers", "User-Agent"), ("cookies", "is_guest")):
        if not _has(rest, f"--include-{what}") and not _has(rest, f"--exclude-{what}"):
            options += [f"--include-{what}", kept]
    return options


def secrets_of_login(settings: Settings, rest: Sequence[str]) -> Mapping[str, str]:
    """Environment for Panel: what signs and seals the cookies of its login, from the deployment's own key; what is given stays."""
    if settings.single_user or settings.user_header:
        return {}
    signed = derived_key(settings, "login cookie").hex()
    sealed = base64.urlsafe_b64encode(derived_key(settings, "login token")).decode()
    found = {}
    if not _has(rest, "--cookie-secret") and not {"PANEL_COOKIE_SECRET", "BOKEH_COOKIE_SECRET"} & os.environ.keys():
        found["PANEL_COOKIE_SECRET"] = signed
    if not _has(rest, "--oauth-encryption-key") and "PANEL_OAUTH_ENCRYPTION" not in os.environ:
        found["PANEL_OAUTH_ENCRYPTION"] = sealed
    return found


def _refuse_common_password(value: str) -> None:
    """Panel takes what is no file for a password, with which anybody may call himself as he likes."""
    try:
        found = json.loads(Path(value).read_text())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(word, str) and word for word in found.values()):
        raise SettingsError('--basic-auth names no file of users: give one with JSON such as {"ada": "her password"}, for your eyes alone.')


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _has(rest: Sequence[str], option: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in rest)


def _value(rest: Sequence[str], option: str) -> str:
    """What follows an option that is there, as the next word or after =."""
    for word, following in zip(rest, [*rest[1:], ""], strict=True):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""
