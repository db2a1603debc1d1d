"""How good the batches of a run are: measured on their stored maps, once a batch, and compared with each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.batch_quality import BatchFigures, MapFigures, suggestions
from dashboard.archive.pointings import Pointings
from dashboard.plan.plan import Plan
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs.kept import Kept
from dashboard.runs.parts import stored_batches
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.run_state import RunState
from dashboard.settings import Settings


@dataclass(frozen=True, slots=True)
class BatchQuality:
    """What is known of a batch in the sum of its job.

    Attributes
    ----------
    figures
        Of a mosaic; of spectra and light curves only what the archive tells of their science windows.
    reasons
        Why it is suggested to be left out; empty when it is like the others.
    """

    figures: BatchFigures
    reasons: tuple[str, ...] = ()


def run_quality(
    settings: Settings,
    plan: Plan,
    state: RunState,
    *,
    told: Callable[[int, int], object] = lambda done, of: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, BatchQuality] | None:
    """The quality of all batches that have arrived and are not left out, by id.

    A map is read and measured once a process (about 20 ms); afterwards a run of thousands of batches costs milliseconds.

    Parameters
    ----------
    settings, plan, state
        Whose batches.
    told
        Is told how many batches of how many are known.
    cancelled
        Is asked between batches whether nobody waits any more.

    Returns
    -------
    None when it was cancelled.

    Raises
    ------
    ProductError
        When a stored map cannot be read.
    """
    stored = [stored_batches(plan, state, job) for job in range(len(plan.jobs))]
    total, done = sum(map(len, stored)), 0
    found: dict[str, BatchQuality] = {}
    rows = {swid: row for row, swid in enumerate(plan.pointings.swid)}
    for job, members in zip(plan.jobs, stored, strict=True):
        figures = []
        for batch_id, batch in members.items():
            if cancelled():
                return None
            of_map = asdict(_of_map(settings.storage_url, batch_id)) if job.product == "mosaic" else {}
            mine = np.array([rows[scw[:12]] for scw in batch.scw])
            figures.append(BatchFigures(batch_id, batch.exposure, _good_fraction(plan.pointings, job.instrument, mine), **of_map))
            done += 1
            told(done, total)
        reasons = {suspect.batch_id: suspect.reasons for suspect in suggestions(figures)}
        found |= {one.batch_id: BatchQuality(one, reasons.get(one.batch_id, ())) for one in figures}
    return found


def suspects(state: RunState, quality: Mapping[str, BatchQuality]) -> Iterator[tuple[int, str]]:
    """Number (from 1) and id of the batches that are suggested to be left out, and are not yet."""
    for number, batch in enumerate(state.batches, 1):
        if batch.arrived and batch.batch_id in quality and quality[batch.batch_id].reasons:
            yield number, batch.batch_id


def _good_fraction(windows: Pointings, instrument: str, rows: NDArray[np.intp]) -> float:
    """Good over elapsed time of those science windows of which the archive tells it; NaN when it tells of none."""
    if instrument not in windows.good:
        return math.nan
    good, elapsed = windows.good[instrument][rows], windows.telapse[rows]
    known = np.isfinite(good)
    return float(good[known].sum() / elapsed[known].sum()) if known.any() else math.nan


_of_maps: Final[Kept[MapFigures]] = Kept(100_000)


def _of_map(url: str, batch_id: str) -> MapFigures:
    found = _of_maps.get((url, batch_id))
    if found is None:
        found = ProductStore(url).read(batch_file(batch_id), lambda path: MapFigures.of(read_mosaic(path)))
        _of_maps.put((url, batch_id), found)
    return found
