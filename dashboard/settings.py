"""What a deployment sets, read from the environment: see `dashboard.variables`."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dashboard.errors import SettingsError
from dashboard.hosts import Host, known_hosts, read_hosts
from dashboard.variables import given

SHORTEST_KEY = 32
SHORTEST_METRICS_TOKEN = 16
MOST_WORKERS = 64
THIS_MACHINE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ANCESTOR = re.compile(r"none|self|https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployment decides. Build it with `Settings.from_environment`."""

    data_dir: Path
    database_url: str = field(repr=False)
    storage_url: str
    simulated_url: str = ""
    catalog_hosts: frozenset[str] = frozenset()
    hosts: Mapping[str, Host] = field(default_factory=known_hosts)
    hosts_file: str = ""
    single_user: bool = True
    links_open: bool = True
    user_header: str = ""
    proxies: tuple[Network, ...] = ()
    administrators: frozenset[str] = frozenset()
    key: str = field(default="", repr=False)
    quota_bytes: float | None = None
    keep_days: float | None = None
    keep_gigabytes: float | None = None
    webhook_url: str = field(default="", repr=False)
    mail_url: str = field(default="", repr=False)
    address: str = ""
    workers: int = 1
    log_form: str = "text"
    metrics_token: str = field(default="", repr=False)
    frame_ancestors: str = "'self'"
    workspace_dir: Path | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be in no log: keys, addresses that open something, and passwords in addresses, as written and as meant."""
        passwords = [_password(url) for url in (self.database_url, self.mail_url, self.storage_url)]
        found = (self.key, self.metrics_token, self.webhook_url, self.mail_url, *passwords, *map(unquote, passwords))
        return tuple(dict.fromkeys(filter(None, found)))

    @property
    def shared(self) -> bool:
        """Whether workers of several machines may share the work: SQLite is for one."""
        return not self.database_url.startswith("sqlite")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables of `dashboard.variables`.

        Nothing is created here: folders appear when something is written.

        Raises
        ------
        SettingsError
            When one of them cannot be meant.
        """
        env = given(os.environ if environ is None else environ)
        share = Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME", "~")).expanduser() / ".local/share")
        data_dir = Path(env.get("INTEGRAL_DASHBOARD_DATA") or share / "integral-dashboard").expanduser().absolute()
        hosts_file, users, links, key = (env.get(f"INTEGRAL_DASHBOARD_{name}", "").strip() for name in ("HOSTS", "USERS", "LINKS", "KEY"))
        if users not in ("", "single", "login", "header"):
            raise SettingsError(f"INTEGRAL_DASHBOARD_USERS is {users[:40]!r}: it must be single, login or header.")
        workspace = env.get("INTEGRAL_DASHBOARD_WORKSPACE", "").strip()
        if workspace and users in ("login", "header"):
            raise SettingsError(
                f"INTEGRAL_DASHBOARD_WORKSPACE is a folder of one user: it cannot be set with INTEGRAL_DASHBOARD_USERS={users}."
            )
        if links not in ("", "open", "login"):
            raise SettingsError(f"INTEGRAL_DASHBOARD_LINKS is {links[:40]!r}: it must be open or login.")
        if links == "open" and users == "header":
            raise SettingsError("INTEGRAL_DASHBOARD_LINKS is open, but the proxy names a user with every request: leave it at login.")
        if key and len(key) < SHORTEST_KEY:
            raise SettingsError(f"INTEGRAL_DASHBOARD_KEY is too short to protect anything: give at least {SHORTEST_KEY} random characters.")
        log_form = env.get("INTEGRAL_DASHBOARD_LOG", "").strip() or "text"
        if log_form not in ("text", "json"):
            raise SettingsError(f"INTEGRAL_DASHBOARD_LOG is {log_form[:40]!r}: it must be text or json.")
        metrics_token = env.get("INTEGRAL_DASHBOARD_METRICS_TOKEN", "").strip()
        if metrics_token and len(metrics_token) < SHORTEST_METRICS_TOKEN:
            raise SettingsError(f"INTEGRAL_DASHBOARD_METRICS_TOKEN is too short: give at least {SHORTEST_METRICS_TOKEN} random characters.")
        database_url = _database_url(env.get("INTEGRAL_DASHBOARD_DATABASE") or env.get("DATABASE_URL") or "")
        return cls(
            data_dir=data_dir,
            database_url=database_url or f"sqlite:///{data_dir / 'dashboard.sqlite'}",
            storage_url=env.get("INTEGRAL_DASHBOARD_STORAGE") or env.get("STORAGE_URL") or str(data_dir / "products"),
            simulated_url=_address(env, "INTEGRAL_DASHBOARD_SIMULATED_URL").rstrip("/"),
            catalog_hosts=frozenset(env.get("INTEGRAL_DASHBOARD_CATALOG_HOSTS", "").lower().replace(",", " ").split()),
            hosts=read_hosts(Path(hosts_file).expanduser()) if hosts_file else known_hosts(),
            hosts_file=hosts_file and str(Path(hosts_file).expanduser().absolute()),
            single_user=users in ("", "single"),
            links_open=users in ("", "single") or links == "open",
            user_header=_header(env.get("INTEGRAL_DASHBOARD_USER_HEADER", "").strip() or "X-Forwarded-User") if users == "header" else "",
            proxies=_networks(env.get("INTEGRAL_DASHBOARD_PROXIES", "")) if users == "header" else (),
            administrators=frozenset(filter(None, map(str.strip, env.get("INTEGRAL_DASHBOARD_ADMINS", "").split(",")))),
            key=key,
            quota_bytes=None if (quota := _amount(env, "INTEGRAL_DASHBOARD_QUOTA_GB", "gigabytes")) is None else quota * 1e9,
            keep_days=_amount(env, "INTEGRAL_DASHBOARD_KEEP_DAYS", "days"),
            keep_gigabytes=_amount(env, "INTEGRAL_DASHBOARD_KEEP_GB", "gigabytes"),
            webhook_url=_address(env, "INTEGRAL_DASHBOARD_WEBHOOK"),
            mail_url=env.get("INTEGRAL_DASHBOARD_MAIL", "").strip(),
            address=_address(env, "INTEGRAL_DASHBOARD_ADDRESS"),
            workers=_workers(env.get("INTEGRAL_DASHBOARD_WORKERS", "").strip() or "1", on_sqlite=database_url[:6] in ("", "sqlite")),
            log_form=log_form,
            metrics_token=metrics_token,
            frame_ancestors=_frame_ancestors(env.get("INTEGRAL_DASHBOARD_FRAME_ANCESTORS", "")),
            workspace_dir=Path(workspace).expanduser().absolute() if workspace else None,
        )


def _database_url(url: str) -> str:
    """PostgreSQL by the driver that is installed, whatever its URL leaves open. It is not shown: it may hold a password."""
    scheme, _, rest = url.strip().partition("://")
    if not url.strip():
        return ""
    if scheme.partition("+")[0] not in ("postgres", "postgresql", "sqlite") or not rest:
        raise SettingsError("INTEGRAL_DASHBOARD_DATABASE must be postgresql://user:password@host/database, or sqlite:///file.")
    if not _readable(url):
        raise SettingsError(
            "INTEGRAL_DASHBOARD_DATABASE has no number for its port: write / ? # : of a user name or password percent-encoded."
        )
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url.strip()


def _readable(url: str) -> bool:
    """Whether an address can be taken apart into what it is meant to be."""
    try:
        parts = urlsplit(url.strip())
        return (parts.port or 0) >= 0 and not parts.fragment
    except ValueError:
        return False


def _address(env: Mapping[str, str], name: str) -> str:
    """An address of the web, "" when the variable is not set. It is not shown: it may open something."""
    text = env.get(name, "").strip()
    if text and not (_readable(text) and re.match("https?://[^/?#:]", text, re.IGNORECASE)):
        raise SettingsError(f"{name} must begin with http:// or https:// and a host, and go on with a port or a path if at all.")
    return text


def _password(url: str) -> str:
    """The password in an address, as it is written there; "" for none."""
    user, separator, _ = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")
    return user.partition(":")[2] if separator else ""


def _header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise SettingsError(f"INTEGRAL_DASHBOARD_USER_HEADER is {name[:40]!r}: a header's name has letters, digits and - only.")
    return name


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(word) for word in text.replace(",", " ").split()) or THIS_MACHINE
    except ValueError as error:
        raise SettingsError(
            f"INTEGRAL_DASHBOARD_PROXIES: {error}. Give addresses (192.0.2.7) or networks (192.0.2.0/24), with commas between."
        ) from None


def _frame_ancestors(text: str) -> str:
    """The sources of the directive frame-ancestors, such as "'self' https://hub.example"."""
    words = text.lower().replace(",", " ").split() or ["self"]
    for word in words:
        if not _ANCESTOR.fullmatch(word) or (word == "none" and len(words) > 1):
            raise SettingsError(f"INTEGRAL_DASHBOARD_FRAME_ANCESTORS has {word[:60]!r}: write none alone, or self and https://host[:port].")
    return " ".join(f"'{word}'" if word in ("none", "self") else word for word in words)


def _workers(text: str, *, on_sqlite: bool) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= MOST_WORKERS:
        raise SettingsError(f"INTEGRAL_DASHBOARD_WORKERS is {text[:40]!r}: it must be a whole number from 0 to {MOST_WORKERS}.")
    if on_sqlite and number > 1:
        raise SettingsError(
            f"INTEGRAL_DASHBOARD_WORKERS is {number}, but on SQLite there is exactly one: "
            "name a PostgreSQL database in INTEGRAL_DASHBOARD_DATABASE, or leave it at 1."
        )
    return number


def _amount(env: Mapping[str, str], name: str, unit: str) -> float | None:
    """A number above 0; None when the variable is not set."""
    text = env.get(name, "").strip()
    try:
        number = float(text) if text else None
    except ValueError:
        number = -1.0
    if number is not None and not 0 < number < 1e9:
        raise SettingsError(f"{name} is {text[:40]!r}: it must be a number of {unit} above 0.")
    return number
