"""How long the event loop of a page process was there for nobody, and how many documents it holds: a plugin for benchmarks alone."""

from __future__ import annotations

import asyncio
import gc
from time import perf_counter, thread_time
from typing import Any, Final

from bokeh.document import Document
from bokeh.io.state import curstate
from tornado.web import RequestHandler

STEP: Final = 0.002


class Lag(RequestHandler):
    """GET tells the longest pauses since the last GET, in seconds of the clock and of the loop's own CPU; the first begins to look."""

    clock = cpu = 0.0
    watch: asyncio.Task[None] | None = None

    def get(self) -> None:
        if Lag.watch is None:
            Lag.watch = asyncio.get_running_loop().create_task(_look())
        self.write({"clock": Lag.clock, "cpu": Lag.cpu})
        Lag.clock = Lag.cpu = 0.0


async def _look() -> None:
    while True:
        before, used = perf_counter(), thread_time()
        await asyncio.sleep(STEP)
        Lag.clock = max(Lag.clock, perf_counter() - before - STEP)
        Lag.cpu = max(Lag.cpu, thread_time() - used)


class Documents(RequestHandler):
    """GET tells how many documents are in memory, once what is garbage has gone, without the one that Bokeh has where no session is."""

    def get(self) -> None:
        gc.collect()
        nobodys = curstate().document
        self.write({"documents": sum(type(each) is Document and each is not nobodys for each in gc.get_objects())})


ROUTES: list[tuple[str, type, dict[str, Any]]] = [(r"/lag", Lag, {}), (r"/documents", Documents, {})]
