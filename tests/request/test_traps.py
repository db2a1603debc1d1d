"""What a user should know beforehand is said, and only where it applies."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.request.checks import problems
from dashboard.request.request import Request
from dashboard.request.traps import notices

OSA10 = "OSA10.2"
RECENT = {"T1": "2018-01-01", "T2": "2018-02-01"}
IMAGE = {"use_default_catalog": False, "make_image": True}
CURVE = {"product": "lightcurve", "systematic_fraction": 0.01}
SPECTRUM = {"product": "spectrum", "systematic_fraction": 0.01}


def test_the_example_request_needs_no_word() -> None:
    assert notices(Request()) == ()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"E1_keV": 28.32}, "28.32 to 28.5"),
        ({"bands": [[30, 40], [40, 79.9]]}, "79.9 to 80"),
        ({"osa_version": OSA10, "T1": "2016-01-01", "T2": "2016-02-01", "E1_keV": 30}, "OSA10.2 is not calibrated"),
        ({"osa_version": OSA10, "T1": "rev:1600", "T2": "rev:1700", "E1_keV": 30}, "OSA10.2 is not calibrated"),
        ({"osa_version": OSA10, "revolutions": [1627], "E1_keV": 30}, "OSA10.2 is not calibrated"),
        ({"data_version": "NRT"}, "near-real-time data are for a quick look"),
        ({"T1": "2001-01-01"}, "beyond INTEGRAL's observations"),
        ({"instrument": "jemx2"}, "jemx2 was off"),
        ({"instrument": "jemx1", "T1": "2003-02-01", "T2": "2003-03-01"}, "jemx1 was off"),
        ({"instrument": "jemx2", "revolutions": [300, 400]}, "jemx2 was off"),
        ({"radius": 20}, "isgri sees nothing"),
        ({"instrument": "jemx1", "radius": 7}, "jemx1 sees nothing"),
        ({"E1_keV": 24}, "crowded fields"),
        ({"E1_keV": 18}, "below 20 keV: the band begins at 18"),
        ({"E1_keV": 25, **RECENT}, "below 30 keV after revolution 1600"),
        ({"E1_keV": 25, "T1": "rev:1500", "T2": "rev:1700"}, "below 30 keV after revolution 1600"),
        ({"E1_keV": 28, "scw_list": ["170000020010"]}, "below 30 keV after revolution 1600"),
        (
            {**SPECTRUM, "isgri_grouping_min_energy": 20, "isgri_grouping_max_energy": 90, "isgri_grouping_factor": -9, **RECENT},
            "isgri_grouping_min_energy begins at 20",
        ),
        ({"detection_threshold": 4}, "false peaks"),
        ({"s_max": 51}, "unige-hpc-full"),
        ({"s_max": 501}, "unige-hpc-extreme"),
        ({"product": "spectrum"}, "0.15% for ISGRI as described; OSA's manual recommends about 1%"),
        ({**CURVE, "lc_time_bin": 10}, "too few counts"),
        ({**CURVE, "lc_time_bin": 4000}, "ISGRI one point each"),
        ({**CURVE, "lc_time_bin": 4000, "instrument": "jemx1"}, "JEM-X merges"),
        ({"n_scw_image": 20}, "leaves science windows out of the mosaic"),
        ({**SPECTRUM, **IMAGE, "instrument": "jemx1"}, "named after their position"),
        ({"jemx_unit": 1}, "jemx_unit has no effect"),
        ({"revolutions": [39], "T1": "2003-01-01"}, "T1 has no effect: revolutions select"),
        ({"scw_list": ["003900020010"], "radius": 5}, "radius has no effect"),
        ({"observations": ["02200120001"], "T2": "2010-01-01"}, "T2 has no effect: observations select"),
        ({**SPECTRUM, "E1_keV": 30, "E2_keV": 60}, "E1_keV, E2_keV have no effect"),
        ({**SPECTRUM, "isdc_cat_url": "https://example.org/cat.fits"}, "isdc_cat_url has no effect: no image"),
        ({**CURVE, "detection_threshold": 9, "include_new_sources": False}, "include_new_sources, detection_threshold have no effect"),
        ({**SPECTRUM, "n_scw_image": 5}, "n_scw_image has no effect"),
        ({"use_default_catalog": False, "make_image": True}, "use_default_catalog, make_image have no effect"),
        ({**SPECTRUM, "review_catalog": True}, "review_catalog has no effect"),
        ({**SPECTRUM, "instrument": "jemx1", "isgri_grouping_min_energy": 20.0}, "isgri_grouping_min_energy has no effect"),
        ({"spectrum_weighting": "inverse variance"}, "spectrum_weighting has no effect"),
        ({"systematic_fraction": 0.01}, "systematic_fraction has no effect"),
        ({"lc_time_bin": 100}, "lc_time_bin has no effect"),
    ],
)
def test_a_trap_is_told(values: dict[str, Any], words: str) -> None:
    request = Request(**values)
    assert [sentence for sentence in notices(request) if words in sentence], notices(request)


@pytest.mark.parametrize(
    "values",
    [
        {"osa_version": OSA10},
        {"osa_version": OSA10, "revolutions": [1626], "E1_keV": 30},
        {"instrument": "jemx1"},
        {"instrument": ["jemx1", "jemx2"], "T1": "2011-01-01", "T2": "2011-02-01"},
        {"instrument": "jemx2", "T1": "2010-09-01", "T2": "2010-11-01"},
        {"E1_keV": 30, **RECENT},
        {"E1_keV": 25, "E2_keV": 40},
        {**SPECTRUM, **RECENT},
        {**SPECTRUM, **IMAGE, "E1_keV": 30, "n_scw_image": 5, "review_catalog": True, "detection_threshold": 9},
        {**SPECTRUM, "isgri_grouping_min_energy": 20, "isgri_grouping_max_energy": 200, "isgri_grouping_factor": -20},
        {**CURVE, "lc_time_bin": 1800.0, "E1_keV": 30, "E2_keV": 60},
        {"instrument": "jemx1", "product": ["spectrum", "lightcurve"]},
        {"s_max": 50},
        {"instrument": "jemx", "jemx_unit": 1},
    ],
)
def test_no_trap_no_word(values: dict[str, Any]) -> None:
    request = Request(**values)
    assert problems(request) == []
    assert notices(request) == ()


BEYOND: list[dict[str, Any]] = [
    {"T1": "2015-12-01", "T2": "2015-12-27"},
    {"T1": 5800.0, "T2": 5839.0},
    {"T1": 57344.0, "T2": 57400},
    {"T1": ["2009-01-01", "2016-01-01", "2010-01-01"], "T2": ["2009-02-01", "2016-02-01", "2010-02-01"]},
    {"T1": "rev:1626", "T2": "rev:1627"},
    {"T1": "2009-01-01", "T2": "rev:1627"},
    {"T1": "rev:1600", "T2": "2016-01-05"},
    {"revolutions": [39, 1627, 40]},
    {"scw_list": ["162700020010"]},
    {"scw_list": ["003900020010", "162700020010.001"]},
]
"""Revolution 1626 ends on 2015-12-26, IJD 5838."""
WITHIN: list[dict[str, Any]] = [
    {"T1": "2015-12-01", "T2": "2015-12-25"},
    {"T1": 5800.0, "T2": 5838.0},
    {"T1": 57344.0, "T2": 57382.0},
    {"T1": ["2009-01-01", "2015-01-01"], "T2": ["2009-02-01", "2015-02-01"]},
    {"T1": "rev:1600", "T2": "rev:1626"},
    {"T1": "2009-01-01", "T2": "rev:1626"},
    {"revolutions": [39, 1626]},
    {"scw_list": ["162600020010.001"]},
]


@pytest.mark.parametrize("version", [OSA10, "OSA10.2-dev1", "OSA10.2--fullbkg"])
@pytest.mark.parametrize("instrument", ["isgri", "jemx1"])
def test_osa10_beyond_its_calibration_is_told_in_each_form_of_a_selection(version: str, instrument: str) -> None:
    def told(values: dict[str, Any], version: str) -> int:
        return sum(
            "OSA10.2 is not calibrated beyond revolution 1626" in each for each in notices(Request(**common, osa_version=version, **values))
        )

    common = {"instrument": instrument}
    assert [told(values, version) for values in BEYOND] == [1] * len(BEYOND)
    assert [told(values, version) for values in WITHIN] == [0] * len(WITHIN)
    assert not any(told(values, "OSA11.2") for values in BEYOND)


@pytest.mark.parametrize("values", [{"T1": "soon"}, {"instrument": "radar"}, {"product": []}, {"scw_list": ["1"]}, {"T1": 0, "T2": 0}])
def test_what_cannot_be_read_is_left_to_the_checks(values: dict[str, Any]) -> None:
    request = Request(**values)
    assert problems(request)
    notices(request)


def test_of_observations_nothing_is_said_that_depends_on_the_time_until_it_is_known() -> None:
    """T1 and T2 mean nothing beside them."""
    request = Request(observations=["02200120001"], osa_version=OSA10, instrument=["isgri", "jemx2"], T2="2024-01-01", E1_keV=21)
    untimely = ("not calibrated", "was off", "efficiency", "reaches beyond")
    assert not [sentence for sentence in notices(request) if any(word in sentence for word in untimely)]
    assert any("T2 has no effect" in sentence for sentence in notices(request)), "what does not depend on it is said"
    late, early = " ".join(notices(request, [1700])), " ".join(notices(request, [300, 301]))
    assert "OSA10.2 is not calibrated" in late
    assert "below 30 keV after revolution 1600" in late
    assert "jemx2 was off" in early
    assert "OSA10.2" not in early
