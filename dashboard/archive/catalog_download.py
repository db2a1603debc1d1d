"""Fetching a reference catalogue from a listed host, at a public address and nowhere else."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

import httpx

from dashboard.archive.fetching import CONNECT_SECONDS
from dashboard.errors import ArchiveUnavailable, RequestError
from dashboard.request.catalog_address import CatalogAddress

LARGEST_BYTES = 50_000_000
DOWNLOAD_SECONDS = 60.0

Lookup = Callable[[str, int], list[str]]


def download(address: CatalogAddress, client: httpx.Client | None = None, lookup: Lookup | None = None) -> bytes:
    """The bytes at an address, as they were sent.

    The connection goes to the very address that was checked, so that a name cannot lead elsewhere in between; proxies and
    redirects are not followed.

    Parameters
    ----------
    client
        Connections to use.
    lookup
        All IP addresses of a host name and port.

    Raises
    ------
    RequestError
        When the name leads to an address that is not public, or there is no such file, or it is too large.
    ArchiveUnavailable
        When the host does not answer.
    """
    ip = _public_ip(address, lookup or _lookup)
    where = f"[{ip}]" if ":" in ip else ip
    url = f"{address.scheme}://{where}:{address.port}{address.path}"
    if client is not None:
        return _read(client, url, address)
    with httpx.Client(trust_env=False) as own:
        return _read(own, url, address)


def is_public(ip: str) -> bool:
    """Whether an address is one of the public internet, seen through forms of IPv6 that carry an IPv4 address."""
    given = ipaddress.ip_address(ip.split("%")[0])
    if isinstance(given, ipaddress.IPv6Address):
        inner = given.ipv4_mapped or given.sixtofour or (given.teredo[1] if given.teredo else None)
        if given in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(given) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return given.is_global and not given.is_multicast


def _public_ip(address: CatalogAddress, lookup: Lookup) -> str:
    try:
        found = lookup(address.host, address.port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise ArchiveUnavailable(f"isdc_cat_url: the host {address.host} is not known: try again later, or download the catalogue.")
    if not all(is_public(ip) for ip in found):
        raise RequestError(
            f"isdc_cat_url: {address.host} leads to an address that is not public: download the catalogue and give its path.",
            "isdc_cat_url",
        )
    return found[0]


def _lookup(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _read(client: httpx.Client, url: str, address: CatalogAddress) -> bytes:
    content, ends = bytearray(), time.monotonic() + DOWNLOAD_SECONDS
    try:
        with client.stream(
            "GET",
            url,
            headers={"Host": address.authority, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": address.host},
            timeout=httpx.Timeout(DOWNLOAD_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
        ) as response:
            if response.status_code != 200:
                told = "redirects elsewhere" if response.is_redirect else f"answers with HTTP status {response.status_code}"
                raise RequestError(f"isdc_cat_url: {address.authority} {told}: give the catalogue's own address.", "isdc_cat_url")
            for piece in response.iter_raw():
                content += piece
                if len(content) > LARGEST_BYTES:
                    raise RequestError(
                        f"isdc_cat_url: the file is larger than {LARGEST_BYTES / 1e6:g} MB, which no catalogue is.", "isdc_cat_url"
                    )
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the file comes too slowly", request=response.request)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ArchiveUnavailable(
            f"isdc_cat_url: {address.authority} did not deliver the catalogue: try again later, or download it and give its path."
        ) from None
    return bytes(content)
