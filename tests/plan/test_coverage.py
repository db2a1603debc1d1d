"""What is seen, selected and drawn of a mission is what a count one by one gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.archive.coverage_list import find_coverage
from dashboard.archive.pointings import Pointings
from dashboard.archive.selection import find_pointings
from dashboard.archive.sightings import Sightings
from dashboard.errors import ProductError
from dashboard.hosts import Host, known_hosts
from dashboard.plan.coverage import FULLY, OUTSIDE, PARTLY, Coverage, Span
from dashboard.request.request import Request
from tests.conftest import running_observatory

TARGET = (266.4168, -29.00782)


def sightings(off_axis: list[float], start: float = 1100.0, rolled: bool = True, **columns: Any) -> Sightings:
    """Pointings north of the target by so many degrees, 40 a revolution, with gaps between revolutions; their Z axis is northward."""
    count = np.arange(len(off_axis))
    ra, dec = np.full(len(count), TARGET[0]), TARGET[1] + np.array(off_axis, dtype=float)
    z = dec + 90 if rolled else np.full(len(count), np.nan)
    tstart = np.asarray(start + count * 0.05 + count // 40, dtype=np.float64)
    telapse = np.asarray(columns.get("telapse", np.full(len(count), 3000.0)), dtype=np.float64)
    swid = tuple(f"{100 + i // 40:04d}{i % 40 + 1:04d}0010" for i in count.tolist())
    pointings = Pointings(swid, ra, dec, ra.copy(), z, tstart, np.asarray(tstart + telapse / 86400, dtype=np.float64), telapse)
    science, public = np.ones(len(count), dtype=bool), np.ones(len(count), dtype=np.int8)
    return Sightings(pointings, columns.get("science", science), columns.get("public", public))


def coverage(off_axis: list[float], **values: Any) -> Coverage:
    return Coverage.of(sightings(off_axis, **values), *TARGET)


MIXED = coverage(
    np.random.default_rng(3).uniform(0, 22, 300).tolist(),
    telapse=np.random.default_rng(4).choice([300.0, 500.0, 2000.0, 3600.0], 300),
    science=np.random.default_rng(5).random(300) < 0.9,
    public=np.random.default_rng(6).integers(-1, 2, 300).astype(np.int8),
)
EVERY = np.ones(300, dtype=bool)
FIRST, LAST = float(MIXED.tstart[0]), float(MIXED.tstop[-1])
MOMENT = st.floats(FIRST - 1, LAST + 1) | st.sampled_from([*MIXED.tstart.tolist(), *MIXED.tstop.tolist()])
SPANS = st.lists(st.tuples(MOMENT, MOMENT), max_size=8)


def test_angles_and_fractions_are_those_of_the_geometry() -> None:
    found = coverage([0.0, 2.0, 9.5, 21.0])
    np.testing.assert_allclose(found.off_axis, [0, 2, 9.5, 21], atol=1e-4)
    np.testing.assert_allclose(found.isgri, [1, 1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(found.jemx, [1, 1 - (2 / 5.2) ** 1.25, 0, 0], atol=1e-6)
    assert found.revolution.tolist() == [100] * 4
    assert found.fraction("jemx2") is found.jemx


@pytest.mark.parametrize(("instrument", "edges"), [("isgri", (4.5, 14.5)), ("jemx1", (2.4, 6.6)), ("jemx2", (2.4, 6.6))])
@pytest.mark.parametrize("rolled", [True, False])
def test_a_target_is_fully_partly_or_not_coded(instrument: str, edges: tuple[float, float], rolled: bool) -> None:
    found = coverage([0.0, edges[0] - 0.01, edges[0] + 0.01, edges[1] - 0.01, edges[1] + 0.01, 60.0], rolled=rolled)
    assert found.coding(instrument).tolist() == [FULLY, FULLY, PARTLY, PARTLY, OUTSIDE, OUTSIDE]


def test_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(ProductError):
        MIXED.coding("spi")


@given(st.floats(0, 25), SPANS)
@settings(max_examples=100, deadline=None)
def test_what_is_selected_is_counted_one_by_one(radius: float, spans: list[Span]) -> None:
    for instrument in ("isgri", "jemx1"):
        chosen = [
            i
            for i in range(len(MIXED))
            if MIXED.off_axis[i] < radius
            and MIXED.telapse[i] > 500
            and (MIXED.science[i] or instrument == "jemx1")
            and any(a < b and MIXED.tstart[i] < b and MIXED.tstop[i] > a for a, b in spans)
        ]
        assert MIXED.selected(instrument, radius, spans).tolist() == chosen


@given(MOMENT, MOMENT)
@settings(max_examples=50, deadline=None)
def test_revolutions_of_an_interval(start: float, stop: float) -> None:
    inside = [int(MIXED.swid[i][:4]) for i in MIXED.selected("jemx1", 99, [(start, stop)])]
    span = MIXED.revolution_span(start, stop)
    if span is None:
        assert not inside
    else:
        assert not inside or (span[0] <= min(inside) and max(inside) <= span[1])
        assert MIXED.during([(start, stop)])[MIXED.revolution == span[0]].any()


@given(MOMENT, MOMENT, st.integers(1, 400), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_a_timeline_holds_every_window_in_view_once(start: float, stop: float, columns: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random(300) < 0.7
    rows = np.flatnonzero(mask & MIXED.during([(start, stop)]))
    strip = MIXED.timeline(mask, start, stop, columns)
    assert len(strip) <= columns
    assert strip.n.sum() == len(rows)
    assert strip.exposure.sum() == pytest.approx(MIXED.telapse[rows].sum())
    assert np.all(np.diff(strip.tstart) > 0)
    if len(rows) <= columns:
        assert strip.swid == tuple(MIXED.swid[row] for row in rows)
        np.testing.assert_array_equal(strip.tstart, MIXED.tstart[rows])
        np.testing.assert_array_equal(strip.off_axis, MIXED.off_axis[rows])
        return
    assert strip.swid == ()
    np.testing.assert_allclose(strip.tstop - strip.tstart, (stop - start) / columns)
    middle = (MIXED.tstart + MIXED.tstop) / 2
    for i in range(len(strip)):
        low = strip.tstart[i] if strip.tstart[i] > start else -np.inf
        high = strip.tstop[i] if strip.tstop[i] < stop else np.inf
        members = rows[(middle[rows] >= low) & (middle[rows] < high)]
        assert strip.n[i] == len(members)
        assert strip.exposure[i] == MIXED.telapse[members].sum()
        assert strip.off_axis[i] == MIXED.off_axis[members].min()
        assert (strip.first[i], strip.last[i]) == (MIXED.revolution[members].min(), MIXED.revolution[members].max())
        told = MIXED.public[members][MIXED.public[members] >= 0]
        assert math.isnan(strip.public[i]) if not len(told) else strip.public[i] == pytest.approx(told.mean())


def test_the_mission_by_revolution() -> None:
    strip = MIXED.mission(EVERY)
    assert strip.first.tolist() == strip.last.tolist() == list(range(100, 108))
    assert strip.n.tolist() == [40] * 7 + [20]
    for i, revolution in enumerate(strip.first):
        mine = MIXED.revolution == revolution
        assert (strip.tstart[i], strip.tstop[i]) == (MIXED.tstart[mine].min(), MIXED.tstop[mine].max())
        assert (strip.exposure[i], strip.off_axis[i]) == (MIXED.telapse[mine].sum(), MIXED.off_axis[mine].min())
    assert len(MIXED.mission(~EVERY)) == 0


def test_a_target_that_was_never_seen() -> None:
    nothing = coverage([])
    assert len(nothing.selected("isgri", 10.5, [(0, 9000)])) == 0
    assert nothing.revolution_span(0, 9000) is None
    assert len(nothing.timeline(nothing.seen("isgri", 10.5), 0, 9000)) == len(nothing.mission(nothing.seen("jemx1", 3.5))) == 0
    assert len(nothing.coding("isgri")) == 0


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with running_observatory(tmp_path_factory.mktemp("sky")) as sky:
        yield known_hosts()["simulated"].at(sky.url)


@pytest.mark.parametrize("position", [(83.633, 22.0145), (266.41683, -29.00782), (0.00001, 89.99999)])
@pytest.mark.parametrize("radius", [None, 0.7, 12.34567])
def test_the_archive_lists_what_the_coverage_selects(host: Host, position: tuple[float, float], radius: float | None) -> None:
    found = Coverage.of(find_coverage(*position, 20.5, host), *position)
    spans = [(1500.0, 1900.25), (3340.5, 3346.0), (3345.0, 3400.125)]
    edges = {"T1": [a for a, _ in spans], "T2": [b for _, b in spans]}
    request = Request(RA=position[0], DEC=position[1], instrument=["isgri", "jemx1"], radius=radius or 10.5, **edges)
    selected = {name: found.selected(name, request.radius_for(name), spans) for name in request.instruments}
    if any(map(len, selected.values())):
        listed = find_pointings(request, found.target, host)
        for name, rows in selected.items():
            assert listed[name].swid == tuple(found.swid[row] for row in rows)
    else:
        assert radius == 0.7 or position[1] > 80
