"""From a job's recorded parameters to the one batch that is that job."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.plan.attaching import attached_plan, middle_of, request_of, sent_again, source_of
from dashboard.plan.plan import Plan
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import catalog_to_api

SCW = ["066500220010.001", "066500230010.001"]
IMAGE: dict[str, Any] = {
    "instrument": "isgri",
    "product_type": "isgri_image",
    "query_type": "Real",
    "scw_list": SCW,
    "E1_keV": 28.25,
    "E2_keV": 40.0,
    "detection_threshold": 5.0,
    "osa_version": "OSA11.2",
    "integral_data_rights": "public",
    "image_scale_min": None,
    "src_name": "Crab",
    "RA": 83.633,
    "DEC": 22.014,
    "T1": "2009-02-21T00:00:00",
    "T2": "2009-02-24T00:00:00",
    "T_format": "isot",
    "radius": 8.0,
    "max_pointings": 50,
}
CATALOG = json.dumps(catalog_to_api(SourceCatalog((CatalogSource("Crab", 83.633, 22.014, flag=1, isgri_flag=2),))))
SPECTRUM = {**IMAGE, "product_type": "isgri_spectrum", "selected_catalog": CATALOG}
CURVES = {
    **IMAGE,
    "instrument": "jemx",
    "product_type": "jemx_lc",
    "jemx_num": 1,
    "time_bin": 100.0,
    "time_bin_format": "sec",
    "E2_keV": 35.0,
}


def windows() -> Pointings:
    ra, zeros = np.array([359.0, 1.0]), np.zeros(2)
    start = np.array([1600.0, 1601.0])
    return Pointings(tuple(scw[:12] for scw in SCW), ra, zeros, ra, zeros + 90, start, start + 0.02, np.array([1000.0, 800.0]))


def plan_of(parameters: dict[str, Any], user: str = "ada") -> Plan:
    sent = sent_again(parameters)
    return attached_plan(
        request_of(sent, "simulated"), sent, Target("Crab", 83.6, 22.0, "given"), windows(), Identity(user), SourceCatalog(), ""
    )


def test_the_batch_has_all_parameters_as_they_were_recorded() -> None:
    (batch,) = plan_of(IMAGE).batches
    assert batch.parameters == {name: value for name, value in IMAGE.items() if value is not None and name != "query_type"}
    assert (batch.host, batch.owner, batch.exposure, batch.tstart, batch.tstop) == ("simulated", "ada", 1800.0, 1600.0, 1601.02)


def test_a_list_of_science_windows_may_be_recorded_as_one_text() -> None:
    assert sent_again({**IMAGE, "scw_list": ", ".join(SCW)}) == sent_again(IMAGE)


def test_the_request_and_the_job_say_what_the_batch_is() -> None:
    image, spectrum, curves = plan_of(IMAGE), plan_of(SPECTRUM), plan_of(CURVES)
    assert [(plan.jobs[0].instrument, plan.jobs[0].product, plan.jobs[0].band) for plan in (image, spectrum, curves)] == [
        ("isgri", "mosaic", (28.25, 40.0)),
        ("isgri", "spectrum", None),
        ("jemx1", "lightcurve", (28.25, 35.0)),
    ]
    asked = image.request
    assert (asked["src_name"], asked["RA"], asked["DEC"], asked["scw_list"], asked["data_version"]) == ("Crab", 83.633, 22.014, SCW, "CONS")
    assert curves.request["lc_time_bin"] == 100.0
    assert spectrum.lists["isgri"].names == ("Crab",)
    assert curves.lists["jemx1"].names == ()


def test_a_plan_of_a_job_is_stored_and_read_like_any_other() -> None:
    plan = plan_of(SPECTRUM)
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert [batch.batch_id for batch in again.batches] == [batch.batch_id for batch in plan.batches]
    assert again.jobs == plan.jobs


def test_jobs_of_two_users_are_two_batches() -> None:
    assert plan_of(IMAGE, "ada").batches[0].batch_id != plan_of(IMAGE, "bob").batches[0].batch_id


DEFAULT = {"src_name": "1E 1740.7-2942", "RA": 265.97845833, "DEC": -29.74516667}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (DEFAULT, ("", None)),
        ({}, ("", None)),
        ({**DEFAULT, "src_name": "Crab"}, ("Crab", None)),
        ({**DEFAULT, "RA": 83.633, "DEC": 22.014}, ("", (83.633, 22.014))),
        ({"src_name": "Crab", "RA": "83.633", "DEC": 22.014}, ("Crab", (83.633, 22.014))),
    ],
)
def test_what_the_dispatcher_filled_in_is_no_source(sent: dict[str, Any], meant: object) -> None:
    assert source_of(sent) == meant


def test_without_a_source_the_middle_of_the_pointings_stands_for_it() -> None:
    target = middle_of(windows())
    assert (target.ra % 360, target.dec) == (0.0, 0.0)
    assert "names no source" in target.notes[0]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "its parameters are not told"),
    ({**IMAGE, "instrument": "spi_acs", "product_type": "spi_acs_lc"}, r"a product of another kind \(spi_acs_lc\)"),
    ({**IMAGE, "product_type": "spectral_fit"}, "a product of another kind"),
    ({**IMAGE, "query_type": "Dummy"}, "canned data"),
    ({**IMAGE, "return_progress": "True"}, "a product of its progress"),
    ({**IMAGE, "user_catalog_file": "cat.fits"}, "sent with a file, its catalogue"),
    ({**IMAGE, "scw_list": []}, "without a list of science windows, so the host chose them"),
    ({**IMAGE, "scw_list": None}, "start a run with its T1, T2 and radius instead"),
    ({**IMAGE, "p_extra": {"a": 1}}, "its parameter p_extra cannot be sent"),
    ({**IMAGE, "E1_keV": None}, "its energies are not told"),
    ({**IMAGE, "E2_keV": "forty"}, "its E2_keV is no number"),
    ({**IMAGE, "RA": "north"}, "its RA is no number"),
    ({**IMAGE, "scw_list": ["066500220010.001", "066500230010.000"]}, "mixes consolidated and near-real-time"),
    ({**SPECTRUM, "selected_catalog": "{"}, "its catalogue cannot be read"),
    ({**IMAGE, "osa_version": "OSA11.2", "integral_data_rights": "some"}, "integral_data_rights"),
]


@pytest.mark.parametrize(("parameters", "sentence"), REFUSED)
def test_what_cannot_be_the_same_job_is_said_plainly(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        plan_of(parameters)
