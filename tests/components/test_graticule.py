from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.elements.graticule import ROOM, Graticule, graticule

SIDE = 400
WHOLE = (-0.5, SIDE - 0.5, -0.5, SIDE - 0.5)


def sky(ra: float, dec: float, across: float, projection: str = "TAN") -> WCS:
    """A square map, `across` degrees wide in its middle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [ra, dec], [SIDE / 2, SIDE / 2], [-across / SIDE, across / SIDE]
    return wcs


def longitude_latitude(wcs: WCS, line: NDArray[np.float64], frame: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees along a line, by astropy."""
    place = SkyCoord(*np.asarray(wcs.wcs_pix2world(line, 0)).T, unit="deg", frame="fk5").transform_to(frame)
    return place.spherical.lon.deg, place.spherical.lat.deg


def check(grid: Graticule, wcs: WCS, frame: str = "fk5", window: tuple[float, float, float, float] = WHOLE) -> None:
    """What every grid must be: lines that run where their names say, inside the window, each coordinate with a few of them."""
    x0, x1, y0, y1 = window
    for line, name in zip(grid.lines, grid.names, strict=True):
        lon, lat = longitude_latitude(wcs, line, frame)
        value = float(name.rstrip("°"))
        if name[0] in "+-":
            np.testing.assert_allclose(lat, value, atol=1e-6)
        else:
            assert 0 <= value < 360
            np.testing.assert_allclose(((lon - value + 180) % 360 - 180) * np.cos(np.radians(lat)), 0, atol=1e-6)
        assert x0 <= line[:, 0].min() <= line[:, 0].max() <= x1
        assert y0 <= line[:, 1].min() <= line[:, 1].max() <= y1
        assert np.abs(np.diff(line, axis=0)).max() < 0.2 * max(x1 - x0, y1 - y0), "no jumps"
    names = set(grid.names)
    parallels = {name for name in names if name[0] in "+-"}
    assert 3 <= len(parallels) <= 12
    assert 3 <= len(names - parallels) <= 12
    assert max(Counter(text for _, _, text in grid.labels).values()) == 1
    for x, y, text in grid.labels:
        assert any(name == text and np.hypot(*(line - (x, y)).T).min() < 1e-9 for line, name in zip(grid.lines, grid.names, strict=True))
        assert x0 <= x <= x1 - ROOM[0] * (x1 - x0)
        assert y0 <= y <= y1 - ROOM[1] * (y1 - y0)
        others = np.array([(a, b) for a, b, other in grid.labels if other != text]).reshape(-1, 2)
        assert ((np.abs(others[:, 0] - x) > ROOM[0] * (x1 - x0)) | (np.abs(others[:, 1] - y) > ROOM[1] * (y1 - y0))).all(), "labels collide"


FIELDS = st.one_of(
    st.tuples(st.floats(0, 360), st.floats(-90, 90), st.floats(3, 60), st.just("TAN")),
    st.tuples(st.floats(0, 360), st.floats(-90, 90), st.floats(3, 150), st.just("ZEA")),
)


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.sampled_from(("fk5", "galactic")), st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 1), st.floats(0.4, 2.5))
def test_a_grid_suits_any_window(
    field: tuple[float, float, float, str], frame: str, left: float, low: float, part: float, aspect: float
) -> None:
    wcs = sky(*field)
    width = min(part, 1 - left) * SIDE
    height = min(width / aspect, (1 - low) * SIDE)
    window = (left * SIDE - 0.5, left * SIDE - 0.5 + width, low * SIDE - 0.5, low * SIDE - 0.5 + height)
    check(graticule(wcs, (SIDE, SIDE), frame=frame, window=window), wcs, frame, window)


@pytest.mark.parametrize("frame", ["fk5", "galactic"])
@pytest.mark.parametrize(
    ("ra", "dec", "across", "projection"),
    [
        (83.6, 22.0, 16.0, "TAN"),
        (83.6, 22.0, 3.0, "TAN"),
        (0.5, -10.0, 60.0, "TAN"),
        (266.0, -29.0, 120.0, "ZEA"),
        (10.0, 90.0, 30.0, "TAN"),
    ],
)
def test_known_fields(ra: float, dec: float, across: float, projection: str, frame: str) -> None:
    wcs = sky(ra, dec, across, projection)
    grid = graticule(wcs, (SIDE, SIDE), frame=frame)
    check(grid, wcs, frame)
    assert len(grid.labels) >= 0.6 * len(set(grid.names))


@pytest.mark.parametrize(("dec", "projection"), [(90.0, "TAN"), (-90.0, "ZEA"), (86.0, "TAN"), (-87.0, "ZEA")])
def test_at_a_pole_meridians_meet_and_parallels_close(dec: float, projection: str) -> None:
    wcs = sky(120.0, dec, 40.0, projection)
    grid = graticule(wcs, (SIDE, SIDE))
    check(grid, wcs)
    meridians = {name for name in grid.names if name[0] not in "+-"}
    assert meridians == {f"{ra}°" for ra in range(0, 360, 30)}, "all 24 hours"
    pole = wcs.wcs_world2pix([[0.0, np.copysign(90.0, dec)]], 0)[0]
    radius = min(*pole, *(SIDE - 1 - pole)) * 40 / SIDE
    rings = 0
    for line, name in zip(grid.lines, grid.names, strict=True):
        distance = np.hypot(*(line - pole).T)
        if name in meridians:
            assert distance.min() < 1e-6
        elif 90 - abs(float(name.rstrip("°"))) < 0.9 * radius:
            np.testing.assert_allclose(line[0], line[-1], atol=1e-6)
            rings += 1
    assert rings >= 2


def test_across_ra_0() -> None:
    grid = graticule(sky(0.3, 5.0, 4.0), (SIDE, SIDE))
    meridians = dict.fromkeys(name for name in grid.names if name[0] not in "+-")
    assert list(meridians) == ["358.5°", "359.0°", "359.5°", "0.0°", "0.5°", "1.0°", "1.5°", "2.0°"]
    assert [text for _, _, text in sorted(grid.labels, key=lambda label: -label[0]) if text in meridians][:2] == ["359.0°", "359.5°"]


def test_labels_suit_the_step() -> None:
    wcs = sky(83.6, 22.0, 30.0)
    middle = SIDE / 2 - 1
    texts = [
        set(graticule(wcs, (SIDE, SIDE), window=(middle - half, middle + half, middle - half, middle + half)).names)
        for half in (180.0, 8.0, 0.8)
    ]
    assert {"+20°", "80°"} < texts[0]
    assert {"+22.0°", "83.6°"} < texts[1]
    assert {"+22.00°", "+21.98°", "83.60°"} < texts[2]


def test_beyond_the_map_there_is_nothing() -> None:
    wcs = sky(83.6, 22.0, 16.0)
    assert graticule(wcs, (SIDE, SIDE), window=(-300.0, -10.0, 0.0, 100.0)) == Graticule()
    wide = graticule(wcs, (SIDE, SIDE), window=(-500.0, 900.0, -100.0, 500.0))
    assert wide.names == graticule(wcs, (SIDE, SIDE)).names
    whole_sky = sky(0.0, 0.0, 400.0, "ZEA")
    grid = graticule(whole_sky, (SIDE, SIDE))
    assert all(np.isfinite(line).all() for line in grid.lines)
    assert graticule(whole_sky, (SIDE, SIDE), window=(0.0, 20.0, 0.0, 20.0)) == Graticule()


def test_a_grid_is_drawn_while_a_map_is_dragged() -> None:
    wcs = sky(266.0, -29.0, 120.0, "ZEA")
    graticule(wcs, (SIDE, SIDE), frame="galactic")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        graticule(wcs, (SIDE, SIDE), frame="galactic")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.015
