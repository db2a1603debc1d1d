"""A run as one HTML file for those without access: figures, tables, how it was made, how to cite it, where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from dashboard import __version__
from dashboard.analysis.grouping import grouped_channels
from dashboard.errors import RunNotFound
from dashboard.export.citations import ACKNOWLEDGEMENT, SIMULATED, citations
from dashboard.export.figure import mosaic_figure
from dashboard.export.light_curve_figure import light_curve_figure
from dashboard.export.report_page import facts, folded, page, paragraphs, picture, section, sources, table
from dashboard.export.spectrum_figure import spectrum_figure
from dashboard.export.spectrum_files import writable
from dashboard.plan.job import Job
from dashboard.plan.plan import Plan, exposure_text
from dashboard.products.mosaic import Provenance
from dashboard.request.link import local_files
from dashboard.request.request import Request
from dashboard.runs.results import load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.settings import Settings

MOST_SOURCES = 6
"""Of which spectra and light curves are drawn: the target, then the first of the others."""
UNGROUPED = (0.0, 0.0, 0)


def report(settings: Settings, store: RunView, state: RunState) -> str:
    """The report of a run as it is now, finished or not.

    Raises
    ------
    RunNotFound
        When no batch has arrived yet.
    ProductError
        When a product cannot be read.
    """
    if not any(state.sums):
        raise RunNotFound(f"Run {state.run_id} has no product yet: there is nothing to report.")
    plan = store.plan(state.run_id)
    request = Request.from_dict({name: value for name, value in plan.request.items() if name in Request.param})
    written = datetime.now(UTC)
    parts = [
        paragraphs([f"{state.line_of_truth}. {state.state.capitalize()}. {state.reason}".strip()]),
        f'<p class="quiet">Run {state.run_id}, written {written:%Y-%m-%d %H:%M} UTC by INTEGRAL dashboard {__version__}</p>',
    ]
    for number, job in enumerate(plan.jobs):
        if state.sums[number]:
            parts.append(section(job.label, *_product(settings, plan, request, state, number)))
    parts.append(section("Method", paragraphs(_method(plan, request, state))))
    cited = [SIMULATED] if state.simulated else []
    named = facts(citations({job.instrument for job in plan.jobs}))
    parts.append(section("How to cite", paragraphs([*cited, ACKNOWLEDGEMENT]), named))
    parts.append(section("Provenance", *_provenance(plan, request, state)))
    return page(f"{state.name}: INTEGRAL", "SIMULATED" if state.simulated else "", parts)


def _product(settings: Settings, plan: Plan, request: Request, state: RunState, number: int) -> Iterator[str]:
    """Figures and tables of a job."""
    job = plan.jobs[number]
    if job.product == "mosaic":
        mosaic, found = load_mosaic(settings, state, number), load_sources(settings, state, number)
        used = f"{_batches(mosaic.provenance)}, {len(mosaic.provenance.scw)} ScW"
        yield picture(mosaic_figure(mosaic, found, plan.target.name), f"Significance in sigma, {used}; dashed rings: not in the catalogue.")
        yield sources(found)
        threshold = f"Sources above {found.threshold:g} σ, in units of the local width of empty sky ({found.sky_width:.2f} overall)"
        yield paragraphs([f"{threshold}; {found.negative_peaks} peaks below −{found.threshold:g} σ.", found.crab.sentence, *found.notes])
        return
    if job.product == "spectrum":
        grouping = request.grouping if job.instrument == "isgri" else UNGROUPED
        spectra, left_out = writable(load_spectra(settings, state, number), grouping)
        for name in _first(spectra.sources, plan.target.name):
            for each in spectra.of(name):
                words = (
                    f"{name}: {exposure_text(each.exposure)}, {each.provenance.batches_used} of {each.provenance.batches_asked} batches."
                )
                yield picture(spectrum_figure(each, grouped_channels(each, *grouping)), words, "svg")
        yield paragraphs([_rest(spectra.sources), *(f"{name}: {reason}" for name, reason in dict(left_out).items())])
        return
    curves = load_light_curves(settings, state, number)
    for name in _first(curves.sources, plan.target.name):
        curve = curves.of(name)
        if curve is not None and len(curve):
            yield picture(light_curve_figure(curve), f"{name}: {len(curve)} bins, {_batches(curve.provenance)}.", "svg")
    yield paragraphs([_rest(curves.sources)])


def _batches(origin: Provenance) -> str:
    return f"{origin.batches_used} of {origin.batches_asked} batches"


def _first(names: tuple[str, ...], target: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(name for name in names if name == target), *names)))[:MOST_SOURCES]


def _rest(names: tuple[str, ...]) -> str:
    left = len(names) - MOST_SOURCES
    return f"{left} further sources are in the run's files." if left > 0 else ""


def _method(plan: Plan, request: Request, state: RunState) -> Iterator[str]:
    """How it was made, in sentences for a paper's section on data."""
    jobs, made = plan.jobs, {job.product for job in plan.jobs}
    target, asked = plan.target, request.selected_by
    chosen = f"given by {asked}" if asked else f"from {_text(request.T1)} to {_text(request.T2)} (UTC)"
    radius = ", ".join(f"{request.radius_for(name):g}° for {name}" for name in dict.fromkeys(job.instrument for job in jobs))
    yield (
        f"Science windows {chosen} with pointings within {radius} of {target.name} (RA {target.ra:.4f}, Dec {target.dec:+.4f}): "
        f"{plan.n_scw} in all, {exposure_text(plan.exposure)}, cut into {len(plan.batches)} batches of at most {plan.largest}. "
        f"Each batch was analysed by the dispatcher {plan.host} with {state.osa_version}, data version {state.data_version}."
    )
    yield f"Asked: {'; '.join(map(_asked, jobs))}."
    if "mosaic" in made:
        yield (
            "Mosaics: each batch's map is interpolated onto one grid by a cubic B-spline through flux over error; the flux is the mean "
            "weighted by inverse variance, exposures are added. Sources are fitted on the sum with the shape of the point-spread "
            "function; their errors are those of the map times the local width of empty sky; limits are 3 sigma."
        )
    if "spectrum" in made:
        yield (
            f"Spectra: rates and responses are averaged over batches with the same weights ({request.spectrum_weighting}). "
            "Figures show statistical errors."
        )
    if "lightcurve" in made:
        yield f"Light curves: bins of {request.lc_time_bin:g} s, the rows of all batches in order of time. Figures show statistical errors."


def _asked(job: Job) -> str:
    return f"{job.product} of {job.instrument}" + (f" in {job.band[0]:g}–{job.band[1]:g} keV" if job.band else "")


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _provenance(plan: Plan, request: Request, state: RunState) -> Iterator[str]:
    listed = {name: text for name, text in plan.archive.items() if text and (name != "address" or text.startswith("https://"))}
    yield facts({**{f"list of ScW: {name}": text for name, text in listed.items()}, "host": state.host})
    rows = (
        (str(number), batch.state, str(batch.scw_total), f"{batch.scw[0]} to {batch.scw[-1]}", batch.reason)
        for number, batch in enumerate(state.batches, 1)
    )
    yield f"<details><summary>Batches</summary>{table(('batch', 'state', 'ScW', 'from, to', 'reason'), rows)}</details>"
    told = {name: value for name, value in request.to_dict().items() if name not in local_files(request)}
    yield folded("Request", json.dumps(told, indent=1))
    used = sorted({scw for batch in state.batches if batch.arrived for scw in batch.scw})
    yield folded(f"{len(used)} science windows", " ".join(used))
