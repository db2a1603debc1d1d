"""A view comes back as it went; of what anybody else may have written only what can be meant is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.selection import Selection
from dashboard.sky_look import PLANES, STRETCHES, SkyLook
from dashboard.view import ENERGIES, LOOKS, MISSION_DAYS, View

LOOK: dict[str, st.SearchStrategy[Any]] = {name: st.sampled_from(getattr(SkyLook.param[name], "objects", [True, False])) for name in LOOKS}


def ranges(low: float, high: float) -> st.SearchStrategy[tuple[float, float] | None]:
    return st.none() | st.tuples(st.floats(low, high), st.floats(low, high)).filter(lambda pair: pair[0] < pair[1])


VIEWS = st.builds(
    View,
    st.none() | st.integers(0, 99),
    st.none() | st.tuples(st.floats(0, 360, exclude_max=True), st.floats(-90, 90), st.floats(0.001, 180)),
    st.fixed_dictionaries({}, optional=LOOK),
    st.text(st.characters(categories=["L", "N", "P"]), max_size=40),
    ranges(*MISSION_DAYS),
    ranges(*ENERGIES),
)


@given(VIEWS)
def test_a_view_comes_back_as_it_went(view: View) -> None:
    assert View.of_json(view.to_json()) == view
    SkyLook(**view.look)


@given(st.text() | VIEWS.map(lambda view: view.to_json()[:-1]))
@example("[" * 3000)
@example("[" * 5000)
@example('{"look": {"plane": NaN}}')
def test_what_is_no_view_is_as_if_it_were_not_there(text: str) -> None:
    view = View.of_json(text)
    SkyLook(**view.look)
    Selection(source=view.source, time_range=view.time_range, energy_range=view.energy_range)


@pytest.mark.parametrize(
    "told",
    [
        {"shown": -1},
        {"shown": True},
        {"zoom": [360, 0, 1]},
        {"zoom": [10, 91, 1]},
        {"zoom": [10, 0, 0]},
        {"zoom": [10, 0]},
        {"zoom": [10, float("nan"), 1]},
        {"zoom": ["10", 0, 1]},
        {"look": {"plane": "secret"}},
        {"look": {"names": 1}},
        {"look": {"tool": "pan", "regions": [], "locked": {}}},
        {"look": {"plane": ["flux"]}},
        {"source": "a\n"},
        {"source": "x" * 121},
        {"time_range": [5000, 4000]},
        {"time_range": [1, float("inf")]},
        {"energy_range": [0, 20]},
        {"token": "eyJ0", "job_id": "0123"},
    ],
)
def test_what_cannot_be_meant_is_dropped(told: dict[str, Any]) -> None:
    assert View.of_json(json.dumps(told)) == View()
    assert View.of_json(json.dumps({"energy_range": [20, 40], "zoom": [10, 0, 1]} | told)) != View(), "the rest is taken"


def test_a_page_tells_what_is_not_as_it_shows_it_by_itself() -> None:
    look, selection = SkyLook(), Selection()
    assert View.of_page(0, None, look, selection).to_json() == '{"shown":0}'
    look.param.update(plane=PLANES[1], stretch=STRETCHES[2])
    selection.param.update(source="Crab", time_range=(3334.0, 3335.5))
    view = View.of_page(1, (83.6, 22.0, 1.5), look, selection)
    assert view == View(1, (83.6, 22.0, 1.5), {"plane": "flux", "stretch": "sqrt"}, "Crab", (3334.0, 3335.5))
    assert len(view.to_json()) < 200
