"""One reading and one drawing for all who look."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dashboard.combine.grid import Grid
from dashboard.errors import ProductError, RunNotFound
from dashboard.identity import Identity
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import write_mosaic
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.source_document import write_sources
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from dashboard.watcher import Watch, watcher
from tests.runs.sky_dispatcher import plan_of, settings_in

made: list[tuple[float, int]] = []


def brightest(mosaic: Mosaic, factor: int) -> float:
    value = factor * float(np.nanmax(np.asarray(mosaic.flux)))
    made.append((value, factor))
    return value


@dataclass
class Published:
    """A run whose sums are published by hand; the flux of version n is n everywhere."""

    settings: Settings
    run_id: str = ""
    version: int = 0

    def __post_init__(self) -> None:
        self.run_id = RunStore(self.settings).start(plan_of(4), Identity())
        made.clear()

    @property
    def store_version(self) -> int:
        return RunStore(self.settings).versions([self.run_id])[self.run_id]

    def publish(self, broken: bool = False) -> None:
        self.version += 1
        flux = np.full((8, 8), float(self.version), dtype="f4")
        mosaic = Mosaic(flux, np.ones_like(flux), flux, np.ones_like(flux), Grid("TAN", (83.6, 22.0), 0.08, (8, 8), (4.0, 4.0)).wcs)
        products = ProductStore(self.settings.storage_url)
        name = run_file(self.run_id, "mosaic", 0, self.version)
        products.write(name, Path.touch if broken else lambda path: write_mosaic(mosaic, path))
        products.write(run_file(self.run_id, "sources", 0, self.version), lambda path: write_sources(SourceTable(), path))
        Ledger(open_database(self.settings), "test").publish(self.run_id, 0, self.version, ())


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(settings_in(tmp_path / "data"))


def test_a_version_is_read_once_and_drawn_once_whoever_asks(published: Published) -> None:
    published.publish()
    watch = Watch(published.settings, published.run_id)
    look = watch.look
    assert look.findings[0] is not None
    assert [look.findings[0].view(brightest, 10) for _ in range(5)] == [10.0] * 5
    assert made == [(10.0, 10)]
    watch.turn(published.store_version)
    assert watch.look is look, "nothing has changed"


def test_the_next_version_comes_with_the_views_that_were_asked_and_no_others(published: Published) -> None:
    published.publish()
    watch = Watch(published.settings, published.run_id)
    first = watch.look.findings[0]
    assert first is not None
    first.view(brightest, 10)
    published.publish()
    watch.turn(published.store_version)
    second = watch.look.findings[0]
    assert second is not None
    assert second is not first
    assert made == [(10.0, 10), (20.0, 10)]
    assert second.view(brightest, 3) == 6.0
    published.publish()
    watch.turn(published.store_version)
    assert made[3:] == [(9.0, 3)], "what nobody asked of the last version is not made again"
    assert first.view(brightest, 10) == 10.0, "who still shows an old version keeps it"


def test_a_change_without_a_new_sum_keeps_the_findings(published: Published) -> None:
    published.publish()
    watch = Watch(published.settings, published.run_id)
    before = watch.look
    RunStore(published.settings).cancel(published.run_id)
    watch.turn(published.store_version)
    assert watch.look.state.state == "cancelled"
    assert watch.look.findings[0] is before.findings[0]


def test_what_cannot_be_read_is_told_until_it_can(published: Published) -> None:
    published.publish()
    watch = Watch(published.settings, published.run_id)
    published.publish(broken=True)
    watch.turn(published.store_version)
    with pytest.raises(ProductError):
        _ = watch.look
    published.publish()
    watch.turn(published.store_version)
    assert watch.look.findings[0] is not None
    assert watch.look.findings[0].view(brightest, 1) == 3.0


def test_all_sessions_of_a_process_share_a_watch_and_the_last_one_takes_it_along(published: Published) -> None:
    shared = watcher(published.settings)
    assert watcher(published.settings) is shared
    first, second = shared.watch(published.run_id), shared.watch(published.run_id)
    assert first is second
    with pytest.raises(RunNotFound):
        shared.watch("nowhere")
    gone = weakref.ref(first)
    del first, second
    while gone() is not None:  # the thread may hold it for one turn
        gc.collect()
