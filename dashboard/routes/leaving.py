"""How a page server ends that is told to (SIGTERM): its worker hands over, then it goes itself. A second signal ends it at once.

In a container that is all the more needed: what the first process leaves alive is killed with it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import Final

from tornado.ioloop import IOLoop

from dashboard.runs.ending import end_within
from dashboard.runs.presence import step_out
from dashboard.runs.process import end_children

LEAVE_SECONDS: Final = 9.5
"""Engines of containers kill after 10."""

log = logging.getLogger(__name__)


def leave_when_told() -> None:
    """Take SIGTERM over from Bokeh, which takes it itself when its loop begins, and leaves children and slow threads to chance."""
    IOLoop.current().add_callback(_take_signal)


def _take_signal() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, _leave, loop)


def _leave(loop: asyncio.AbstractEventLoop) -> None:
    log.info("The page server ends.")
    loop.remove_signal_handler(signal.SIGTERM)
    end_within(LEAVE_SECONDS)
    threading.Thread(target=_end, args=(loop,), name="leaving", daemon=True).start()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Downloads go on meanwhile."""
    try:
        end_children(for_good=True)
        step_out()
    finally:
        loop.call_soon_threadsafe(loop.stop)
