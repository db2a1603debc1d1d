"""Plans and products as a real host gives them, so that they may be published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dashboard.plan.job import Job
from dashboard.plan.plan import Plan
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.light_curve import LightCurve
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.spectrum import Spectrum
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.combine.curves import curve
from tests.combine.skies import batch, tan_wcs
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.spectra import spectrum

REAL = Provenance("ISDC", "production", "OSA11.2", "CONS", ("job",), ("066500040010.001", "066500050010.001"), 1, 2)


def real_plan(**request: Any) -> Plan:
    """Two science windows of revolution 665 at Geneva's dispatcher: IJD 1600.12 to 1600.17."""
    return plan_of(2, **{"host_type": "production", **request})


def job_of(product: str, **request: Any) -> Plan:
    """The same, with one job: a spectrum, or a light curve in 20-40 keV."""
    plan = real_plan(**request)
    band = None if product == "spectrum" else (20.0, 40.0)
    return replace(plan, jobs=(Job("isgri", product, band, plan.jobs[0].batch_ids),))


def real_mosaic(**more: Any) -> Mosaic:
    return batch(tan_wcs(*CRAB, side=60), [(*CRAB, 200.0)], 60, provenance=REAL, **more)


def table_of(*names: tuple[str, str]) -> SourceTable:
    """Sources of these names and kinds, at the Crab."""
    sources = tuple(MeasuredSource(name, *CRAB, 200.0, 1.0, 200.0, 100.0, 0.5, kind=kind) for name, kind in names)
    return SourceTable(sources, "counts/sec", 7.0)


def real_spectrum(**changes: Any) -> Spectrum:
    return spectrum(provenance=REAL, tstart=1600.12, tstop=1600.17, **changes)


def real_curve(**changes: Any) -> LightCurve:
    return curve([1600.125, 1600.165], **{"provenance": REAL, **changes})


def full_run(settings: Settings, **request: Any) -> PublishedRun:
    """A run that is done: an image, and spectra and light curves of Crab and Cyg X-1."""
    plan = real_plan(**{"host_type": "institute", **request})
    ids = plan.jobs[0].batch_ids
    jobs = (Job("isgri", "mosaic", (28.0, 40.0), ids), Job("isgri", "spectrum", None, ids), Job("isgri", "lightcurve", (20.0, 40.0), ids))
    run = PublishedRun(settings, replace(plan, jobs=jobs))
    run.publish(0, real_mosaic(band=(28.0, 40.0)))
    run.publish(1, [real_spectrum(), real_spectrum(source="Cyg X-1")])
    run.publish(2, [real_curve(), real_curve(source="Cyg X-1")])
    RunStore(settings).cancel(run.run_id)
    run.set_state("done")
    return run
