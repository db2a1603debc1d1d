"""Where a request aims, and what INTEGRAL saw of it: looked up in the background, for all sessions of a process.

Names are resolved and the mission's pointings listed once for each target; the newest answers are kept, and those that somebody holds.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from dashboard.archive.coverage_list import find_coverage
from dashboard.archive.resolver import Target, resolve
from dashboard.archive.snapshot import FILE_NAME
from dashboard.errors import ArchiveUnavailable, DashboardError, HostUnreachable
from dashboard.one_each import OneEach
from dashboard.plan.coverage import Coverage
from dashboard.request.request import Request
from dashboard.runs.process import host_for
from dashboard.settings import Settings

KEPT: Final = 24
"""Targets; one with 10 000 science windows takes about 2 MB."""
LEAST_RADIUS: Final = 15.0
"""Degrees, to ISGRI's zero response: a smaller radius of the request needs no further question."""
SILENT_SECONDS: Final = 60.0
"""Who did not answer is asked again after so long."""

log = logging.getLogger(__name__)


class Aim:
    """What is known of a target so far.

    Attributes
    ----------
    target
        None until the name is resolved.
    coverage
        None until the archive has answered.
    problem
        Why nothing more will come.
    again_at
        When it is tried once more, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.target: Target | None = None
        self.coverage: Coverage | None = None
        self.problem, self.again_at = "", math.inf

    @property
    def progress(self) -> tuple[bool, bool, str]:
        """Differs when there is news."""
        return self.target is not None, self.coverage is not None, self.problem


class AimBoard:
    """Looks targets up, two at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._aims: weakref.WeakValueDictionary[tuple[Any, ...], Aim] = weakref.WeakValueDictionary()
        self._newest: OrderedDict[tuple[Any, ...], Aim] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, "aims")
        self._lock = threading.Lock()

    def aim(self, request: Request, *, again: bool = False) -> Aim:
        """What is known of the target of a valid request; asking is cheap. `again`: what failed is tried once more."""
        radius = max(LEAST_RADIUS, *(request.radius_for(instrument) for instrument in request.instruments))
        position = request.position or ()
        key = (request.host_type, request.src_name.strip(), *position, request.data_version, request.scw_archive, radius)
        with self._lock:
            found = self._aims.get(key)
            if found is None or (found.problem and (again or time.monotonic() >= found.again_at)):
                found = self._aims[key] = Aim()
                self._threads.submit(self._look_up, found, Request.from_dict(request.to_dict()), radius)
            self._newest[key] = found
            self._newest.move_to_end(key)
            while len(self._newest) > KEPT:
                self._newest.popitem(last=False)
            return found

    def _look_up(self, aim: Aim, request: Request, radius: float) -> None:
        try:
            host = host_for(self._settings, request.host_type)
            target = aim.target = resolve(request, host)
            snapshot = self._settings.data_dir / FILE_NAME
            sightings = find_coverage(
                target.ra, target.dec, radius, host, request.data_version, choice=request.scw_archive, snapshot=snapshot
            )
            aim.coverage = Coverage.of(sightings, target.ra, target.dec)
        except DashboardError as error:
            if isinstance(error, ArchiveUnavailable | HostUnreachable):
                aim.again_at = time.monotonic() + SILENT_SECONDS
            aim.problem = error.sentence
        except Exception as error:
            log.exception("The coverage of %s failed", request.src_name)
            aim.problem = (
                f"An unexpected error ({type(error).__name__}) keeps the coverage from being shown: report it with the page's log."
            )


aim_board: Final = OneEach(AimBoard)
"""The process's board of a deployment."""
