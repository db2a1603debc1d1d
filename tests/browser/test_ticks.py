"""Ticks of logarithmic axes: an axis of energies is read by its numbers."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import Browser

from assets import asset_path
from tests.browser.conftest import visiting

CASES = {
    (13.0, 1000.0): [20, 50, 100, 200, 500, 1000],
    (3.0, 35.0): [5, 10, 20],
    (20.0, 25.0): [20, 21, 22, 23, 24, 25],
    (0.002, 0.0071): [0.002, 0.003, 0.004, 0.005, 0.006, 0.007],
    (1e-3, 2e2): [1e-3, 1e-2, 1e-1, 1, 10, 100],
    (1e-9, 1e9): [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9],
    (0.0, 10.0): [],
    (math.inf, 10.0): [],
}


@pytest.fixture(scope="module")
def ticks(browser: Browser) -> dict[tuple[float, float], tuple[list[float], list[float]]]:
    """Of each range, and of the same range upside down."""
    code = asset_path("log_ticks.js").read_text()
    with visiting(browser) as visitor:
        told = "([code, start, end]) => new Function('cb_data', code)({start, end})"
        page = visitor.page
        return {(a, b): (page.evaluate(told, [code, a, b]), page.evaluate(told, [code, b, a])) for a, b in CASES}


@pytest.mark.parametrize("span", CASES, ids=str)
def test_ticks_are_round_numbers_within_the_range(
    ticks: dict[tuple[float, float], tuple[list[float], list[float]]], span: tuple[float, float]
) -> None:
    upright, upside_down = ticks[span]
    assert upright == CASES[span]
    assert upside_down == upright
