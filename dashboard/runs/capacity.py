"""Is there room for what a plan will bring? Judged before anything is asked."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from dashboard.errors import StorageFull
from dashboard.plan.cells import cut
from dashboard.plan.plan import Plan
from dashboard.runs.field import run_grid
from dashboard.runs.products import ProductStore
from dashboard.settings import Settings

BATCH_BYTES: Final = {
    ("mosaic", "isgri"): 5_500_000,
    ("mosaic", "jemx"): 19_000_000,
    ("spectrum", "isgri"): 3_000_000,
    ("spectrum", "jemx"): 300_000,
    ("lightcurve", "isgri"): 200_000,
    ("lightcurve", "jemx"): 200_000,
}
"""Of a stored batch of 50 science windows, rounded up from simulated ones: 5.0, 18.2, 2.6, 0.07, 0.05, 0.02 MB."""
PIXEL_BYTES: Final = 2 * (5 * 8 + 4 * 4)
"""Of a mosaic's pixel: two versions of the sum's planes and of the mosaic made of them."""
RESERVE: Final = 200_000_000
"""Bytes that must stay free: the database needs some to note that nothing is left."""


def expected_bytes(plan: Plan, done: Collection[str] = ()) -> int:
    """Size of what a plan will store besides what is done."""
    total = 0
    for job in plan.jobs:
        total += BATCH_BYTES[job.product, job.instrument.rstrip("12")] * sum(batch_id not in done for batch_id in job.batch_ids)
        if job.product == "mosaic":
            ny, nx = run_grid(plan.pointings_of(job), job.instrument).shape
            total += ny * nx * PIXEL_BYTES
    for coming in plan.coming:
        batches = cut(coming.swid, int(plan.request["s_max"]), whole_revolutions=coming.product == "spectrum")
        total += BATCH_BYTES[coming.product, coming.instrument.rstrip("12")] * len(batches)
    return total


def refuse_without_room(settings: Settings, plan: Plan, done: Collection[str] = ()) -> None:
    """Raise when the disk, or the share of it that the deployment allows, is too small for a plan.

    Raises
    ------
    StorageFull
        With the sizes, and what to do.
    """
    wanted = expected_bytes(plan, done)
    free = free_bytes(settings)
    if free is not None and wanted + RESERVE > free:
        raise StorageFull(
            f"The run needs about {_size(wanted)}, and {_size(max(0, free - RESERVE))} are free where products are stored: "
            "remove runs you no longer need (runs delete, retention), or ask for less."
        )
    if settings.quota_bytes is not None:
        used = ProductStore(settings.storage_url).size("")
        if used + wanted > settings.quota_bytes:
            raise StorageFull(
                f"The run needs about {_size(wanted)}; {_size(used)} of the {_size(settings.quota_bytes)} that this dashboard may use "
                "are taken: remove runs you no longer need (runs delete, retention), or ask for less."
            )


def free_bytes(settings: Settings) -> int | None:
    """Free where products are stored; None where that cannot be known, as of object storage."""
    if "://" in settings.storage_url:
        return None
    place = Path(settings.storage_url)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
