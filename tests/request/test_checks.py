"""Every reason not to run a request is found before anything is sent, and only those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import RequestError
from dashboard.request.checks import check, notices, problems
from dashboard.request.request import Request


def test_the_example_request_is_sound() -> None:
    assert problems(Request()) == []
    assert notices(Request()) == ()
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
        ({"E2_keV": 900}, "E1_keV", "15-800"),
        ({"instrument": "jemx1", "E2_keV": 40}, "E1_keV", "3-35"),
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
        ({"isdc_cat_url": "http://example.org/cat.fits"}, "isdc_cat_url", "does not fetch"),
        ({"isdc_cat_url": "/no/such/file.fits"}, "isdc_cat_url", "no such file"),
        ({"src_name": " "}, "src_name", "Neither a name nor a position"),
        ({"zero_position": True, "RA": 1.0, "DEC": 0.0}, "zero_position", "not both 0"),
        ({"revolutions": [39], "scw_list": ["003900020010"]}, "scw_list", "keep one"),
        ({"revolutions": [0]}, "revolutions", "count from 1"),
        ({"scw_list": ["0039"]}, "scw_list", "12 digits"),
        ({"instrument": "jemx1"}, "instrument", "Only ISGRI mosaics"),
        ({"instrument": "isgry"}, "instrument", "did you mean 'isgri'"),
        ({"instrument": ["isgri", "isgri"]}, "instrument", "twice"),
        ({"instrument": []}, "instrument", "empty"),
        ({"product": "spectrum"}, "product", "Only ISGRI mosaics"),
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
        {"revolutions": [1554], "T1": "2009-02-15", "T2": "2009-02-14"},
        {"T1": "rev:1554", "T2": "2016-01-01"},
        {"src_name": "", "RA": 0, "DEC": 0, "zero_position": True},
        {"bands": [[15, 800], [20.2, 40]]},
    ],
)
def test_what_is_allowed_passes(values: dict[str, Any]) -> None:
    assert problems(Request(**values)) == []


def test_a_local_catalogue_is_for_command_line_and_notebook(tmp_path: Path) -> None:
    file = tmp_path / "cat.fits"
    file.touch()
    request = Request(isdc_cat_url=str(file))
    assert problems(request) == []
    assert [error.field for error in problems(request, local_files=False)] == ["isdc_cat_url"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"E1_keV": 20.32}, "20.32 to 20.5"),
        ({"osa_version": "OSA10.2", "T1": "2016-01-01", "T2": "2016-02-01"}, "OSA10.2 is not calibrated"),
        ({"osa_version": "OSA10.2", "T1": "rev:1600", "T2": "rev:1700"}, "OSA10.2 is not calibrated"),
        ({"osa_version": "OSA10.2", "revolutions": [1627]}, "OSA10.2 is not calibrated"),
        ({"T1": "2001-01-01"}, "beyond INTEGRAL's observations"),
        ({"radius": 20}, "sees nothing"),
        ({"detection_threshold": 4}, "false peaks"),
        ({"jemx_unit": 1}, "no effect"),
        ({"n_scw_image": 20}, "leaves science windows out"),
        ({"revolutions": [39], "T1": "2003-01-01"}, "T1 not used"),
    ],
)
def test_notices_do_not_stop_a_request(values: dict[str, Any], words: str) -> None:
    request = Request(**values)
    assert problems(request) == []
    assert [sentence for sentence in notices(request) if words in sentence]


def test_osa10_within_its_time_is_silent() -> None:
    assert notices(Request(osa_version="OSA10.2")) == ()
    assert notices(Request(osa_version="OSA10.2", revolutions=[1626])) == ()
