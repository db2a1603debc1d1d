"""From the text of a request to its batches, against an archive of known content."""

from __future__ import annotations

from dashboard.archive.resolver import resolve
from dashboard.archive.selection import find_pointings
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.request.request import Request
from tests.archive.fake_archive import FakeArchive, observed

ARCHIVE = FakeArchive(
    rows=[window for revolution in range(770, 800) for window in observed(revolution, 35, 84.0, 20.0)], names={"Crab": (83.633, 22.0145)}
)


def planned(text: str) -> Plan:
    request = Request.from_json(text)
    host = ARCHIVE.host("simulated")
    target = resolve(request, host, ARCHIVE.client)
    return make_plan(request, target, find_pointings(request, target, host, ARCHIVE.client), Identity())


def test_a_request_becomes_batches_of_the_windows_observed() -> None:
    plan = planned('{"src_name": "Crab", "T1": "rev:775", "T2": "rev:784"}')
    windows = [scw for batch in plan.batches for scw in batch.scw]
    assert len(windows) == len(set(windows)) == 10 * 35
    assert {int(scw[:4]) for scw in windows} == set(range(775, 785))
    assert plan.exposure == 350 * 2000
    assert (plan.target.origin, plan.simulated) == ("simulated observatory", True)


def test_extending_the_interval_asks_only_for_what_is_new_at_that_end() -> None:
    short = planned('{"s_max": 20, "T1": "rev:770", "T2": "rev:784"}')
    long = planned('{"s_max": 20, "T1": "rev:770", "T2": "rev:799"}')
    lost = {batch.batch_id for batch in short.batches} - {batch.batch_id for batch in long.batches}
    assert len(lost) <= 4 < len(short.batches)
