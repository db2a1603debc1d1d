"""backup and restore: a copy taken while a run goes on is whole, and goes on elsewhere; a damaged one is refused with a sentence."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.__main__ import main
from dashboard.commands.exit_codes import BROKEN, OK
from dashboard.identity import Identity
from dashboard.runs.database import close_databases
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.faults.crab import assert_whole, attempts, counts, deployed, happened, planned, started
from tests.older_schema import FORMER, make_older
from tests.runs.sky_dispatcher import plan_of, text
from tests.signed import signed
from tests.small_disk import small_disk
from tests.waiting import wait_for_run, wait_until

TOKEN = signed()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A deployment with a run that waits, a batch's product and a token."""
    made = deployed(tmp_path / "data", "http://127.0.0.1:9")
    stand_in(made, monkeypatch)
    RunStore(made).start(plan_of(4), Identity(), token=TOKEN)
    ProductStore(made.storage_url).write("batches/ab/" + "ab" * 12 + ".fits", text("a product"))
    yield made
    close_databases()


def stand_in(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_backup_of_a_run_that_goes_on_is_whole_and_goes_on_elsewhere(
    tmp_path: Path, observatory: Observatory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    observatory.knobs(time_per_scw=1.0, concurrency=50)
    before = deployed(tmp_path / "before", observatory.url)
    plan = planned(before)
    store, run_id = started(before, plan)
    stand_in(before, monkeypatch)
    wait_until(lambda: any(store.state(run_id).sums) and store.state(run_id).n_done >= 2, "nothing is published yet")
    assert main(["backup", "--out", str(tmp_path / "copy.tar")]) == OK
    assert "keep it as you keep passwords" in capsys.readouterr().out
    assert not store.state(run_id).finished, "it was taken while the run went on"
    end_children()

    after = deployed(tmp_path / "after", observatory.url)
    stand_in(after, monkeypatch)
    assert main(["restore", str(tmp_path / "copy.tar")]) == OK
    assert (after.data_dir / "secret.key").read_bytes() == (before.data_dir / "secret.key").read_bytes()
    assert (after.data_dir / "secret.key").stat().st_mode & 0o077 == 0
    again = RunStore(after)
    restored = again.state(run_id)
    assert not restored.finished
    assert restored.n_done >= 2
    for name in (batch_file(batch.batch_id) for batch in restored.batches if batch.arrived):
        assert (after.data_dir / "products" / name).read_bytes() == (before.data_dir / "products" / name).read_bytes()
    ensure_worker(after)
    state = wait_for_run(again, run_id)
    assert_whole(after, state)
    assert set(attempts(state)) == {1}
    assert {happened(again, batch.batch_id)["done"] for batch in state.batches} == {1}
    asked = counts(observatory)
    assert asked["jobs"] == len(plan.batches), "what was sent is found again"
    end_children()


def test_a_folder_and_a_file_restore_to_the_same(here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for out in ("folder", "packed.tar", "packed.tar.gz"):
        assert main(["backup", "--out", str(tmp_path / out)]) == OK
        there = deployed(tmp_path / f"from {out}", "http://127.0.0.1:9")
        stand_in(there, monkeypatch)
        assert main(["restore", str(tmp_path / out)]) == OK
        assert files_of(there.data_dir / "products") == files_of(here.data_dir / "products")
        assert [run.run_id for run in RunStore(there).list_runs()] == [run.run_id for run in RunStore(here).list_runs()]
        assert list(there.data_dir.glob(".*")) == []
        stand_in(here, monkeypatch)
    assert (tmp_path / "packed.tar").stat().st_mode & 0o077 == 0
    assert list(tmp_path.glob(".*")) == []


def test_the_key_may_stay_where_it_is(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "--out", str(tmp_path / "copy"), "--without-key"]) == OK
    assert "passwords" not in capsys.readouterr().out
    assert not (tmp_path / "copy/secret.key").exists()
    assert TOKEN.encode() not in (tmp_path / "copy/dashboard.sqlite").read_bytes()
    stand_in(deployed(tmp_path / "there", "http://127.0.0.1:9"), monkeypatch)
    assert main(["restore", str(tmp_path / "copy")]) == OK
    assert "tokens have to be given again" in capsys.readouterr().out


def test_what_the_database_names_and_nobody_can_read_is_told(here: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(here.data_dir / "dashboard.sqlite")) as connection:
        connection.execute("UPDATE batches SET state = 'done', product_file = 'batches/cd/lost.fits'")
        connection.commit()
    assert main(["backup", "--out", str(tmp_path / "copy")]) == OK
    assert "batches/cd/lost.fits first" in capsys.readouterr().err


def damage(copy: Path, how: str) -> Path:
    """The backup, changed."""
    product = next((copy / "products/batches").rglob("*.fits"))
    contents = json.loads((copy / "backup.json").read_text())
    if how == "cut short":
        (copy / "backup.json").unlink()
    elif how == "product changed":
        product.write_text("b product")
    elif how == "product lost":
        product.unlink()
    elif how == "database changed":
        with (copy / "dashboard.sqlite").open("r+b") as file:
            file.write(b"X")
    elif how == "later":
        (copy / "backup.json").write_text(json.dumps(contents | {"schema": "0999"}))
    elif how == "leads outside":
        (copy / "backup.json").write_text(json.dumps(contents | {"files": contents["files"] | {"../data/secret.key": [0, ""]}}))
    elif how == "no archive":
        shutil.rmtree(copy)
        copy.write_bytes(b"nothing of the kind")
    elif how == "half an archive":
        with tarfile.open(copy.with_suffix(".tar"), "w") as packed:
            packed.add(copy, arcname="")
        whole = copy.with_suffix(".tar").read_bytes()
        copy.with_suffix(".tar").write_bytes(whole[: len(whole) // 2])
        return copy.with_suffix(".tar")
    elif how == "absent":
        return copy / "elsewhere"
    return copy


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("cut short", "no whole backup"),
        ("product changed", "is damaged: products/batches/ab/"),
        ("product lost", "is damaged: products/batches/ab/"),
        ("database changed", "is damaged: dashboard.sqlite"),
        ("later", "later version of this program"),
        ("leads outside", "is damaged: ../data/secret.key"),
        ("no archive", "cannot be read as a backup"),
        ("half an archive", "cut short"),
        ("absent", "cannot be read as a backup"),
    ],
)
def test_a_damaged_backup_is_refused_and_changes_nothing(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str, told: str
) -> None:
    assert main(["backup", "--out", str(tmp_path / "copy")]) == OK
    there = deployed(tmp_path / "there", "http://127.0.0.1:9")
    stand_in(there, monkeypatch)
    assert main(["restore", str(damage(tmp_path / "copy", how))]) == BROKEN
    assert told in capsys.readouterr().err
    assert files_of(there.data_dir) == {}


@pytest.mark.parametrize("version", [FORMER[0], FORMER[-1]])
def test_a_backup_by_a_newer_version_leaves_an_older_database_as_it_is(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    run_ids = [run.run_id for run in RunStore(here).list_runs()]
    make_older(here, version)
    close_databases()
    assert main(["backup", "--out", str(tmp_path / "copy")]) == OK
    for database in (here.data_dir / "dashboard.sqlite", tmp_path / "copy/dashboard.sqlite"):
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(version,)]
    there = deployed(tmp_path / "there", "http://127.0.0.1:9")
    stand_in(there, monkeypatch)
    assert main(["restore", str(tmp_path / "copy")]) == OK
    assert [run.run_id for run in RunStore(there).list_runs()] == run_ids


def test_a_disk_without_room_is_told_and_no_product_missed(here: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ProductStore(here.storage_url).write("batches/cd/" + "cd" * 12 + ".fits", text("x" * 4_000_000))
    with small_disk(tmp_path / "disk", 2000) as disk:
        assert main(["backup", "--out", str(disk / "copy")]) == BROKEN
        assert "No space is left for" in capsys.readouterr().err
        assert list(disk.iterdir()) == []


def test_nothing_is_replaced(here: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["backup", "--out", str(tmp_path / "copy")]) == OK
    assert main(["backup", "--out", str(tmp_path / "copy")]) == BROKEN
    assert "replaces nothing" in capsys.readouterr().err
    before = files_of(here.data_dir / "products")
    assert main(["restore", str(tmp_path / "copy")]) == BROKEN
    assert "is there already" in capsys.readouterr().err
    assert files_of(here.data_dir / "products") == before
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:of-ada@127.0.0.1/runs")
    assert main(["backup", "--out", str(tmp_path / "another")]) == BROKEN
    assert "pg_dump" in capsys.readouterr().err
