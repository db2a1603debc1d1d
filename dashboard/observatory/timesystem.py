"""The timesystem's routes: lists of science windows, and conversion of times."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboard.observatory import orbit
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import COLUMNS, INDEX_VERSION, SCIENCE_MODE, history

ROOT: Final = "/gw/timesystem/api/v1.0"
READINESS: Final = ("any", "nrt", "cons")
FORMATS: Final = ("UTC", "IJD", "SCWID", "REVNUM", "ANY")


def routes() -> list[Route]:
    """All routes, with the gateway's path."""
    return [
        Route(f"{ROOT}/scwlist/{{readiness}}/{{t1}}/{{t2}}", scw_list),
        Route(f"{ROOT}/converttime/{{informat}}/{{value}}/{{outformat}}", convert_time),
        *(Route(f"{ROOT}/{name}", health) for name in ("healthcheck", "poke")),
    ]


async def health(request: Request) -> Response:
    """Alive."""
    return PlainTextResponse("all is ok!")


def _number(request: Request, name: str, problems: list[str]) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problems.append(f"{name} is no number: {text!r}")
    return value


async def scw_list(request: Request) -> Response:
    """Science windows that overlap an interval and whose axis is closer than `radius` to (ra, dec).

    `min_good_isgri` keeps those longer than so many seconds in IBIS science mode. Without `return_columns` a sorted list of ids.
    """
    problems: list[str] = []
    readiness, t1, t2 = (request.path_params[name] for name in ("readiness", "t1", "t2"))
    if readiness not in READINESS:
        problems.append(f"readiness {readiness!r} is not one of {list(READINESS)}")
    times = []
    for text in (t1, t2):
        try:
            times.append(orbit.ijd_of_text(text))
        except ValueError:
            problems.append(f"can not interpret the time {text!r}: give ISO UTC, IJD or MJD")
    ra, dec, radius, shortest = (_number(request, name, problems) for name in ("ra", "dec", "radius", "min_good_isgri"))
    if len({value is None for value in (ra, dec, radius)}) > 1:
        problems.append("ra, dec and radius go together")
    asked = [name for name in request.query_params.get("return_columns", "").split(",") if name]
    problems += [f"unknown column {name!r}, available columns: {', '.join(COLUMNS)}" for name in asked if name not in COLUMNS]
    version = request.query_params.get("index_version", INDEX_VERSION)
    if version != INDEX_VERSION:
        problems.append(f"no index of version {version!r}: there is {INDEX_VERSION}")
    if problems:
        return JSONResponse(problems, 400)

    past = history()
    keep = (past.tstart < times[1]) & (past.tstop > times[0])
    if ra is not None and dec is not None and radius is not None:
        keep &= past.axis @ unit_vectors(ra, dec) > np.cos(np.deg2rad(min(radius, 180.0)))
    if shortest is not None:
        keep &= (past.telapse > shortest) & (past.ibis_mode == SCIENCE_MODE)
    rows = np.flatnonzero(keep)
    found = {name: past.column(name, rows) for name in asked} if asked else past.column("SWID", rows)
    if request.query_params.get("return_index_version") == "yes":
        return JSONResponse({"scwlist": found, "index_version": INDEX_VERSION})
    return JSONResponse(found)


async def convert_time(request: Request) -> Response:
    """A moment, revolution or science window in another form. Text; JSON with all forms for ANY.

    A revolution or a science window is an interval: as IJD or UTC it gives "Boundary start stop".
    """
    informat, value, outformat = (request.path_params[name] for name in ("informat", "value", "outformat"))
    if informat not in FORMATS or outformat not in FORMATS:
        return JSONResponse({"bad request": f"formats are {', '.join(FORMATS)}"}, 400)
    try:
        start, stop = _interval(informat, value)
    except (ValueError, KeyError, OverflowError):
        return JSONResponse({"bad request": f"can not interpret {value!r} as {informat}"}, 400)
    if outformat == "ANY":
        return JSONResponse({name: _written(name, start, stop) for name in FORMATS if name != "ANY"})
    return PlainTextResponse(_written(outformat, start, stop))


def _interval(informat: str, value: str) -> tuple[float, float]:
    if informat == "ANY":
        informat = "SCWID" if value.isdigit() and len(value) == 12 else "REVNUM" if value.isdigit() and len(value) == 4 else "UTC"
        informat = "IJD" if informat == "UTC" and "." in value and "-" not in value else informat
    if informat == "REVNUM":
        revolution = int(value)
        if not 0 < revolution < 3000:
            raise ValueError(value)
        return float(orbit.start_of(revolution)), float(orbit.start_of(revolution + 1))
    if informat == "SCWID":
        row = int(history().rows([value])[0])
        return float(history().tstart[row]), float(history().tstop[row])
    ijd = orbit.ijd_of_text(value) if informat == "IJD" else orbit.ijd_of_utc(datetime.fromisoformat(value))
    if not math.isfinite(ijd):
        raise ValueError(value)
    return ijd, ijd


def _written(outformat: str, start: float, stop: float) -> str:
    if outformat == "REVNUM":
        return f"{int(orbit.revolution_at(start)):04d}"
    if outformat == "SCWID":
        return f"{history().swid[max(int(history().tstart.searchsorted(start, 'right')) - 1, 0)]:012d}"
    one = (lambda ijd: f"{ijd:.8f}") if outformat == "IJD" else orbit.iso_of_ijd
    return one(start) if start == stop else f"Boundary {one(start)} {one(stop)}"
