"""A run whose sums are published by hand, and a session that looks at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from dashboard.combine.grid import Grid
from dashboard.identity import LOCAL, Identity
from dashboard.plan.plan import Plan
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.light_curve_fits import write_light_curves
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import write_mosaic
from dashboard.products.spectrum import Spectrum, SpectrumSet
from dashboard.products.spectrum_fits import write_spectra
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.rows import set_run
from dashboard.runs.schema import runs
from dashboard.runs.source_document import write_sources
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.settings import Settings
from tests.waiting import wait_until

CRAB = MeasuredSource("Crab", 83.6331, 22.0145, 100.0, 0.1, 1000.0, 990.0, 0.2)


@dataclass
class PublishedRun:
    """`publish` makes the next version of a job's sum; nothing runs."""

    settings: Settings
    plan: Plan
    run_id: str = ""
    version: int = 0
    owner: str = LOCAL

    def __post_init__(self) -> None:
        self.run_id = RunStore(self.settings).start(self.plan, Identity(self.owner))

    def publish(self, job: int, product: Any) -> None:
        """A mosaic, or one of this flux, with the Crab in it; or spectra, or light curves."""
        self.version += 1
        match product:
            case float() | Mosaic():
                mosaic = product if isinstance(product, Mosaic) else _mosaic(product, self.plan.jobs[job].band)
                self._write(job, "mosaic", lambda path: write_mosaic(mosaic, path))
                self._write(job, "sources", lambda path: write_sources(SourceTable((CRAB,)), path))
            case [Spectrum(), *_]:
                self._write(job, "spectra", lambda path: write_spectra(SpectrumSet(tuple(product)), path))
            case _:
                self._write(job, "curves", lambda path: write_light_curves(LightCurveSet(tuple(product)), path))
        database = open_database(self.settings)
        with database.reading() as connection:  # a page's worker may have claimed the run
            adder = connection.execute(sa.select(runs.c.adder).where(runs.c.run_id == self.run_id)).scalar_one()
        Ledger(database, adder or "test").publish(self.run_id, job, self.version, ())

    def _write(self, job: int, kind: str, writer: Callable[[Path], Any]) -> None:
        ProductStore(self.settings.storage_url).write(run_file(self.run_id, kind, job, self.version), writer)

    def set_state(self, state: str) -> None:
        with open_database(self.settings).writing() as connection:
            set_run(connection, self.run_id, state)

    def seen(self, session: Session) -> None:
        """Wait until the session has what is published."""

        def current() -> bool:
            session.refresh()
            return session.run is not None and session.run.version == RunStore(self.settings).versions([self.run_id])[self.run_id]

        wait_until(current, "the session does not see what was published")


def _mosaic(flux: float, band: tuple[float, float] | None) -> Mosaic:
    plane = np.full((16, 16), flux, dtype="f4")
    grid = Grid("TAN", (83.6, 22.0), 0.08, (16, 16), (8.0, 8.0))
    return Mosaic(plane, np.ones_like(plane), plane, np.ones_like(plane), grid.wcs, band=band)
