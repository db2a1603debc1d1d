"""The end of a process that was told to end: orderly, and in a bounded time whatever hangs."""

from __future__ import annotations

import logging
import os
import threading
import time

log = logging.getLogger(__name__)


def end_within(seconds: float) -> None:
    """See that this process is gone by then, with exit code 0: nothing that hangs keeps it, and what it leaves undone others find."""

    def end() -> None:
        time.sleep(seconds)
        log.warning("What hangs is left as it is: %s s are over.", seconds)
        os._exit(0)

    threading.Thread(target=end, name="end", daemon=True).start()
