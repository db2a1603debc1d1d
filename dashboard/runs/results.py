"""What a run has found so far, for page, command line and notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dashboard.errors import ProductError, RunNotFound
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.run_state import RunState
from dashboard.runs.source_document import read_sources
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

Value = TypeVar("Value")


def load_mosaic(settings: Settings, state: RunState, job: int = 0) -> Mosaic:
    """The mosaic of the batches so far.

    Raises
    ------
    RunNotFound
        When no batch has arrived yet.
    ProductError
        When the file cannot be read.
    """
    return _load(settings, state, "mosaic", job, read_mosaic)


def load_sources(settings: Settings, state: RunState, job: int = 0) -> SourceTable:
    """The sources of the mosaic so far; raises as `load_mosaic`."""
    return _load(settings, state, "sources", job, read_sources)


def _load(settings: Settings, state: RunState, kind: str, job: int, reader: Callable[[Path], Value]) -> Value:
    if not state.sums[job]:
        raise RunNotFound(f"No batch of run {state.run_id} has arrived yet: there is nothing to show or export.")
    store = ProductStore(settings.storage_url)
    try:
        return store.read(run_file(state.run_id, kind, job, state.sums[job]), reader)
    except ProductError:
        # Two versions are kept: a slow reader may come too late for its own and takes the present one.
        newest = RunStore(settings).state(state.run_id)
        if newest.sums[job] == state.sums[job]:
            raise
        return store.read(run_file(state.run_id, kind, job, newest.sums[job]), reader)
