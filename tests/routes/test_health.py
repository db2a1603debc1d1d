"""Alive is whoever answers; ready is whose database has the right tables and whose product store can be written."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard import __version__
from dashboard.errors import RunError
from dashboard.routes.deadline import within_deadline
from dashboard.runs.database import open_database
from dashboard.runs.upgrade import HEAD
from dashboard.settings import Settings
from tests.routes.web import fetch


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    return Settings.from_environment()


def ready() -> tuple[int, dict[str, Any]]:
    answer = fetch("ready")
    return answer.code, json.loads(answer.body)


def refused(reason: str) -> tuple[int, dict[str, Any]]:
    return 503, {"status": "not ready", "reason": reason}


def test_a_new_deployment_is_ready_with_its_schema(settings: Settings) -> None:
    assert ready() == (200, {"status": "ready", "version": __version__, "schema": HEAD})
    assert json.loads(fetch("health").body) == {"status": "ok", "version": __version__}


def test_tables_that_a_later_program_has_changed_meanwhile_are_not_the_right_ones(settings: Settings) -> None:
    with open_database(settings).writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert ready() == refused(f"The database of runs has schema 9999, this process works with {HEAD}")
    assert fetch("health").code == 200


def test_a_database_that_is_away_is_told_without_its_address(settings: Settings, tmp_path: Path) -> None:
    database = open_database(settings)
    database.engine.dispose()
    shutil.move(settings.data_dir, tmp_path / "elsewhere")
    assert ready() == refused("The database of runs does not answer")
    shutil.move(tmp_path / "elsewhere", settings.data_dir)
    assert ready()[0] == 200


def test_a_product_store_that_cannot_be_written_is_not_ready(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("INTEGRAL_DASHBOARD_STORAGE", str(tmp_path / "file/products"))
    assert ready() == refused(f"The product store {tmp_path / 'file'} cannot be written")


def test_what_hangs_is_given_up_and_keeps_nobody_else_waiting() -> None:
    released = threading.Event()

    async def ask() -> None:
        hanging = [asyncio.create_task(within_deadline(released.wait, 0.2)) for _ in range(8)]
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 5) == 1, "the loop turns, and other threads are free"
        for task in hanging:
            with pytest.raises(RunError, match=r"did not answer within 0\.2 s"):
                await task
        released.set()
        assert await within_deadline(lambda: 2, 5.0) == 2

    asyncio.run(ask())
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("asked by a supervisor")]) <= 2
