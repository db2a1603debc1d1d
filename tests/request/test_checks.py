"""Every reason not to run a request is found before anything is sent, and only those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import RequestError
from dashboard.request.checks import check, problems
from dashboard.request.request import Request

IMAGE = {"use_default_catalog": False, "make_image": True}
OWN = {"product": "spectrum", "use_default_catalog": False}


def grouping(low: float, high: float, bins: int) -> dict[str, Any]:
    return {"product": "spectrum", "isgri_grouping_min_energy": low, "isgri_grouping_max_energy": high, "isgri_grouping_factor": bins}


def test_the_example_request_is_sound() -> None:
    assert problems(Request()) == []
    check(Request())


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"T1": "2009-02-15", "T2": "2009-02-14"}, "T2", "not after T1"),
        ({"T1": "soon"}, "T1", "no time"),
        ({"T1": [1.0], "T2": 2.0}, "T1", "list"),
        ({"E1_keV": 40, "E2_keV": 28}, "E1_keV", "empty"),
        ({"E1_keV": 28, "E2_keV": 28.2}, "E1_keV", "empty"),
        ({"E1_keV": 10}, "E1_keV", "15-800"),
        ({"E2_keV": 900}, "E2_keV", "15-800"),
        ({"E2_keV": 20}, "E2_keV", "empty"),
        ({"instrument": "jemx1", "E2_keV": 40}, "E2_keV", "3-35"),
        ({"instrument": ["isgri", "jemx1"], "E2_keV": 60}, "E2_keV", "left empty"),
        ({"bands": [[20, 40], [40, 30]]}, "bands", "empty"),
        ({"bands": [[20, 40], [20.1, 40]]}, "bands", "twice"),
        ({"bands": [[20, 40]], "E1_keV": 20}, "bands", "one way"),
        ({"n_scw_image": 0}, "n_scw_image", "-1 for all"),
        ({"n_scw_image": 0.5}, "n_scw_image", "fraction"),
        ({"n_scw_image": 2.5}, "n_scw_image", "whole number"),
        ({"osa_version": "OSA11.0"}, "osa_version", "use OSA11.2"),
        ({"osa_version": "OSA9"}, "osa_version", "not offered"),
        ({"osa_version": "OSA11.2--nonsense"}, "osa_version", "unknown modifier"),
        ({"osa_version": "OSA11.2--rmfoffsetv1--fullbkg"}, "osa_version", "alphabetical"),
        ({"osa_version": "OSA11.2--fullbkg--fullbkg"}, "osa_version", "each once"),
        ({"osa_version": "OSA11.2--jemxnrt", "instrument": "jemx1"}, "osa_version", "JEM-X takes exactly"),
        ({"osa_version": "OSA10.2-dev1", "instrument": ["isgri", "jemx2"]}, "osa_version", "JEM-X takes exactly"),
        ({"osa_version": "OSA11.1-dev1"}, "osa_version", "use OSA11.2"),
        ({"osa_version": "OSA12.0"}, "osa_version", "use OSA11.2, or OSA10.2 for data before 2016"),
        ({"osa_version": "OSA11.2-"}, "osa_version", "not offered"),
        ({"osa_version": "OSA11.2-dev1-"}, "osa_version", "not offered"),
        ({"osa_version": "OSA11.2--"}, "osa_version", "not offered"),
        ({"osa_version": "OSA11.2---fullbkg"}, "osa_version", "not offered"),
        ({"osa_version": "osa11.2"}, "osa_version", "not offered"),
        ({"osa_version": " OSA11.2"}, "osa_version", "not offered"),
        ({"osa_version": "OSA11.2\n"}, "osa_version", "not offered"),
        ({"osa_version": ""}, "osa_version", "not offered"),
        ({"osa_version": "OSA11.2-dev1--jemxnrt--fullbkg"}, "osa_version", "alphabetical"),
        ({"scw_list": ["066500220010", "066500230010.000"]}, "scw_list", "066500230010.000, which is near-real-time"),
        ({"scw_list": ["066500220010.001"], "data_version": "NRT"}, "scw_list", "set it to CONS"),
        ({"scw_list": ["066500220010.000", "066500220010.001"], "data_version": "NRT"}, "scw_list", "is consolidated"),
        ({"isdc_cat_url": "/no/such/file.fits"}, "isdc_cat_url", "no such file"),
        ({"isdc_cat_url": "x" * 5000}, "isdc_cat_url", "no such file"),
        ({"isdc_cat_url": "~no-such-user/cat.fits"}, "isdc_cat_url", "no such file"),
        (grouping(20.0, 200.0, 0), "isgri_grouping_factor", "number of bins"),
        (grouping(0.0, 0.0, -20), "isgri_grouping_max_energy", "empty"),
        (grouping(200.0, 20.0, 10), "isgri_grouping_max_energy", "empty"),
        (grouping(20.0, 20.0, 10), "isgri_grouping_max_energy", "empty"),
        (grouping(5.0, 200.0, 10), "isgri_grouping_min_energy", "12.5-1030"),
        ({**OWN, "api_catalog_file": "/no/such.json"}, "api_catalog_file", "no such file"),
        ({**OWN, "api_catalog_file": '{"cat_column_names": ['}, "api_catalog_file", "no API catalogue"),
        ({**OWN, "api_catalog_file": '{"sources": []}'}, "api_catalog_file", "cat_column_names"),
        ({**OWN, "api_catalog_file": "{" + "[" * 100_000}, "api_catalog_file", "no API catalogue"),
        (OWN, "use_default_catalog", "No catalogue"),
        ({"product": "lightcurve", "make_image": True}, "make_image", "both on"),
        ({"product": ["mosaic", "spectrum"], "api_catalog_file": '{"cat_column_names": []}'}, "api_catalog_file", "switch"),
        ({"instrument": "jemx"}, "jemx_unit", "1, 2 or"),
        ({"instrument": "jemx2", "jemx_unit": 1}, "jemx_unit", "drop one"),
        ({"src_name": " "}, "src_name", "Neither a name nor a position"),
        ({"zero_position": True, "RA": 1.0, "DEC": 0.0}, "zero_position", "not both 0"),
        ({"revolutions": [39], "scw_list": ["003900020010"]}, "scw_list", "keep one"),
        ({"revolutions": [39], "observations": ["02200120001"]}, "observations", "Both revolutions and observations are given"),
        ({"observations": ["02200120001"], "scw_list": ["003900020010"]}, "scw_list", "Both observations and scw_list are given"),
        ({"revolutions": [39], "observations": ["02200120001"], "scw_list": ["003900020010"]}, "scw_list", "All of"),
        ({"observations": ["Crab"]}, "observations", "11 digits"),
        ({"revolutions": [0]}, "revolutions", "count from 1"),
        ({"scw_list": ["0039"]}, "scw_list", "12 digits"),
        ({"instrument": "isgry"}, "instrument", "did you mean 'isgri'"),
        ({"instrument": ["isgri", "isgri"]}, "instrument", "twice"),
        ({"instrument": []}, "instrument", "empty"),
        ({"product": "spectra"}, "product", "did you mean 'spectrum'"),
    ],
)
def test_problems_name_field_and_way_out(values: dict[str, Any], field: str, words: str) -> None:
    found = problems(Request(**values))
    assert any(error.field == field and words in error.sentence for error in found), found
    with pytest.raises(RequestError):
        check(Request(**values))


def test_all_problems_are_reported_at_once_and_once() -> None:
    found = problems(Request(T1="soon", E1_keV=50, n_scw_image=0, instrument="radar"))
    assert [error.field for error in found] == ["T1", "instrument", "n_scw_image"]


@pytest.mark.parametrize(
    "values",
    [
        {"n_scw_image": -0.2},
        {"n_scw_image": 20},
        {"n_scw_image": -7},
        {"osa_version": "OSA10.2"},
        {"osa_version": "OSA11.2-beta--fullbkg--rmfoffsetv1"},
        {"osa_version": "OSA11.2-dev210827.0528-37487"},
        {"osa_version": "OSA11.2-devt20221103_osa11.2"},
        {"osa_version": "OSA11.2-devsmth-smth-else--fullbkg--jemxnrt--rmfoffsetv1"},
        {"osa_version": "OSA10.2--jemxnrt"},
        {"scw_list": ["066500220010", "066500230010.001"]},
        {"scw_list": ["066500220010", "066500230010.000"], "data_version": "NRT"},
        {"revolutions": [1554], "T1": "2009-02-15", "T2": "2009-02-14"},
        {"observations": ["02200120001", "0220012/0002"], "T1": "2009-02-15", "T2": "2009-02-14"},
        {"T1": "rev:1554", "T2": "2016-01-01"},
        {"src_name": "", "RA": 0, "DEC": 0, "zero_position": True},
        {"bands": [[15, 800], [20.2, 40]]},
        grouping(12.5, 1030.0, -256),
        grouping(20.0, 200.0, 1),
        {"product": ["mosaic", "spectrum", "lightcurve"], **IMAGE},
        {**OWN, "api_catalog_file": ' {"cat_column_names": []}'},
        {"instrument": ["isgri", "jemx"], "jemx_unit": "both"},
        {**grouping(20.0, 10.0, 5), "product": "mosaic"},
    ],
)
def test_what_is_allowed_passes(values: dict[str, Any]) -> None:
    assert problems(Request(**values)) == []


@pytest.mark.parametrize(("field", "values"), [("isdc_cat_url", {}), ("api_catalog_file", OWN)])
def test_a_local_catalogue_is_for_command_line_and_notebook(tmp_path: Path, field: str, values: dict[str, Any]) -> None:
    file = tmp_path / "catalogue"
    file.touch()
    request = Request(**{**values, field: str(file)})
    assert problems(request) == []
    assert [error.field for error in problems(request, local_files=False)] == [field]


def test_an_address_must_lead_to_a_listed_host() -> None:
    request = Request(isdc_cat_url="https://example.org/cat.fits")
    assert problems(request, local_files=False, catalog_hosts={"example.org"}) == []
    for hosts in ((), {"example.com"}, {"example.org:8080"}):
        (error,) = problems(request, local_files=False, catalog_hosts=hosts)
        assert error.field == "isdc_cat_url"
        assert "example.org" in error.sentence
    (error,) = problems(Request(isdc_cat_url="file:///etc/passwd"), catalog_hosts={"example.org"})
    assert "no http(s) address" in error.sentence
