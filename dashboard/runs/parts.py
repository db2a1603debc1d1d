"""The sum of some of a run's batches: what a time range on the page stands for.

A range acts on whole batches, and their sum is redone from the stored products in float64: subtracting from the whole sum would
leave residues of bright sources behind. A mosaic job is cut into blocks of consecutive batches, and sums of whole blocks are kept:
a range that moves a little adds up the batches at its ends and merges the blocks between them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.sky_width import SignificanceHistogram, sky_width
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.plan.batch import Batch
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.mosaic import Mosaic
from dashboard.products.spectrum import SpectrumSet
from dashboard.runs.histogram_document import scaled_histogram
from dashboard.runs.kept import Kept
from dashboard.runs.kinds import KINDS
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.run_sources import run_sources
from dashboard.runs.run_state import RunState
from dashboard.settings import Settings

PART_BYTES: Final = 200e6
BLOCK_BYTES: Final = 300e6
LEAST_BLOCK: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What some batches of a job make together.

    Attributes
    ----------
    product
        As the run publishes it.
    sources, histogram
        Of a mosaic, as the run publishes them; else None.
    batch_ids
        Which batches, in time order.
    start, stop
        IJD (TT) from the first to the last of their science windows, NaN when unknown.
    n_stored
        How many batches of the job there are to choose from.
    """

    product: Mosaic | SpectrumSet | LightCurveSet
    sources: SourceTable | None
    histogram: SignificanceHistogram | None
    batch_ids: tuple[str, ...]
    start: float
    stop: float
    n_stored: int


class _Cancelled(Exception):
    """Nobody waits for the sum any more."""


def stored_batches(plan: Plan, state: RunState, job: int) -> dict[str, Batch]:
    """Those batches of a job that are in its sum, by id, in time order."""
    arrived = {batch.batch_id for batch in state.batches if batch.arrived and batch.job == job}
    asked = plan.jobs[job]
    return {batch_id: batch for batch_id, batch in zip(asked.batch_ids, plan.batches_of(asked), strict=True) if batch_id in arrived}


def batches_in(plan: Plan, state: RunState, job: int, start: float, stop: float) -> tuple[Batch, ...]:
    """The stored batches of a job whose middle lies from `start` to `stop`, IJD (TT), in time order.

    Where there is none, those that contain the middle of the range; where there is none either, the nearest to it. Empty only
    when nothing is stored.
    """
    return tuple(_chosen(stored_batches(plan, state, job), start, stop).values())


def partial(
    settings: Settings,
    plan: Plan,
    state: RunState,
    job: int,
    start: float,
    stop: float,
    *,
    told: Callable[[int, int], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Part | None:
    """Add up the batches that `batches_in` chooses, on the grid of the whole sum.

    When it chooses all, the published product is the same and costs nothing: use that.

    Parameters
    ----------
    settings, plan, state, job
        Whose batches.
    start, stop
        IJD (TT).
    told
        Is told how many batches of how many have been added.
    cancelled
        Is asked between batches whether the sum is not wanted any more.

    Returns
    -------
    The part, from memory when it was made not long ago; None when it was cancelled.

    Raises
    ------
    EmptyProduct
        When no batch is stored.
    ProductError
        When a batch cannot be read, or cannot be added to the others.
    """
    stored = stored_batches(plan, state, job)
    chosen = _chosen(stored, start, stop)
    key = (settings.storage_url, state.run_id, state.plan_version, job, tuple(chosen))
    part = _parts.get(key)
    if part is None:
        try:
            total = _sum(settings.storage_url, plan, job, stored, chosen, _Progress(len(chosen), told, cancelled))
        except _Cancelled:
            return None
        part = _part(plan, job, total, chosen)
        _parts.put(key, part)
    return replace(part, n_stored=len(stored))


@dataclass
class _Progress:
    """How many of the chosen batches are in the sum."""

    asked: int
    told: Callable[[int, int], object] | None
    cancelled: Callable[[], bool] | None
    done: int = 0

    def step(self, batches: int) -> None:
        self.done += batches
        if self.told is not None:
            self.told(self.done, self.asked)
        if self.cancelled is not None and self.cancelled():
            raise _Cancelled


def _chosen(stored: Mapping[str, Batch], start: float, stop: float) -> dict[str, Batch]:
    first, last = np.array([(batch.tstart, batch.tstop) for batch in stored.values()]).reshape(-1, 2).T
    inside = (start <= (first + last) / 2) & ((first + last) / 2 <= stop)
    if not inside.any():
        middle = (start + stop) / 2
        away = np.nan_to_num(np.maximum(first - middle, middle - last).clip(0), nan=np.inf)
        inside = away == away.min(initial=np.inf)
    return {batch_id: batch for (batch_id, batch), chosen in zip(stored.items(), inside, strict=True) if chosen}


def _sum(url: str, plan: Plan, job: int, stored: Collection[str], chosen: Collection[str], progress: _Progress) -> Any:
    products, kind = ProductStore(url), KINDS[plan.jobs[job].product]
    total = kind.new_sum(plan, job)

    def add(to: Any, ids: Iterable[str]) -> None:
        for batch_id in ids:
            to.add(products.read(batch_file(batch_id), kind.read), batch_id)
            progress.step(1)

    if not isinstance(total, MosaicSum):
        add(total, chosen)
        return total
    for ids, whole in _blocks(plan, job, _n_bytes(_planes(total)), stored, chosen):
        if not whole:
            add(total, ids)
            continue
        key = (url, total.grid, ids)
        block = _block_sums.get(key)
        if block is None:
            block = MosaicSum(total.grid)
            add(block, ids)
            _block_sums.put(key, block)
        else:
            progress.step(len(ids))
        total.merge(block)
    return total


def _blocks(plan: Plan, job: int, n_bytes: int, stored: Iterable[str], chosen: Iterable[str]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The chosen batches block by block, and whether they are all there are of it.

    Blocks are so long that the sums, of so many bytes each, of all blocks of all the run's mosaics can be kept. They lie where
    they lie in the plan: more batches that arrive do not move them.
    """
    order, mosaics = plan.jobs[job].batch_ids, sum(one.product == "mosaic" for one in plan.jobs)
    length = max(LEAST_BLOCK, 2 ** math.ceil(math.log2(len(order) * mosaics * n_bytes / BLOCK_BYTES)))
    block_of = {batch_id: place // length for place, batch_id in enumerate(order)}
    full = Counter(block_of[batch_id] for batch_id in stored)
    for number, group in groupby(chosen, key=block_of.__getitem__):
        ids = tuple(group)
        yield ids, len(ids) == full[number]


def _part(plan: Plan, job: int, total: Any, chosen: Mapping[str, Batch]) -> Part:
    product = total.result(batches_asked=len(plan.jobs[job].batch_ids))
    sources = histogram = None
    if isinstance(product, Mosaic):
        width = sky_width(product)
        sources, histogram = run_sources(plan, product, width, total), scaled_histogram(product, width)
    start = float(np.fmin.reduce([batch.tstart for batch in chosen.values()]))
    stop = float(np.fmax.reduce([batch.tstop for batch in chosen.values()]))
    return Part(product, sources, histogram, tuple(chosen), start, stop, len(chosen))


def _planes(total: MosaicSum) -> tuple[NDArray[Any], ...]:
    return total.weight, total.weight_flux, total.weight_flux2, total.exposure, total.number


def _n_bytes(value: object) -> int:
    """Of all arrays in a value, each counted once."""
    return sum({id(array): array.nbytes for array in _arrays(value)}.values())


def _arrays(value: object) -> Iterator[NDArray[Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _arrays(item)
    elif isinstance(value, Mapping):
        yield from _arrays(tuple(value.values()))
    elif is_dataclass(value):
        yield from _arrays(tuple(getattr(value, field.name) for field in fields(value)))


_parts: Final[Kept[Part]] = Kept(PART_BYTES, _n_bytes)
_block_sums: Final[Kept[MosaicSum]] = Kept(BLOCK_BYTES, lambda total: _n_bytes(_planes(total)))
