"""The windows selected are those asked for: by interval, revolution or list, thinned fairly in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.archive.resolver import Target
from dashboard.archive.selection import find_pointings, sample_size, sampled, stratified_sample
from dashboard.errors import NoScienceWindows
from dashboard.request.request import Request
from tests.archive.fake_archive import FakeArchive, observed

TARGET = Target("Crab", 83.633, 22.0145, "given")
ARCHIVE = FakeArchive(
    rows=[
        *observed(40, 20, 83.6, 22.0),
        *observed(41, 30, 88.0, 22.0),
        *observed(42, 10, 97.0, 22.0),
        *observed(45, 10, 83.6, 22.0, elapsed=400),
    ]
)


def selected(**values: Any) -> list[str]:
    return list(find_pointings(Request(T1=1000, T2=9000, **values), TARGET, ARCHIVE.host(), ARCHIVE.client)["isgri"])


def revolutions(scw: list[str]) -> dict[int, int]:
    return {int(r): n for r, n in zip(*np.unique([int(s[:4]) for s in scw], return_counts=True), strict=True)}


def test_radius_limits_the_list() -> None:
    assert revolutions(selected()) == {40: 20, 41: 30}
    assert revolutions(selected(radius=3)) == {40: 20}
    assert revolutions(selected(radius=20)) == {40: 20, 41: 30, 42: 10}


def test_revolutions_replace_the_interval() -> None:
    assert revolutions(selected(revolutions=[41])) == {41: 30}
    assert revolutions(selected(revolutions=[42, 40], radius=20)) == {40: 20, 42: 10}


def test_a_list_is_taken_as_it_is_even_far_away_and_short() -> None:
    wanted = ["004500000030", "004200000020.001", "004000000010"]
    assert selected(scw_list=wanted) == ["004000000010", "004200000020", "004500000030"]
    with pytest.raises(NoScienceWindows, match=r"1 of the 2 .* 004000009990"):
        selected(scw_list=["004000000010", "004000009990"])


def test_nothing_found_says_where_it_looked_and_what_to_widen() -> None:
    with pytest.raises(NoScienceWindows, match=r"within 10\.5 deg of Crab") as caught:
        find_pointings(Request(T1=5000, T2=5001), TARGET, ARCHIVE.host(), ARCHIVE.client)
    assert "ijd 5000.0 to ijd 5001.0" in caught.value.sentence
    assert "widen T1 to T2" in caught.value.sentence
    with pytest.raises(NoScienceWindows, match="in revolutions 50, 51"):
        find_pointings(Request(revolutions=[50, 51]), TARGET, ARCHIVE.host(), ARCHIVE.client)


def test_each_instrument_has_its_own_radius_and_jemx_does_not_ask_for_the_mode_of_ibis() -> None:
    request = Request(T1=1000, T2=9000, instrument=["isgri", "jemx1", "jemx2"], radius=None)
    before = len(ARCHIVE.asked)
    found = find_pointings(request, TARGET, ARCHIVE.host(), ARCHIVE.client)
    asked = [url for url in ARCHIVE.asked[before:] if "/scwlist/" in url]
    assert ["radius=10.5000" in url for url in asked] == ["min_good_isgri=500" in url for url in asked] == [True, False]
    assert "radius=3.5000" in asked[1]
    assert revolutions(list(found["isgri"])) == {40: 20, 41: 30}
    assert revolutions(list(found["jemx1"])) == {40: 20}  # short windows are left out all the same
    assert found["jemx2"] is found["jemx1"]


@pytest.mark.parametrize(
    ("n", "total", "size"), [(-1, 50, 50), (-7, 50, 50), (-0.2, 50, 10), (-0.001, 50, 1), (20, 50, 20), (80, 50, 50), (1, 1, 1)]
)
def test_sample_size(n: float, total: int, size: int) -> None:
    assert sample_size(n, total) == size


def test_a_sample_is_thinned_from_the_list_and_repeats() -> None:
    found = find_pointings(Request(T1=1000, T2=9000), TARGET, ARCHIVE.host(), ARCHIVE.client)["isgri"]
    whole, picked = list(found), list(sampled(found, 10))
    assert len(picked) == 10
    assert set(picked) < set(whole)
    assert picked == list(sampled(found, 10))
    assert revolutions(picked) == {40: 4, 41: 6}  # 20 and 30 windows: in proportion to time covered


@given(total=st.integers(0, 500), share=st.floats(0, 1), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_one_window_out_of_each_stratum(total: int, share: float, seed: int) -> None:
    size = round(share * total)
    picked = stratified_sample(total, size, seed)
    assert len(set(picked.tolist())) == size
    assert np.all(np.diff(picked) > 0)
    strata = [k * total // size for k in range(size + 1)] if size else [0]
    assert all(low <= i < high for i, low, high in zip(picked, strata[:-1], strata[1:], strict=True))
