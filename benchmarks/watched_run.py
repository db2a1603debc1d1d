"""A run of known size for the page's benchmarks: its batches land when told to, or all at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dashboard.combine.grid import Grid
from dashboard.identity import Identity
from dashboard.plan.job import Job
from dashboard.plan.plan import Plan
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.instrument import ISGRI
from dashboard.products.light_curve import LightCurve, LightCurveSet
from dashboard.products.light_curve_fits import write_light_curves
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import write_mosaic
from dashboard.products.spectrum import SpectrumSet
from dashboard.products.spectrum_fits import write_spectra
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.database import make_data_folder, open_database
from dashboard.runs.histogram_document import scaled_histogram, write_histogram
from dashboard.runs.ledger import Ledger
from dashboard.runs.lock import try_lock
from dashboard.runs.process import worker_lock
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.source_document import write_sources
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.spectra import spectrum, toy_redistribution

SIDE = 1000
ROWS = 1_000_000
"""Of all light curves together."""
CRAB = (83.6331, 22.0145)
BANDS = [[28.0, 40.0], [40.0, 80.0]]
ORIGIN = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS")
NAMES = ("Crab", "S0", "S1")
"""Sources with spectra and light curves."""


def mosaic(seed: int) -> Mosaic:
    """White noise on a vignetted field with a bright source; the rim is NaN."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    coding = np.clip((SIDE / 2 - 5 - np.hypot(x, y)) / (SIDE / 2), 0, 1).astype("f4")
    variance = np.where(coding > 0, 0.1 / np.maximum(coding, 1e-6) ** 2, np.nan).astype("f4")
    flux = (rng.standard_normal((SIDE, SIDE), dtype="f4") * np.sqrt(variance) + 200 * np.exp(-0.5 * (x**2 + y**2) / 4)).astype("f4")
    wcs = Grid("TAN", CRAB, ISGRI.pixel, (SIDE, SIDE), (SIDE / 2 + 1, SIDE / 2 + 1)).wcs
    return Mosaic(flux, variance, flux / np.sqrt(variance), coding * 2000, wcs, (28.0, 40.0), "isgri", "counts/sec", provenance=ORIGIN)


def light_curves(plan: Plan, job: Job, rows: int) -> LightCurveSet:
    """The first source has `rows` bins over the run's time, the others a hundredth."""
    rng, (start, stop) = np.random.default_rng(7), (plan.pointings.tstart[0], plan.pointings.tstop[-1])
    curves = []
    for name, n in zip(NAMES, (rows, rows // 100, rows // 100), strict=True):
        time, one = np.linspace(start, stop, n), np.ones(n)
        rate = 200 + 20 * np.sin(time) + rng.standard_normal(n)
        flags, batch = np.zeros(n, dtype="u1"), np.zeros(n, dtype="i4")
        half = one * (stop - start) / n / 2
        curves.append(LightCurve(name, job.instrument, time, half, rate, one, one, flags, batch, ("b",), band=job.band, provenance=ORIGIN))
    return LightCurveSet(tuple(curves))


@dataclass
class Watched:
    """A run of the Crab in two bands, planned with the observatory's archive; nobody works on it.

    Attributes
    ----------
    products
        What it makes: of "mosaic", "spectrum", "lightcurve".
    """

    settings: Settings
    products: tuple[str, ...] = ("mosaic",)
    run_id: str = ""
    version: int = 0
    files: tuple[Path, ...] = ()
    lock: int | None = field(default=None, repr=False)

    @classmethod
    def of_all_products(cls, settings: Settings) -> Watched:
        """A finished run that fills every pane."""
        run = cls(settings, ("mosaic", "spectrum", "lightcurve"))
        run.start()
        run.finish()
        return run

    def start(self) -> None:
        """Note the run, and make two mosaics that will take turns."""
        make_data_folder(self.settings.data_dir)
        self.lock = try_lock(worker_lock(self.settings))
        request = Request(src_name="Crab", s_max=8, bands=BANDS, product=list(self.products))
        self.plan = prepare(self.settings, request, Identity())
        self.run_id = RunStore(self.settings).start(self.plan, Identity())
        self.ledger = Ledger(open_database(self.settings), "benchmark")
        self.files = tuple(self.settings.data_dir / f"{seed}.fits" for seed in (1, 2))
        for seed, path in enumerate(self.files):
            if not path.exists():
                write_mosaic(mosaic(seed), path)
                write_histogram(scaled_histogram(mosaic(seed)), path.with_suffix(".json"))

    def land(self) -> None:
        """One more batch of the first mosaic is done and in the sum."""
        self.version += 1
        ids = self.plan.jobs[0].batch_ids[: self.version]
        self.ledger.done(ids[-1], batch_file(ids[-1]))
        self._publish(0, ids)

    def finish(self) -> None:
        """All batches are done and in the sums."""
        self.version += 1
        for number, job in enumerate(self.plan.jobs):
            for batch_id in job.batch_ids:
                self.ledger.done(batch_id, batch_file(batch_id))
            self._publish(number, job.batch_ids)
        self.ledger.settle(self.run_id, complete=True)

    def _publish(self, number: int, ids: tuple[str, ...]) -> None:
        """A new sum of a job."""
        job = self.plan.jobs[number]
        curves = sum(other.product == "lightcurve" for other in self.plan.jobs)
        match job.product:
            case "mosaic":
                file = self.files[(self.version + number) % 2]
                self._write(number, "mosaic", lambda path: Path(shutil.copyfile(file, path)).touch())
                self._write(number, "histogram", lambda path: Path(shutil.copyfile(file.with_suffix(".json"), path)).touch())
                table = SourceTable(self._sources(), "counts/sec", 7.0, 1.0)
                self._write(number, "sources", lambda path: write_sources(table, path))
            case "spectrum":
                rmf = toy_redistribution(62, 200)
                self._write(number, "spectra", lambda path: write_spectra(SpectrumSet(tuple(spectrum(name, rmf) for name in NAMES)), path))
            case _:
                made = light_curves(self.plan, job, ROWS // curves)
                self._write(number, "curves", lambda path: write_light_curves(made, path))
        self.ledger.publish(self.run_id, number, self.version, ids)

    def _sources(self) -> tuple[MeasuredSource, ...]:
        """Thirty in a row; their significance tells how many batches have landed."""
        return tuple(MeasuredSource(f"S{i}", CRAB[0] + i / 5, CRAB[1] - i / 5, 9, 1, 9, 9 + self.version, 0.2) for i in range(30))

    def _write(self, number: int, kind: str, writer: Callable[[Path], object]) -> None:
        def write(path: Path) -> None:
            writer(path)

        ProductStore(self.settings.storage_url).write(run_file(self.run_id, kind, number, self.version), write)
