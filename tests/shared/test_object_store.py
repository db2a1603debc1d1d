"""Products in object storage: what holds of a folder holds there, and a store that is away is waited for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.errors import ProductError, StorageAway
from dashboard.identity import Identity
from dashboard.runs.products import ProductStore
from dashboard.runs.results import load_mosaic
from dashboard.runs.store import RunStore
from tests.conftest import Observatory
from tests.faults.crab import LONGER, assert_whole, happened, planned
from tests.shared.object_store import BUCKET, ObjectStore, object_store
from tests.shared.team import Deployment, deployment
from tests.waiting import wait_for_run, wait_until


@pytest.fixture(scope="module")
def cloud() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture(params=["folder", "object storage"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ProductStore:
    if request.param == "folder":
        return ProductStore(str(tmp_path / "products"))
    request.getfixturevalue("cloud")
    return ProductStore(f"s3://{BUCKET}/{uuid.uuid4().hex}")


def put(store: ProductStore, name: str, content: bytes) -> None:
    def write(path: Path) -> None:
        path.write_bytes(content)

    store.write(name, write)


def test_what_is_written_is_read_and_replaced_and_removed(store: ProductStore) -> None:
    assert not store.exists("runs/r/run.json")
    put(store, "runs/r/run.json", b"one")
    put(store, "runs/r/run.json", b"another")
    put(store, "runs/r/sum-0-1.fits", b"12345")
    assert store.exists("runs/r/run.json")
    assert store.read("runs/r/run.json", Path.read_bytes) == b"another"
    assert store.read("runs/r/sum-0-1.fits", lambda path: path.suffix) == ".fits"
    assert {(file.name, file.n_bytes) for file in store.files("runs/r")} == {("runs/r/run.json", 7), ("runs/r/sum-0-1.fits", 5)}
    assert all(abs(file.changed - time.time()) < 60 for file in store.files())
    assert store.size("") == 12
    assert store.remove("runs/r/run.json") == 7
    assert store.remove("runs/r/run.json") == 0
    assert store.remove_folder("runs/r") == 5
    assert store.remove_folder("runs/r") == 0
    assert list(store.files()) == []


def test_what_another_process_wrote_since_is_seen(store: ProductStore) -> None:
    other = ProductStore(str(store._root) if store._local else f"s3://{store._root}")
    assert not store.exists("batches/ab/x.fits")
    assert store.size("batches") == 0
    put(other, "batches/ab/x.fits", b"123")
    assert store.exists("batches/ab/x.fits")
    assert store.size("batches") == 3


def test_a_writer_that_fails_leaves_nothing(store: ProductStore) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        store.write("batches/ab/x.fits", fail)
    assert list(store.files()) == []


def test_a_missing_file_is_a_sentence(store: ProductStore) -> None:
    with pytest.raises(ProductError, match="cannot be read from the product store"):
        store.read("batches/ab/missing.fits", Path.read_bytes)


def test_a_store_that_does_not_answer_is_no_missing_file(cloud: ObjectStore) -> None:
    store = ProductStore(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    put(store, "batches/ab/x.fits", b"123")
    cloud.away()
    try:
        for act in (
            lambda: store.exists("batches/ab/x.fits"),
            lambda: store.read("batches/ab/x.fits", Path.read_bytes),
            lambda: put(store, "batches/ab/y.fits", b"4"),
            lambda: store.size(""),
        ):
            with pytest.raises(StorageAway, match="does not answer") as told:
                act()
            assert "a-secret-word" not in told.value.sentence
    finally:
        cloud.back()
    assert store.read("batches/ab/x.fits", Path.read_bytes) == b"123"


def test_a_bucket_that_is_not_there_is_a_sentence(cloud: ObjectStore) -> None:
    with pytest.raises((ProductError, StorageAway)):
        put(ProductStore("s3://no-such-bucket/x"), "batches/ab/x.fits", b"1")


@pytest.fixture
def shared(tmp_path: Path, observatory: Observatory, database_url: str, cloud: ObjectStore) -> Iterator[Deployment]:
    where = {"INTEGRAL_DASHBOARD_STORAGE": f"s3://{BUCKET}/{uuid.uuid4().hex}", **cloud.environment}
    with deployment(tmp_path, observatory.url, database_url, **where) as made:
        yield made


@pytest.mark.slow
def test_a_run_of_two_workers_in_object_storage_that_goes_away_for_a_while(
    shared: Deployment, observatory: Observatory, cloud: ObjectStore
) -> None:
    observatory.knobs(time_per_scw=0.5)
    settings = shared.settings()
    store, plan = RunStore(settings), planned(settings, **LONGER)
    shared.worker("one")
    shared.worker("other")
    run_id = store.start(plan, Identity())
    wait_until(lambda: store.state(run_id).n_done >= 2, "it is at work")
    cloud.away()
    wait_until(lambda: "product store does not answer" in str([batch.reason for batch in store.state(run_id).batches]), "it is noticed")
    cloud.back()
    state = wait_for_run(store, run_id, 300.0)
    assert_whole(settings, state)
    assert {happened(store, batch.batch_id)["done"] for batch in state.batches} == {1}
    products = ProductStore(settings.storage_url)
    assert len(list(products.files("batches"))) == len(plan.batches)
    assert load_mosaic(settings, state).provenance.batches_used == len(plan.batches)
    assert products.exists(f"runs/{run_id}/run.json")
    store.delete(run_id)
    assert list(products.files(f"runs/{run_id}")) == []
