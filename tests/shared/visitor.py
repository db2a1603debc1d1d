"""A visitor without a screen: opens the page over its websocket, and keeps it open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stage import Client


@contextmanager
def visiting(url: str) -> Iterator[None]:
    """With an address of the page open, which is told that it is shown; what it pushes is taken until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def come() -> Client:
        client = await Client.open(url)
        await client.ready()
        return client

    async def go(client: Client) -> None:
        client.close()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()), return_exceptions=True)

    try:
        client = asyncio.run_coroutine_threadsafe(come(), loop).result(150)
        yield
        asyncio.run_coroutine_threadsafe(go(client), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
