"""What one takes home of a run: a folder for each of its jobs, or all of them in one archive."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.both_units import both_light_curves, both_mosaics, unit_pairs
from dashboard.combine.units import UNIT_SYSTEMATIC
from dashboard.errors import NotCombinable
from dashboard.export.catalogue import write_catalogue
from dashboard.export.folder import write_folder
from dashboard.export.light_curve_files import write_light_curve_files
from dashboard.export.provenance import mosaic_facts, provenance, write_provenance
from dashboard.export.spectrum_files import writable, write_spectrum_files
from dashboard.export.whole import written_whole
from dashboard.plan.making import catalogue_of_image
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog
from dashboard.products.mosaic import Provenance
from dashboard.request.request import Request
from dashboard.runs.results import load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import BatchState, RunState
from dashboard.runs.run_view import RunView
from dashboard.settings import Settings

NO_GROUPING = (0.0, 0.0, 0)


def export_run(settings: Settings, store: RunView, state: RunState, folder: Path) -> tuple[Path, ...]:
    """Write the files of a run, finished or not, into a folder; of several jobs each into a folder of its own.

    Raises
    ------
    RunNotFound
        When no batch has arrived yet.
    StorageFull, ProductError
        When the folder cannot be written.
    """
    plan = store.plan(state.run_id)
    writers = {"mosaic": _mosaic, "spectrum": _spectra, "lightcurve": _light_curves}
    alone = len(plan.jobs) + len(plan.coming) == 1
    written: list[Path] = []
    for number, job in enumerate(plan.jobs):
        if state.sums[number] or not any(state.sums):
            place = folder if alone else folder / folder_name(plan, number)
            written += writers[job.product](settings, plan, state, number, place)
    for pair in unit_pairs(plan):
        if all(state.sums[number] for number in pair):
            written += _both_units(settings, plan, state, pair, folder)
    return tuple(written)


def folder_name(plan: Plan, number: int) -> str:
    """Such as "isgri_mosaic_28-40keV"."""
    job = plan.jobs[number]
    band = f"_{job.band[0]:g}-{job.band[1]:g}keV" if job.band else ""
    return f"{job.instrument}_{job.product}{band}"


def write_archive(settings: Settings, store: RunView, state: RunState, path: Path) -> None:
    """All files of `export_run` in one zip; raises as it does."""
    name = f"{'SIMULATED_' if state.simulated else ''}{state.run_id}"
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in export_run(settings, store, state, Path(place)):
            archive.write(file, f"{name}/{file.relative_to(place)}")


def _mosaic(settings: Settings, plan: Plan, state: RunState, number: int, place: Path) -> tuple[Path, ...]:
    mosaic, table = load_mosaic(settings, state, number), load_sources(settings, state, number)
    document = _document(plan, state, (number,), mosaic.provenance, mosaic_facts(mosaic, table))
    written = write_folder(place, mosaic, table, document, plan.target.name)
    if any(coming.image == number for coming in plan.coming):
        catalog, _ = catalogue_of_image(plan, number, table)
        with written_whole(place) as part:
            listed = write_catalogue(part, catalog, plan.jobs[number].instrument)
        return (*written, place / listed.name)
    return written


def _spectra(settings: Settings, plan: Plan, state: RunState, number: int, place: Path) -> tuple[Path, ...]:
    request, instrument = Request.from_dict(plan.request), plan.jobs[number].instrument
    grouping = request.grouping if instrument == "isgri" else NO_GROUPING
    spectra, left_out = writable(load_spectra(settings, state, number), grouping)
    fraction = request.systematic_for(instrument)
    facts = {
        "kind": "spectra",
        "instrument": instrument,
        "sources": list(spectra.sources),
        "weights": request.spectrum_weighting,
        "systematic_fraction": fraction,
        "grouping": list(grouping),
        "left_out": left_out,
        "error_with_exposure_over_inverse_variance_weights": {s.source: s.sigma_ratio for s in spectra.spectra},
    }
    files = write_spectrum_files(place, spectra, grouping, fraction)
    document = _document(plan, state, (number,), _of(spectra.spectra), facts)
    return (*files, *_beside(place, document, plan.lists[instrument], instrument))


def _light_curves(settings: Settings, plan: Plan, state: RunState, number: int, place: Path) -> tuple[Path, ...]:
    request, job = Request.from_dict(plan.request), plan.jobs[number]
    curves = load_light_curves(settings, state, number)
    fraction = request.systematic_for(job.instrument)
    facts = {
        "kind": "light curves",
        "instrument": job.instrument,
        "band_keV": list(job.band) if job.band else None,
        "sources": list(curves.sources),
        "time_bin_s": request.lc_time_bin,
        "systematic_fraction": fraction,
    }
    files = write_light_curve_files(place, curves, fraction)
    document = _document(plan, state, (number,), _of(curves.curves), facts)
    return (*files, *_beside(place, document, plan.lists[job.instrument], job.instrument))


def _both_units(settings: Settings, plan: Plan, state: RunState, pair: tuple[int, int], folder: Path) -> tuple[Path, ...]:
    """The mean of both units of JEM-X; nothing when they cannot be averaged, for each unit has its own files."""
    job = plan.jobs[pair[0]]
    band = job.band or (0.0, 0.0)
    place = folder / folder_name(plan, pair[0]).replace("jemx1", "jemx")
    facts = {"instrument": "jemx", "band_keV": list(band), "normalised_to": "the Crab", "units_systematic_fraction": UNIT_SYSTEMATIC}
    if job.product == "mosaic":
        try:
            mosaic, table = both_mosaics(plan, band, *(load_mosaic(settings, state, number) for number in pair))
        except NotCombinable:
            return ()
        document = _document(plan, state, pair, mosaic.provenance, mosaic_facts(mosaic, table) | facts)
        return write_folder(place, mosaic, table, document, plan.target.name)
    curves = both_light_curves(band, *(load_light_curves(settings, state, number) for number in pair))
    if not curves.curves:
        return ()
    document = _document(plan, state, pair, _of(curves.curves), {"kind": "light curves", **facts})
    files = write_light_curve_files(place, curves, 0.0)
    with written_whole(place) as part:
        told = write_provenance(part, document)
    return (*files, place / told.name)


def _beside(place: Path, document: Mapping[str, Any], catalog: SourceCatalog, instrument: str) -> tuple[Path, ...]:
    """How the spectra or light curves were made, and the list of sources they were extracted for."""
    with written_whole(place) as part:
        names = [write_provenance(part, document).name, write_catalogue(part, catalog, instrument).name]
    return tuple(place / name for name in names)


def _of(products: tuple[Any, ...]) -> Provenance:
    """That of the product made of most batches: a source that few of them saw does not speak for all."""
    return max((product.provenance for product in products), key=lambda origin: origin.batches_used, default=Provenance())


def _document(plan: Plan, state: RunState, jobs: tuple[int, ...], origin: Provenance, facts: Mapping[str, Any]) -> dict[str, Any]:
    batches = [_told(batch) for batch in state.batches if batch.job in jobs]
    return provenance(origin, facts, plan.request, plan.target.facts, plan.archive, batches)


def _told(batch: BatchState) -> dict[str, object]:
    """What the provenance says of a batch."""
    return {
        "batch_id": batch.batch_id,
        "state": batch.state,
        "scw": list(batch.scw),
        "job_id": batch.job_id,
        "attempts": batch.attempts,
        "reason": batch.reason,
    }
