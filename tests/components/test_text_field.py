"""Lists and times as one line of text, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.fields import widget
from components.text_field import (
    TextField,
    bands_of,
    bands_text,
    ids_of,
    ids_text,
    revolutions_of,
    revolutions_text,
    times_of,
    times_text,
)
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.request.times import TimePoint
from dashboard.session import Session
from tests.runs.sky_dispatcher import settings_in

ENERGY = st.integers(6, 1600).map(lambda halves: halves / 2)
BANDS = st.lists(st.tuples(ENERGY, ENERGY).map(list), max_size=8)
MOMENT = st.one_of(
    st.datetimes(min_value=TimePoint("ijd", 1100.0).time.to_datetime(), max_value=TimePoint("ijd", 9000.0).time.to_datetime()).map(
        lambda when: when.isoformat()[:19]
    ),
    st.integers(1, 2900).map("rev:{}".format),
    st.floats(1100, 9000).map(str),
)


@given(BANDS)
def test_bands_are_read_as_they_were_written(bands: list[list[float]]) -> None:
    assert bands_of(bands_text(bands)) == bands


@given(MOMENT | st.lists(MOMENT, min_size=2, max_size=5))
def test_times_are_read_as_they_were_written(value: Any) -> None:
    assert times_of(times_text(value)) == value
    assert times_of(f"  {times_text(value)} ; ") == value, "blanks and a last semicolon mean nothing"


@pytest.mark.parametrize("number", [3333.25, 54877, 1626])
def test_a_number_of_days_is_the_same_moment_as_text(number: float) -> None:
    assert TimePoint.parse(times_of(times_text(number))) == TimePoint.parse(number)


@pytest.mark.parametrize(
    ("text", "bands"),
    [
        ("", []),
        (" ", []),
        ("28-40", [[28, 40]]),
        ("28 - 40 keV, 40–80.5keV", [[28, 40], [40, 80.5]]),
        ("3 to 10; 10 TO 20;", [[3, 10], [10, 20]]),
    ],
)
def test_bands_as_people_write_them(text: str, bands: list[list[float]]) -> None:
    assert bands_of(text) == bands


@given(st.text(max_size=80))
def test_of_any_text_come_bands_or_one_sentence(text: str) -> None:
    refused: RequestError | None = None
    bands: list[list[float]] = []
    try:
        bands = bands_of(text)
    except RequestError as error:
        refused = error
    assert all(len(band) == 2 for band in bands)
    if refused is not None:
        assert refused.field == "bands"
        assert refused.sentence.endswith("is no band: write 28-40, 40-80 (keV).")
        assert "\n" not in refused.sentence
        assert len(refused.sentence) < 300


@pytest.mark.parametrize("text", ["28", "28-", "-40", "28-40-80", "28–40 MeV", "20-1e3", "28-40, x", "nan-40", "<b>"])
def test_what_is_no_band_is_refused_by_its_part(text: str) -> None:
    part = text.split(",")[-1].strip()
    with pytest.raises(RequestError) as refused:
        bands_of(text)
    assert refused.value.sentence.startswith(repr(part))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(settings_in(tmp_path), Identity())


def field(session: Session, name: str) -> TextField:
    made = widget(session.request, name, session.refuse)
    assert isinstance(made, TextField)
    return made


def test_what_is_typed_is_asked_and_what_is_asked_is_shown(session: Session) -> None:
    bands, start = field(session, "bands"), field(session, "T1")
    bands.value = "28-40;40-80"
    assert session.request.bands == [[28.0, 40.0], [40.0, 80.0]]
    assert bands.value == "28–40, 40–80", "as it is understood"
    assert session.faults == {}
    session.request.param.update(bands=[[20, 30.5]], T1=["2009-01-01", "rev:1554"], T2=["2009-01-02", "rev:1556"])
    assert (bands.value, start.value) == ("20–30.5", "2009-01-01; rev:1554")
    start.value = "2009-01-01T12:00:00; 5000"
    assert session.request.T1 == ["2009-01-01T12:00:00", "5000"]
    assert session.faults == {}
    start.value = "yesterday"
    assert list(session.faults) == ["T1"], "one start and two ends"
    session.request.T2 = "2009-02-01"
    assert "'yesterday' is no time" in session.faults["T1"]


def test_text_that_is_no_band_stands_with_its_fault_until_it_is_mended(session: Session) -> None:
    bands = field(session, "bands")
    bands.value = "28-40"
    bands.value = "28-40, x"
    assert session.request.bands == [[28.0, 40.0]], "what was understood last"
    assert "'x' is no band" in session.faults["bands"]
    session.request.radius = 5.0
    assert "'x' is no band" in session.faults["bands"], "whatever else is changed meanwhile"
    session.request.radius = -5.0
    assert set(session.faults) == {"bands", "radius"}
    session.request.radius = 5.0
    bands.value = "28-40"
    assert session.faults == {}, "also when it is what was asked before"
    bands.value = "y"
    assert "'y' is no band" in session.faults["bands"]
    session.request.bands = [[3, 10]]
    assert session.faults == {"bands": session.faults.get("bands", "")}, "out of ISGRI's range"
    assert "leaves the 15-800 keV" in session.faults["bands"]
    assert bands.value == "3–10"
    bands.value = "20-40"
    assert session.faults == {}


@given(st.lists(st.integers(1, 9999), max_size=30))
def test_revolutions_are_read_as_they_were_written(revolutions: list[int]) -> None:
    assert revolutions_of(revolutions_text(revolutions)) == revolutions


def test_revolutions_as_people_write_them() -> None:
    assert revolutions_of("1554, 1556-1558; 12") == [1554, 1556, 1557, 1558, 12]
    assert revolutions_text([1554, 1556, 1557, 1558]) == "1554, 1556-1558"
    for wrong in ("1558-1556", "rev 12", "12345", "-3"):
        with pytest.raises(RequestError, match="is no revolution: write 1554"):
            revolutions_of(wrong)


def test_ids_are_read_as_they_were_written() -> None:
    assert ids_of(ids_text(["02200120001", "0220012/0002"])) == ["02200120001", "0220012/0002"]
    assert ids_of(" 02200120001;02200120002 02200120003 ") == ["02200120001", "02200120002", "02200120003"]
