"""The sky in a part of a run, and a source from batch to batch: from stored products, against doing it all again each time.

    python -m benchmarks.parts [batches]

Batches of 600 x 600 pixels, every one on a TAN grid of its own within 3 degrees and with a roll of its own, in a store on the
local disk; the sum is as wide. A part is half of them, taken from the middle; beside it the same batches are read and added by
`rebuild` and searched for sources. The slider then moves: one end by one batch, or both. The strip is of one place and of ten;
beside it whole files are read and the same places fitted. Files are in the system's memory, or not any more ("from the disk").
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.mosaic import batches
from dashboard.analysis.photometry import NoiseMap, fit_sources
from dashboard.analysis.psf import Psf, nominal_sigma
from dashboard.analysis.sky_width import sky_width
from dashboard.combine.mosaic_sum import rebuild
from dashboard.combine.resample import warm
from dashboard.plan.plan import Plan
from dashboard.products.mosaic import Provenance
from dashboard.products.mosaic_fits import read_mosaic, write_mosaic
from dashboard.runs.field import run_grid
from dashboard.runs.histogram_document import scaled_histogram
from dashboard.runs.parts import partial
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.run_sources import run_sources
from dashboard.runs.run_state import BatchState, RunState
from dashboard.runs.strips import Place, strip
from tests.runs.sky_dispatcher import CRAB, plan_of, settings_in

SCW = 30
"""Science windows that each batch says it was made of."""


def planned(count: int) -> tuple[Plan, RunState]:
    """A run whose batches are all there."""
    plan, rng = plan_of(2 * count), np.random.default_rng(3)
    unknown, away = np.full(2 * count, np.nan), rng.uniform(-3, 3, (2, 2 * count))
    spread = replace(plan.pointings, ra_scx=CRAB[0] + away[0], dec_scx=CRAB[1] + away[1], ra_scz=unknown, dec_scz=unknown)
    plan = replace(plan, pointings=spread)
    states = tuple(BatchState(batch.batch_id, "done", batch.scw) for batch in plan.batches)
    return plan, RunState("20260101-000000-0000", "", "", "simulated", "done", 1, states, 0.0, sums=(1,))


def took(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = perf_counter()
    work()
    return 1e3 * (perf_counter() - start)


def forget(files: Iterable[Path]) -> None:
    """Have the system read these files from the disk the next time."""
    os.sync()
    for file in files:
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def told(name: str, these: Sequence[float], those: Sequence[float]) -> None:
    """One line: how long, and how long otherwise."""
    mine, its = float(np.median(these)), float(np.median(those))
    print(f"{name:38s} {mine:8.1f} ms  instead {its:8.1f} ms  instead / this = {its / mine:5.1f}")


def main(count: int, folder: Path) -> None:
    warm()
    plan, state = planned(count)
    settings = settings_in(folder)
    products = ProductStore(settings.storage_url)
    ids = plan.jobs[0].batch_ids
    scw = tuple(f"0665{number:04d}0010.001" for number in range(SCW))
    origin = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS", ("0123456789abcdef",), scw)
    for batch_id, made in zip(ids, batches(count, lattice=False), strict=True):
        mosaic = replace(made, provenance=origin)
        products.write(batch_file(batch_id), lambda path, mosaic=mosaic: write_mosaic(mosaic, path))  # type: ignore[misc]
    grid = run_grid(plan.pointings)
    print(f"{count} batches, the sum has {grid.shape[1]} x {grid.shape[0]} pixels")

    def part(first: int, last: int) -> Any:
        return partial(settings, plan, state, 0, plan.batches[first].tstart, plan.batches[last - 1].tstop)

    def again(first: int, last: int) -> None:
        total = rebuild(grid, ((batch_id, products.read(batch_file(batch_id), read_mosaic)) for batch_id in ids[first:last]))
        whole = total.result()
        width = sky_width(whole)
        run_sources(plan, whole, width, total)
        scaled_histogram(whole, width)

    def whole_files(places: Sequence[Place]) -> None:
        for batch_id in ids:
            whole = products.read(batch_file(batch_id), read_mosaic)
            assert whole.variance is not None
            x, y = whole.wcs.world_to_pixel_values(*np.transpose(places))
            image = NoiseMap(whole.significance, np.sqrt(whole.variance))
            fit_sources(image, np.column_stack([x, y]), Psf(nominal_sigma(whole), whole.wcs), free=False)

    first, last = count // 4, count // 4 + count // 2
    again(first, first + 2)  # what is imported or compiled on first use
    instead = [took(lambda: again(first, last)) for _ in range(3)]
    told("half of them, the first time", [took(lambda: part(first, last))], instead)
    told("the same once more", [took(lambda: part(first, last)) for _ in range(3)], instead)
    moves = {"the end moves by one batch": (0, 1), "the beginning moves by one batch": (1, 0), "both move by one batch": (1, 1)}
    for name, (at_start, at_end) in moves.items():
        ranges = [(first + at_start * step, last + at_end * step) for step in range(count // 4)]
        told(name, [took(lambda new=new: part(*new)) for _, new in pairwise(ranges)], instead)  # type: ignore[misc]
    rng = np.random.default_rng(5)

    def timed(work: Callable[[list[Place]], object], number: int, *, cold: bool = False) -> float:
        if cold:
            forget(Path(settings.storage_url) / batch_file(batch_id) for batch_id in ids)
        places = [(CRAB[0] + float(a), CRAB[1] + float(d)) for a, d in rng.uniform(-8, 8, (number, 2))]
        return took(lambda: work(places))

    def strips(places: list[Place]) -> None:
        strip(settings, plan, state, 0, places)

    first_time = timed(strips, 1)
    for number in (1, 10):
        for cold in (False, True):
            name = f"a strip of {number} place{'s' * (number > 1)}{' from the disk' * cold}"
            otherwise = [timed(whole_files, number, cold=cold) for _ in range(5)]
            if number == 1 and not cold:
                told(f"{name}, the first of this run", [first_time], otherwise)
            told(name, [timed(strips, number, cold=cold) for _ in range(5)], otherwise)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 40, Path(name))
