"""Every parameter of the service description is there, with its default, bounds, unit and words; and the documentation says the same."""

from __future__ import annotations

import json
import re
from typing import Any

import param
import pytest

from dashboard.request.checks import problems
from dashboard.request.document import expectation, names, shown
from dashboard.request.request import Request
from dashboard.request.traps import notices
from tests.conftest import ROOT

OPEN = (None, None)
DESCRIBED: list[tuple[str, Any, Any, str]] = [
    ("src_name", "Crab", None, ""),
    ("RA", 0.0, (0, 360), "deg"),
    ("DEC", 0.0, (-90, 90), "deg"),
    ("T1", "2009-02-15T00:00:00", None, "UTC"),
    ("T2", "2009-03-30T00:00:00", None, "UTC"),
    ("radius", None, (0, 180), "deg"),
    ("jemx_unit", None, [None, 1, 2, "both"], ""),
    ("osa_version", "OSA11.2", None, ""),
    ("data_version", "CONS", ["CONS", "NRT"], ""),
    ("integral_data_rights", "public", ["public", "all-private"], ""),
    ("s_max", 50, (1, None), "ScW"),
    ("host_type", "simulated", None, ""),
    ("upload_to_gallery", False, None, ""),
    ("E1_keV", None, OPEN, "keV"),
    ("E2_keV", None, OPEN, "keV"),
    ("detection_threshold", 7.0, (3, 100), "sigma"),
    ("use_default_catalog", True, None, ""),
    ("make_image", False, None, ""),
    ("n_scw_image", -1, OPEN, "ScW"),
    ("api_catalog_file", "", None, "JSON"),
    ("isdc_cat_url", "", None, "path or address"),
    ("include_new_sources", True, None, ""),
    ("systematic_fraction", None, (0, 1), ""),
    ("lc_time_bin", 1000.0, (0, 20000), "s"),
    ("isgri_grouping_min_energy", 0.0, (0, 1030), "keV"),
    ("isgri_grouping_max_energy", 0.0, (0, 1030), "keV"),
    ("isgri_grouping_factor", 0, (-256, 256), "bins"),
]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.json"))


@pytest.mark.parametrize(("name", "default", "allowed", "unit"), DESCRIBED)
def test_a_parameter_is_as_described(name: str, default: Any, allowed: Any, unit: str) -> None:
    parameter = Request.param[name]
    assert parameter.default == default
    assert type(parameter.default) is type(default)
    assert (parameter.metadata or {}).get("unit", "") == unit
    if isinstance(parameter, param.Selector):
        assert list(parameter.objects) == allowed
    elif isinstance(parameter, param.Number):
        assert (parameter.bounds or OPEN) == allowed
    else:
        assert allowed is None
    assert (parameter.doc or "").endswith(".")


def test_defaults_go_by_instrument() -> None:
    request = Request()
    for instrument, radius, band, systematic in (
        ("isgri", 10.5, (28.0, 40.0), 0.0015),
        ("jemx1", 3.5, (3.0, 20.0), 0.05),
        ("jemx2", 3.5, (3.0, 20.0), 0.05),
    ):
        assert request.radius_for(instrument) == radius
        assert request.bands_for(instrument) == (band,)
        assert request.systematic_for(instrument) == systematic
        assert Request(systematic_fraction=0.0).systematic_for(instrument) == 0.0
    assert "OSA's manual: about 1 %" in Request.param.systematic_fraction.doc


def test_the_documentation_lists_every_parameter_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", (ROOT / "docs/parameters.md").read_text(), re.M)
    written = {name: rest for name, *rest in rows if name in Request.param}
    assert set(written) == set(names(Request()))
    for name, rest in written.items():
        parameter = Request.param[name]
        assert rest == [shown(parameter.default), expectation(parameter), parameter.doc], f"docs/parameters.md on {name}"
    assert "docs/parameters.md" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_sound_and_documented(path: Any) -> None:
    request = Request.from_json(path.read_text())
    assert problems(request) == []
    assert not [sentence for sentence in notices(request) if "no effect" in sentence]
    assert request.host_type == "simulated"
    assert f"(examples/{path.name})" in (ROOT / "docs/parameters.md").read_text()


def test_the_examples_cover_instruments_products_and_ways_to_a_catalogue() -> None:
    asked = [Request.from_json(path.read_text()) for path in EXAMPLES]
    covered = {(instrument, product) for request in asked for instrument in request.instruments for product in request.products}
    assert covered >= {(instrument, product) for instrument in ("isgri", "jemx1") for product in ("mosaic", "spectrum", "lightcurve")}
    assert {request.make_image for request in asked if request.extracted} == {True, False}
    assert any(len(json.loads(path.read_text()).get("bands", [])) > 1 for path in EXAMPLES)
