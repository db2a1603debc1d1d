"""A reference catalogue comes only from listed hosts at public addresses, whole, and over the checked connection."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from astropy.table import Table

from dashboard.archive import catalog_download
from dashboard.archive.catalog_download import download, is_public
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.errors import ArchiveUnavailable, RequestError
from dashboard.request.catalog_address import catalog_address
from dashboard.settings import Settings

HOSTS = frozenset({"isdc.example.org", "isdc.example.org:8080"})
PUBLIC = "93.184.215.14"
ADDRESS = catalog_address("https://isdc.example.org/gnrl_refr_cat.fits", HOSTS)


def answering(response: httpx.Response | Exception, asked: list[httpx.Request] | None = None) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        if isinstance(response, Exception):
            raise response
        return response

    return httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)


@pytest.fixture(autouse=True)
def _public_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_download, "_lookup", lambda host, port: [PUBLIC])


def test_the_environment_lists_the_hosts() -> None:
    assert Settings.from_environment({}).catalog_hosts == frozenset()
    env = {"INTEGRAL_DASHBOARD_CATALOG_HOSTS": "ISDC.example.org, other.example.org:8080"}
    assert Settings.from_environment(env).catalog_hosts == {"isdc.example.org", "other.example.org:8080"}


def test_a_catalogue_of_a_listed_host_is_read(tmp_path: Path) -> None:
    Table({"NAME": ["Crab"], "RA_OBJ": [83.6], "DEC_OBJ": [22.0]}).write(tmp_path / "cat.fits")
    content = gzip.compress((tmp_path / "cat.fits").read_bytes())
    asked: list[httpx.Request] = []
    client = answering(httpx.Response(200, stream=httpx.ByteStream(content)), asked)
    catalog = reference_catalog("https://isdc.example.org/cat.fits.gz?v=43", HOSTS, client)
    assert catalog.names == ("Crab",)
    assert str(asked[0].url) == f"https://{PUBLIC}/cat.fits.gz?v=43", "the address that was checked is the one that is asked"
    assert asked[0].headers["host"] == "isdc.example.org"
    assert asked[0].extensions["sni_hostname"] == "isdc.example.org"


@pytest.mark.parametrize(
    ("url", "hosts", "sentence"),
    [
        ("https://isdc.example.org/x", (), "from no host"),
        ("https://evil.example.org/x", HOSTS, "only from isdc.example.org"),
        ("https://isdc.example.org.evil.org/x", HOSTS, "points to isdc.example.org.evil.org"),
        ("https://isdc.example.org@evil.org/x", HOSTS, "user name"),
        ("https://a:b@isdc.example.org/x", HOSTS, "user name"),
        ("https://isdc.example.org:22/x", HOSTS, "points to isdc.example.org:22"),
        ("https://isdc.example.org:99999/x", HOSTS, "no web address"),
        ("http://[::1/x", HOSTS, "no web address"),
        ("file:///etc/passwd", HOSTS, "no http"),
        ("ftp://isdc.example.org/x", HOSTS, "no http"),
        ("https:///x", HOSTS, "no http"),
    ],
)
def test_other_addresses_are_refused_before_anything_is_asked(url: str, hosts: frozenset[str], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence) as caught:
        catalog_address(url, hosts)
    assert caught.value.field == "isdc_cat_url"
    with pytest.raises(RequestError):
        reference_catalog(url, hosts, answering(AssertionError("asked")))


def test_a_port_of_its_own_must_be_listed() -> None:
    assert catalog_address("http://ISDC.example.org:8080/x", HOSTS).authority == "isdc.example.org:8080"
    assert catalog_address("http://isdc.example.org:80", HOSTS).path == "/"


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        *((ip, True) for ip in (PUBLIC, "2606:2800:21f:cb07::1", f"::ffff:{PUBLIC}", f"64:ff9b::{PUBLIC}")),
        *(
            (ip, False)
            for ip in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1")
        ),
        *(
            (ip, False)
            for ip in ("::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "ff0e::1")
        ),
    ],
)
def test_public_addresses_are_told_from_others(ip: str, public: bool) -> None:
    assert is_public(ip) is public


@pytest.mark.parametrize("found", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["fe80::1%2"]])
def test_a_listed_name_that_leads_inside_is_refused(found: list[str]) -> None:
    with pytest.raises(RequestError, match="not public"):
        download(ADDRESS, answering(AssertionError("asked")), lambda host, port: found)


def test_an_unknown_name_is_told() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(ArchiveUnavailable, match="is not known"):
        download(ADDRESS, answering(AssertionError("asked")), unknown)


def test_redirects_are_not_followed() -> None:
    asked: list[httpx.Request] = []
    client = answering(httpx.Response(302, headers={"Location": "http://169.254.169.254/"}), asked)
    with pytest.raises(RequestError, match="redirects elsewhere"):
        download(ADDRESS, client)
    assert len(asked) == 1


def test_failures_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="HTTP status 404"):
        download(ADDRESS, answering(httpx.Response(404)))
    with pytest.raises(ArchiveUnavailable, match="did not deliver"):
        download(ADDRESS, answering(httpx.ConnectError("refused")))
    monkeypatch.setattr(catalog_download, "LARGEST_BYTES", 10)
    with pytest.raises(RequestError, match="larger than"):
        download(ADDRESS, answering(httpx.Response(200, stream=httpx.ByteStream(bytes(11)))))
    assert download(ADDRESS, answering(httpx.Response(200, stream=httpx.ByteStream(bytes(10))))) == bytes(10)
