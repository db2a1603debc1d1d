"""Every remote in every trouble: a sentence of ours, in time and bounds, without the token; no wrong answer is taken for a right one.

Over real sockets, whatever HTTP library is asked. What each remote does with single fields, statuses and retries is tested in its own room;
docs/developing.md names the files.
"""

from __future__ import annotations

import logging
import time
import traceback
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dashboard.archive import burst_times as bursts
from dashboard.archive import catalog_download, default_catalog, fetching, resolver, sesame, simbad
from dashboard.archive.gallery_list import gallery_products
from dashboard.archive.isla import Isla
from dashboard.archive.ready_made import ReadyEpoch
from dashboard.archive.tap_archive import TapArchive
from dashboard.archive.timesystem import Timesystem
from dashboard.dispatcher import client, gallery, host_jobs
from dashboard.dispatcher.gallery import GalleryDoor
from dashboard.dispatcher.health import check_host
from dashboard.dispatcher.host_jobs import JobsDoor
from dashboard.dispatcher.job_record import HostJob
from dashboard.dispatcher.obtain import obtain
from dashboard.errors import ArchiveUnavailable, DashboardError, DispatcherError, NoticeFailed
from dashboard.hosts import Host
from dashboard.notices import webhook
from dashboard.request.burst import times_in_name
from dashboard.request.catalog_address import catalog_address
from dashboard.request.times import parse_spans
from tests.archive.fake_tap import votable
from tests.dispatcher.replay import image_batch
from tests.notices.crab_news import crab_news
from tests.signed import signed
from tests.troubled import BOMBS, TROUBLES, Troubled, bomb, troubled

# A handshake whose connection a deadline ends in that very moment leaves Python's own ssl socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings(r"ignore:Exception ignored in. <ssl\.SSLSocket:pytest.PytestUnraisableExceptionWarning")

SECONDS = 0.5
"""Deadline of every remote here."""
IN_TIME = 6.0
"""All of it, tries and pauses included, on a busy machine."""
LARGEST = 5_000_000
MOST_MB = 35
"""That a server can send to somebody who reads 20 MB, as sockets hold some too."""
TOKEN = signed("gallery contributor")
EPOCH = ReadyEpoch("isgri", "1", "0745_06340000001", (("28_40", "7"),))
JSON, XML = b'{"spam": [1, 2]}', b"<Spam><Egg>1</Egg></Spam>"
TABLE = votable({"spam": str}, [("egg",)]).encode()


def _windows(archive: Timesystem | TapArchive) -> object:
    spans = parse_spans("2009-02-15T00:00:00", "2009-03-30T00:00:00")
    return archive.windows(spans, 83.63, 22.01, 10.0, "CONS", "isgri")


def _host(url: str) -> Host:
    return Host("geneva", url, request_seconds=SECONDS, job_seconds=1.0, poll_seconds=0.1)


def _gallery_post(url: str) -> object:
    return GalleryDoor(_host(url), TOKEN, pauses=(0.05,)).post({"product_id": "0123"}, [("img", Path(__file__))])


def _catalogue(url: str) -> object:
    return catalog_download.download(catalog_address(f"{url}/catalogue.fits", {url.partition("://")[2]}), lookup=lambda *_: ["127.0.0.1"])


def _default_catalogue(url: str, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(default_catalog, "MMODA_CATALOG", (url, "/MMODA-api-catalog.txt"))
    return default_catalog.default_catalog(_host(url))


def _sesame(url: str, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(sesame, "MIRRORS", {"Sesame": url, "Sesame's mirror": url})
    return sesame.sesame_position("Crab")


def _simbad(url: str, patch: pytest.MonkeyPatch) -> object:
    from astroquery.simbad import SimbadClass
    from pyvo.dal import TAPService  # type: ignore[import-untyped]

    patch.setattr(SimbadClass, "tap", property(lambda client: TAPService(baseurl=url, session=client._session)))
    return simbad.simbad_position("Crab")


def _burst(url: str, patch: pytest.MonkeyPatch) -> None:
    """Whatever happens, the name tells the day."""
    patch.setattr(bursts, "RESOLVER", url)
    assert bursts.burst_times("GRB 090618") == times_in_name("GRB 090618")


def _health(url: str) -> None:
    health = check_host(_host(url), seconds=SECONDS)
    assert not health.reachable
    assert "geneva" in health.detail


class Remote(NamedTuple):
    """Whom sentences name, how it is asked at an address, a well-formed answer of other fields, and the kind of error; None: no error."""

    name: str
    ask: Callable[..., object]
    changed: bytes = JSON
    kind: type[DashboardError] | None = ArchiveUnavailable


REMOTES = {
    "timesystem": Remote("The timesystem", lambda url, _: _windows(Timesystem(url, seconds=SECONDS))),
    "ISLA TAP": Remote("ISLA", lambda url, _: _windows(TapArchive("ISLA", url, ("ila.scw",), seconds=SECONDS)), TABLE),
    "HEASARC TAP": Remote("HEASARC", lambda url, _: _windows(TapArchive("HEASARC", url, ("intscw", "intscwpub"), seconds=SECONDS)), TABLE),
    "ISLA sources": Remote("ISLA", lambda url, _: Isla(url, seconds=SECONDS).offer("Crab", 83.63, 22.01), TABLE),
    "ISLA light curves": Remote("ISLA", lambda url, _: Isla(url, seconds=SECONDS).light_curves("J05", EPOCH)),
    "ISLA spectra": Remote("ISLA", lambda url, _: Isla(url, seconds=SECONDS).spectra("J05", EPOCH)),
    "ISLA mosaics": Remote("ISLA", lambda url, _: Isla(url, seconds=SECONDS).mosaics(EPOCH, "7")),
    "MMODA resolver": Remote("name resolver of geneva", lambda url, _: resolver.dispatcher_position("Crab", _host(url))),
    "Simbad": Remote("Simbad", _simbad, TABLE),
    "Sesame": Remote("Sesame's mirror", _sesame, XML),
    "burst times": Remote("", _burst, kind=None),
    "gallery search": Remote("gallery of geneva", lambda url, _: gallery_products("Crab", _host(url))),
    "default catalogue": Remote("MMODA's default catalogue", _default_catalogue),
    "isdc_cat_url": Remote("isdc_cat_url", lambda url, _: _catalogue(url), kind=DashboardError),
    "run_analysis": Remote("geneva", lambda url, _: obtain(image_batch(), _host(url), token=TOKEN), kind=DispatcherError),
    "health": Remote("", lambda url, _: _health(url), kind=None),
    "inspect-user-state": Remote("geneva", lambda url, _: JobsDoor(_host(url), TOKEN, pauses=(0.05,)).jobs(), kind=DispatcherError),
    "report_incident": Remote("geneva", lambda url, _: JobsDoor(_host(url), TOKEN).report(HostJob("574a"), "wrong"), kind=DispatcherError),
    "gallery post": Remote("geneva", lambda url, _: _gallery_post(url), kind=DispatcherError),
    "webhook": Remote("127.0.0.1", lambda url, _: webhook.post(url, crab_news(), SECONDS), kind=NoticeFailed),
}
MOST_MEMORY = 100_000_000
"""Bytes at once: one piece of the network, 64 kB, unpacked, and what has been kept before."""
ANSWERS: dict[str, set[str]] = {
    "webhook": {"slow", "empty", "changed", "HTML", "cut", "huge", *BOMBS},
    "isdc_cat_url": {"empty", "changed", "HTML", *BOMBS},
}
"""What is no trouble: of a webhook's answer the status counts; a file is judged by whoever opens it (test_reference_catalog)."""
STAY = {"isdc_cat_url", "health", "webhook", "run_analysis", "inspect-user-state", "report_incident", "gallery post"}
"""They stay where they were sent: with a token, or because the address was chosen by somebody else."""
ONCE = {
    "report_incident": "slow silent empty changed HTML redirect cut huge",
    "gallery post": "slow silent empty changed HTML redirect huge",
}
"""What may have arrived is not sent twice; publishing again after a lost connection updates what is there."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fetching, catalog_download, host_jobs, gallery):
        monkeypatch.setattr(module, "CONNECT_SECONDS", SECONDS)
    for module in (fetching, client, catalog_download):
        monkeypatch.setattr(module, "LARGEST_BYTES" if module is catalog_download else "LARGEST_ANSWER", LARGEST)
    monkeypatch.setattr(fetching, "SERVICE_SECONDS", SECONDS)
    monkeypatch.setattr(sesame, "SESAME_SECONDS", SECONDS)
    monkeypatch.setattr(simbad, "SIMBAD_SECONDS", SECONDS)
    monkeypatch.setattr(bursts, "RESOLVER_SECONDS", SECONDS)
    monkeypatch.setattr(catalog_download, "DOWNLOAD_SECONDS", SECONDS)
    monkeypatch.setattr(catalog_download, "is_public", lambda _: True)


@pytest.mark.parametrize("how", TROUBLES)
@pytest.mark.parametrize("remote", REMOTES)
def test_trouble_is_a_sentence(
    remote: str, how: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    with caplog.at_level(logging.DEBUG):
        _ask(remote, how, certificate, monkeypatch)
    assert time.monotonic() - started < IN_TIME
    assert TOKEN not in caplog.text


@pytest.mark.slow  # counting every byte takes its time
@pytest.mark.parametrize("how", BOMBS)
@pytest.mark.parametrize("remote", REMOTES)
def test_a_bomb_is_a_sentence_and_takes_no_memory(remote: str, how: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb(2)
    tracemalloc.start()
    try:
        _ask(remote, how, certificate, monkeypatch)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def _ask(remote: str, how: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask it once; what is told, and what the server saw, must be right."""
    name, ask, changed, kind = REMOTES[remote]
    with troubled(how, changed, certificate) as server:
        if kind is None or how in ANSWERS.get(remote, ()):
            ask(server.url, monkeypatch)
        else:
            with pytest.raises(kind) as caught:
                ask(server.url, monkeypatch)
            told = caught.value.sentence
            assert name in told
            assert told[-1] == "."
            assert "<" not in told
            assert TOKEN not in "".join(traceback.format_exception(caught.value))
    _as_asked(remote, how, server)


def _as_asked(remote: str, how: str, server: Troubled) -> None:
    """What the server saw of it."""
    assert bool(server.asked) == (how != "TLS")
    if how == "redirect":
        assert any("/elsewhere" in line for line in server.asked) == (remote not in STAY)
    if how in ONCE.get(remote, "").split():
        assert len(server.asked) == 1
    assert server.sent_mb <= MOST_MB
