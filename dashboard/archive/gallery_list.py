"""What MMODA's public gallery has of a source.

`GET get_data_product_list_by_source_name?src_name=...` is open; with a token it would take a role (dispatcher-app, flask_app/app.py).
The dispatcher passes on what the gallery says of each product, without the prefix `field_`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from dashboard.archive.fetching import WebService, patience
from dashboard.errors import RequestError
from dashboard.hosts import Host

LARGEST: Final = 20_000_000
LONGEST: Final = 200
"""Characters of a fact that are shown; a gallery's page can hold whole tables."""
_TAG: Final = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class GalleryProduct:
    """A product of the gallery.

    Attributes
    ----------
    title
        As it stands there.
    facts
        All else that is told of it in words, under the gallery's names.
    """

    title: str
    facts: Mapping[str, str]


def gallery_products(source: str, host: Host, client: httpx.Client | None = None) -> tuple[GalleryProduct, ...]:
    """What the gallery of a host has of a source, in its order; nothing for a source it does not know.

    Raises
    ------
    RequestError
        Without a name, or for the simulated host, which has no gallery.
    ArchiveUnavailable
        When it does not answer, or with something else.
    """
    name = " ".join(source.split())
    if not name:
        raise RequestError("No source is named: say which one is looked for in the gallery.")
    if host.simulated:
        raise RequestError("The simulated observatory has no gallery: choose another host.", "host_type")
    service = WebService(f"The gallery of {host.name}", host.dispatcher_url, client, seconds=patience(host), largest=LARGEST)
    answer = service.get_json("/get_data_product_list_by_source_name", {"src_name": name})
    if not isinstance(answer, list) or not all(isinstance(entry, dict) for entry in answer):
        raise service.malformed("is no list of products")
    if not all(_words(entry.get("title")) for entry in answer):
        raise service.malformed("lists products without a title, so its form has changed")
    return tuple(
        GalleryProduct(_words(entry["title"]), {key: text for key, value in entry.items() if key != "title" and (text := _words(value))})
        for entry in answer
    )


def _words(value: Any) -> str:
    """A text or number as one line without tags; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = " ".join(html.unescape(_TAG.sub(" ", str(value))).split())
    line = "".join(character for character in text if character.isprintable())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
