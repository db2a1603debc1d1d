"""Requests survive JSON exactly, and refuse what they cannot mean with a sentence that names the field."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import RequestError
from dashboard.request.document import names
from dashboard.request.request import Request, rounded_energy

TEXT = st.text(max_size=12)
NUMBER = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-(10**9), 10**9)
MOMENT = TEXT | NUMBER
INSTRUMENT = st.sampled_from(["isgri", "jemx", "jemx1", "jemx2"])
PRODUCT = st.sampled_from(["mosaic", "spectrum", "lightcurve"])

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "src_name": TEXT,
    "T1": MOMENT | st.lists(MOMENT, max_size=3),
    "T2": MOMENT | st.lists(MOMENT, max_size=3),
    "RA": st.floats(0, 360),
    "DEC": st.floats(-90, 90),
    "zero_position": st.booleans(),
    "radius": st.none() | st.floats(0, 180, exclude_min=True),
    "instrument": INSTRUMENT | st.lists(INSTRUMENT, max_size=3),
    "product": PRODUCT | st.lists(PRODUCT, max_size=3),
    "jemx_unit": st.sampled_from([None, 1, 2, "both"]),
    "osa_version": TEXT,
    "data_version": st.sampled_from(["CONS", "NRT"]),
    "integral_data_rights": st.sampled_from(["public", "all-private"]),
    "scw_archive": st.sampled_from(["auto", "timesystem", "isla", "heasarc"]),
    "s_max": st.integers(1, 1000),
    "host_type": st.sampled_from(["simulated", "production", "staging", "esa"]),
    "upload_to_gallery": st.booleans(),
    "E1_keV": st.none() | NUMBER,
    "E2_keV": st.none() | NUMBER,
    "bands": st.lists(st.lists(NUMBER, min_size=2, max_size=2), max_size=3),
    "detection_threshold": st.floats(3, 100),
    "revolutions": st.lists(st.integers(-5, 3000), max_size=4),
    "scw_list": st.lists(TEXT, max_size=4),
    "observations": st.lists(TEXT, max_size=4),
    "n_scw_image": NUMBER,
    "isdc_cat_url": TEXT,
    "include_new_sources": st.booleans(),
    "use_default_catalog": st.booleans(),
    "make_image": st.booleans(),
    "api_catalog_file": TEXT,
    "review_catalog": st.booleans(),
    "isgri_grouping_min_energy": st.floats(0, 1030),
    "isgri_grouping_max_energy": st.floats(0, 1030),
    "isgri_grouping_factor": st.integers(-256, 256),
    "spectrum_weighting": st.sampled_from(["exposure", "inverse variance"]),
    "systematic_fraction": st.none() | st.floats(0, 1),
    "lc_time_bin": st.floats(0, 20000, exclude_min=True),
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def test_the_strategies_below_cover_every_field() -> None:
    assert set(FIELDS) == set(names(Request()))


@given(values=st.fixed_dictionaries(FIELDS))
@settings(max_examples=80, deadline=None)
def test_json_round_trip_keeps_every_value(values: dict[str, Any]) -> None:
    request = Request.from_dict(values)
    again = Request.from_json(request.to_json())
    for name, value in values.items():
        assert getattr(again, name) == value
        assert type(getattr(again, name)) is type(value)
    assert again.to_json() == request.to_json()


@given(field=st.sampled_from(sorted(FIELDS)), value=ANY_JSON)
@settings(max_examples=150, deadline=None)
def test_any_value_is_taken_or_refused_by_name(field: str, value: Any) -> None:
    position = {"RA": 1.0, "DEC": 1.0} if field in ("RA", "DEC") else {}
    refusal: RequestError | None = None
    try:
        request = Request.from_dict({**position, field: value})
    except RequestError as error:
        refusal = error
    if refusal is None:
        assert json.loads(request.to_json()).get(field) == value
    else:
        assert refusal.field == field
        assert field in refusal.sentence


def test_absent_is_default() -> None:
    request = Request.from_json("{}")
    assert (request.src_name, request.T1, request.T2) == ("Crab", "2009-02-15T00:00:00", "2009-03-30T00:00:00")
    assert request.instruments == ("isgri",)
    assert request.products == ("mosaic",)
    assert request.bands_for("isgri") == ((28.0, 40.0),)
    assert request.bands_for("jemx1") == ((3.0, 20.0),)
    assert (request.radius_for("isgri"), request.radius_for("jemx2")) == (10.5, 3.5)
    assert (request.s_max, request.osa_version, request.detection_threshold) == (50, "OSA11.2", 7.0)
    assert request.host_type == "simulated"
    assert request.position is None


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"Radius": 3}, "Radius", "did you mean 'radius'"),
        ({"E1_kev": 20}, "E1_kev", "did you mean 'E1_keV'"),
        ({"radius": -1}, "radius", "above 0 and at most 180 deg"),
        ({"radius": 0}, "radius", "above 0"),
        ({"radius": 180.5}, "radius", "at most 180"),
        ({"s_max": 0}, "s_max", "at least 1"),
        ({"s_max": True}, "s_max", "whole number"),
        ({"s_max": 50.0}, "s_max", "whole number"),
        ({"RA": 83.6}, "DEC", "without DEC"),
        ({"RA": 400, "DEC": 0}, "RA", "at most 360"),
        ({"T1": {}}, "T1", "a text, a number or a list"),
        ({"bands": [[20]]}, "bands", "pairs"),
        ({"bands": [[20, True]]}, "bands", "pairs"),
        ({"revolutions": ["39"]}, "revolutions", "whole numbers"),
        ({"integral_data_rights": "all-provate"}, "integral_data_rights", "did you mean 'all-private'"),
        ({"detection_threshold": 1}, "detection_threshold", "at least 3"),
        ({"name": "x"}, "name", "no parameter"),
    ],
)
def test_refusals_name_the_field_and_the_way_out(document: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        Request.from_json(document)
    assert caught.value.field == field
    assert words in caught.value.sentence
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # no traceback of param


@pytest.mark.parametrize("key", ["token", "Token", "ODA_TOKEN"])
def test_a_token_is_refused_and_never_repeated(key: str) -> None:
    with pytest.raises(RequestError) as caught:
        Request.from_json({key: "eyJhbGciOi"})
    assert "eyJ" not in caught.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"RA": NaN, "DEC": 0}',
        '{"s_max": 1, "s_max": 2}',
        '{"s_max": ' + "9" * 5000 + "}",
        '{"E1_keV": 1e999}',
        "[" * 100000,
    ],
)
def test_text_that_is_no_request_gives_a_sentence(text: str) -> None:
    with pytest.raises(RequestError):
        Request.from_json(text)


def test_a_position_without_a_name_has_no_name() -> None:
    assert Request.from_json({"RA": 10.0, "DEC": 5.0}).src_name == ""


def test_zero_position_is_a_position_only_on_demand() -> None:
    assert Request(RA=0, DEC=0).position is None
    assert Request(RA=0, DEC=0, zero_position=True).position == (0.0, 0.0)
    assert Request(RA=0, DEC=-5).position == (0.0, -5.0)


@pytest.mark.parametrize(
    ("instrument", "unit", "meant"),
    [
        ("jemx", 2, ("jemx2",)),
        ("jemx", "both", ("jemx1", "jemx2")),
        (["isgri", "jemx"], "both", ("isgri", "jemx1", "jemx2")),
        (["jemx2", "jemx1"], "both", ("jemx2", "jemx1")),
        (["isgri", "jemx1"], None, ("isgri", "jemx1")),
        (["isgri", "jemx1"], 1, ("isgri", "jemx1")),
        ("isgri", 2, ("isgri",)),
    ],
)
def test_jemx_takes_its_units(instrument: Any, unit: Any, meant: tuple[str, ...]) -> None:
    assert Request(instrument=instrument, jemx_unit=unit).instruments == meant


@pytest.mark.parametrize(
    ("instrument", "unit", "field"),
    [
        ("jemx", None, "jemx_unit"),
        ("jemx1", 2, "jemx_unit"),
        ("jemx1", "both", "jemx_unit"),
        (["jemx1", "jemx2"], 1, "jemx_unit"),
        (["jemx", "jemx1"], "both", "jemx_unit"),
        (["jemx", "jemx1"], 1, "instrument"),
    ],
)
def test_units_that_contradict_are_refused(instrument: Any, unit: Any, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        _ = Request(instrument=instrument, jemx_unit=unit).instruments
    assert caught.value.field == field


@given(instrument=FIELDS["instrument"], unit=FIELDS["jemx_unit"])
def test_instruments_are_known_and_each_once_or_refused(instrument: Any, unit: Any) -> None:
    request = Request(instrument=instrument, jemx_unit=unit)
    found: tuple[str, ...] = ()
    with contextlib.suppress(RequestError):
        found = request.instruments
    assert len(found) == len(set(found))
    assert set(found) <= {"isgri", "jemx1", "jemx2"}


def test_science_windows_lose_their_version_and_repetitions() -> None:
    request = Request(scw_list=["066500230010.001", "066500220010", "066500230010"])
    assert request.scw_ids == ("066500220010", "066500230010")
    with pytest.raises(RequestError, match="no pointing"):
        _ = Request(scw_list=["066500220011"]).scw_ids


@given(st.floats(0, 1000))
def test_energies_move_by_at_most_a_quarter(energy: float) -> None:
    assert rounded_energy(energy) * 2 == int(rounded_energy(energy) * 2)
    assert abs(rounded_energy(energy) - energy) <= 0.25


@pytest.mark.parametrize(
    "written", ["02200120001", " 02200120001 ", "0220012/0001", "0220012_0001", "02200120001/0001", "02200120001_0001", "02200120001/1"]
)
def test_an_observation_is_eleven_digits_however_it_is_written(written: str) -> None:
    assert Request(observations=[written, "03200000007", written]).observation_ids == ("02200120001", "03200000007")


@pytest.mark.parametrize(
    "written", ["", "2200120001", "022001200010", "066500220010", "0220012-0001", "02200120001/", "02200120001%", "Crab"]
)
def test_what_is_no_observation_is_a_sentence(written: str) -> None:
    with pytest.raises(RequestError, match="is no observation id: write 11 digits") as caught:
        _ = Request(observations=[written]).observation_ids
    assert caught.value.field == "observations"
