"""A plan asks each thing once, under an identity that other requests share, and survives storage."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.errors import NoScienceWindows, RequestError, RunError
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.request.burst import times_in_name
from dashboard.request.request import Request

TARGET = Target("Crab", 83.633, 22.0145, "given", ("a note",))
ALICE, BOB = Identity("alice"), Identity("bob")


def pointings(count: int, roll_unknown: bool = False) -> Pointings:
    swid = [f"{40 + i // 50:04d}{i % 50 + 1:04d}0010" for i in range(count)]
    tstart = 1137.0 + np.arange(count) / 40
    column = np.full(count, 83.6)
    roll = column * np.nan if roll_unknown else column
    return Pointings(tuple(swid), column, column - 61.6, roll, column - 151.6, tstart, tstart + 0.023, np.full(count, 2000.0), "v7")


def plan(count: int = 130, identity: Identity = ALICE, **values: Any) -> Plan:
    return make_plan(Request(**values), TARGET, {"isgri": pointings(count)}, identity)


def ids(made: Plan) -> set[str]:
    return {batch.batch_id for batch in made.batches}


def test_every_window_is_asked_once_a_band() -> None:
    made = plan(bands=[[20, 40], [40, 80.2]])
    assert [job.band for job in made.jobs] == [(20.0, 40.0), (40.0, 80.0)]
    for job in made.jobs:
        batches = made.batches_of(job)
        assert [scw[:12] for batch in batches for scw in batch.scw] == list(made.pointings.swid)
        assert {(b.parameters["E1_keV"], b.parameters["E2_keV"]) for b in batches} == {job.band}
        assert sum(batch.exposure for batch in batches) == made.exposure == 260e3
        assert all(a.tstop < b.tstart for a, b in pairwise(batches))
    assert len(ids(made)) == len(made.batches)


def test_parameters_hold_what_changes_the_product_and_nothing_else() -> None:
    (batch, *_) = plan().batches
    assert set(batch.parameters) == {
        *("instrument", "product_type", "scw_list", "E1_keV", "E2_keV", "osa_version", "integral_data_rights", "detection_threshold")
    }
    assert (batch.parameters["instrument"], batch.parameters["product_type"]) == ("isgri", "isgri_image")
    assert all(isinstance(batch.parameters[edge], float) for edge in ("E1_keV", "E2_keV"))
    assert batch.scw[0] == "004000010010.001"


@pytest.mark.parametrize(
    "values",
    [
        {"T1": "2003-01-01", "T2": "2004-01-01"},
        {"src_name": "M 1", "RA": 83.6, "DEC": 22.0},
        {"src_name": "l=184.5575 b=-5.7843"},
        {"radius": 12},
        {"detection_threshold": 5},
        {"include_new_sources": False},
        {"E1_keV": 28, "E2_keV": 40},
        {"bands": [[28.1, 40]]},
    ],
)
def test_requests_for_the_same_work_share_batches(values: dict[str, Any]) -> None:
    assert ids(plan(**values)) == ids(plan(identity=BOB))


@pytest.mark.parametrize(
    "values",
    [
        {"E1_keV": 27},
        {"osa_version": "OSA10.2"},
        {"data_version": "NRT"},
        {"integral_data_rights": "all-private"},
        {"host_type": "production"},
    ],
)
def test_requests_for_other_work_share_none(values: dict[str, Any]) -> None:
    assert not ids(plan(**values)) & ids(plan())


@pytest.mark.parametrize("values", [{"data_version": "NRT"}, {"integral_data_rights": "all-private"}])
def test_private_products_belong_to_who_asked(values: dict[str, Any]) -> None:
    assert {batch.owner for batch in plan(identity=ALICE, **values).batches} == {"alice"}
    assert not ids(plan(identity=ALICE, **values)) & ids(plan(identity=BOB, **values))
    assert {batch.owner for batch in plan().batches} == {""}


def test_a_longer_interval_keeps_the_finished_batches() -> None:
    short, long = plan(1000), plan(1300)
    kept = ids(short) & ids(long)
    assert len(kept) >= len(short.batches) - 4
    assert len(kept) > 15


@pytest.mark.parametrize(
    ("count", "values", "roles"),
    [
        (130, {}, ()),
        (130, {"s_max": 300}, ("unige-hpc-full",)),
        (40, {"s_max": 300}, ()),
        (1200, {"s_max": 600}, ("unige-hpc-extreme", "unige-hpc-full")),
        (10, {"data_version": "NRT"}, ("integral-public-nrt",)),
        (10, {"data_version": "NRT", "integral_data_rights": "all-private"}, ("integral-private-qla",)),
        (10, {"osa_version": "OSA11.2--fullbkg"}, ("integral-private-qla",)),
        (10, {"upload_to_gallery": True}, ("gallery contributor",)),
    ],
)
def test_roles_follow_the_dispatchers_rules(count: int, values: dict[str, Any], roles: tuple[str, ...]) -> None:
    assert plan(count, **values).roles_needed == roles


def test_a_plan_survives_json_exactly() -> None:
    request = Request(bands=[[20, 40], [40, 80]], T1=["2009-02-15", 3400.5], T2=["2009-02-16", 3401.5])
    made = make_plan(request, TARGET, {"isgri": pointings(130, roll_unknown=True)}, ALICE)
    text = json.dumps(made.to_dict(), allow_nan=False)
    again = Plan.from_dict(json.loads(text))
    assert json.dumps(again.to_dict(), allow_nan=False) == text
    assert [batch.batch_id for batch in again.batches] == [batch.batch_id for batch in made.batches]
    assert (again.target, again.jobs, again.batches, again.notices) == (made.target, made.jobs, made.batches, made.notices)
    np.testing.assert_array_equal(again.pointings.tstart, made.pointings.tstart)
    assert np.isnan(again.pointings.ra_scz).all()
    assert again.pointings.index_version == "v7"
    assert Request.from_dict(again.request).to_dict() == made.request


def test_a_plan_of_another_format_is_refused() -> None:
    with pytest.raises(RunError, match="plan the request again"):
        Plan.from_dict({"format": 0})


def test_the_time_of_a_burst_is_told_where_it_is_missed_and_stays_with_the_plan() -> None:
    burst = times_in_name("GRB 090618")
    assert burst is not None
    target = Target("GRB 090618", 293.995, 78.3569, "MMODA", burst=burst)

    def made(**values: Any) -> Plan:
        return make_plan(Request(src_name="GRB 090618", **values), target, {"isgri": pointings(130)}, ALICE)

    missed, held = made(), made(**burst.values)
    assert [line for line in missed.describe() if burst.t1 in line] == [f"Note: {burst.note('GRB 090618')}"]
    assert not any(burst.t1 in line for line in held.describe())
    assert (missed.request["T1"], missed.request["T2"]) == (Request().T1, Request().T2), "it is not taken by itself"
    assert ids(missed) == ids(held) == ids(plan())
    assert Plan.from_dict(json.loads(json.dumps(missed.to_dict()))).target == target
    assert set(plan().to_dict()["target"]) == {"name", "ra", "dec", "origin", "notes"}, "as ever for what is no burst"


def test_the_description_gives_the_figures() -> None:
    made = plan()
    done = [batch.batch_id for batch in made.batches][:2]
    text = "\n".join(made.describe(done))
    assert "Crab, RA 83.6330, Dec +22.0145 deg (given), l 184.5574, b -5.7844 deg" in text
    assert "130, 260.0 ks" in text
    assert "3 of at most 50 science windows, 87% full" in text
    assert "2 of 3 batches, 1 to ask for" in text
    assert "SIMULATED" in text
    assert "Roles needed: none" in text
    assert "mCrab in 28-40 keV (isgri)" in text
    assert "Note: a note" in text
    production = "\n".join(plan(600, host_type="production").describe())
    assert "1.20 Ms" in production
    assert "at least" in production
    assert "SIMULATED" not in production
    assert "nothing left" in "\n".join(made.describe(ids(made)))


def test_a_sample_is_noted_with_its_seed() -> None:
    assert any("100 of 130" in notice and "seed 0" in notice for notice in plan(n_scw_image=100).notices)
    assert not any("seed" in notice for notice in plan().notices)


def test_what_cannot_run_is_not_planned() -> None:
    with pytest.raises(RequestError):
        plan(product="spectra")
    with pytest.raises(NoScienceWindows):
        plan(0)
