from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.elements.colours import BACKGROUND
from components.elements.rgb import LEVELS, rgb_picture

QUANTUM = 255 / (np.array(LEVELS) - 1)
INDEX = st.integers(1, 255)


def drawn(red: int, green: int, blue: int, shape: tuple[int, int] = (64, 64)) -> NDArray[np.float64]:
    """(ny, nx, 3): colours 0 to 255 of a picture of three constant bands."""
    picture, palette = rgb_picture(*(np.full(shape, index, dtype=np.uint8) for index in (red, green, blue)))
    assert picture.min() > 0
    return np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in palette])[picture].astype(float)


@pytest.mark.parametrize("colour", [(a, b, c) for a in (1, 255) for b in (1, 255) for c in (1, 255)])
def test_pure_colours_are_pure(colour: tuple[int, int, int]) -> None:
    assert (drawn(*colour) == np.where(np.array(colour) == 255, 255, 0)).all()


@given(INDEX, INDEX, INDEX)
def test_a_patch_has_the_colour_that_was_asked(red: int, green: int, blue: int) -> None:
    colours, asked = drawn(red, green, blue), (np.array([red, green, blue]) - 1) * 255 / 254
    np.testing.assert_allclose(colours.mean(axis=(0, 1)), asked, atol=0.01 * 255)
    np.testing.assert_allclose(colours[8:16, 40:48].mean(axis=(0, 1)), asked, atol=0.01 * 255)
    assert (np.abs(colours - asked) <= QUANTUM + 1).all(), "no pixel is farther off than a step"


@given(INDEX)
def test_grey_stays_grey(index: int) -> None:
    colours = drawn(index, index, index)
    assert np.ptp(colours, axis=2).max() <= QUANTUM.max() + 1
    assert np.ptp(colours.mean(axis=(0, 1))) < 0.01 * 255


def test_a_gradient_has_no_bands() -> None:
    ramp = np.repeat(np.arange(1, 256, dtype=np.uint8)[None], 64, axis=0)
    picture, palette = rgb_picture(ramp, ramp, ramp)
    red = np.array([int(colour[1:3], 16) for colour in palette])[picture].mean(axis=0)
    steps = red[8:].reshape(-1)[: 240 // 8 * 8].reshape(-1, 8).mean(axis=1)
    np.testing.assert_allclose(np.diff(steps), 8 * 255 / 254, atol=2.6)


def test_no_value_stays_no_value_and_one_band_is_enough() -> None:
    none, full = np.zeros((8, 8), dtype=np.uint8), np.full((8, 8), 255, dtype=np.uint8)
    picture, palette = rgb_picture(none, none, none)
    assert (picture == 0).all()
    assert palette[0] == BACKGROUND
    assert len(palette) == 256
    picture, palette = rgb_picture(none, full, none)
    assert {palette[index] for index in picture.ravel()} == {"#00ff00"}
    dark, _ = rgb_picture(none, np.ones((8, 8), dtype=np.uint8), none)
    assert (dark > 0).all(), "the faintest colour is a value"
