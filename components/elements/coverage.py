"""The mission in two strips: what was seen of a target during the time that is looked at, and in all 22 years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

import holoviews as hv
import numpy as np
from astropy.time import Time

from components.elements.off_axis import off_axis_colours
from components.elements.series import ACCENT
from dashboard.archive.pointings import Pointings
from dashboard.plan.coverage import Strip
from dashboard.request.times import IJD_0_MJD
from dashboard.runs.run_state import BatchState

SCW_ROW: Final = (0.4, 1.0)
BATCH_ROW: Final = (0.0, 0.28)
"""Bottom and top of the rows of the strip."""
BATCHES: Final = {
    **dict.fromkeys(("done", "reused"), "#2a9d78"),
    **dict.fromkeys(("submitted", "running", "downloading"), "#2f8bd6"),
    "failed": "#d1453b",
}
WAITING: Final = "#9aa7b5"
LEAST_DAYS: Final = 0.012
"""A science window is drawn at least as wide as it is: 17 minutes, where the archive's own edges are closer."""
GAP_DAYS: Final = 0.2
YEARS: Final = range(2003, 2026)

Columns = dict[str, Any]


def scw_columns(strip: Strip) -> Columns:
    """Columns of the science windows, MJD; paler where none of it is public."""
    start, stop = strip.tstart + IJD_0_MJD, np.maximum(strip.tstop, strip.tstart + LEAST_DAYS) + IJD_0_MJD
    known = np.isfinite(strip.public)
    rights = np.where(
        ~known, "rights unknown", np.where(strip.public == 1, "public", np.where(strip.public == 0, "private", "partly private"))
    )
    revolutions = np.where(
        strip.first == strip.last, strip.first.astype(str), strip.first.astype(str).astype(object) + "–" + strip.last.astype(str)
    )
    names = np.array(strip.swid, dtype=object) if strip.swid else np.array([f"{n} ScW" for n in strip.n.tolist()], dtype=object)
    return {
        "left": start,
        "right": stop,
        "bottom": np.full(len(strip), SCW_ROW[0]),
        "top": np.full(len(strip), SCW_ROW[1]),
        "colour": off_axis_colours(strip.off_axis),
        "alpha": np.where(known & (strip.public == 0), 0.4, 1.0),
        "name": names,
        "revolution": revolutions,
        "off_axis": strip.off_axis,
        "ks": strip.exposure / 1e3,
        "rights": rights,
        "coded": np.select([strip.fully == 1, strip.fully == 0], ["fully coded", "partly coded"], "partly and fully coded"),
        "utc": Time(start, format="mjd", scale="tt").unix * 1000,
    }


def observed(pointings: Pointings, batches: Sequence[BatchState]) -> dict[str, tuple[tuple[float, float], ...]]:
    """By batch: the stretches of time (IJD) that its science windows fill, gaps longer than `GAP_DAYS` left open."""
    place = {swid: row for row, swid in enumerate(pointings.swid)}
    found = {}
    for batch in batches:
        rows = np.array(sorted(place[scw[:12]] for scw in batch.scw if scw[:12] in place), dtype=np.intp)
        if len(rows):
            start, stop = pointings.tstart[rows], pointings.tstop[rows]
            gaps = np.flatnonzero(start[1:] - stop[:-1] > GAP_DAYS)
            found[batch.batch_id] = tuple(zip(start[np.append(0, gaps + 1)].tolist(), stop[np.append(gaps, -1)].tolist(), strict=True))
    return found


def batch_columns(
    batches: Sequence[BatchState], used: frozenset[str] | None = None, stretches: Mapping[str, Sequence[tuple[float, float]]] | None = None
) -> Columns:
    """Columns of a job's batches; pale those that are not `used`. Each fills its `observed` stretches where they are given."""
    boxes = [
        (batch, span)
        for batch in batches
        if batch.state != "excluded"
        for span in (stretches or {}).get(batch.batch_id, [(batch.tstart, batch.tstop)])
        if isfinite(span[0])
    ]
    return {
        "left": np.array([span[0] for _, span in boxes], dtype=float) + IJD_0_MJD,
        "right": np.array([span[1] for _, span in boxes], dtype=float) + IJD_0_MJD,
        "bottom": np.full(len(boxes), BATCH_ROW[0]),
        "top": np.full(len(boxes), BATCH_ROW[1]),
        "colour": [BATCHES.get(batch.state, WAITING) for batch, _ in boxes],
        "alpha": [1.0 if used is None or batch.batch_id in used else 0.3 for batch, _ in boxes],
        "state": [batch.state + (f": {batch.reason}" if batch.reason else "") for batch, _ in boxes],
        "scw": [len(batch.scw) for batch, _ in boxes],
    }


def span_columns(spans: Sequence[tuple[float, float]]) -> Columns:
    """Columns of intervals (IJD), the whole height of their strip."""
    return {
        "left": np.array([start for start, _ in spans], dtype=float) + IJD_0_MJD,
        "right": np.array([stop for _, stop in spans], dtype=float) + IJD_0_MJD,
        "bottom": np.zeros(len(spans)),
        "top": np.ones(len(spans)),
    }


def mission_columns(mission: Strip) -> Columns:
    """Columns of the mission: exposure of each revolution in ks, coloured by its best science window."""
    start = mission.tstart + IJD_0_MJD
    return {
        "left": start,
        "right": np.maximum(mission.tstop + IJD_0_MJD, start + 4.0),
        "bottom": np.zeros(len(mission)),
        "top": mission.exposure / 1e3,
        "colour": off_axis_colours(mission.off_axis),
    }


def _boxes(columns: Columns, **style: Any) -> hv.Rectangles:
    """Edges alone: colours are columns of the source, as they change with what is looked at."""
    return hv.Rectangles(tuple(columns[edge] for edge in ("left", "bottom", "right", "top"))).opts(line_width=0, **style)


def strip_picture(scw: Columns, batches: Columns, spans: Columns) -> hv.Overlay:
    """Intervals, science windows and batches, in this order."""
    return hv.Overlay([_boxes(spans, color=ACCENT, alpha=0.2), _boxes(scw), _boxes(batches)])


def mission_picture(mission: Columns, spans: Columns) -> hv.Overlay:
    """Intervals and revolutions, in this order."""
    return hv.Overlay([_boxes(spans, color=ACCENT, alpha=0.35), _boxes(mission)])


def year_ticks() -> dict[float, str]:
    """MJD of the first of January to its year."""
    return {float(Time(f"{year}-01-01", scale="utc").tt.mjd): str(year) for year in YEARS}
