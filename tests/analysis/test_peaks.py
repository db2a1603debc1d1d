"""Local maxima."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from dashboard.analysis.peaks import local_maxima, unexplained


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-2, 3))
def test_same_pixels_as_a_maximum_filter(seed: int, floor: float) -> None:
    image = np.random.default_rng(seed).standard_normal((23, 31))
    image[4:7, 9:15] = np.nan
    filled = np.where(np.isnan(image), -np.inf, image)
    expected = np.argwhere((maximum_filter(filled, size=5, mode="constant", cval=-np.inf) == filled) & (filled >= floor))
    found = local_maxima(image, floor)
    assert {tuple(p) for p in found} == {tuple(p) for p in expected}
    assert (np.diff(image[found[:, 0], found[:, 1]]) <= 0).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.int8, (9, 9), elements=st.integers(0, 3)))
def test_of_equal_neighbours_one_is_taken(image: NDArray[np.int8]) -> None:
    found = local_maxima(image.astype(float), 1.0)
    assert len(found) > 0 or image.max() < 1
    apart = np.abs(found[:, None] - found).max(axis=2)
    assert (apart[~np.eye(len(found), dtype=bool)] > 2).all()


def test_tiny_and_empty_maps() -> None:
    assert local_maxima(np.array([[3.0]]), 1).tolist() == [[0, 0]]
    assert len(local_maxima(np.full((4, 4), np.nan), 1)) == 0


def test_side_structure_is_weak_and_near() -> None:
    candidates = np.array([[50, 53], [50, 53], [50, 70]])
    height = np.array([9.0, 20.0, 9.0])
    assert unexplained(candidates, height, np.array([[50.0, 50.0]]), np.array([300.0]), radius=5).tolist() == [False, True, True]
    assert unexplained(candidates, height, np.empty((0, 2)), np.empty(0), radius=5).all()
