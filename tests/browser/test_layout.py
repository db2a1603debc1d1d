"""The page fits every window from a phone to a wide screen."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Served, Visitor, visiting

BOXES = """() => {
  const found = {}
  const walk = root => { for (const e of root.querySelectorAll("*")) {
    for (const name of ["header", "ask", "truth-pane", "pane"]) if (e.classList.contains(name)) {
      const b = e.getBoundingClientRect()
      found[`${name} ${Object.keys(found).length}`] = [b.left + scrollX, b.top + scrollY, b.right + scrollX, b.bottom + scrollY]
    }
    if (e.shadowRoot) walk(e.shadowRoot) } }
  walk(document)
  return {boxes: found, width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight}
}"""

CUT = """() => {
  const cells = [], walk = root => { for (const e of root.querySelectorAll("*")) {
    if (e.matches(".tabulator-cell, .tabulator-col-title") && e.innerText.trim()) cells.push(e)
    if (e.shadowRoot) walk(e.shadowRoot) } }
  walk(document)
  return cells.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)
}"""


def overlap(a: list[float], b: list[float]) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


def check(visitor: Visitor, width: int, height: int) -> None:
    page: dict[str, Any] = visitor.page.evaluate(BOXES)
    boxes: dict[str, list[float]] = page["boxes"]
    assert len(boxes) == 7, "header, request, line of truth, four panes"
    assert page["width"] <= width, "no horizontal scroll"
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert not overlap(a, b), f"{one} lies over {other}: {a} {b}"
    for name, (left, top, right, bottom) in boxes.items():
        assert left >= 0, name
        assert right <= width, name
        if name.startswith("pane"):
            assert bottom - top >= 200, f"{name} can be used"
            assert right - left >= 300, f"{name} can be used"
    if width >= 1280:
        assert page["height"] <= height, "one screen"
    for button in ("Run", "Plan", "significance", "variance"):
        box = visitor.page.get_by_role("button", name=button, exact=True).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width, button


@pytest.mark.parametrize("sizes", [((1280, 800), (1440, 900), (1920, 1080), (2560, 1440)), ((390, 844),)], ids=["desk", "phone"])
def test_nothing_overlaps_and_nothing_is_cut(finished: str, browser: Browser, sizes: tuple[tuple[int, int], ...]) -> None:
    with visiting(browser, *sizes[0]) as visitor:
        visitor.open(finished)
        visitor.wait_for_sources()
        for width, height in sizes:
            visitor.page.set_viewport_size({"width": width, "height": height})
            visitor.page.wait_for_function("w => innerWidth == w", arg=width)
            check(visitor, width, height)
            cut = visitor.page.evaluate(CUT)
            assert cut == [], f"what the table says is read whole at {width} px"


def test_the_longest_form_keeps_plan_and_run_in_view(site: Served, visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.open(site.url)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing asked yet, on a phone"
    visitor.page.set_viewport_size({"width": 1280, "height": 800})
    for name in ("JEM-X 1", "Spectrum", "Light curve"):
        visitor.page.get_by_label(name, exact=True).check()
    visitor.page.get_by_label("Time bin [s]").wait_for()
    visitor.click("Plan")
    visitor.read("5σ limit")
    for button in ("Plan", "Run"):
        box = visitor.page.get_by_role("button", name=button, exact=True).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, button
    for label in ("From [UTC]", "To [UTC]"):
        assert visitor.field(label).evaluate("e => e.scrollWidth <= e.clientWidth"), f"{label} is read whole"
