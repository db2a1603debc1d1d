"""Where the page listens, and how browsers reach it: from the environment, for whoever starts it behind a proxy.

| variable | meaning | default |
|---|---|---|
| INTEGRAL_DASHBOARD_PORT | port it listens on | 5006 |
| INTEGRAL_DASHBOARD_LISTEN | address it listens on | 127.0.0.1 |
| INTEGRAL_DASHBOARD_PREFIX | path under which a proxy passes it on, unchanged | none |
| INTEGRAL_DASHBOARD_ORIGINS | names in browsers' address bars: host or host:port, comma between | this machine |
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from dashboard.errors import SettingsError

_ORIGIN: Final = re.compile(r"[A-Za-z0-9.*-]*[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
_PREFIX: Final = re.compile(r"(/[\w.~@%+-]+)*")


@dataclass(frozen=True, slots=True)
class Reach:
    """How a page server is started so that browsers find it.

    Attributes
    ----------
    port, listen
        Where it listens.
    prefix
        Such as "/user/ada/integral", "" for none.
    origins
        Hosts in the address bar, from which a websocket may be opened beside those of this machine.
    """

    port: int = 5006
    listen: str = "127.0.0.1"
    prefix: str = ""
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"The port is {self.port}: it must be between 0 and 65535.")
        if not _PREFIX.fullmatch(self.prefix):
            raise SettingsError(f"The prefix is {self.prefix[:60]!r}: it must be a path such as /user/ada/integral.")
        wrong = [origin for origin in self.origins if not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise SettingsError(f"{wrong[0][:60]!r} is no name in an address bar: give host or host:port, without https:// and path.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the variables listed at the head of this module; SettingsError when one of them cannot be meant."""
        env = os.environ if environ is None else environ
        port, listen, prefix, origins = (
            env.get(f"INTEGRAL_DASHBOARD_{name}", "").strip() for name in ("PORT", "LISTEN", "PREFIX", "ORIGINS")
        )
        if port and not (port.isascii() and port.isdigit()):
            raise SettingsError(f"INTEGRAL_DASHBOARD_PORT is {port[:40]!r}: it must be a number.")
        return cls(int(port or 5006), listen or "127.0.0.1", f"/{prefix.strip('/')}".rstrip("/"), tuple(origins.replace(",", " ").split()))

    @property
    def options(self) -> tuple[str, ...]:
        """For `panel serve`. Behind a proxy its headers tell who asks and how."""
        words = ["--port", str(self.port), "--address", self.listen]
        if self.prefix:
            words += ["--prefix", self.prefix]
        if self.origins:
            words += ["--use-xheaders"]
            for origin in (*self.origins, f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
                words += ["--allow-websocket-origin", origin]
        return tuple(words)
