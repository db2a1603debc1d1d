"""The observatory's HTTP server: dispatcher, timesystem, knobs and the truth."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.observatory import timesystem, truth
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.dispatcher import Dispatcher
from dashboard.observatory.jobs import Jobs
from dashboard.observatory.knobs import Counts, Knobs
from dashboard.observatory.pointings import history


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

    async def tell(request: Request) -> Response:
        query = request.query_params
        try:
            ids = re.split(r"[,\s]+", query["scw_list"])
            camera = truth.camera_of(query.get("instrument", "isgri"), query.get("osa_version", OSA11))
            if "src_name" in query:
                return JSONResponse(truth.photon_spectrum(ids, query["src_name"], knobs.seed, camera))
            found = truth.fluxes(ids, float(query["E1_keV"]), float(query["E2_keV"]), knobs.seed, camera)
        except KeyError as error:
            return JSONResponse({"error": f"{error.args[0]}: not given, or no science window of the history, or no source in it."}, 400)
        except ValueError:
            return JSONResponse(
                {"error": "scw_list is a list of ids, E1_keV and E2_keV are numbers, instrument is isgri, jemx1 or jemx2."}, 400
            )
        return JSONResponse(found)

    app = Starlette(
        routes=[
            *Dispatcher(jobs).routes(),
            *timesystem.routes(),
            Route("/observatory/knobs", read_knobs, methods=["GET"]),
            Route("/observatory/knobs", turn_knobs, methods=["POST"]),
            Route("/observatory/restart", restart, methods=["POST"]),
            Route("/observatory/truth", tell),
        ],
        lifespan=lifespan,
    )
    app.add_middleware(_Gate, knobs=knobs, counts=counts)
    return app
