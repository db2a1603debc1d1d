"""ODA's timesystem: revolutions to times, and the science windows of an interval and direction."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from dashboard.archive.fetching import SERVICE_SECONDS, WebService
from dashboard.archive.pointings import Pointings, observation_ids, utc_now
from dashboard.archive.sightings import MIN_GOOD_SECONDS, Sightings, in_science_mode, rights, tells_no_observations
from dashboard.errors import ArchiveError, ArchiveUnavailable, RequestError
from dashboard.request.times import FIRST_NUMBER_READ_AS_MJD, TimePoint, TimeSpan

SECONDS_A_DAY = 86400.0
_ROLL_COLUMNS = ("RA_SCZ", "DEC_SCZ", "TELAPSE")
_ROW = ("ra_scx", "dec_scx", "ra_scz", "dec_scz", "tstart", "tstop", "telapse")
_COLUMNS = ("SWID", "RA_SCX", "DEC_SCX", "TSTART", "TSTOP")
_EDGES = re.compile(r"(\d+(?:\.\d+)?)[\s,]+(\d+(?:\.\d+)?)[\s\"')\]]*$")
_POINTING = re.compile(r"(\d{11}0)(\.\d{3})?")

Columns = dict[str, NDArray[Any]]

log = logging.getLogger(__name__)


class Timesystem:
    """Client of one timesystem.

    Parameters
    ----------
    url
        Address up to and with `/api/v1.0`.
    client
        Connections to use; None opens one for each call.
    seconds
        Deadline of one answer.
    """

    knows_good_times = False

    def __init__(self, url: str, client: httpx.Client | None = None, seconds: float = SERVICE_SECONDS) -> None:
        self._service = WebService("The timesystem", url.rstrip("/"), client, seconds)

    def healthy(self) -> bool:
        """Whether it answers its health check."""
        try:
            return self._service.get("/healthcheck").status_code == 200
        except ArchiveUnavailable:
            return False

    def convert_revolution(self, revolution: int) -> tuple[float, float]:
        """Start and end of a revolution, IJD.

        Raises
        ------
        ArchiveError
            When the timesystem does not know the revolution; ArchiveUnavailable when it does not answer usefully.
        """
        response = self._service.get(f"/converttime/REVNUM/{revolution:d}/IJD")
        if response.status_code == 400:
            raise ArchiveError(f"The timesystem cannot convert revolution {revolution}: {_reason(response)}")
        pair = _EDGES.search(response.text)
        start, stop = map(float, pair.groups()) if pair else (0.0, 0.0)
        if not 0 < start < stop < FIRST_NUMBER_READ_AS_MJD:
            raise self._service.malformed(f"holds no start and end of revolution {revolution}")
        return start, stop

    def edges(self, span: TimeSpan) -> tuple[str, str]:
        """Start and stop as UTC, a revolution replaced by its beginning (start) or end (stop).

        Raises
        ------
        RequestError
            When it ends before, or where, it starts.
        """
        moments = []
        for side, point in enumerate((span.start, span.stop)):
            ijd = point if point.kind != "rev" else TimePoint("ijd", self.convert_revolution(int(point.value))[side])
            moments.append(ijd.isot)
        if moments[1] <= moments[0]:
            raise RequestError(
                f"T2 ({span.stop}, {moments[1]}) is not after T1 ({span.start}, {moments[0]}): swap them or correct one.", "T2"
            )
        return moments[0], moments[1]

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
        """Those of `scwlist` that are long enough for an instrument, IBIS in science mode for ISGRI; all when none is named.

        With observations, those that belong to any of them: ArchiveUnavailable where the index has no column `OBS_ID`, which none is
        known to have but the simulated one.
        """
        shortest = MIN_GOOD_SECONDS if instrument == "isgri" else 0
        found, more = self.table(spans, ra, dec, radius, data_version, shortest, ("OBS_ID",) if observations else ())
        if observations:
            ids = observation_ids(more["OBS_ID"].tolist())
            if len(found) and not any(ids):
                raise tells_no_observations(f"The timesystem ({self._service.url})")
            found = replace(found, observation=ids)
            found = found.take(found.of_observations(observations))
        return found.take(np.flatnonzero(found.telapse > MIN_GOOD_SECONDS)) if instrument else found

    def sightings(self, spans: Sequence[TimeSpan], ra: float, dec: float, radius: float, data_version: str) -> Sightings:
        """All of `scwlist`, short ones among them, with mode and rights where the index has them."""
        pointings, more = self.table(spans, ra, dec, radius, data_version, min_good=0, more=("IBISMODE", "PS", "OBS_ID"))
        ids = observation_ids(more["OBS_ID"].tolist())
        pointings = replace(pointings, observation=ids if any(ids) else ())
        return Sightings(pointings, in_science_mode(more["IBISMODE"].tolist()), rights(more["PS"].tolist()))

    def scwlist(
        self, spans: Sequence[TimeSpan], ra: float, dec: float, radius: float, data_version: str, min_good: float = MIN_GOOD_SECONDS
    ) -> Pointings:
        """Pointings (no slews) that overlap any of the spans and point within `radius` of a direction.

        Parameters
        ----------
        spans
            Intervals; what lies in several is listed once.
        ra, dec, radius
            Degrees.
        data_version
            "CONS" or "NRT".
        min_good
            `min_good_isgri` of the timesystem: shortest elapsed seconds, and IBIS in science mode. 0 lists all.

        Returns
        -------
        Pointings
            In time order, possibly empty. RA_SCZ, DEC_SCZ are NaN where the server has no such columns.

        Raises
        ------
        ArchiveError
            When the timesystem refuses the query; ArchiveUnavailable when it does not answer usefully.
        RequestError
            When a span ends before it starts, which with a revolution beside a date only the archive can tell.
        """
        return self.table(spans, ra, dec, radius, data_version, min_good)[0]

    def table(
        self,
        spans: Sequence[TimeSpan],
        ra: float,
        dec: float,
        radius: float,
        data_version: str,
        min_good: float = MIN_GOOD_SECONDS,
        more: tuple[str, ...] = (),
    ) -> tuple[Pointings, Mapping[str, NDArray[np.object_]]]:
        """As `scwlist`, with further columns of the index, (n,), as they were sent; None where, or when, the server does not tell.

        Parameters
        ----------
        more
            Names of the further columns, the least likely to be known last. All else as of `scwlist`, with the same errors.
        """
        query = {"ra": f"{ra:.4f}", "dec": f"{dec:.4f}", "radius": f"{radius:.4f}", "return_index_version": "yes"}
        if min_good > 0:
            query["min_good_isgri"] = f"{min_good:.0f}"
        tables, versions = [], set()
        for span in spans:
            start, stop = self.edges(span)
            found, version = self._list(f"/scwlist/{data_version.lower()}/{start}/{stop}", query, more)
            tables.append(found)
            versions.add(version)
        columns: dict[str, Any] = {name: np.concatenate([table[name] for table in tables]) for name in ("swid", *_ROW, *more)}
        ids, rows = np.unique(columns["swid"], return_index=True)
        pointings = Pointings(
            tuple(f"{scw:012d}" for scw in ids.tolist()),
            **{name: columns[name][rows] for name in _ROW},
            index_version="+".join(sorted(versions - {""})),
            origin=self._service.url,
            asked=utc_now(),
        )
        return pointings, {name: columns[name][rows] for name in more}

    def _list(self, path: str, query: dict[str, str], more: tuple[str, ...]) -> tuple[Columns, str]:
        """Columns "swid" (whole numbers), those of `_ROW` and `more`, and the version of the index."""
        optional = (*_ROLL_COLUMNS, *more)
        for known in (*range(len(optional), len(_ROLL_COLUMNS) - 1, -1), 0):
            response = self._service.get(path, {**query, "return_columns": ",".join((*_COLUMNS, *optional[:known]))})
            if response.status_code != 400 or not any(name in response.text for name in optional[:known]):
                break
            log.warning("The timesystem lacks some of the columns %s; asking with fewer.", ", ".join(optional[:known]))
        if response.status_code == 400:
            raise ArchiveError(f"The timesystem refused the query: {_reason(response)}")
        answer = self._service.decode(response)
        table = answer.get("scwlist", answer) if isinstance(answer, dict) else None
        if not isinstance(table, dict) or any(not isinstance(table.get(name), list) for name in _COLUMNS):
            raise self._service.malformed(f"lacks the columns {', '.join(_COLUMNS)}")
        ids = [match and int(match[1]) for match in map(_POINTING.fullmatch, map(str, table["SWID"]))]
        blank = [None] * len(ids)
        try:
            ra_scx, dec_scx, tstart, tstop = (_column(table[name], len(ids)) for name in _COLUMNS[1:])
            ra_scz, dec_scz, telapse = (_column(table.get(name, blank), len(ids)) for name in _ROLL_COLUMNS)
            further = {name: _column(table.get(name, blank), len(ids), object) for name in more}
        except (TypeError, ValueError):
            raise self._service.malformed("has columns that are not numbers of one length") from None
        telapse = np.where(np.isfinite(telapse), telapse, (tstop - tstart) * SECONDS_A_DAY)
        if not all(np.isfinite(column).all() for column in (ra_scx, dec_scx, tstart, tstop)):
            raise self._service.malformed("lacks directions or times of some science windows")
        row = dict(zip(_ROW, (ra_scx, dec_scx, ra_scz, dec_scz, tstart, tstop, telapse), strict=True))
        rows = np.array([scw is not None for scw in ids], dtype=bool)
        columns: Columns = {"swid": np.array([0 if scw is None else scw for scw in ids], dtype=np.int64), **row, **further}
        return {name: column[rows] for name, column in columns.items()}, str(answer.get("index_version", ""))


def _column(values: Sequence[Any], length: int, dtype: type = float) -> NDArray[Any]:
    """One column; as numbers, what is absent is NaN."""
    column = np.fromiter(values, dtype=object, count=len(values)) if dtype is object else np.array(values, dtype=dtype)
    if column.shape != (length,):
        raise ValueError("columns differ in length")
    return column


def _reason(response: httpx.Response) -> str:
    """The server's words for a 400: a list of problems, or {"bad request": ...}, or plain text."""
    try:
        body = json.loads(response.text)
    except ValueError:
        body = response.text
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else [body]
    return "; ".join(str(part) for part in parts)[:300]
