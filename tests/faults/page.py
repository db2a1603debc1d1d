"""What a page process does while a visitor looks at a run, without the page: `python -m tests.faults.page RUN_ID`."""

from __future__ import annotations

import sys
import time

from dashboard.identity import Identity
from dashboard.session import Session
from dashboard.settings import Settings

LOOK_SECONDS = 0.1


def main() -> None:
    session = Session(Settings.from_environment(), Identity(origin="page"))
    session.watch_run(sys.argv[1])
    while True:
        session.refresh()
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
