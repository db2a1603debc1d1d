"""Everything can be reached and done with the keyboard alone, and what has the focus shows it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import VIEW, Visitor

FOCUSED = """() => {
  let e = document.activeElement
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
  if (!e || e == document.body) return null
  const style = getComputedStyle(e), label = e.labels?.[0]?.innerText ?? ""
  return {what: e.getAttribute("aria-label") ?? (label.trim() || e.innerText || e.title || e.className),
          tag: e.tagName, outline: style.outlineStyle == "none" ? 0 : parseFloat(style.outlineWidth), colour: style.outlineColor}
}"""


def tab(visitor: Visitor) -> dict[str, Any] | None:
    visitor.page.keyboard.press("Tab")
    found: dict[str, Any] | None = visitor.page.evaluate(FOCUSED)
    return found


def go_to(visitor: Visitor, what: str) -> None:
    """Tab until the element has the focus; once round the page at most."""
    for _ in range(150):
        here = tab(visitor)
        if here is not None and re.match(what, here["what"]):
            return
    raise AssertionError(f"Tab alone does not reach {what}")


def test_tab_reaches_all_in_reading_order_and_the_focus_is_seen(finished: str, visitor: Visitor) -> None:
    visitor.open(finished)
    visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
    seen = []
    while (here := tab(visitor)) is not None:
        seen.append(here)
        assert len(seen) < 150, "the focus goes round"
    words = [here["what"] for here in seen]
    stations: tuple[str, ...] = (
        "FITS mosaic",
        "ECSV",
        "CSV",
        "DS9 regions",
        "Source",
        "Crab",
        "Vela X-1",
        "V404",
        "Galactic centre",
        "ISGRI",
        "JEM-X 1",
        "Mosaic",
        "Light curve",
        "From",
        "To",
        "E min",
    )
    stations += ("E max", "Radius", "Threshold", "▸ Advanced", "Plan", "Run", "significance", "flux", "exposure", "variance", "Crab, show")
    places: list[int] = []
    for station in stations:
        place = next((i for i, word in enumerate(words) if word.startswith(station) and i > max(places, default=-1)), None)
        assert place is not None, f"{station} is not reached after {words[max(places, default=0)]}: {words}"
        places.append(place)
    for place in places:
        assert seen[place]["outline"] >= 2, f"the focus on {words[place]} is not seen"
        assert seen[place]["colour"] == "rgb(31, 95, 191)", words[place]


@pytest.mark.slow
def test_enter_and_space_act(finished: str, visitor: Visitor) -> None:
    visitor.open(finished)
    visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
    visitor.page.locator("canvas").first.wait_for()
    press = visitor.page.keyboard.press

    go_to(visitor, "FITS mosaic")
    with visitor.page.expect_download() as waiting:
        press("Enter")
    assert waiting.value.suggested_filename.endswith("mosaic.fits")

    go_to(visitor, "variance")
    press("Space")
    expect(visitor.page.get_by_role("button", name="variance", exact=True)).to_have_class(re.compile("bk-active"))

    whole = visitor.page.evaluate(VIEW)
    go_to(visitor, "Crab, show")
    press("Enter")
    visitor.page.wait_for_function(f"w => {{ const v = ({VIEW})(); return v[1] - v[0] < w }}", arg=0.5 * (whole[1] - whole[0]))

    go_to(visitor, "Run$")
    press("Enter")
    visitor.page.wait_for_url(lambda url: "run=" in url and url != finished, timeout=30_000)

    go_to(visitor, "▸ Advanced")
    press("Space")
    visitor.page.get_by_label("s_max").first.wait_for()
    go_to(visitor, "Vela X-1")
    press("Enter")
    expect(visitor.field("Source")).to_have_value("Vela X-1")
    go_to(visitor, "Plan")
    press("Space")
    visitor.read("Vela X-1 135.5286")
