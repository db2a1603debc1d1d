"""When a burst was: by the name resolver of MMODA, which knows times of bursts, else by the burst's name."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx

from dashboard.archive.fetching import WebService
from dashboard.errors import ArchiveUnavailable
from dashboard.request.burst import BurstTimes, times_in_name, told_times

RESOLVER: Final = "https://resolver.odahub.fr/api/v1.1/byname"
"""Asked by MMODA's web page for times (mmoda.nameresolver.inc of its front end): success_time, and view.t1, view.t2."""
RESOLVER_SECONDS: Final = 10.0


def burst_times(name: str, client: httpx.Client | None = None) -> BurstTimes | None:
    """An interval around the burst of that name; None for a name that is no burst's. Nobody is asked about other names.

    The resolver's interval is taken when it meets the one that the name tells; `BurstTimes.origin` says whose it is.
    """
    named = times_in_name(name)
    if named is None:
        return None
    service = WebService("MMODA's name resolver", RESOLVER, client, RESOLVER_SECONDS, pauses=())
    try:
        answer = service.get_json(f"/{quote(name.strip(), safe='')}")
    except ArchiveUnavailable:
        return named
    told = _told(answer)
    return told if told is not None and told.meets(named) else named


def _told(answer: object) -> BurstTimes | None:
    view = answer.get("view") if isinstance(answer, dict) and answer.get("success_time") else None
    return told_times(view.get("t1"), view.get("t2"), "MMODA") if isinstance(view, dict) else None
