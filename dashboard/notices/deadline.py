"""A time limit for a whole conversation, whatever the server does meanwhile.

The time limits of sockets hold for one read each: a server that sends a byte now and then meets them for hours.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """Ends a piece of work, and the connections it opened.

    Parameters
    ----------
    seconds
        From now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._over = False
        self._held: list[socket.socket] = []

    @property
    def left(self) -> float:
        """Seconds, 0 when there are none."""
        return max(0.0, self._ends - time.monotonic())

    @property
    def patience(self) -> float:
        """Seconds for one step of the work: longer than what is left, so that the deadline comes first and is what is told."""
        return self.left + 1.0

    def run(self, work: Callable[[], T]) -> T:
        """What the work returns, or raises, in time.

        It is done in a thread, which ends soon after the deadline because its connections do.

        Raises
        ------
        TimeoutError
            When there was not enough time.
        """
        executor = ThreadPoolExecutor(1, "notice")
        try:
            return executor.submit(work).result(self.left)
        finally:
            self._end()
            executor.shutdown(wait=False)

    def hold(self, connection: socket.socket) -> None:
        """End this connection at the deadline, even where TLS is spoken over it later."""
        twin = connection.dup()
        with self._lock:
            if not self._over:
                self._held.append(twin)
                return
        _hang_up(twin)

    def _end(self) -> None:
        with self._lock:
            self._over, held = True, self._held
            self._held = []
        for twin in held:
            _hang_up(twin)


def _hang_up(connection: socket.socket) -> None:
    """Shut a connection for all who use it, in both directions: whoever reads from it wakes up."""
    with connection, suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
