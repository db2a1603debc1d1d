"""Who lists science windows, in order: the host's timesystem, ESA's ISLA, HEASARC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Protocol, TypeVar

import httpx

from dashboard.archive.fetching import patience
from dashboard.archive.pointings import Pointings
from dashboard.archive.sightings import Sightings
from dashboard.archive.tap_archive import TapArchive
from dashboard.archive.timesystem import Timesystem
from dashboard.errors import ArchiveUnavailable, RequestError
from dashboard.hosts import ISLA_URL, Host
from dashboard.request.times import TimeSpan

ISLA: Final = ("ESA's ISLA", f"{ISLA_URL}/tap", ("ila.scw",))
"""Name, TAP service unless the host names another, and table; astroquery's documentation has the table."""
HEASARC: Final = ("HEASARC", "https://heasarc.gsfc.nasa.gov/xamin/vo/tap", ("intscw", "intscwpub"))
"""`intscwpub` holds pointings that are public and have some good time: the less complete list is asked when the other is gone."""
HEASARC_UPDATED: Final = "2024-03-11"
"""https://heasarc.gsfc.nasa.gov/W3Browse/all/intscw.html"""

T = TypeVar("T")

log = logging.getLogger(__name__)


class ScwArchive(Protocol):
    """Lists science windows; see `Timesystem` and `TapArchive` for parameters and errors."""

    @property
    def knows_good_times(self) -> bool:
        """Whether the good time of each instrument decides; asked after a first answer."""

    def windows(
        self,
        spans: Sequence[TimeSpan],
        ra: float,
        dec: float,
        radius: float,
        data_version: str,
        instrument: str = "",
        observations: Collection[str] = (),
    ) -> Pointings:
        """Those that an instrument can use; all of them when none is named. With observations, those that belong to any of them."""

    def sightings(self, spans: Sequence[TimeSpan], ra: float, dec: float, radius: float, data_version: str) -> Sightings:
        """All, with what decides whether they can be used."""


def archives(host: Host, choice: str, client: httpx.Client | None = None) -> tuple[ScwArchive, ...]:
    """Whom to ask, one after the other until one answers.

    Parameters
    ----------
    host
        Its timesystems come first. The simulated one has no other archive: theirs is the real sky.
    choice
        `scw_archive` of the request: "auto" for all, or one of them.
    client
        Connections to use.

    Raises
    ------
    RequestError
        When the host has no such archive.
    """
    seconds = patience(host)
    timesystems = tuple(Timesystem(url, client, seconds) for url in host.timesystems)
    others: dict[str, ScwArchive] = {}
    if host.asks_others:
        isla = TapArchive(ISLA[0], f"{host.isla_url}/tap", ISLA[2], client, seconds)
        others = {"isla": isla, "heasarc": TapArchive(*HEASARC, client, seconds)}
    match choice:
        case "auto":
            return (*timesystems, *others.values())
        case "timesystem":
            return timesystems
    if choice not in others:
        raise RequestError(
            f"scw_archive is {choice}, which is not asked for the host {host.name}: choose auto or timesystem.", "scw_archive"
        )
    return (others[choice],)


def first_answer(host: Host, choice: str, client: httpx.Client | None, question: Callable[[ScwArchive], T]) -> T:
    """What the first archive answers that answers at all; a refusal, and "nothing found", are answers.

    Raises
    ------
    ArchiveUnavailable
        When none answers, and whatever else the question raises.
    """
    silent: list[str] = []
    for archive in archives(host, choice, client):
        if silent:
            log.warning("%s", silent[-1])
        try:
            return question(archive)
        except ArchiveUnavailable as error:
            silent.append(error.sentence)
    raise ArchiveUnavailable(" ".join(dict.fromkeys(silent)))


def remarks(lists: Collection[Pointings], host: Host, choice: str, public: bool) -> Iterator[str]:
    """What is to be said of the archives that gave lists of science windows.

    Parameters
    ----------
    lists
        Their answers.
    host, choice
        As of `archives`.
    public
        Whether only public data are asked for.
    """
    for origin in sorted({windows.origin for windows in lists} - {host.timesystem_url, ""}):
        if choice in ("isla", "heasarc"):
            yield f"The science windows are those of {origin}, as asked by scw_archive."
        else:
            yield f"The timesystem of {host.name} did not answer: the science windows are those of {origin}."
        if origin.startswith(HEASARC[1]):
            yield f"HEASARC's list was last updated on {HEASARC_UPDATED}: later science windows may be missing."
    private = {swid for windows in lists for swid, right in zip(windows.swid, windows.public, strict=False) if right == 0}
    if public and private:
        yield (
            f"{len(private)} of the science windows are private as the archive knows: a public request may get nothing for them, "
            "or for their whole batch. Leave them out, or ask for integral_data_rights all-private."
        )
