"""Batches that a dispatcher would take for one job are sent as two, and the product of another job is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.dispatcher.answer import decode_answer
from dashboard.dispatcher.distinct import refuse_another, sent_parameters
from dashboard.dispatcher.job_identity import foretold_job_id
from dashboard.errors import JobMixedUp
from dashboard.hosts import Host
from dashboard.plan.batch import Batch
from tests.dispatcher.replay import document

SCW = [f"0665{number:04d}0010.001" for number in range(10, 60)]


def batch_of(scw: list[str], tstart: float = 2000.0, **values: object) -> Batch:
    parameters = {"instrument": "isgri", "product_type": "isgri_image", "E1_keV": 28.0, "E2_keV": 40.0, "scw_list": scw, **values}
    return Batch("production", parameters, tstart=tstart, tstop=tstart + 1.0)


def job_of(batch: Batch) -> str:
    return foretold_job_id(sent_parameters(batch), "ada")


def test_the_same_pointings_of_another_revolution_are_another_job() -> None:
    there = [f"0656{scw[4:]}" for scw in SCW]
    one, other = batch_of(SCW), batch_of(there, 1973.0)
    assert foretold_job_id(one.parameters, "ada") == foretold_job_id(other.parameters, "ada"), "the dispatcher's own defect"
    assert job_of(one) != job_of(other)


def test_bands_of_the_same_digits_are_other_jobs() -> None:
    one, other = batch_of(SCW, E1_keV=35.0, E2_keV=60.0), batch_of(SCW, E1_keV=53.0, E2_keV=60.0)
    assert foretold_job_id(one.parameters, "ada") == foretold_job_id(other.parameters, "ada")
    assert job_of(one) != job_of(other)


def test_no_two_batches_of_the_whole_mission_are_one_job() -> None:
    """Revolutions of the same digits with the same pointings, a year of them and more."""
    jobs = {job_of(batch_of([f"{revolution:04d}{scw[4:]}" for scw in SCW[:5]], 3.0 * revolution)) for revolution in range(100, 2000)}
    assert len(jobs) == 1900


@given(st.floats(1000.0, 9000.0))
def test_a_batch_is_sent_alike_each_time_and_its_times_are_its_own(tstart: float) -> None:
    sent = sent_parameters(batch_of(SCW, tstart))
    assert sent == sent_parameters(batch_of(SCW, tstart))
    assert {name: sent[name] for name in batch_of(SCW).parameters} == batch_of(SCW).parameters
    assert sent["T1"] < sent["T2"]
    assert sent["T_format"] == "isot"
    assert len(sent["T1"]) == len("2009-02-22T01:23:45.678")


def test_what_brings_its_times_or_has_none_is_sent_as_it_is() -> None:
    attached = batch_of(SCW, T1="2017-03-06T13:26:48.000")
    assert sent_parameters(attached) == attached.parameters
    assert sent_parameters(batch_of(SCW, float("nan"))) == batch_of(SCW).parameters


@pytest.mark.parametrize(
    ("told", "differ"),
    [
        ({"scw_list": [f"0656{scw[4:]}" for scw in SCW]}, "scw_list"),
        ({"scw_list": ",".join(SCW[:-1])}, "scw_list"),
        ({"product_type": "isgri_spectrum"}, "product_type"),
        ({"scw_list": SCW, "instrument": "jemx"}, "instrument"),
    ],
)
def test_the_product_of_another_job_is_refused(told: dict[str, object], differ: str) -> None:
    with pytest.raises(JobMixedUp, match=rf"another job \({differ} differ\)"):
        refuse_another({"products": {"analysis_parameters": told}}, batch_of(SCW), "production")


@pytest.mark.parametrize(
    "told",
    [
        {"scw_list": SCW[::-1], "E1_keV": 28, "E2_keV": "40.0", "T1": "2017-03-06T13:26:48.000"},
        {"scw_list": ",".join(SCW)},
        {"scw_list": None, "time_bin": None},
        {},
    ],
)
def test_the_own_product_is_taken_however_the_dispatcher_writes_its_parameters(told: dict[str, object]) -> None:
    refuse_another({"products": {"analysis_parameters": told}}, batch_of(SCW), "production")
    refuse_another({"products": {}}, batch_of(SCW), "production")


def test_a_recorded_answer_is_taken_for_its_own_job_alone(shared_data: Path) -> None:
    recorded = document(shared_data, "06_async_isgri_image")
    told = recorded["products"]["analysis_parameters"]
    own = Batch("production", {"instrument": "isgri", "product_type": "isgri_image", "scw_list": told["scw_list"]})
    assert decode_answer(recorded, own, Host("production")).mosaics
    other = Batch("production", {**own.parameters, "scw_list": ["065600220010.001"]})
    with pytest.raises(JobMixedUp, match="scw_list"):
        decode_answer(recorded, other, Host("production"))


def test_milliseconds_alone_tell_batches_of_one_time_apart() -> None:
    sent = [sent_parameters(batch_of(SCW, time_bin=seconds)) for seconds in (120, 210, 102, 201)]
    assert all(one["T1"][:19] == other["T1"][:19] and one["T1"] != other["T1"] for one, other in pairwise(sent))
