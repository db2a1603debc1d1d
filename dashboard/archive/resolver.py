"""From a name to a position: the dispatcher's resolver first, then Simbad. A name that does not resolve is never (0, 0)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from astropy.coordinates import angular_separation

from dashboard.archive.fetching import WebService, patience
from dashboard.archive.reference_catalog import close_names
from dashboard.archive.simbad import simbad_position
from dashboard.errors import ArchiveError, ArchiveUnavailable, RequestError, UnknownSource
from dashboard.hosts import Host
from dashboard.request.request import Request

DISAGREEMENT_ARCMIN = 1.0
RESOLVER_SECONDS = 30.0  # Simbad's own deadline comes on top

Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Target:
    """Where to look.

    Attributes
    ----------
    name
        As asked, or made from the position when no name is given.
    ra, dec
        Degrees, FK5.
    origin
        Who gave the position: "given", "MMODA", "Simbad" or "simulated observatory".
    notes
        What the user should know, e.g. that name and position disagree.
    """

    name: str
    ra: float
    dec: float
    origin: str
    notes: tuple[str, ...] = ()


def resolve(request: Request, host: Host, client: httpx.Client | None = None, simbad: Callable[[str], Position] | None = None) -> Target:
    """Position of the request's target.

    Parameters
    ----------
    request
        Its position is taken when given; else src_name is looked up.
    host
        Its dispatcher is asked first. Simbad is asked after it, except by the simulated host.
    client
        Connections to use.
    simbad
        Looks a name up, as `simbad_position` does.

    Raises
    ------
    RequestError
        Neither name nor position.
    UnknownSource
        No resolver knows the name.
    ArchiveUnavailable
        No resolver answers.
    """
    name = request.src_name.strip()
    if request.position is None:
        if not name:
            raise RequestError("Neither a name nor a position is given: set src_name, or RA and DEC.", "src_name")
        return _look_up(name, host, client, simbad or simbad_position)
    ra, dec = request.position
    if not name:
        return Target(f"RA {ra:.4f} Dec {dec:+.4f}", ra, dec, "given")
    try:
        known = _look_up(name, host, client, simbad or simbad_position)
    except ArchiveError as error:
        return Target(name, ra, dec, "given", (f"The given position is used; the name was not checked. {error.sentence}",))
    apart = math.degrees(angular_separation(*map(math.radians, (ra, dec, known.ra, known.dec)))) * 60
    if apart <= DISAGREEMENT_ARCMIN:
        return Target(name, ra, dec, "given")
    note = (
        f"The given position lies {apart:.1f}' from {name} as {known.origin} knows it "
        f"({known.ra:.4f}, {known.dec:+.4f}): the given one, ({ra:.4f}, {dec:+.4f}), is used."
    )
    return Target(name, ra, dec, "given", (note,))


def _look_up(name: str, host: Host, client: httpx.Client | None, simbad: Callable[[str], Position]) -> Target:
    failures: list[ArchiveError] = []
    resolvers = [("simulated observatory" if host.simulated else "MMODA", lambda text: dispatcher_position(text, host, client))]
    if not host.simulated:
        resolvers.append(("Simbad", simbad))
    for origin, position in resolvers:
        try:
            return Target(name, *position(name), origin)
        except ArchiveError as error:
            failures.append(error)
    if all(isinstance(error, ArchiveUnavailable) for error in failures):
        raise ArchiveUnavailable(f"The name {name!r} could not be looked up: {' '.join(e.sentence for e in failures)} Or give RA and DEC.")
    silent = " One resolver did not answer." if any(isinstance(error, ArchiveUnavailable) for error in failures) else ""
    similar = close_names(name)
    hint = f" (similar: {', '.join(similar)})" if similar else ""
    raise UnknownSource(f"No resolver knows the name {name!r}: check its spelling{hint}, or give RA and DEC.{silent}")


def dispatcher_position(name: str, host: Host, client: httpx.Client | None = None) -> Position:
    """RA, Dec in degrees from the dispatcher's `resolve_name`, whose failures carry no status code but a message.

    Raises
    ------
    UnknownSource
        The dispatcher answers that it cannot resolve the name.
    ArchiveUnavailable
        It does not answer, or with something else.
    """
    service = WebService(f"The name resolver of {host.name}", host.dispatcher_url, client, seconds=min(patience(host), RESOLVER_SECONDS))
    answer = service.get_json("/resolve_name", {"name": name})
    if not isinstance(answer, dict):
        raise service.malformed("is no position")
    if "could not be resolved" in str(answer.get("message", "")) or answer.get("have_coordinates") is False:
        raise UnknownSource(f"The name resolver of {host.name} does not know {name!r}.")
    try:
        ra, dec = float(answer["RA"]), float(answer["DEC"])
    except (KeyError, TypeError, ValueError):
        raise service.malformed("holds no position") from None
    if not (0 <= ra <= 360 and -90 <= dec <= 90):
        raise service.malformed(f"puts {name!r} at ({ra}, {dec})")
    return ra, dec
