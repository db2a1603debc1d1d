"""Sesame, the name resolver of CDS Strasbourg and its mirror, which asks Simbad, NED and VizieR.

Its answer is XML: Sesame/Target/Resolver with jradeg and jdedeg (degrees, J2000), the resolver called as "S=Simbad (via url)"; INFO holds
words such as "*** Nothing found ***". Addresses: astropy.coordinates.name_resolve.sesame_url; elements: the front end of MMODA
(mmoda.nameresolver.inc), which reads the same answer.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree

import httpx

from dashboard.archive.fetching import WebService
from dashboard.errors import ArchiveUnavailable, UnknownSource

MIRRORS = {
    "Sesame": "https://cds.unistra.fr/cgi-bin/nph-sesame",
    "Sesame's mirror": "http://vizier.cfa.harvard.edu/viz-bin/nph-sesame",
}
"""One after the other until one answers."""
CATALOGUES = "SNV"
"""Simbad, NED, VizieR."""
SESAME_SECONDS = 15.0
"""Deadline of each mirror."""
LARGEST_ANSWER = 1_000_000


def sesame_position(name: str, client: httpx.Client | None = None) -> tuple[float, float, str]:
    """RA, Dec in degrees, and which catalogue gave them, e.g. "NED".

    Raises
    ------
    UnknownSource
        None of the catalogues knows the name.
    ArchiveUnavailable
        No mirror answers, or with something else.
    """
    failures: list[str] = []
    for mirror, url in MIRRORS.items():
        service = WebService(mirror, url, client, SESAME_SECONDS, pauses=(), largest=LARGEST_ANSWER)
        try:
            return _ask(service, name)
        except ArchiveUnavailable as error:
            failures.append(error.sentence)
    raise ArchiveUnavailable(" ".join(failures))


def _ask(service: WebService, name: str) -> tuple[float, float, str]:
    response = service.get(f"/-oxp/{CATALOGUES}?{quote(name, safe='')}")
    content = response.content
    if response.status_code != 200 or b"<!DOCTYPE" in content or b"<!ENTITY" in content:  # a web page, or made to expand
        raise service.malformed("is no position")
    try:
        answer = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError):  # LookupError: an encoding nobody knows
        raise service.malformed("is no XML") from None
    target = answer.find("Target") if answer.tag == "Sesame" else None
    if target is None:
        raise service.malformed("is no position")
    for resolver in target.iter("Resolver"):
        place = _place(resolver)
        if place is not None:
            return *place, resolver.get("name", "").partition("=")[2].partition("(")[0].strip()
    if "nothing found" in " ".join(info.text or "" for info in target.iter("INFO")).lower():
        raise UnknownSource(f"Sesame does not know {name!r}.")
    raise service.malformed("holds no position")


def _place(resolver: ElementTree.Element) -> tuple[float, float] | None:
    try:
        ra, dec = float(resolver.findtext("jradeg", "")), float(resolver.findtext("jdedeg", ""))
    except ValueError:
        return None
    return (ra, dec) if 0 <= ra <= 360 and -90 <= dec <= 90 else None
