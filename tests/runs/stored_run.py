"""A run whose batches are put into the store by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.products.mosaic import Mosaic
from dashboard.runs.database import open_database
from dashboard.runs.fold import JobFold
from dashboard.runs.kinds import KINDS
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from tests.combine.skies import Sky, batch, origin, tan_wcs
from tests.runs.sky_dispatcher import CRAB, settings_in

SIDE = 100
"""Pixels of the batches' maps."""


class StoredRun:
    """Nothing runs: products arrive, and are published, when a test says so."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.settings, self.plan = settings_in(folder), plan
        self.store, self.products = RunStore(self.settings), ProductStore(self.settings.storage_url)
        self._ledger = Ledger(open_database(self.settings), "test")
        self.run_id = self.store.start(plan, Identity())

    def arrive(self, products: dict[str, Any], job: int = 0) -> None:
        """Store products by batch id."""
        kind = KINDS[self.plan.jobs[job].product]
        for batch_id, product in products.items():
            self.products.write(batch_file(batch_id), lambda path, product=product: kind.write(product, path))  # type: ignore[misc]
            self._ledger.done(batch_id, batch_file(batch_id))

    def publish(self, job: int = 0) -> None:
        """As the worker does it."""
        fold = JobFold(self.run_id, job, self.plan, self._ledger, self.products)
        fold.add_arrived()
        fold.publish(last=True)

    def lose(self, *batch_ids: str) -> None:
        """Take files away."""
        for batch_id in batch_ids:
            self.products.remove(batch_file(batch_id))

    @property
    def state(self) -> RunState:
        return self.store.state(self.run_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """Batches of the first job, in time order."""
        return self.plan.jobs[0].batch_ids


def mosaic(number: int, sky: Sky = (), *, noise: bool = True, away: float = 0.0, **more: Any) -> Mosaic:
    """A batch's map of this sky, with a roll and a direction of its own up to a degree from the Crab, or from `away` degrees north."""
    rng = np.random.default_rng(number)
    wcs = tan_wcs(CRAB[0] + rng.uniform(-1, 1), CRAB[1] + away + rng.uniform(-1, 1), rng.uniform(0, 360), SIDE)
    provenance = origin(f"job {number}", origin="SIMULATED")
    return batch(wcs, sky, SIDE, number + 1 if noise else None, provenance=provenance, **more)
