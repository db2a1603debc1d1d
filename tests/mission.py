"""The mission as an archive of the tests' own knows it, behind one address that gives every question the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.archive.pointings import Pointings
from dashboard.archive.sightings import Sightings
from dashboard.plan.coverage import Coverage
from dashboard.settings import Settings
from tests.dispatcher.replay import Reply, Server, answer
from tests.runs.sky_dispatcher import CRAB, settings_in

FIRST_DAY = 1600.0
WINDOW = 3000.0
"""Seconds of a science window; there are 20 a day."""


def sightings(off_axis: Sequence[float], **columns: Any) -> Sightings:
    """Science windows north of the Crab by so many degrees, 20 a day from `FIRST_DAY` on, 60 a revolution."""
    count = np.arange(len(off_axis))
    ra, dec = np.full(len(count), CRAB[0]), CRAB[1] + np.asarray(off_axis, dtype=float)
    start = np.asarray(FIRST_DAY + 0.05 * count, dtype=np.float64)
    stop = np.asarray(start + WINDOW / 86400, dtype=np.float64)
    swid = tuple(f"{665 + i // 60:04d}{i % 60 + 1:04d}0010" for i in count.tolist())
    windows = Pointings(swid, ra, dec, ra.copy(), dec + 90.0, start, stop, np.full(len(count), WINDOW))
    science, public = np.ones(len(count), dtype=bool), np.ones(len(count), dtype=np.int8)
    return Sightings(windows, columns.get("science", science), columns.get("public", public))


def coverage(off_axis: Sequence[float], **columns: Any) -> Coverage:
    """What these make around the Crab."""
    return Coverage.of(sightings(off_axis, **columns), *CRAB)


def document(off_axis: Sequence[float]) -> dict[str, Any]:
    """These for a timesystem's client, the Crab's position for a resolver's."""
    windows = sightings(off_axis).pointings
    names = ("RA_SCX", "DEC_SCX", "RA_SCZ", "DEC_SCZ", "TSTART", "TSTOP", "TELAPSE")
    table = {name: getattr(windows, name.lower()).tolist() for name in names}
    return {"RA": CRAB[0], "DEC": CRAB[1], "scwlist": {"SWID": list(windows.swid), **table}, "index_version": "1"}


SILENT = Reply(status=404)
"""Of a server that is no archive: asking again at once would be in vain."""


def reply(off_axis: Sequence[float] = (0.0, 2.0, 4.0) * 20) -> Reply:
    """The one answer."""
    return answer(document(off_axis))


def settings_at(folder: Path, server: Server) -> Settings:
    """A deployment whose simulated host is that server."""
    return settings_in(folder, server.url)


def questions(server: Server, about: str = "scwlist") -> list[str]:
    """Paths that were asked so far."""
    return [path for _, path, _ in server.requests if about in path]
