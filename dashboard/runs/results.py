"""What a run has found so far, for page, command line and notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dashboard.analysis.sky_width import SignificanceHistogram
from dashboard.errors import ProductError, RunNotFound
from dashboard.products.catalog import SourceTable
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.light_curve_fits import read_light_curves
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import read_mosaic
from dashboard.products.spectrum import SpectrumSet
from dashboard.products.spectrum_fits import read_spectra
from dashboard.runs.histogram_document import read_histogram, scaled_histogram
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


def load_histogram(settings: Settings, state: RunState, job: int = 0) -> SignificanceHistogram:
    """How the significance of the mosaic so far is distributed; raises as `load_mosaic`."""
    try:
        return _load(settings, state, "histogram", job, read_histogram)
    except ProductError:
        # Early sums were published without their histogram: it is counted by whoever reads them.
        return scaled_histogram(load_mosaic(settings, state, job))


def load_spectra(settings: Settings, state: RunState, job: int) -> SpectrumSet:
    """The spectra summed so far; raises as `load_mosaic`."""
    return _load(settings, state, "spectra", job, read_spectra)


def load_light_curves(settings: Settings, state: RunState, job: int) -> LightCurveSet:
    """The light curves joined so far; raises as `load_mosaic`."""
    return _load(settings, state, "curves", job, read_light_curves)


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
