"""Simbad's word on a name."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.archive.votable_claims import claims_too_much
from dashboard.errors import ArchiveUnavailable, UnknownSource

if TYPE_CHECKING:
    import requests

SIMBAD_SECONDS = 20.0
"""For each of its two answers."""
LARGEST_ANSWER = 1_000_000
_PIECE = 65536


def simbad_position(name: str) -> tuple[float, float]:
    """RA, Dec in degrees from Simbad.

    Raises
    ------
    UnknownSource
        Simbad does not know the name, or no position for it.
    ArchiveUnavailable
        Simbad does not answer, or with something else.
    """
    from astroquery.exceptions import NoResultsWarning  # imports and configures much: only when Simbad is asked
    from astroquery.simbad import SimbadClass
    from pyvo.dal.exceptions import DALAccessError  # type: ignore[import-untyped]
    from urllib3.exceptions import HTTPError

    simbad = SimbadClass()
    session = simbad._session  # the client sets no deadline itself and has no public way to set one
    session.request = partial(_bounded, session.request)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoResultsWarning)
            table = simbad.query_object(name)
    except (OSError, DALAccessError, HTTPError, ValueError):  # ValueError: its capabilities, which are asked first, are no XML
        raise ArchiveUnavailable("Simbad cannot be reached, or its answer cannot be read: try again later.") from None
    row = table[0] if table is not None and len(table) else {"ra": float("nan"), "dec": float("nan")}
    try:
        ra, dec = (float(np.ma.filled(row[column], np.nan)) for column in ("ra", "dec"))
    except (KeyError, ValueError):
        raise ArchiveUnavailable("Simbad sent an answer without ra and dec in degrees: try again later.") from None
    if not (0 <= ra <= 360 and -90 <= dec <= 90):
        raise UnknownSource(f"Simbad has no position for {name!r}.")
    return ra, dec


def _bounded(ask: Callable[..., requests.Response], method: str, url: str, **options: Any) -> requests.Response:
    """An answer that has come as a whole, in time and within its bound; OSError otherwise."""
    from urllib3 import HTTPResponse

    ends, content = time.monotonic() + SIMBAD_SECONDS, bytearray()
    response = ask(method, url, **{**options, "timeout": SIMBAD_SECONDS, "stream": True})
    while piece := response.raw.read1(_PIECE, decode_content=True):
        content += piece
        if len(content) > LARGEST_ANSWER or time.monotonic() > ends:
            response.close()
            raise OSError
    if claims_too_much(bytes(content)):
        raise OSError
    response.raw = HTTPResponse(io.BytesIO(content), preload_content=False)
    return response
