"""Jobs in words."""

from __future__ import annotations

from typing import Final

from dashboard.plan.job import Coming, Job

INSTRUMENTS: Final = {"isgri": "ISGRI", "jemx1": "JEM-X 1", "jemx2": "JEM-X 2"}
PRODUCTS: Final = {"mosaic": "mosaic", "spectrum": "spectra", "lightcurve": "light curves"}


def series_name(job: Job | Coming) -> str:
    """What tells a job from others of its product: "ISGRI 28–40 keV"."""
    return INSTRUMENTS[job.instrument] + _band(job)


def job_name(job: Job | Coming) -> str:
    """What tells a job from all others of its run: "ISGRI light curves 28–40 keV"."""
    return f"{INSTRUMENTS[job.instrument]} {PRODUCTS[job.product]}{_band(job)}"


def _band(job: Job | Coming) -> str:
    return f" {job.band[0]:g}–{job.band[1]:g} keV" if job.band else ""
