"""What a request would become, from the coverage of its target, beside asking the archive and making the plan, seconds of one process.

    python -m benchmarks.coverage [radius]

Coverage and requests reach `radius` degrees (180: all science windows of the mission) from the Galactic centre, in a simulated
observatory of the benchmark's own. The first list is asked once a target; each change of a request then costs a forecast
instead of a question and a plan. Both sides must come to the same figures. Medians of several repetitions; of the plan, one.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from dashboard.archive.coverage_list import find_coverage
from dashboard.archive.selection import find_pointings
from dashboard.hosts import Host, known_hosts
from dashboard.identity import Identity
from dashboard.plan.coverage import Coverage
from dashboard.plan.forecast import forecast, limit_here, spans_of
from dashboard.plan.making import make_plan
from dashboard.request.request import Request
from tests.conftest import running_observatory

CENTRE = (266.41683, -29.00782)
REPETITIONS = 9
FORECAST_TARGET, DRAWING_TARGET = 0.100, 0.020
TEN = {"T1": [1100 + 800 * i for i in range(10)], "T2": [1800 + 800 * i for i in range(10)]}
EVERYTHING = {
    "instrument": ["isgri", "jemx1", "jemx2"],
    "product": ["mosaic", "spectrum", "lightcurve"],
    "bands": [[20, 25], [25, 30]],
    "use_default_catalog": False,
    "make_image": True,
}
REQUESTS: dict[str, dict[str, Any]] = {"a mosaic": {}, "ten intervals": TEN, "three instruments, three products": {**TEN, **EVERYTHING}}

T = TypeVar("T")


def timed(work: Callable[[], T], repetitions: int = REPETITIONS) -> tuple[float, T]:
    """Median seconds, and the last result."""
    times = []
    for _ in range(repetitions):
        start = perf_counter()
        result = work()
        times.append(perf_counter() - start)
    return float(np.median(times)), result


def compare(name: str, values: dict[str, Any], radius: float, coverage: Coverage, host: Host) -> None:
    request = Request(RA=CENTRE[0], DEC=CENTRE[1], radius=radius, **{"T1": 1000, "T2": 9200, **values})
    ours, told = timed(lambda: forecast(coverage, request, spans_of(request, coverage)))
    theirs, plan = timed(lambda: make_plan(request, coverage.target, find_pointings(request, coverage.target, host), Identity()), 1)
    assert (told.n_scw, told.roles_needed) == (plan.n_scw, plan.roles_needed)
    assert plan.coming or told.n_batches == len(plan.batches)
    print(
        f"{name:34s} {told.n_scw:6d} ScW, {told.n_batches:6d} batches: forecast {1e3 * ours:6.1f} ms "
        f"(target {1e3 * FORECAST_TARGET:.0f}), archive and plan {theirs:6.2f} s: {theirs / ours:5.0f} times"
    )


def main(radius: float) -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, running_observatory(Path(folder)) as sky:
        host = known_hosts()["simulated"].at(sky.url)
        seconds, sightings = timed(lambda: find_coverage(*CENTRE, radius, host), 1)
        print(f"list of {len(sightings.pointings)} ScW    {seconds:7.2f} s, once a target")
        seconds, coverage = timed(lambda: Coverage.of(sightings, *CENTRE), 3)
        print(f"coverage               {1e3 * seconds:7.1f} ms")
        seen = coverage.seen("isgri", radius)
        drawn = {
            "timeline in columns": lambda: coverage.timeline(seen, 1000, 9200),
            "timeline of 10 days": lambda: coverage.timeline(seen, 5000, 5010),
            "mission by revolution": lambda: coverage.mission(seen),
        }
        for name, draw in drawn.items():
            seconds, strip = timed(draw)
            print(f"{name:22s} {1e3 * seconds:7.1f} ms (target {1e3 * DRAWING_TARGET:.0f}), {len(strip)} entries")
        seconds, _ = timed(lambda: [limit_here(coverage, name, (20, 30)) for name in ("isgri", "jemx1")])
        print(f"limits of two          {1e3 * seconds:7.1f} ms")
        for name, values in REQUESTS.items():
            compare(name, values, radius, coverage, host)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 180.0)
