"""A run of known size for the page's benchmark: its batches land when told to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.combine.grid import Grid
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import write_mosaic
from dashboard.request.request import Request
from dashboard.runs.histogram_document import scaled_histogram, write_histogram
from dashboard.runs.ledger import Ledger
from dashboard.runs.lock import try_lock
from dashboard.runs.process import worker_lock
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.schema import make_data_folder, open_database
from dashboard.runs.source_document import write_sources
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

SIDE = 1000
CRAB = (83.6331, 22.0145)


def mosaic(seed: int) -> Mosaic:
    """White noise on a vignetted field with a bright source; the rim is NaN."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    coding = np.clip((SIDE / 2 - 5 - np.hypot(x, y)) / (SIDE / 2), 0, 1).astype("f4")
    variance = np.where(coding > 0, 0.1 / np.maximum(coding, 1e-6) ** 2, np.nan).astype("f4")
    flux = (rng.standard_normal((SIDE, SIDE), dtype="f4") * np.sqrt(variance) + 200 * np.exp(-0.5 * (x**2 + y**2) / 4)).astype("f4")
    wcs = Grid("TAN", CRAB, ISGRI.pixel, (SIDE, SIDE), (SIDE / 2 + 1, SIDE / 2 + 1)).wcs
    origin = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS")
    return Mosaic(flux, variance, flux / np.sqrt(variance), coding * 2000, wcs, (28.0, 40.0), "isgri", "counts/sec", provenance=origin)


@dataclass
class Watched:
    """A run whose batches land when told to."""

    settings: Settings
    run_id: str = ""
    version: int = 0
    files: tuple[Path, ...] = ()
    lock: int | None = None

    def start(self, batches: int = 40) -> None:
        """Note the run, and make two mosaics that will take turns."""
        make_data_folder(self.settings.data_dir)
        self.lock = try_lock(worker_lock(self.settings))
        step = np.arange(batches * 2)
        ra, dec = CRAB[0] + np.cos(step), CRAB[1] + np.sin(step)
        begin = np.asarray(1600 + 0.03 * step, dtype=np.float64)
        swid = tuple(f"0665{number:04d}0010" for number in step)
        end = np.asarray(begin + 0.02, dtype=np.float64)
        pointings = Pointings(swid, ra, dec, ra.copy(), dec + 90.0, begin, end, np.full(len(step), 1728.0))
        plan = make_plan(Request(s_max=2, src_name="Crab"), Target("Crab", *CRAB, "given"), {"isgri": pointings}, Identity())
        self.run_id = RunStore(self.settings).start(plan, Identity())
        self.ledger = Ledger(open_database(self.settings), "benchmark")
        self.batch_ids = [batch.batch_id for batch in plan.batches]
        self.files = tuple(self.settings.data_dir / f"{seed}.fits" for seed in (1, 2))
        for seed, path in enumerate(self.files):
            write_mosaic(mosaic(seed), path)
            write_histogram(scaled_histogram(mosaic(seed)), path.with_suffix(".json"))

    def land(self) -> None:
        """One more batch is done and in the sum."""
        batch_id, self.version = self.batch_ids[self.version], self.version + 1
        sources = tuple(MeasuredSource(f"S{i}", CRAB[0] + i / 5, CRAB[1] - i / 5, 9, 1, 9, 9 + self.version, 0.2) for i in range(30))
        products = ProductStore(self.settings.storage_url)
        names = {kind: run_file(self.run_id, kind, 0, self.version) for kind in ("mosaic", "sources", "histogram")}
        file = self.files[self.version % 2]
        for kind, made in (("mosaic", file), ("histogram", file.with_suffix(".json"))):
            products.write(names[kind], lambda path, made=made: Path(shutil.copyfile(made, path)).touch())  # type: ignore[misc]
        products.write(names["sources"], lambda path: write_sources(SourceTable(sources, "counts/sec", 7.0, 1.0), path))
        self.ledger.done(batch_id, batch_file(batch_id))
        self.ledger.publish(self.run_id, 0, self.version, tuple(self.batch_ids[: self.version]))
