"""From which web addresses a reference catalogue may come: those of hosts the administrator lists, and no others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from dashboard.errors import RequestError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class CatalogAddress:
    """An http(s) address taken apart.

    Attributes
    ----------
    scheme, host, port
        "http" or "https", a listed host in lower case, 1 to 65535.
    path
        With the query, beginning with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def catalog_address(isdc_cat_url: str, hosts: Collection[str]) -> CatalogAddress:
    """The parts of an address, once it is allowed. Where the name leads is checked when it is fetched.

    Parameters
    ----------
    hosts
        `Settings.catalog_hosts`: "host" for the scheme's own port, "host:port" for another.

    Raises
    ------
    RequestError
        For another scheme, an address that carries a password, or a host that is not listed.
    """
    try:
        parts = urlsplit(isdc_cat_url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _refused("is no web address: give http(s)://host/file, or the path of a file.") from None
    if parts.scheme not in _PORTS or not host:
        raise _refused("is no http(s) address: give http(s)://host/file, or the path of a file.")
    if parts.username is not None or parts.password is not None:
        raise _refused("carries a user name or password: leave them out, or download the catalogue and give its path.")
    address = CatalogAddress(
        parts.scheme, host, port or _PORTS[parts.scheme], (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    )
    if address.authority not in hosts:
        which = f"only from {', '.join(sorted(hosts))}" if hosts else "from no host"
        raise _refused(f"points to {address.authority}; this installation fetches catalogues {which}: download it and give its path.")
    return address


def _refused(what: str) -> RequestError:
    return RequestError(f"isdc_cat_url {what}", "isdc_cat_url")
