"""The catalogue a request takes when it names no other: MMODA's, or for the simulated observatory the one that ships."""

from __future__ import annotations

from functools import lru_cache

import httpx

from assets import asset_path
from dashboard.archive.fetching import WebService, patience
from dashboard.errors import ArchiveUnavailable, RequestError
from dashboard.hosts import Host
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import LARGEST_TEXT, catalog_from_text

MMODA_CATALOG = ("https://www.astro.unige.ch/integral/catalog", "/MMODA-api-catalog.txt")
OTHERWISE = "Or choose another catalogue: one of your own (api_catalog_file), or the sources of an image (make_image)."


def default_catalog(host: Host, client: httpx.Client | None = None) -> SourceCatalog:
    """The whole sky's known sources; clip it to the field of view before it is sent.

    Raises
    ------
    ArchiveUnavailable
        When MMODA's catalogue does not come or is none; the sentence names the choices that remain.
    """
    if host.simulated:
        return _shipped()
    address, path = MMODA_CATALOG
    service = WebService("MMODA's default catalogue", address, client, patience(host), largest=LARGEST_TEXT)
    try:
        response = service.get(path)
        if response.status_code != 200:
            raise ArchiveUnavailable(f"{service.name} ({address}) answered with HTTP status {response.status_code}: try again later.")
        catalog = catalog_from_text(response.text)
        if not len(catalog):
            raise service.malformed("holds no source")
    except RequestError as error:
        raise ArchiveUnavailable(f"{service.name} ({address}) cannot be used. {error.sentence} {OTHERWISE}") from None
    except ArchiveUnavailable as error:
        raise ArchiveUnavailable(f"{error.sentence} {OTHERWISE}") from None
    return catalog


@lru_cache(maxsize=1)
def _shipped() -> SourceCatalog:
    return catalog_from_text(asset_path("default_catalog.json").read_text())
