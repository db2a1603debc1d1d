from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.elements.window import BUDGET, Window, around, seen

SHAPE = (1000, 1000)
WHOLE = (-0.5, 999.5)


def test_a_small_map_travels_whole_and_untouched() -> None:
    indices = np.arange(600 * 600, dtype=np.uint8).reshape(600, 600)
    window = around(indices.shape, (100, 110), (100, 110))
    assert window == Window(0, 600, 0, 600)
    np.testing.assert_array_equal(window.cut(indices), indices)


@pytest.mark.parametrize(("y", "x"), [(400, 500), (401, 500), (400, 501), (999, 999)])
def test_a_large_map_keeps_its_sources_and_holes_whichever_pixel_they_stand_on(y: int, x: int) -> None:
    indices = np.full(SHAPE, 60, dtype=np.uint8)
    indices[:100] = 0
    indices[y, x], indices[200, 200] = 255, 5
    window = around(SHAPE, WHOLE, WHOLE)
    picture = window.cut(indices)
    assert window.step == 2
    assert picture.size <= BUDGET
    assert picture[y // 2, x // 2] == 255
    assert picture[100, 100] == 5, "negative peaks too"
    assert (picture[:50] == 0).all()
    assert np.count_nonzero(picture == 60) == 500 * 450 - 2


def test_the_noise_of_a_reduced_map_stays_centred() -> None:
    indices = np.clip(np.random.default_rng(3).normal(80, 10, SHAPE), 1, 255).astype(np.uint8)
    picture = around(SHAPE, WHOLE, WHOLE).cut(indices)
    assert picture.mean() == pytest.approx(indices.mean(), abs=1.0), "the highest of each block would stand 10 above"


sides = st.integers(1, 3000)
ranges = st.tuples(st.floats(-500, 3500), st.floats(1, 3000)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(sides, sides, ranges, ranges)
def test_a_window_holds_what_is_seen_within_the_budget(ny: int, nx: int, x: tuple[float, float], y: tuple[float, float]) -> None:
    core, window = seen((ny, nx), x, y), around((ny, nx), x, y)
    assert window.serves(core)
    assert window.step == core.step
    rows, columns = window.size
    assert rows * columns <= BUDGET + rows + columns
    assert 0 <= window.x0 < window.x1 <= nx
    assert 0 <= window.y0 < window.y1 <= ny


@pytest.mark.parametrize(("x", "y"), [(WHOLE, WHOLE), ((600.0, 680.0), (660.0, 740.0)), ((300.0, 999.0), (300.0, 999.0))])
def test_the_picture_lies_where_its_pixels_are(x: tuple[float, float], y: tuple[float, float]) -> None:
    indices = np.full(SHAPE, 60, dtype=np.uint8)
    indices[700, 640] = 200
    window = around(SHAPE, x, y)
    data = window.columns(window.cut(indices))
    (picture,), (left,), (bottom,), (width,), (height,) = (np.asarray(data[name]) for name in ("image", "x", "y", "dw", "dh"))
    rows, columns = picture.shape
    assert (np.argwhere(picture == 200) == [int((700 - bottom) / (height / rows)), int((640 - left) / (width / columns))]).all()


def test_zooming_in_asks_for_a_sharper_window_and_a_short_drag_for_none() -> None:
    assert not around(SHAPE, WHOLE, WHOLE).serves(seen(SHAPE, (400, 600), (400, 600)))
    window = around(SHAPE, (400, 600), (400, 600))
    assert window.step == 1
    assert window.serves(seen(SHAPE, (450, 650), (350, 550)))
    assert not window.serves(seen(SHAPE, (0, 200), (400, 600)))
