"""Science windows from archives that answer TAP: ESA's ISLA, and HEASARC's copy of ISDC's table.

Revolutions need no conversion: ids begin with them. Neither archive has the roll or a version of its index.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from dashboard.archive.fetching import SERVICE_SECONDS
from dashboard.archive.pointings import Pointings, utc_now
from dashboard.archive.scw_columns import INSTRUMENTS, Layout
from dashboard.archive.sightings import Sightings, tells_no_observations
from dashboard.archive.tap import TapService
from dashboard.errors import ArchiveError, ArchiveUnavailable
from dashboard.request.times import TimeSpan

SECONDS_A_DAY: Final = 86400.0
WHOLE_SKY_DEG: Final = 180.0
MARGIN_DEG: Final = 0.01
"""Asked beyond the radius, which is then cut here in the same way for all archives."""
SPANS_A_QUESTION: Final = 30
"""Intervals of one question: a GET must not grow beyond what servers take."""
_POINTING = re.compile(r"(\d{11}0)(?:\.(\d{3}))?")

log = logging.getLogger(__name__)


class TapArchive:
    """Client of one archive.

    Parameters
    ----------
    name
        How sentences call it.
    url
        Of its TAP service, without `/sync`.
    tables
        Tables of science windows, one after the other until one is known to it.
    client, seconds
        As of `TapService`.
    """

    def __init__(
        self, name: str, url: str, tables: Sequence[str], client: httpx.Client | None = None, seconds: float = SERVICE_SECONDS
    ) -> None:
        self._name, self._tables = name, tuple(tables)
        self._service = TapService(name, url, client, seconds)
        self._found: tuple[str, Layout] | None = None

    @property
    def knows_good_times(self) -> bool:
        """Whether its table has the good time of each instrument, as far as it was looked at."""
        return self._found is not None and bool(self._found[1].names.keys() & set(INSTRUMENTS))

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
        """Pointings (no slews) with enough good data of an instrument that overlap any span, within `radius` of a direction.

        Parameters
        ----------
        spans
            Intervals; what lies in several is listed once.
        ra, dec, radius
            Degrees.
        data_version
            "CONS" or "NRT": versions of the science windows that count. Where the archive tells none, all are taken as consolidated.
        instrument
            Its good time decides where the archive tells it, else the elapsed time. "": all, short ones among them.
        observations
            Only those that belong to one of them; all when none is named.

        Raises
        ------
        ArchiveError
            When the archive refuses the question, or has more to say than it sends.
        ArchiveUnavailable
            When it does not answer usefully, or cannot tell which science windows are near-real-time ones, or to which observation
            they belong.
        """
        found = self._sightings(spans, ra, dec, radius, data_version, observations)
        return found.take(np.flatnonzero(found.usable(instrument))).pointings if instrument else found.pointings

    def sightings(self, spans: Sequence[TimeSpan], ra: float, dec: float, radius: float, data_version: str) -> Sightings:
        """As `windows`, of all instruments, short ones among them."""
        return self._sightings(spans, ra, dec, radius, data_version, ())

    def _sightings(
        self, spans: Sequence[TimeSpan], ra: float, dec: float, radius: float, data_version: str, observations: Collection[str]
    ) -> Sightings:
        table, layout = self._table()
        if observations and "observation" not in layout.names:
            raise tells_no_observations(self._name)
        if data_version == "NRT" and "version" not in layout.names:
            raise ArchiveUnavailable(
                f"{self._name} does not tell near-real-time from consolidated science windows: choose data_version CONS, "
                "or another scw_archive."
            )
        parts = [self._read(rows, layout, data_version) for rows in self._rows(table, layout, spans, ra, dec, radius, observations)]
        whole = _once(parts, f"{self._service.url} {table}")
        if observations:  # a pattern may fit what is longer
            whole = whole.take(whole.pointings.of_observations(observations))
        return whole if radius >= WHOLE_SKY_DEG else whole.take(np.flatnonzero(whole.pointings.off_axis(ra, dec) < radius))

    def _table(self) -> tuple[str, Layout]:
        """The first of its tables that the archive knows, and its columns."""
        if self._found is not None:
            return self._found
        refusals = []
        for table in self._tables:
            try:
                sample = self._service.query(f"SELECT TOP 1 * FROM {table}")
            except ArchiveUnavailable:
                raise
            except ArchiveError as error:
                refusals.append(error.sentence)
                continue
            try:
                self._found = table, Layout.of(sample)
            except ValueError as reason:
                raise ArchiveUnavailable(f"The table {table} of {self._name} {reason}: choose another scw_archive.") from None
            return self._found
        raise ArchiveUnavailable(f"{' '.join(refusals)} Choose another scw_archive.")

    def _rows(
        self, table: str, layout: Layout, spans: Sequence[TimeSpan], ra: float, dec: float, radius: float, observations: Collection[str]
    ) -> Iterator[Mapping[str, NDArray[np.object_]]]:
        names = layout.names
        cone = ""
        if radius < WHOLE_SKY_DEG:
            circle = f"CIRCLE('ICRS',{ra:.6f},{dec:.6f},{radius + MARGIN_DEG:.4f})"
            cone = f"CONTAINS(POINT('ICRS',{names['ra']},{names['dec']}),{circle})=1 AND "
        named = f"({layout.among(observations)}) AND " if observations else ""
        columns = ",".join(dict.fromkeys(names.values()))
        for first in range(0, len(spans), SPANS_A_QUESTION):
            during = " OR ".join(f"({_overlap(layout, span)})" for span in spans[first : first + SPANS_A_QUESTION])
            yield self._service.query(f"SELECT {columns} FROM {table} WHERE {cone}{named}({during})")

    def _read(self, table: Mapping[str, NDArray[np.object_]], layout: Layout, data_version: str) -> Sightings:
        """Rows of pointings of the version asked; those that point nowhere are none."""
        if missing := [name for name in layout.names.values() if name not in table]:
            raise self._service.malformed(f"lacks the columns {', '.join(missing)}")
        matches = [_POINTING.fullmatch(word) for word in layout.ids(table)]
        told = layout.versions(table)
        version = [own or (match[2] or "" if match else "") for own, match in zip(told, matches, strict=True)]
        wanted = [match is not None and _is(data_version, own) for own, match in zip(version, matches, strict=True)]
        table = {name: column[np.flatnonzero(wanted)] for name, column in table.items()}
        swid = tuple(match[1] for match, keep in zip(matches, wanted, strict=True) if match and keep)
        if any(day is None for ours in ("start", "stop") for day in table[layout.names[ours]].tolist()):
            raise self._service.malformed("lacks times of some science windows")
        try:
            ra, dec = layout.number(table, "ra"), layout.number(table, "dec")
            start, stop = layout.ijd(table, "start"), layout.ijd(table, "stop")
            good = {name: layout.number(table, name) for name in INSTRUMENTS if name in layout.names}
        except (TypeError, ValueError):
            raise self._service.malformed("has times or numbers that cannot be read") from None
        unknown = np.full(len(swid), np.nan)
        public, versions = layout.public(table), tuple(own for own, keep in zip(version, wanted, strict=True) if keep)
        pointings = Pointings(swid, ra, dec, unknown, unknown, start, stop, (stop - start) * SECONDS_A_DAY, version=versions)
        pointings = replace(pointings, observation=layout.observations(table), good=good)
        return Sightings(pointings, np.ones(len(swid), dtype=bool), public, good).take(np.flatnonzero(np.isfinite(ra) & np.isfinite(dec)))


def _overlap(layout: Layout, span: TimeSpan) -> str:
    """The condition that a science window overlaps an interval, or belongs to the revolutions that bound it."""
    swid, start, stop = (layout.names[ours] for ours in ("swid", "start", "stop"))
    if span.start.kind == "rev":
        after = f"{swid} >= {layout.bound(f'{int(span.start.value):04d}00000000')}"
    else:
        after = f"{stop} > {layout.moment(span.start)}"
    if span.stop.kind == "rev":
        before = f"{swid} < {layout.bound(f'{int(span.stop.value) + 1:04d}00000000')}"
    else:
        before = f"{start} < {layout.moment(span.stop)}"
    return f"{after} AND {before}"


def _is(data_version: str, version: str) -> bool:
    """Whether a science window of a version is one of the data asked; 000 are the near-real-time ones."""
    return (version == "000") == (data_version == "NRT")


def _once(parts: Sequence[Sightings], origin: str) -> Sightings:
    """All science windows in the order of their ids, which is that of time, each in its newest version."""
    ids = np.array([swid for part in parts for swid in part.pointings.swid], dtype=str)
    versions = np.array([version for part in parts for version in part.pointings.version], dtype=str)
    order = np.lexsort((versions, ids))
    last = order[np.append(ids[order][1:] != ids[order][:-1], True)] if len(ids) else order
    columns: dict[str, Any] = {
        name: np.concatenate([np.empty(0), *(getattr(part.pointings, name) for part in parts)])
        for name in ("ra_scx", "dec_scx", "ra_scz", "dec_scz", "tstart", "tstop", "telapse")
    }
    public = np.concatenate([np.empty(0, dtype=np.int8), *(part.public for part in parts)])
    good = {name: np.concatenate([part.good[name] for part in parts]) for name in (parts[0].good if parts else ())}
    observations = tuple(ids for part in parts for ids in part.pointings.observation)
    pointings = Pointings(
        tuple(ids.tolist()),
        **columns,
        origin=origin,
        asked=utc_now(),
        version=tuple(versions.tolist()) if versions.any() else (),
        public=tuple(public.tolist()) if (public >= 0).any() else (),
        observation=observations if any(observations) else (),
        good=good,
    )
    return Sightings(pointings, np.ones(len(ids), dtype=bool), public, good).take(last)
