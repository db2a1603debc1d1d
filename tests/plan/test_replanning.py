"""A run that goes on with other science windows asks what is new, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.archive.resolver import Target
from dashboard.errors import NoScienceWindows, RequestError
from dashboard.identity import Identity
from dashboard.plan.making import catalogue_of_image, continued, make_plan
from dashboard.plan.plan import Plan
from dashboard.plan.replanning import put_back, replanned, without
from dashboard.products.catalog import MeasuredSource, SourceCatalog, SourceTable
from dashboard.request.burst import times_in_name
from dashboard.request.request import Request
from tests.plan.test_making import CRAB, NEAR, SKY, plan, windows

ALL: dict[str, Any] = {"instrument": ["isgri", "jemx1"], "product": ["mosaic", "spectrum", "lightcurve"]}


def ids(made: Plan) -> set[str]:
    return {batch.batch_id for batch in made.batches}


def extended(made: Plan, count: int, **selection: Any) -> Plan:
    request = Request.from_dict({**made.request, "T2": "2010-01-01T00:00:00", **selection})
    return replanned(made, request, {name: windows(count) for name in request.instruments})


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(0, 200), st.integers(1, 60))
def test_a_longer_interval_asks_again_two_batches_a_job_at_most(count: int, more: int, s_max: int) -> None:
    before = plan(count=count, s_max=s_max, **ALL)
    after = extended(before, count + more)
    assert [job.label for job in after.jobs] == [job.label for job in before.jobs]
    for old, new in zip(before.jobs, after.jobs, strict=True):
        assert len(set(old.batch_ids) - set(new.batch_ids)) <= 2
        asked = [scw[:12] for batch in after.batches_of(new) for scw in batch.scw]
        assert asked == list(windows(count + more).swid)
    assert after.n_scw == count + more
    assert after.request["T2"] == "2010-01-01T00:00:00"


def test_the_catalogue_is_frozen_and_its_image_is_not_made_again() -> None:
    waiting = plan(sources=None, product="spectrum", use_default_catalog=False, make_image=True)
    image = ids(waiting)
    found, _ = catalogue_of_image(waiting, 0, SourceTable((MeasuredSource("Crab", CRAB.ra, CRAB.dec, 100.0, 0.1, 900.0, 900.0, 0.1),)))
    before = continued(waiting, 0, found)
    after = extended(before, 170)
    assert image <= ids(after)
    assert after.jobs[0] == before.jobs[0], "the image for the catalogue stays as it is"
    assert after.lists == before.lists
    sent = {batch.parameters["selected_catalog"] for batch in after.batches_of(after.jobs[1])}
    assert sent == {batch.parameters["selected_catalog"] for batch in before.batches_of(before.jobs[1])}
    assert len(ids(after) - ids(before)) <= 3, "50 more ScW in batches of 50 that keep to revolutions"


def test_a_run_that_waits_for_its_image_waits_for_the_longer_interval() -> None:
    waiting = plan(sources=None, product="lightcurve", use_default_catalog=False, make_image=True)
    after = extended(waiting, 150)
    assert [len(coming.swid) for coming in after.coming] == [150]
    assert sum(len(batch.scw) for batch in after.batches) == 150


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 300), st.integers(2, 60), st.data())
def test_a_science_window_taken_out_costs_its_own_batches_only(count: int, s_max: int, data: st.DataObject) -> None:
    before = plan(count=count, s_max=s_max, **ALL)
    out = data.draw(st.sampled_from(before.pointings.swid))
    after = without(before, [f"{out}.001"])
    assert out not in {scw[:12] for batch in after.batches for scw in batch.scw}
    assert after.n_scw == count - 1
    for old, new in zip(before.jobs, after.jobs, strict=True):
        changed = set(old.batch_ids) - set(new.batch_ids)
        assert changed == {batch.batch_id for batch in before.batches_of(old) if out in {scw[:12] for scw in batch.scw}}
    again = put_back(after, [out])
    assert ids(again) == ids(before)
    assert again.n_scw == count


@pytest.mark.parametrize("product", ["mosaic", ["mosaic", "lightcurve"]])
@pytest.mark.parametrize("part", [-0.5, 60])
def test_what_was_picked_for_an_image_is_not_picked_from_again(product: Any, part: float) -> None:
    before = plan(count=200, s_max=20, product=product, n_scw_image=part)
    image = {scw[:12] for batch in before.batches_of(before.jobs[0]) for scw in batch.scw}
    inside = sorted(image)[17]
    after = without(before, [inside])
    assert {scw[:12] for batch in after.batches_of(after.jobs[0]) for scw in batch.scw} == image - {inside}
    assert len(ids(before) - ids(after)) == len(before.jobs)
    assert ids(put_back(after, [inside])) == ids(before)
    if outside := sorted(set(before.pointings.swid) - image):
        after = without(before, outside[:1])
        assert after.jobs[0].batch_ids == before.jobs[0].batch_ids, "it was not in the image"
        assert ids(put_back(after, outside[:1])) == ids(before)


def test_what_was_taken_out_stays_out_when_the_interval_grows_and_survives_storage() -> None:
    before = plan(count=120, s_max=20, **ALL)
    out = before.pointings.swid[33]
    stored = Plan.from_dict(without(before, [out]).to_dict())
    assert set(stored.left_out) == {"isgri", "jemx1"}
    after = extended(stored, 160)
    assert out not in {scw[:12] for batch in after.batches for scw in batch.scw}
    assert after.n_scw == 159
    assert len(ids(stored) - ids(after)) <= 2 * len(after.jobs)
    assert ids(put_back(after, [out])) == ids(extended(before, 160))


def test_a_longer_interval_is_warned_of_as_a_new_one_would_be() -> None:
    before = plan(osa_version="OSA10.2", n_scw_image=100)
    assert not any("OSA10.2 is not calibrated" in notice for notice in before.notices)
    after = extended(before, 160, T2="2016-03-01T00:00:00")
    assert [notice for notice in after.notices if notice not in before.notices] == [
        "OSA10.2 is not calibrated beyond revolution 1626 (2015-12-26): use OSA11.2."
    ]
    assert set(before.notices) < set(after.notices), "the rest is as true as before"
    assert set(extended(after, 160, T2="2009-04-01T00:00:00").notices) == set(before.notices)


def test_the_time_of_a_burst_is_told_until_the_interval_holds_it() -> None:
    burst = times_in_name("GRB 090618")
    assert burst is not None
    target = Target("GRB 090618", CRAB.ra, CRAB.dec, "MMODA", burst=burst)
    before = make_plan(Request(src_name=target.name), target, {"isgri": windows(120)}, Identity())
    assert burst.note(target.name) in before.notices
    assert burst.note(target.name) in extended(before, 130, T2="2009-05-01T00:00:00").notices
    assert burst.note(target.name) not in extended(before, 130, T2="2009-07-01T00:00:00").notices


@pytest.mark.parametrize(
    ("name", "values", "suffix"),
    [
        *(("osa_version", {"osa_version": version}, ".001") for version in ("OSA10.2", "OSA11.2", "OSA11.2-dev1", "OSA11.2--fullbkg")),
        ("data_version", {"data_version": "NRT"}, ".000"),
    ],
)
def test_a_run_has_one_version_of_osa_and_of_the_data_for_good(name: str, values: dict[str, Any], suffix: str) -> None:
    """So no sum of a run can mix them, however it goes on."""
    made = plan(instrument="isgri", product=["mosaic", "spectrum", "lightcurve"], bands=[[20, 40], [40, 80]], **values)
    for going_on in (made, extended(made, 170), without(made, made.pointings.swid[:3])):
        assert {batch.parameters["osa_version"] for batch in going_on.batches} == {values.get("osa_version", "OSA11.2")}
        assert {scw[-4:] for batch in going_on.batches for scw in batch.scw} == {suffix}
    with pytest.raises(RequestError, match=f"{name} of a run cannot change"):
        extended(made, 170, **{name: "CONS" if name == "data_version" else "OSA11.2-dev2"})
    other = plan(instrument="isgri", product=["mosaic", "spectrum", "lightcurve"], bands=[[20, 40], [40, 80]], osa_version="OSA11.2-dev2")
    assert not ids(made) & ids(other), "nor is a stored batch of another version taken"


def test_what_cannot_be_is_a_sentence() -> None:
    before = plan(count=4, s_max=2)
    with pytest.raises(RequestError, match="The run has no science window 099900010010"):
        without(before, ["099900010010"])
    with pytest.raises(RequestError, match="was not taken out"):
        put_back(before, [before.pointings.swid[0]])
    with pytest.raises(NoScienceWindows, match="No science window is left for isgri mosaic"):
        without(before, before.pointings.swid)
    with pytest.raises(RequestError, match="E1_keV of a run cannot change") as caught:
        extended(before, 8, E1_keV=20.0)
    assert caught.value.field == "E1_keV"
    assert SourceCatalog((CRAB, NEAR)).sources != SKY.sources
