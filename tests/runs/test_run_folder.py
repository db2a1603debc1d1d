"""`run.json`: what a run is, for whoever has its files alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from astropy.io import fits

from dashboard.errors import RunNotFound, StorageFull
from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.kinds import KINDS
from dashboard.runs.ledger import Ledger
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.products import ProductStore, batch_file, run_document_file, run_file
from dashboard.runs.run_document import PUBLISHED, run_document
from dashboard.runs.run_folder import MOST_AT_ONCE, PAUSE_SECONDS, WRITE_SECONDS, RunFolders, write_document
from dashboard.runs.store import RunStore
from tests.conftest import ROOT
from tests.dispatcher.replay import serving
from tests.runs.sky_dispatcher import SkyDispatcher, plan_of, settings_in
from tests.waiting import wait_for_run, wait_until


class Bench:
    """A run on which nobody works, and the worker's part that keeps its document."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_in(folder)
        self.store, self.ledger = RunStore(self.settings), Ledger(open_database(self.settings), "test")
        self.products = ProductStore(self.settings.storage_url)
        self.run_id = self.store.start(plan_of(6, bands=[[28, 40], [40, 60]]), Identity("ada"))
        self.now = 100.0
        self.folders = RunFolders(self.settings, lambda: self.now)

    @property
    def file(self) -> Path:
        return Path(self.settings.storage_url) / run_document_file(self.run_id)

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.file.read_text())
        return document

    def written(self) -> bool:
        """Whether a look writes the document."""
        before = self.file.stat().st_ino if self.file.exists() else 0
        self.folders.keep([self.run_id])
        return self.file.exists() and self.file.stat().st_ino != before


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "data")


def test_the_document_follows_the_run_and_is_not_written_for_every_step(bench: Bench) -> None:
    assert bench.written()
    assert (bench.document()["state"], bench.document()["format"], bench.document()["owner"]) == ("planned", 1, "ada")
    assert not bench.written()
    first = bench.ledger.take_due(bench.run_id)[0].batch_id
    bench.ledger.progress(first, "running", scw_done=1)
    assert not bench.written(), "progress is no news"
    bench.ledger.done(first, batch_file(first))
    bench.ledger.publish(bench.run_id, 0, 1, (first,))
    assert not bench.written(), "it was written just now"
    bench.now += WRITE_SECONDS
    assert bench.written()
    document = bench.document()
    assert [batch["file"] for batch in document["batches"]] == [batch_file(first), *[None] * 5]
    assert document["jobs"][0]["files"]["mosaic"] == run_file(bench.run_id, "mosaic", 0, 1)
    assert [(job["product"], job["sum"], sorted(job["files"])) for job in document["jobs"]] == [
        ("mosaic", 1, ["histogram", "mosaic", "sources", "sum"]),
        ("mosaic", 0, []),
    ]
    bench.ledger.settle(bench.run_id, complete=False)
    assert bench.written(), "its state is news at once"
    bench.store.exclude(bench.run_id, [first])
    assert bench.written()


def test_what_its_owner_does_without_a_worker_is_in_the_document(bench: Bench) -> None:
    bench.store.rename(bench.run_id, "Taurus")
    assert bench.document()["name"] == "Taurus"
    bench.store.pin(bench.run_id)
    assert bench.document()["pinned"]
    bench.store.cancel(bench.run_id)
    assert bench.document()["state"] == "cancelled"
    bench.store.delete(bench.run_id)
    assert not bench.file.parent.exists()
    with pytest.raises(RunNotFound):
        write_document(bench.settings, bench.run_id)
    bench.folders.keep([bench.run_id])
    assert not bench.file.parent.exists()


def test_a_run_deleted_while_its_document_is_written_leaves_no_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def deleted_meanwhile(*values: Any) -> dict[str, Any]:
        bench.store.delete(bench.run_id, only=sa.true())
        return run_document(*values)

    monkeypatch.setattr("dashboard.runs.run_folder.run_document", deleted_meanwhile)
    write_document(bench.settings, bench.run_id)
    assert not bench.file.parent.exists()


def test_a_full_disk_stops_no_run_and_the_document_is_written_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise StorageFull("No space is left.")

        patch.setattr(ProductStore, "write", full)
        bench.store.rename(bench.run_id, "Taurus")
        assert not bench.written()
        bench.store.cancel(bench.run_id)
    assert not bench.written(), "not at every look"
    bench.now += PAUSE_SECONDS
    bench.folders.keep([])
    assert (bench.document()["name"], bench.document()["state"]) == ("Taurus", "cancelled"), "though it has ended"


def test_runs_without_a_document_get_one_a_few_at_a_time(bench: Bench) -> None:
    ids = [bench.run_id, *(bench.store.start(plan_of(2), Identity("eve")) for _ in range(MOST_AT_ONCE))]
    write_document(bench.settings, bench.run_id)
    others = [run_document_file(run_id) for run_id in ids[1:]]
    bench.store.start(plan_of(2), Identity("eve"))
    bench.store.delete(bench.store.list_runs("eve")[0].run_id)
    bench.folders.look_for_missing()
    before = bench.file.stat().st_ino
    bench.folders.keep([])
    assert sum(map(bench.products.exists, others)) == MOST_AT_ONCE
    assert bench.file.stat().st_ino == before
    with open_database(bench.settings).writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET state = 'cancelled', ended = updated + 1e6 WHERE owner = 'ada'")
    again = RunFolders(bench.settings)
    again.look_for_missing()
    again.keep([])
    assert bench.document()["state"] == "cancelled", "it ended after its document was written"


@pytest.fixture
def dispatcher() -> Iterator[tuple[SkyDispatcher, str]]:
    script = SkyDispatcher()
    with serving(script) as server:
        yield script, server.url
        end_children()


@pytest.mark.filterwarnings("ignore:'datfix' made the change")
def test_a_run_can_be_read_without_this_program(
    tmp_path: Path, dispatcher: tuple[SkyDispatcher, str], capsys: pytest.CaptureFixture[str]
) -> None:
    script, url = dispatcher
    settings = settings_in(tmp_path, url)
    store, plan = RunStore(settings), plan_of(6)
    script.refused.add(plan.batches[1].scw[0])
    run_id = store.start(plan, Identity("ada"), name="my Crab")
    ensure_worker(settings)
    assert wait_for_run(store, run_id, 60.0).state == "done with failures"
    root = tmp_path / "products"

    def read() -> dict[str, Any]:
        document: dict[str, Any] = json.loads((root / "runs" / run_id / "run.json").read_text())
        return document

    wait_until(lambda: bool(read()["state"] == "done with failures"), "the document does not say that it ended")
    document = read()
    assert (document["name"], document["simulated"], document["target"]["name"]) == ("my Crab", True, "Crab")
    assert (document["batches_done"], document["batches_failed"], document["request"]["osa_version"]) == (2, 1, "OSA11.2")
    assert "E1_keV is wrong" in document["batches"][1]["reason"]
    parts = []
    for batch in document["batches"]:
        assert (batch["file"] is None) == (batch["state"] == "failed")
        if batch["file"]:
            with fits.open(root / batch["file"]) as hdus:
                parts.append(sorted(str(scw) for scw in hdus["SCW"].data["SWID"]))
                assert parts[-1] == sorted(batch["scw"])
    with fits.open(root / document["jobs"][0]["files"]["mosaic"]) as hdus:
        images = {hdu.header["IMATYPE"]: hdu.data for hdu in hdus if "IMATYPE" in hdu.header}
        assert sorted(str(scw) for scw in hdus["SCW"].data["SWID"]) == sorted(scw for part in parts for scw in part)
    assert np.nanmax(images["SIGNIFICANCE"]) > 20
    assert all((root / name).is_file() for name in document["jobs"][0]["files"].values())
    sources = json.loads((root / document["jobs"][0]["files"]["sources"]).read_text())
    assert "Crab" in json.dumps(sources)
    assert not [path for path in root.rglob(".*") if path.is_file()]

    capsys.readouterr()
    _, example, _ = re.split("```(?:python)?", (ROOT / "docs/storage.md").read_text())
    exec(example.replace('Path.home() / ".local/share/integral-dashboard/products"', repr(str(root)).join(("Path(", ")"))), {})
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{run_id} my Crab done with failures {document['line_of_truth']}"
    found = re.fullmatch(r"isgri mosaic 28-40 keV ([0-9.]+) sigma at the target", told[1])
    assert found is not None
    assert float(found[1]) > 20
    assert told[2] == f"1 done {document['batches'][0]['file']}"
    assert told[3].startswith("2 failed simulated refuses the request: E1_keV is wrong")


@pytest.mark.parametrize("product", ["spectrum", "lightcurve"])
def test_other_products_are_published_under_the_names_the_document_gives(product: str) -> None:
    total = SimpleNamespace(result=lambda batches_asked: batches_asked)
    assert tuple(KINDS[product].files(plan_of(2), 0, total)) == PUBLISHED[product]
