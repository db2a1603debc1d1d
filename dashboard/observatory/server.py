"""The observatory's HTTP server: dispatcher, timesystem, knobs and the truth."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.observatory import timesystem
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.dispatcher import Dispatcher
from dashboard.observatory.image import Field
from dashboard.observatory.jobs import Jobs
from dashboard.observatory.knobs import Counts, Knobs
from dashboard.observatory.pointings import history
from dashboard.observatory.sources import SOURCES


class _Gate:
    """Counts requests and keeps them waiting for the latency asked for; /observatory itself is neither."""

    def __init__(self, app: ASGIApp, knobs: Knobs, counts: Counts) -> None:
        self.app, self.knobs, self.counts = app, knobs, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/observatory"):
            self.counts.requests += 1
            if self.knobs.latency > 0:
                await asyncio.sleep(self.knobs.latency)
        await self.app(scope, receive, send)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes any free one. OSError or OverflowError when it cannot be had.

    Its protocol is named: asyncio sets TCP_NODELAY on what it accepts only then, and without it each answer waits 40 ms.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener


def application(knobs: Knobs) -> Starlette:
    """The whole server as an ASGI application."""
    counts = Counts()
    jobs = Jobs(knobs, counts)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        history()
        yield
        await jobs.close()

    def state() -> JSONResponse:
        return JSONResponse({"knobs": asdict(knobs), "counts": counts.report()})

    async def read_knobs(request: Request) -> Response:
        return state()

    async def turn_knobs(request: Request) -> Response:
        try:
            changes = await request.json()
            if not isinstance(changes, dict):
                raise ValueError("Send the knobs as one JSON object.")
            knobs.turn(changes)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return state()

    async def restart(request: Request) -> Response:
        jobs.lose_running()
        return state()

    async def truth(request: Request) -> Response:
        query = request.query_params
        try:
            ids, e1, e2 = re.split(r"[,\s]+", query["scw_list"]), float(query["E1_keV"]), float(query["E2_keV"])
            found = true_fluxes(ids, e1, e2, knobs.seed, query.get("osa_version", OSA11))
        except KeyError as error:
            return JSONResponse({"error": f"{error.args[0]}: not given, or no science window of the history."}, 400)
        except ValueError:
            return JSONResponse({"error": "scw_list is a list of ids, E1_keV and E2_keV are numbers."}, 400)
        return JSONResponse(found)

    app = Starlette(
        routes=[
            *Dispatcher(jobs).routes(),
            *timesystem.routes(),
            Route("/observatory/knobs", read_knobs, methods=["GET"]),
            Route("/observatory/knobs", turn_knobs, methods=["POST"]),
            Route("/observatory/restart", restart, methods=["POST"]),
            Route("/observatory/truth", truth),
        ],
        lifespan=lifespan,
    )
    app.add_middleware(_Gate, knobs=knobs, counts=counts)
    return app


def true_fluxes(scw_list: list[str], e1: float, e2: float, seed: int, osa_version: str = OSA11) -> list[dict[str, Any]]:
    """What was injected: for each source in the field the mean rate with the mosaic's weights, and its variance.

    Parameters
    ----------
    scw_list
        Ids, with or without version.
    osa_version
        In whose unit the rates are.

    Raises
    ------
    KeyError
        With the first id that is not in the history.
    """
    field = Field.of([scw[:12] for scw in scw_list if scw])
    fluxes, variances = field.source_means(e1, e2, osa_version)
    return [
        {
            **{"name": SOURCES[i].name, "ra": SOURCES[i].ra, "dec": SOURCES[i].dec, "catalogued": SOURCES[i].catalogued},
            **{"flux": float(flux), "variance": float(variance), "seed": seed},
        }
        for i, flux, variance in zip(field.sources, fluxes, variances, strict=True)
    ]
