"""All science windows of the mission around a position, from an archive or, offline, from a snapshot of one."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx

from dashboard.archive.archives import ScwArchive, first_answer
from dashboard.archive.sightings import Sightings
from dashboard.archive.snapshot import around, read_snapshot
from dashboard.errors import ArchiveUnavailable
from dashboard.hosts import Host
from dashboard.request.times import WHOLE_MISSION

log = logging.getLogger(__name__)


def find_coverage(
    ra: float,
    dec: float,
    radius: float,
    host: Host,
    data_version: str = "CONS",
    client: httpx.Client | None = None,
    *,
    choice: str = "auto",
    snapshot: Path | None = None,
) -> Sightings:
    """Every pointing of the mission near a position, in one question to an archive.

    Parameters
    ----------
    ra, dec, radius
        Degrees; the radius is counted from the telescope axis.
    host, choice
        Archives are asked as of `dashboard.archive.archives.archives`, until one answers. `Pointings.origin` says which one it was.
    data_version
        "CONS" or "NRT".
    client
        Connections to use.
    snapshot
        File that answers when no archive does: never for the simulated sky, and for consolidated data only.

    Returns
    -------
    Sightings
        Possibly empty.

    Raises
    ------
    ArchiveError
        When an archive refuses the question; ArchiveUnavailable when none answers.
    """

    def ask(archive: ScwArchive) -> Sightings:
        return archive.sightings([WHOLE_MISSION], ra, dec, radius, data_version)

    try:
        return first_answer(host, choice, client, ask)
    except ArchiveUnavailable as error:
        if snapshot is None or host.simulated or data_version != "CONS" or not snapshot.is_file():
            raise
        log.warning("%s Its place takes the snapshot %s.", error.sentence, snapshot)
        return around(read_snapshot(snapshot), ra, dec, radius)
