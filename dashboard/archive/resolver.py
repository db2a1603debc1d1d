"""From a name to a position: the dispatcher's resolver first, then Simbad, then Sesame. A name that does not resolve is never (0, 0)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import httpx
from astropy.coordinates import angular_separation

from dashboard.archive.burst_times import burst_times
from dashboard.archive.fetching import WebService, patience
from dashboard.archive.reference_catalog import close_names
from dashboard.archive.sesame import sesame_position
from dashboard.archive.simbad import simbad_position
from dashboard.errors import ArchiveError, ArchiveUnavailable, RequestError, UnknownSource
from dashboard.hosts import Host
from dashboard.request.burst import BurstTimes, times_in_name
from dashboard.request.coordinates import position_name, read_coordinates
from dashboard.request.request import Request

DISAGREEMENT_ARCMIN = 1.0
RESOLVER_SECONDS = 30.0  # the deadlines of Simbad and Sesame come on top

Position = tuple[float, float]

log = logging.getLogger(__name__)


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
        Who gave the position: "given", "MMODA", "Simbad", "Sesame (NED)" or the like, or "simulated observatory".
    notes
        What the user should know, e.g. that name and position disagree.
    burst
        For the name of a burst, when it was.
    """

    name: str
    ra: float
    dec: float
    origin: str
    notes: tuple[str, ...] = ()
    burst: BurstTimes | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept of it with a plan, JSON types only."""
        known = {"name": self.name, "ra": self.ra, "dec": self.dec, "origin": self.origin, "notes": list(self.notes)}
        return known if self.burst is None else {**known, "burst": asdict(self.burst)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Target:
        """Read what `facts` wrote."""
        burst = {"burst": BurstTimes(**facts["burst"])} if "burst" in facts else {}
        return cls(**{**facts, "notes": tuple(facts["notes"]), **burst})


def resolve(request: Request, host: Host, client: httpx.Client | None = None, simbad: Callable[[str], Position] | None = None) -> Target:
    """Position of the request's target.

    Parameters
    ----------
    request
        Its position is taken when given, as RA and DEC or in place of the name; else src_name is looked up.
    host
        Its dispatcher is asked first; after it those of the outside, except by the simulated host.
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
    written = read_coordinates(request.src_name)
    name = "" if written else request.src_name.strip()
    if request.position is None:
        if not name:
            raise RequestError("Neither a name nor a position is given: set src_name, or RA and DEC.", "src_name")
        return _with_burst(_look_up(name, host, client, simbad or simbad_position), host, client)
    ra, dec = request.position
    if not name:
        notes = (_told_apart(ra, dec, request.src_name.strip(), *written, "as it is written"),) if written else ()
        return Target(position_name(ra, dec), ra, dec, "given", tuple(filter(None, notes)))
    try:
        known = _look_up(name, host, client, simbad or simbad_position)
    except ArchiveError as error:
        note = f"The given position is used; the name was not checked. {error.sentence}"
    else:
        note = _told_apart(ra, dec, name, known.ra, known.dec, f"as {known.origin} knows it")
    return _with_burst(Target(name, ra, dec, "given", (note,) if note else ()), host, client)


def _told_apart(ra: float, dec: float, name: str, known_ra: float, known_dec: float, origin: str) -> str:
    """The sentence for a given position far from where the name is; "" for one that is near."""
    apart = math.degrees(angular_separation(*map(math.radians, (ra, dec, known_ra, known_dec)))) * 60
    if apart <= DISAGREEMENT_ARCMIN:
        return ""
    return (
        f"The given position lies {apart:.1f}' from {name} {origin} "
        f"({known_ra:.4f}, {known_dec:+.4f}): the given one, ({ra:.4f}, {dec:+.4f}), is used."
    )


def _with_burst(target: Target, host: Host, client: httpx.Client | None) -> Target:
    return replace(target, burst=times_in_name(target.name) if host.simulated else burst_times(target.name, client))


def _look_up(name: str, host: Host, client: httpx.Client | None, simbad: Callable[[str], Position]) -> Target:
    def own() -> Target:
        return Target(name, *dispatcher_position(name, host, client), "simulated observatory" if host.simulated else "MMODA")

    def sesame() -> Target:
        ra, dec, catalogue = sesame_position(name, client)
        return Target(name, ra, dec, f"Sesame ({catalogue})" if catalogue else "Sesame")

    outside = () if host.simulated else (lambda: Target(name, *simbad(name), "Simbad"), sesame)
    failures: list[ArchiveError] = []
    for resolver in (own, *outside):
        try:
            return resolver()
        except ArchiveError as error:
            failures.append(error)
    silent = sum(isinstance(error, ArchiveUnavailable) for error in failures)
    if silent == len(failures):
        log.info("%r was not looked up: %s", name, " ".join(error.sentence for error in failures))
        if outside:
            silence = f"the resolver of {host.name}, Simbad and Sesame do not answer: try again later, or give RA and DEC."
            raise ArchiveUnavailable(f"The name {name!r} could not be looked up, {silence}")
        raise ArchiveUnavailable(f"The name {name!r} could not be looked up: {failures[0].sentence} Or give RA and DEC.")
    told = f" {'One resolver' if silent == 1 else f'{silent} resolvers'} did not answer." if silent else ""
    similar = close_names(name)
    hint = f" (similar: {', '.join(similar)})" if similar else ""
    raise UnknownSource(f"No resolver knows the name {name!r}: check its spelling{hint}, or give RA and DEC.{told}")


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
