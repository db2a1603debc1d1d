"""What a route asks of database and store: off the event loop, and no longer than a supervisor waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from dashboard.errors import RunError

SECONDS: Final = 5.0
Value = TypeVar("Value")
_threads = ThreadPoolExecutor(2, "asked by a supervisor")
"""Their own: what hangs there keeps no download waiting, nor does another thread begin for each time it is asked."""


async def within_deadline(act: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """What `act` returns.

    Raises
    ------
    RunError
        When it takes longer.
    """
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(_threads, act), seconds)
    except TimeoutError:
        raise RunError(f"Database or product store did not answer within {seconds:g} s: see that their disk or server is there.") from None
