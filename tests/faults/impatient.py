"""The worker with a database whose locks it waits for half a second instead of half a minute: `python -m tests.faults.impatient`."""

from __future__ import annotations

from dashboard.runs import database
from dashboard.runs.worker import main

if __name__ == "__main__":
    database.BUSY_MILLISECONDS = 500
    main()
