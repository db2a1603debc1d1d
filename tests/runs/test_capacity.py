"""Whether there is room is judged before anything is asked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.errors import SettingsError, StorageFull
from dashboard.runs.capacity import BATCH_BYTES, RESERVE, expected_bytes, free_bytes, refuse_without_room
from dashboard.runs.products import ProductStore
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of, settings_in, text
from tests.small_disk import small_disk


def test_what_is_done_needs_no_room() -> None:
    plan = plan_of(8)
    everything = expected_bytes(plan)
    assert everything - expected_bytes(plan, [plan.batches[0].batch_id]) == BATCH_BYTES["mosaic", "isgri"]
    assert expected_bytes(plan, [batch.batch_id for batch in plan.batches]) > 0, "the sums need room all the same"


def test_a_full_disk_is_told_with_sizes_and_what_to_do(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4000) as disk:
        settings = replace(settings_in(tmp_path), storage_url=str(disk / "not" / "yet"))
        assert free_bytes(settings) == shutil.disk_usage(disk).free
        with pytest.raises(StorageFull, match=r"The run needs about \d+ MB, and 0 MB are free .*\(runs delete"):
            refuse_without_room(settings, plan_of(8))
    roomy = settings_in(tmp_path)
    assert (free_bytes(roomy) or 0) > RESERVE
    refuse_without_room(roomy, plan_of(8))


def test_the_share_of_the_deployment_counts_what_is_there(tmp_path: Path) -> None:
    plan = plan_of(8)
    settings = replace(settings_in(tmp_path), quota_bytes=expected_bytes(plan) + 1000.0)
    refuse_without_room(settings, plan)
    ProductStore(settings.storage_url).write("batches/aa/other.fits", text("x" * 2000))
    with pytest.raises(StorageFull, match="that this dashboard may use are taken"):
        refuse_without_room(settings, plan)


def test_where_free_room_cannot_be_known_it_is_not_judged(tmp_path: Path) -> None:
    elsewhere = replace(settings_in(tmp_path), storage_url="memory://products")
    assert free_bytes(elsewhere) is None
    refuse_without_room(elsewhere, plan_of(8))


@pytest.mark.parametrize("wrong", ["much", "0", "-3", "nan", "1e12"])
def test_a_share_that_cannot_be_meant_is_a_sentence(wrong: str) -> None:
    with pytest.raises(SettingsError, match="INTEGRAL_DASHBOARD_QUOTA_GB"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_QUOTA_GB": wrong})
    assert Settings.from_environment({"INTEGRAL_DASHBOARD_QUOTA_GB": "1.5"}).quota_bytes == 1.5e9
