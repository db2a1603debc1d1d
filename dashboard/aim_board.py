"""Where a request aims, and what INTEGRAL saw of it: looked up in the background, for all sessions of a process.

Names are resolved and the mission's pointings listed once for each target; the newest answers are kept.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from dashboard.archive.coverage_list import find_coverage
from dashboard.archive.resolver import Target, resolve
from dashboard.errors import DashboardError
from dashboard.one_each import OneEach
from dashboard.plan.coverage import Coverage
from dashboard.request.request import Request
from dashboard.runs.process import host_for
from dashboard.settings import Settings

KEPT: Final = 24
"""Targets; one with 10 000 science windows takes about 2 MB."""
LEAST_RADIUS: Final = 15.0
"""Degrees, to ISGRI's zero response: a smaller radius of the request needs no further question."""

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
    """

    def __init__(self) -> None:
        self.target: Target | None = None
        self.coverage: Coverage | None = None
        self.problem = ""

    @property
    def progress(self) -> tuple[bool, bool, str]:
        """Differs when there is news."""
        return self.target is not None, self.coverage is not None, self.problem


class AimBoard:
    """Looks targets up, two at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._aims: OrderedDict[tuple[Any, ...], Aim] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, "aims")
        self._lock = threading.Lock()

    def aim(self, request: Request, *, again: bool = False) -> Aim:
        """What is known of the target of a valid request; asking is cheap. `again`: what failed is tried once more."""
        radius = max(LEAST_RADIUS, *(request.radius_for(instrument) for instrument in request.instruments))
        position = request.position or ()
        key = (request.host_type, request.src_name.strip(), *position, request.data_version, radius)
        with self._lock:
            found = self._aims.get(key)
            if found is None or (again and found.problem):
                found = self._aims[key] = Aim()
                self._threads.submit(self._look_up, found, Request.from_dict(request.to_dict()), radius)
            self._aims.move_to_end(key)
            while len(self._aims) > KEPT:
                self._aims.popitem(last=False)
            return found

    def _look_up(self, aim: Aim, request: Request, radius: float) -> None:
        try:
            host = host_for(self._settings, request.host_type)
            target = aim.target = resolve(request, host)
            sightings = find_coverage(target.ra, target.dec, radius, host, request.data_version)
            aim.coverage = Coverage.of(sightings, target.ra, target.dec)
        except DashboardError as error:
            aim.problem = error.sentence
        except Exception as error:
            log.exception("The coverage of %s failed", request.src_name)
            aim.problem = (
                f"An unexpected error ({type(error).__name__}) keeps the coverage from being shown: report it with the page's log."
            )


aim_board: Final = OneEach(AimBoard)
"""The process's board of a deployment."""
