"""The variables of the environment that a deployment sets: one declaration each.

`docs/settings.md` holds the same table, and a test keeps them equal. A new variable is a row here, a row there, and a field of
`dashboard.settings.Settings` that `Settings.from_environment` reads.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dashboard.errors import SettingsError

PREFIX: Final = "INTEGRAL_DASHBOARD_"


@dataclass(frozen=True, slots=True)
class Variable:
    """What one variable means.

    Attributes
    ----------
    word
        Its name behind `PREFIX`.
    meaning, default
        For docs, in Markdown.
    secret
        What of its value nobody may see: all of it, or the password of an address. Such a value may stand in a file instead, which
        the variable of the same name with _FILE names.
    also
        Another name, as other programs call it; the first goes before.
    """

    word: str
    meaning: str
    default: str
    secret: Literal["", "all", "password"] = ""
    also: str = ""

    @property
    def name(self) -> str:
        """As it stands in the environment."""
        return PREFIX + self.word

    @property
    def names(self) -> tuple[str, ...]:
        """All names under which it may be given, the first before the others."""
        file = f"{self.name}_FILE" if self.secret else ""
        return tuple(filter(None, (self.name, file, self.also)))


VARIABLES: Final = (
    Variable(
        "DATA",
        "folder of the database, products, locks and logs",
        "`$XDG_DATA_HOME/integral-dashboard`, else `~/.local/share/integral-dashboard`",
    ),
    Variable(
        "DATABASE",
        "URL of run store and workflows: `postgresql://...` for [several workers](several-machines.md)",
        "an SQLite file in that folder",
        secret="password",
        also="DATABASE_URL",
    ),
    Variable(
        "STORAGE",
        "fsspec URL of the product store: a folder, or `s3://bucket/folder`",
        "`products` in that folder",
        secret="password",
        also="STORAGE_URL",
    ),
    Variable("WORKERS", "workers that page and command line see to on this machine; 0: only watch; above 1 with PostgreSQL alone", "1"),
    Variable(
        "CATALOG_HOSTS",
        "hosts (`host` or `host:port`, commas between) from which `isdc_cat_url` may be fetched; never private addresses",
        "none",
    ),
    Variable("HOSTS", "TOML file of dispatchers, see [Hosts, tokens, roles](hosts-and-tokens.md)", "those of the service description"),
    Variable(
        "USERS",
        "`single`: whoever can open the page is the user; `login`: users are those who log in to Panel; `header`: a proxy names them, "
        "see [Users](users.md)",
        "`single`",
    ),
    Variable("USER_HEADER", "with `header`: in which header the proxy names the user", "`X-Forwarded-User`"),
    Variable(
        "PROXIES",
        "with `header`: addresses and networks (commas between) whose connections are believed",
        "this machine: `127.0.0.0/8`, `::1`",
    ),
    Variable("ADMINS", "users (commas between) who see the load of the deployment and may pause hosts", "none"),
    Variable(
        "LINKS",
        "with `login`: `login`: who opens a link to a run must log in; `open`: whoever has it may look, see [Sharing](sharing.md)",
        "`login`",
    ),
    Variable(
        "KEY",
        "secret of at least 32 characters that seals tokens and signs downloads",
        "the file `secret.key` in the data folder",
        secret="all",
    ),
    Variable("QUOTA_GB", "most that products may take; a plan that would need more is refused", "none"),
    Variable(
        "KEEP_DAYS",
        "how long runs that ended, and products that no run has, are kept, see [Storage](storage.md)",
        "none: for ever",
    ),
    Variable("KEEP_GB", "size of the product store above which the oldest of them go", "none: nothing goes"),
    Variable("WEBHOOK", "address that is told, by POST of JSON, when a run ends or waits, see [Runs](runs.md)", "nobody", secret="all"),
    Variable(
        "MAIL",
        "`smtp[s]://user:password@host:port?from=address`, for users who want to be told by e-mail, see [Runs](runs.md)",
        "nobody",
        secret="all",
    ),
    Variable("ADDRESS", "address of the page as users reach it, for links in such news", "none"),
    Variable("PORT", "port that the page listens on", "5006"),
    Variable("LISTEN", "address that it listens on", "127.0.0.1"),
    Variable("PREFIX", "path under which a proxy passes the page on, unchanged, see [Datalabs](datalabs.md#start)", "none"),
    Variable("ORIGINS", "names in browsers' address bars behind such a proxy: `host` or `host:port`, commas between", "this machine"),
    Variable(
        "WORKSPACE",
        "folder into which products are put as they land, see [Datalabs](datalabs.md#products-in-the-workspace); with one user only",
        "none",
    ),
    Variable("LOG", "`text`, or `json`: an object a line, see [Operations](operations.md)", "`text`"),
    Variable(
        "METRICS_TOKEN",
        "bearer token that `/metrics` asks for, of at least 16 characters",
        "none: it answers this machine alone",
        secret="all",
    ),
    Variable(
        "FRAME_ANCESTORS",
        "sites that may show the page in a frame: `none`, `self`, `https://host[:port]`, commas between, see [Security](security.md)",
        "`self`",
    ),
    Variable("SIMULATED_URL", "a running observatory to use", "none: one is started when it is needed"),
)


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, with the values that files hold in their places.

    Raises
    ------
    SettingsError
        When such a file cannot be read, or a value is given both ways.
    """
    values = dict(environ)
    for variable in (variable for variable in VARIABLES if variable.secret):
        path = values.pop(f"{variable.name}_FILE", "").strip()
        if path and values.get(variable.name):
            raise SettingsError(f"{variable.name} is set, and {variable.name}_FILE, too: keep one of them.")
        if path:
            try:
                values[variable.name] = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{variable.name}_FILE names {path}, which cannot be read as text: see to its rights.") from error
    return values


def origin(variable: Variable, environ: Mapping[str, str]) -> str:
    """The name under which a variable is given; "" when it is not."""
    return next((name for name in variable.names if environ.get(name, "").strip()), "")


def unknown(environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each variable that is called as ours are and is none, with the name that may be meant."""
    known = [name for variable in VARIABLES for name in variable.names]
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return tuple(f"{name} is no setting of this program: {_instead(name, known)}." for name in strange)


def _instead(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], n=1)
    return f"{PREFIX}{near[0]} may be meant" if near else "docs/settings.md has them all"
