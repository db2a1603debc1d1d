"""A visitor without a screen: opens the page over its websocket, and keeps what it is sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stage import READY, Client


class Visitor:
    """An open page.

    Attributes
    ----------
    heard
        What the page server has sent since the page was shown.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._client: Client | None = None

    async def come(self, url: str) -> None:
        self._client = await Client.open(url)
        await self._client._say("PATCH-DOC", {"events": [READY]})
        self._client.reading = asyncio.create_task(self._listen(self._client))

    async def go(self) -> None:
        if self._client is not None and self._client.reading is not None:
            self._client.close()
            await asyncio.gather(self._client.reading, return_exceptions=True)

    async def _listen(self, client: Client) -> None:
        while (part := await client.connection.read_message()) is not None:
            if isinstance(part, str):
                self.heard.append(part)


@contextmanager
def visiting(url: str) -> Iterator[Visitor]:
    """With an address of the page open, until the block ends."""
    loop, visitor = asyncio.new_event_loop(), Visitor()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(visitor.come(url), loop).result(150)
        yield visitor
    finally:
        asyncio.run_coroutine_threadsafe(visitor.go(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
