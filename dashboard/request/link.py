"""A request in an address: what differs from the defaults, packed into letters, digits, - and _. It fills the form and starts nothing."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any, Final

from dashboard.errors import RequestError
from dashboard.request.document import names, read
from dashboard.request.request import Request

LONGEST: Final = 1800
"""Characters that every program on the way takes in an address."""
MOST: Final = 100_000
"""Bytes of JSON that a link may unpack to."""
NO_LINK: Final = "This link holds no request: it was cut when it was copied; ask whoever sent it for another."


def link_of_request(request: Request) -> str:
    """The text that stands for a request behind `?ask=`.

    Raises
    ------
    RequestError
        When it is too long for an address, as with a catalogue of many sources, or names a file of this machine.
    """
    for name in local_files(request):
        raise RequestError(f"{name} names a file of this machine, which no link may: give the catalogue itself.", name)
    usual = Request().to_dict()
    told = {name: value for name, value in request.to_dict().items() if name in ("src_name", "RA", "DEC") or value != usual.get(name)}
    packed = base64.urlsafe_b64encode(zlib.compress(json.dumps(told, separators=(",", ":"), sort_keys=True).encode(), 9))
    text = packed.rstrip(b"=").decode()
    if len(text) > LONGEST:
        long = f"The request is too long for a link: {len(text)} characters, {LONGEST} at most"
        raise RequestError(f"{long}. Run it and share the run, or send the request as JSON.")
    return text


def request_of_link(text: str) -> dict[str, Any]:
    """All values of the request that such a text stands for, None for those left to the instrument.

    Raises
    ------
    RequestError
        When it stands for none, or for one that nobody may ask so.
    """
    unpacking = zlib.decompressobj()
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        told = unpacking.decompress(packed, MOST).decode()
    except (UnicodeError, binascii.Error, zlib.error):
        raise RequestError(NO_LINK) from None
    if not unpacking.eof:
        raise RequestError(NO_LINK)
    request = Request.from_dict(read(told))
    for name in local_files(request):
        raise RequestError(f"The link's {name} names a file of another machine: ask whoever sent it for the catalogue itself.", name)
    return values_of(request)


def values_of(request: Request) -> dict[str, Any]:
    """Every parameter with its value, what is left to the instrument too: fills a form wholly."""
    return {name: getattr(request, name) for name in names(request)}


def local_files(request: Request) -> tuple[str, ...]:
    """Which parameters name a file instead of holding what is in it."""
    catalogue, reference = request.api_catalog_file.strip(), request.isdc_cat_url.strip().lower()
    found = {
        "api_catalog_file": catalogue and not catalogue.startswith("{"),
        "isdc_cat_url": reference and ("://" not in reference or reference.startswith("file:")),
    }
    return tuple(name for name, is_file in found.items() if is_file)
