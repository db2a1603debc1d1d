"""Science windows with little good time are counted exactly, suggested, and left out only when that is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.__main__ import main
from dashboard.commands.exit_codes import OK
from dashboard.errors import NoScienceWindows
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.plan.replanning import replanned
from dashboard.plan.screening import LEAST_GOOD, news, poor_windows, spared
from dashboard.request.request import Request
from tests.plan.test_making import SKY, TARGET, windows


def plan_with(good: dict[str, list[float]], count: int = 120, **values: Any) -> Plan:
    """Windows of 2000 s with so much good time by instrument."""
    listed = replace(windows(count), good={name: np.array(seconds) for name, seconds in good.items()})
    request = Request(s_max=20, **values)
    return make_plan(request, TARGET, dict.fromkeys(request.instruments, listed), Identity(), SKY)


def lacking(count: int, poor: dict[int, float]) -> list[float]:
    return [poor.get(number, 1900.0) for number in range(count)]


def asked(plan: Plan, instrument: str) -> set[str]:
    return {scw[:12] for job in plan.jobs if job.instrument == instrument for batch in plan.batches_of(job) for scw in batch.scw}


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.integers(0, 119), st.floats(501, 2000), max_size=30))
def test_they_are_counted_exactly_and_leaving_them_out_costs_their_own_batches_only(poor: dict[int, float]) -> None:
    plan = plan_with({"isgri": lacking(120, poor)})
    low = {plan.pointings.swid[number]: seconds for number, seconds in poor.items() if seconds < LEAST_GOOD * 2000}
    found = poor_windows(plan)
    if not low:
        assert found == ()
        assert spared(plan, found) is plan
        return
    (one,) = found
    assert one.swids == tuple(sorted(low))
    assert one.asked == 120
    assert one.elapsed == pytest.approx(2000.0 * len(low))
    assert one.good == pytest.approx(sum(low.values()))
    without = spared(plan, found)
    assert asked(without, "isgri") == set(plan.pointings.swid) - set(low)
    assert poor_windows(without) == ()
    lost = {batch.batch_id for batch in plan.batches} - {batch.batch_id for batch in without.batches}
    assert lost == {batch.batch_id for batch in plan.batches if {scw[:12] for scw in batch.scw} & set(low)}


def test_the_sentence_tells_how_many_and_how_much() -> None:
    (one,) = poor_windows(plan_with({"isgri": lacking(120, {3: 600.0, 70: 900.0})}))
    assert one.sentence == "2 of 120 ScW of isgri have less than 50% good time: 1.5 ks good of 4.0 ks."


def test_each_instrument_has_its_own_good_time() -> None:
    """What JEM-X lacks stays with ISGRI."""
    good = {"isgri": lacking(120, {5: 700.0}), "jemx1": lacking(120, {5: 700.0, 9: 700.0})}
    plan = plan_with(good, instrument=["isgri", "jemx1"])
    without = spared(plan, poor_windows(plan))
    everything, (fifth, ninth) = set(plan.pointings.swid), (plan.pointings.swid[5], plan.pointings.swid[9])
    assert asked(without, "isgri") == everything - {fifth}
    assert asked(without, "jemx1") == everything - {fifth, ninth}
    assert without.n_scw == 119
    assert without.n_left_out == 2
    assert "Left out: 2 science windows" in without.describe()
    again = Plan.from_dict(json.loads(json.dumps(without.to_dict())))
    assert [batch.batch_id for batch in again.batches] == [batch.batch_id for batch in without.batches]


@pytest.mark.parametrize("good", [{}, {"jemx1": [100.0] * 120}, {"isgri": [float("nan")] * 120}])
def test_where_the_archive_does_not_tell_nothing_is_suggested(good: dict[str, list[float]]) -> None:
    assert poor_windows(plan_with(good)) == ()


def test_all_of_them_cannot_be_left_out() -> None:
    plan = plan_with({"isgri": [600.0] * 120})
    with pytest.raises(NoScienceWindows, match="No science window is left"):
        spared(plan, poor_windows(plan))


def test_what_is_new_in_a_longer_interval_is_told_once() -> None:
    before = plan_with({"isgri": lacking(120, {3: 600.0})}, osa_version="OSA10.2")
    longer = replace(windows(160), good={"isgri": np.array(lacking(160, {3: 600.0, 150: 900.0}))})
    after = replanned(before, Request.from_dict({**before.request, "T2": "2016-03-01T00:00:00"}), {"isgri": longer})
    told = news(before, after)
    assert len(told) == 2
    assert "OSA10.2 is not calibrated beyond revolution 1626" in told[0]
    assert told[1].startswith("2 of 160 ScW of isgri have less than 50% good time")
    assert news(after, after) == ()


def test_the_command_suggests_and_leaves_out_when_that_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_with({"isgri": lacking(120, {3: 600.0, 70: 900.0})})
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path))
    monkeypatch.setattr("dashboard.road.prepare", lambda *_: plan)
    (tmp_path / "request.json").write_text("{}")
    assert main(["plan", str(tmp_path / "request.json")]) == OK
    suggested = capsys.readouterr().out
    assert (
        "Good time: 2 of 120 ScW of isgri have less than 50% good time: 1.5 ks good of 4.0 ks. --leave-out does without them." in suggested
    )
    assert "Science windows: 120," in suggested
    assert main(["plan", str(tmp_path / "request.json"), "--leave-out"]) == OK
    without = capsys.readouterr().out
    assert "Science windows: 118," in without
    assert "Left out: 2 science windows" in without
    assert "They are left out." in without
