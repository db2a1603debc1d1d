"""The default catalogue: shipped for the observatory, MMODA's for real hosts, and a sentence with what remains when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from astropy.coordinates import SkyCoord

from dashboard.archive.catalog_file import catalog_from_file
from dashboard.archive.default_catalog import default_catalog
from dashboard.errors import ArchiveUnavailable, RequestError
from dashboard.hosts import Host
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import LARGEST_TEXT, catalog_to_api
from tests.archive.test_reference_catalog import LIST_OF_THE_OBSERVATORY

SIMULATED, PRODUCTION = Host("simulated"), Host("production", "https://dispatcher", "https://timesystem")
CATALOG = SourceCatalog((CatalogSource("Crab", 83.6332, 22.0145, isgri_flag=2, flag=1), CatalogSource("Cyg X-1", 299.59, 35.2)))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is asked for the simulated host")


def test_the_shipped_catalogue_holds_what_the_observatory_lists_and_no_secret() -> None:
    run = [sys.executable, "-c", LIST_OF_THE_OBSERVATORY]
    listed = json.loads(subprocess.run(run, capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2]).stdout)
    catalog = default_catalog(SIMULATED, client(never))
    ours = {source.name: SkyCoord(source.ra, source.dec, unit="deg") for source in catalog.sources}
    sky = SkyCoord(catalog.positions, unit="deg")
    for name, ra, dec, catalogued in listed:
        there = SkyCoord(ra, dec, unit="deg")
        if catalogued:
            assert ours[name].separation(there).arcmin < 0.1, name
        else:
            assert there.separation(sky).arcmin.min() > 12, f"{name} must stay new"
    assert len(ours) == len(catalog)
    assert all(source.isgri_flag in (1, 2) and source.flag == 1 for source in catalog.sources)


def test_a_real_host_takes_mmodas() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, text=json.dumps(catalog_to_api(CATALOG)))

    assert default_catalog(PRODUCTION, client(answer)) == CATALOG
    assert asked == ["https://www.astro.unige.ch/integral/catalog/MMODA-api-catalog.txt"]


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (httpx.Response(404), "HTTP status 404"),
        (httpx.Response(400, text="no"), "HTTP status 400"),
        (httpx.Response(200, text="<html>maintenance</html>"), "no valid JSON"),
        (httpx.Response(200, text="{}"), "do not fit together"),
        (httpx.Response(200, text=json.dumps(catalog_to_api(SourceCatalog()))), "holds no source"),
        (httpx.Response(200, content=bytes(LARGEST_TEXT + 1)), "larger than 5 MB"),
    ],
    ids=("absent", "refused", "page", "other", "empty", "huge"),
)
def test_a_catalogue_that_cannot_be_used_leaves_two_choices(response: httpx.Response, sentence: str) -> None:
    with pytest.raises(ArchiveUnavailable, match=sentence) as caught:
        default_catalog(PRODUCTION, client(lambda request: response))
    assert "api_catalog_file" in caught.value.sentence
    assert "make_image" in caught.value.sentence


def test_a_lost_connection_is_tried_again_and_a_dead_one_told() -> None:
    tries: list[int] = []

    def lost(request: httpx.Request) -> httpx.Response:
        tries.append(1)
        if len(tries) == 3:
            return httpx.Response(200, text=json.dumps(catalog_to_api(CATALOG)))
        raise httpx.ConnectError("refused")

    assert default_catalog(PRODUCTION, client(lost)) == CATALOG

    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ArchiveUnavailable, match=r"cannot be reached.*make_image"):
        default_catalog(PRODUCTION, client(dead))


def test_a_catalogue_of_ones_own_is_text_or_path(tmp_path: Path) -> None:
    text = json.dumps(catalog_to_api(CATALOG), indent=1)
    (tmp_path / "mine.json").write_text(text)
    assert catalog_from_file(" \n" + text, local_files=False) == CATALOG
    assert catalog_from_file(str(tmp_path / "mine.json"), local_files=True) == CATALOG


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    (tmp_path / "large").write_bytes(bytes(LARGEST_TEXT + 1))
    (tmp_path / "text").write_text("Crab 83.6 22.0")
    wrong = {
        "binary": "cannot be read",
        "large": "larger than 5 MB",
        "text": "no valid JSON",
        "absent": "no such file",
        ".": "no such file",
    }
    for name, sentence in wrong.items():
        with pytest.raises(RequestError, match=sentence) as caught:
            catalog_from_file(str(tmp_path / name), local_files=True)
        assert caught.value.field == "api_catalog_file"
    with pytest.raises(RequestError, match="may not read the server's files"):
        catalog_from_file("/etc/passwd", local_files=False)
