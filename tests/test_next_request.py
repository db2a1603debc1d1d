"""What is selected on the page becomes a request that can be sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.archive.resolver import Target
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.next_request import LEAST_BAND, catalogue_values, extraction_catalog, extraction_of, light_curve_of
from dashboard.plan.making import continued, make_plan
from dashboard.plan.plan import Plan
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.catalog_api import ISGRI_COLUMNS, JEMX_COLUMNS, catalog_from_text
from dashboard.request.checks import problems
from dashboard.request.general import ENERGY_RANGE
from dashboard.request.request import Request
from tests.runs.sky_dispatcher import CRAB, plan_of

ASKED: dict[str, Any] = {
    "T1": "2004-05-19T00:00:00",
    "T2": "2004-06-19T00:00:00",
    "radius": 7.5,
    "osa_version": "OSA10.2",
    "src_name": "Crab",
}
SOURCES = SourceCatalog((CatalogSource("Crab", *CRAB, isgri_flag=2, flag=1), CatalogSource("4U 0614+091", 94.28, 9.137, flag=1)))
BY_IMAGE = {"use_default_catalog": False, "make_image": True}


def source(name: str, ra: float, dec: float, kind: str = "known", significance: float = 20.0) -> MeasuredSource:
    return MeasuredSource(name, ra, dec, significance, 1.0, significance, significance, 0.5, kind=kind)


TABLE = SourceTable(
    (
        source("Crab", CRAB[0] + 0.01, CRAB[1], significance=500.0),
        source("NEW_1", 84.0, 22.5, "new", 12.0),
        source("NEW_2", 82.0, 21.5, "new", 9.0),
        source("1A 0535+262", 84.727, 26.316, "ambiguous", 8.0),
        source("IGR J05319+2000", 82.98, 20.0, "forced", 1.0),
    )
)


def spectra_plan(*instruments: str, **values: Any) -> Plan:
    """The plan of a run that has spectra, made with the catalogue of an image."""
    plan = plan_of(4, instrument=list(instruments), product=["spectrum", "lightcurve"], **BY_IMAGE, **{**ASKED, **values})
    for number in range(len(instruments)):
        plan = continued(plan, number, SOURCES)
    assert not plan.coming
    return plan


def made(values: dict[str, Any], plan: Plan) -> tuple[Request, Plan]:
    """The request as a page would send it, and its plan for the same science windows."""
    request = Request(**{name: value for name, value in values.items() if value is not None})
    assert problems(request, local_files=False) == []
    (instrument,) = request.instruments
    catalog = catalog_from_text(request.api_catalog_file)
    return request, make_plan(request, Target("Crab", *CRAB, "given"), {instrument: plan.pointings}, Identity(), catalog)


def assert_same_windows(request: Request, plan: Plan) -> None:
    names = ("src_name", "T1", "T2", "radius", "scw_list", "revolutions", "host_type", "osa_version", "s_max")
    assert {name: getattr(request, name) for name in (*names, "data_version", "integral_data_rights")} == {
        name: plan.request[name] for name in (*names, "data_version", "integral_data_rights")
    }


def test_a_light_curve_is_that_of_the_run_in_the_selected_energies() -> None:
    plan = spectra_plan("isgri", data_version="NRT", integral_data_rights="all-private", s_max=20)
    request, planned = made(light_curve_of(plan, (60.13, 24.9)), plan)
    assert_same_windows(request, plan)
    assert request.bands_for("isgri") == ((25.0, 60.0),)
    assert [(job.product, job.band) for job in planned.jobs] == [("lightcurve", (25.0, 60.0))]
    assert [s.name for s in planned.lists["isgri"].sources] == [s.name for s in plan.lists["isgri"].sources]


def test_several_bands_and_units_of_the_form_do_not_stay() -> None:
    plan = spectra_plan("jemx1", osa_version="OSA11.2")
    form = Request(instrument="jemx", jemx_unit="both", bands=[[3, 10], [10, 20]], product="mosaic")
    form.param.update(**light_curve_of(plan, (4.0, 9.0)))
    assert (form.instruments, form.products, form.bands_for("jemx1")) == (("jemx1",), ("lightcurve",), ((4.0, 9.0),))
    assert problems(form, local_files=False) == []


@given(st.floats(1.0, 900.0), st.floats(1.0, 900.0), st.sampled_from(["isgri", "jemx2"]))
def test_a_band_can_be_asked_for_and_is_near_what_was_dragged(one: float, other: float, instrument: str) -> None:
    plan, (low, high), (first, last) = PLANS[instrument], sorted((one, other)), ENERGY_RANGE[instrument]
    try:
        values = light_curve_of(plan, (one, other))
    except RequestError:
        assert high <= first + LEAST_BAND or low >= last - LEAST_BAND, "nothing of it can be seen"
        return
    band = (values["E1_keV"], values["E2_keV"])
    assert first <= band[0] < band[1] <= last
    assert Request(**values).bands_for(instrument) == (band,), "already what the backend takes"
    room = max(LEAST_BAND - (high - low), 0.0) / 2 + 0.5
    assert max(low, first) - room <= band[0] <= max(low, first) + 0.5
    assert min(high, last) - 0.5 <= band[1] <= min(high, last) + room
    if first + LEAST_BAND < low and high < last - LEAST_BAND:
        assert band[1] - band[0] >= LEAST_BAND


PLANS = {"isgri": spectra_plan("isgri"), "jemx2": spectra_plan("jemx2")}


def test_of_several_instruments_the_one_that_sees_the_energies() -> None:
    plan = spectra_plan("isgri", "jemx1", osa_version="OSA11.2")
    assert light_curve_of(plan, (4.0, 10.0))["instrument"] == "jemx1"
    assert light_curve_of(plan, (40.0, 100.0))["instrument"] == "isgri"
    with pytest.raises(RequestError, match="holds 900–950 keV: drag over the points of a spectrum"):
        light_curve_of(plan, (900.0, 950.0))


def test_a_run_without_spectra_gives_no_light_curve() -> None:
    waiting = plan_of(4, product="spectrum", **BY_IMAGE)
    for plan in (plan_of(4), waiting):
        with pytest.raises(RequestError, match="No spectrum of this run"):
            light_curve_of(plan, (20.0, 40.0))


def test_all_that_is_detected_goes_along_and_what_is_chosen_is_extracted() -> None:
    plan = plan_of(4, bands=[[28, 40], [40, 80]], **ASKED)
    request, planned = made(extraction_of(plan, 1, TABLE, ["1A 0535+262", "NEW_2", "IGR J05319+2000"]), plan)
    assert_same_windows(request, plan)
    assert request.products == ("spectrum", "lightcurve")
    assert request.bands_for("isgri") == ((40.0, 80.0),), "of the mosaic that is looked at"
    assert [(job.product, job.band) for job in planned.jobs] == [("spectrum", None), ("lightcurve", (40.0, 80.0))]
    read = catalog_from_text(request.api_catalog_file)
    assert {s.name: s.flag for s in read.sources} == {"Crab": 0, "NEW_1": 0, "NEW_2": 1, "1A 0535+262": 1, "IGR J05319+2000": 1}
    forced = read.sources[-1]
    assert (forced.ra, forced.dec, forced.isgri_flag) == (82.98, 20.0, 2), "fitted though imaging does not find it"
    assert all(s.isgri_flag > 0 for s in read.sources), "ISGRI fits no other"
    assert json.loads(request.api_catalog_file)["cat_column_names"] == list(ISGRI_COLUMNS)


def test_catalogued_sources_stand_where_the_catalogue_has_them() -> None:
    catalog = extraction_catalog(TABLE, "isgri", ["Crab"], SOURCES)
    assert (catalog.sources[0].ra, catalog.sources[0].dec) == CRAB
    assert extraction_catalog(TABLE, "isgri", ["Crab"], SourceCatalog()).sources[0].ra == CRAB[0] + 0.01


def test_new_sources_of_jemx_are_called_by_their_position() -> None:
    """Its backend passes over names that contain NEW; the one that was chosen stays chosen."""
    plan = plan_of(4, instrument="jemx1", **{**ASKED, "osa_version": "OSA11.2"})
    request, _ = made(extraction_of(plan, 0, TABLE, ["NEW_2", "IGR J05319+2000"]), plan)
    read = catalog_from_text(request.api_catalog_file)
    assert not any("NEW" in s.name for s in read.sources)
    assert {(s.name[:5], s.ra) for s in read.sources if s.flag} == {("J0528", 82.0), ("IGR J", 82.98)}
    assert len(read) == len(TABLE.sources)
    assert json.loads(request.api_catalog_file)["cat_column_names"] == list(JEMX_COLUMNS)


@pytest.mark.parametrize("names", [[], ["nobody"]])
def test_nothing_chosen_is_a_sentence(names: list[str]) -> None:
    with pytest.raises(RequestError, match="Choose sources in the table first"):
        extraction_of(plan_of(4), 0, TABLE, names)


def test_what_no_number_is_known_of_survives_the_way_through_json() -> None:
    odd = replace(SOURCES.sources[0], significance=float("nan"), err_rad=float("inf"))
    values = catalogue_values(SourceCatalog((odd,)), "isgri")
    assert "NaN" not in values["api_catalog_file"]
    assert catalog_from_text(values["api_catalog_file"]).sources[0].name == "Crab"
    assert (values["use_default_catalog"], values["make_image"], values["review_catalog"]) == (False, False, False)
