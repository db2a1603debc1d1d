"""Dispatchers one may ask: those of the service description, the simulated one, and what an administrator adds.

An administrator's file (INTEGRAL_DASHBOARD_HOSTS) is TOML, one table a host; a known host is changed by naming it:

    [institute]
    dispatcher_url = "https://mmoda.example.org/dispatch-data"
    jobs_in_flight = 2

    [staging]
    offered = false

Users choose from this list; an address that a user writes is never asked, because a dispatcher's answers hold pickles.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from dashboard.errors import SettingsError

SIMULATED = "simulated"
GATEWAY = "/gw/timesystem/api/v1.0"
"""Where the front end of a dispatcher passes questions on to its timesystem."""
GENEVA = "https://www.astro.unige.ch/mmoda/dispatch-data"
ISLA_URL = "https://isla.esac.esa.int/tap"
"""astroquery.esa.integral, ISLA_DOMAIN."""
_MORE = re.compile(r"[@?#\s\x00-\x1f\x7f]")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Host:
    """A dispatcher, the timesystem that belongs to it, and how it is to be treated.

    Attributes
    ----------
    name
        The value of `host_type` that selects it.
    dispatcher_url, timesystem_url
        Without a trailing slash. Empty for the simulated host until its process has an address.
    timesystem_fallback
        Asked, and named in the plan, when `timesystem_url` does not answer; "" for none.
    other_archives
        ESA's ISLA and HEASARC may be asked for science windows, and ISLA for what it has ready-made; never of the simulated host, whose
        sky they do not know.
    isla_url
        Where ISLA is reached: ESA, or a mirror.
    note
        What users should know of it, "" for nothing.
    offered
        Whether it may be asked.
    only_inside
        It is offered only where its name is known to the network, e.g. inside ESAC.
    account_token
        A token found in the environment or in files of a single user is meant for it.
    check_roles
        Refuse a plan whose roles the user lacks before it is sent; without it the dispatcher decides.
    jobs_in_flight
        Jobs asked for at once; a real dispatcher saturates at 4 and loses jobs at 8.
    poll_seconds
        Time between two polls of one job.
    request_seconds
        Deadline of one HTTP request.
    job_seconds
        Deadline of one job from submission to product; after it the job is submitted again.
    failures_to_pause
        Times in a row that it does not answer, after which it is left alone for a while.
    pause_seconds, longest_pause_seconds
        The first such pause, and what doubling it may lead to.
    """

    name: str
    dispatcher_url: str = ""
    timesystem_url: str = ""
    timesystem_fallback: str = ""
    other_archives: bool = True
    isla_url: str = ISLA_URL
    note: str = ""
    offered: bool = True
    only_inside: bool = False
    account_token: bool = False
    check_roles: bool = True
    jobs_in_flight: int = 4
    poll_seconds: float = 5.0
    request_seconds: float = 120.0
    job_seconds: float = 3600.0
    failures_to_pause: int = 5
    pause_seconds: float = 60.0
    longest_pause_seconds: float = 900.0

    @property
    def simulated(self) -> bool:
        """True for the observatory that ships with this project."""
        return self.name == SIMULATED

    @property
    def timesystems(self) -> tuple[str, ...]:
        """Whom to ask for science windows, one after the other until one answers."""
        return (self.timesystem_url, self.timesystem_fallback) if self.timesystem_fallback else (self.timesystem_url,)

    @property
    def asks_others(self) -> bool:
        """Whether archives of the real sky may be asked."""
        return self.other_archives and not self.simulated

    def at(self, url: str) -> Host:
        """The host with another address; its timesystem stands behind the same door."""
        return replace(self, dispatcher_url=url, timesystem_url=url + GATEWAY)


def known_hosts() -> Mapping[str, Host]:
    """The hosts of the service description, and the simulated one, by name."""
    staging, staging_door = "https://dispatcher-staging.obsuks1.unige.ch", "https://staging.odahub.fr/mmoda/dispatch-data"
    esa = "http://mmoda-dispatcher.scikubepre.ebe.lan"
    geneva = GENEVA + GATEWAY
    hosts = (
        Host(
            SIMULATED,
            note="the observatory that ships with the dashboard",
            poll_seconds=0.3,
            request_seconds=30.0,
            job_seconds=120.0,
            pause_seconds=2.0,
            longest_pause_seconds=30.0,
        ),
        Host("production", GENEVA, geneva, note="MMODA, Geneva", account_token=True),
        Host("staging", staging, staging_door + GATEWAY, geneva, note="MMODA's next version, Geneva", account_token=True),
        Host("esa", esa, esa + GATEWAY, geneva, note="inside ESAC's Datalabs only", only_inside=True, account_token=True),
    )
    return MappingProxyType({host.name: host for host in hosts})


def read_hosts(path: Path) -> Mapping[str, Host]:
    """The known hosts as an administrator's file changes and completes them; those not offered are left out.

    Raises
    ------
    SettingsError
        When the file cannot be read, or says something that cannot be meant; the sentence names host and key.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"INTEGRAL_DASHBOARD_HOSTS names {path}, which cannot be read: name a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from error
    hosts = dict(known_hosts())
    for name, entry in document.items():
        hosts[name] = _host(path, name, entry, hosts.get(name))
    offered = {name: host for name, host in hosts.items() if host.offered}
    if not offered:
        raise SettingsError(f"{path} leaves no host to ask: offer at least one.")
    return MappingProxyType(offered)


def _host(path: Path, name: str, entry: Any, known: Host | None) -> Host:
    where = f"{path}, host {name!r}"
    if not isinstance(entry, dict):
        raise SettingsError(f"{path} holds {name!r} outside a table: each host is a table, [name] followed by its keys.")
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: a name is at most 31 lower-case letters, digits and dashes, and begins with a letter.")
    kinds: dict[str, type] = {field.name: type(field.default) for field in fields(Host) if field.name != "name"} | {"plain_http": bool}
    for key, value in entry.items():
        if key not in kinds:
            raise SettingsError(f"{where} has the unknown key {key!r}: known are {', '.join(kinds)}.")
        wanted = kinds[key]
        fits = type(value) is wanted or (wanted is float and type(value) is int)
        if not fits:
            raise SettingsError(f"{where}: {key} must be {_WORDS[wanted]}, not {value!r}.")
        if wanted in (int, float) and not 0 < value < 1e7:
            raise SettingsError(f"{where}: {key} must be above 0 and below ten million.")
    host = replace(known or Host(name), **{key: value for key, value in entry.items() if key != "plain_http"})
    if name == SIMULATED:
        if entry.keys() & {"dispatcher_url", "timesystem_url", "timesystem_fallback"}:
            raise SettingsError(f"{where}: its address comes from INTEGRAL_DASHBOARD_SIMULATED_URL.")
        return host
    if not host.dispatcher_url:
        raise SettingsError(f"{where} has no dispatcher_url: give the address below which run_analysis answers.")
    if "dispatcher_url" in entry and "timesystem_url" not in entry:
        host = host.at(host.dispatcher_url.rstrip("/"))
    urls = {key: getattr(host, key) for key in _URLS}
    for key, url in urls.items():
        unchanged = known is not None and url == getattr(known, key)
        urls[key] = _checked(where, key, url, unchanged or entry.get("plain_http", False))
    return replace(host, **urls)


_URLS = ("dispatcher_url", "timesystem_url", "timesystem_fallback", "isla_url")
_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def _checked(where: str, key: str, url: str, plain_http: bool) -> str:
    """An address without trailing slash, when a token may travel to it."""
    if not url and key == "timesystem_fallback":
        return ""
    try:
        parts = urlsplit(url)
        plain = parts.port != 0 and parts.scheme in ("http", "https") and bool(parts.hostname) and not _MORE.search(url)
    except ValueError:
        plain = False
    if not plain:  # it may hold a password, and is not repeated
        raise SettingsError(f"{where}: {key} is no plain address: write https://host/path, without user, query, fragment or blanks.")
    if parts.scheme == "http" and not (plain_http or _loopback(parts.hostname or "")):
        raise SettingsError(
            f"{where}: {key} is not encrypted, and tokens would travel in the clear: use https, or plain_http = true for a closed network."
        )
    return url.rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
