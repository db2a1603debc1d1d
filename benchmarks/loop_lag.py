"""How long the event loop of a page process was there for nobody: a plugin of `panel serve`, for benchmarks alone."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any, Final

from tornado.web import RequestHandler

STEP: Final = 0.005


class Lag(RequestHandler):
    """GET tells the longest pause since the last GET, in seconds; the first begins to look."""

    longest = 0.0
    watch: asyncio.Task[None] | None = None

    def get(self) -> None:
        if Lag.watch is None:
            Lag.watch = asyncio.get_running_loop().create_task(_look())
        self.write({"longest": Lag.longest})
        Lag.longest = 0.0


async def _look() -> None:
    while True:
        before = perf_counter()
        await asyncio.sleep(STEP)
        Lag.longest = max(Lag.longest, perf_counter() - before - STEP)


ROUTES: list[tuple[str, type, dict[str, Any]]] = [(r"/lag", Lag, {})]
