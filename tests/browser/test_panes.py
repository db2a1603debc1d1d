"""Panes enlarge, hide and give each other room; the keys; light and dark; all of it kept in the browser."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Served, Visitor, finished_run, visiting
from tests.browser.test_layout import BOXES, check, overlap

BOX = """name => {
  const walk = root => { for (const e of root.querySelectorAll("*")) {
    if (e.classList.contains(name)) return e
    const found = e.shadowRoot && walk(e.shadowRoot)
    if (found) return found } }
  const {x, y, width, height} = walk(document).getBoundingClientRect()
  return [x, y, width, height]
}"""
ON_TOP = """([x, y]) => {
  let e = document.elementFromPoint(x, y)
  for (let inner; (inner = e?.shadowRoot?.elementFromPoint(x, y)) && inner != e;) e = inner
  while (e && !e.classList?.contains("pane")) e = e.parentNode ?? e.host
  return e ? [...e.classList].find(name => name.endsWith("-pane")) : null
}"""
"""The pane that is seen at a place."""
SPY = """() => {
  window.clicked = []
  document.addEventListener("click", event => {
    const button = event.composedPath().find(e => e.tagName == "BUTTON"), what = button?.innerText.trim()
    if (button) clicked.push(what)
    if (what == "Run") event.stopImmediatePropagation()
  }, true)
}"""
"""Notes which buttons are pressed, by whatever; Run is noted, and not run."""
LARGE = "document.documentElement.hasAttribute('data-large')"
BRIGHT = """bright => {
  const ground = element => getComputedStyle(element).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, n) => sum + +n, 0) / 3
  return (ground(document.body) > 127) == bright
}"""
ALL = ("sky-pane", "sources-pane", "histogram-pane", "time-pane")
PANES = {"1": "sky-pane", "2": "sources-pane", "3": "energy-pane", "4": "time-pane"}
BANDS = ("ISGRI 24–31 keV", "ISGRI 31–52 keV")
Box = tuple[float, float, float, float]  # left, top, width, height


@pytest.fixture(scope="module")
def whole(site: Served, browser: Browser) -> str:
    """Address of a run with mosaics of two bands and a spectrum: it fills all panes that have a key."""
    run_id = finished_run(site, browser, s_max=30, product=["mosaic", "spectrum"], bands=[[24.0, 31.0], [31.0, 52.0]])
    return f"{site.url}?run={run_id}"


def box(page: Page, name: str) -> Box:
    left, top, width, height = page.evaluate(BOX, name)
    return left, top, width, height


def boxes(page: Page, names: Iterable[str]) -> dict[str, Box]:
    return {name: box(page, name) for name in names}


def until(page: Page, name: str, told: str, arg: Any = None) -> None:
    """Until left, top, width and height of a pane hold what is told of them."""
    page.wait_for_function(f"([name, arg]) => {{ const [x, y, w, h] = ({BOX})(name); return {told} }}", arg=[name, arg])


def until_they_are(page: Page, wanted: dict[str, Box]) -> None:
    for name, each in wanted.items():
        until(page, name, "[x, y, w, h].every((value, i) => Math.abs(value - arg[i]) < 2)", list(each))


def filled(visitor: Visitor) -> tuple[float, float]:
    """Width and height of the map, once it fills its pane: the figure, its canvas, and the frame it draws in."""
    fills = """(_, view, [x, y, w, h]) => {
      const figure = view.el.getBoundingClientRect(), {bbox} = view.frame, paper = view.canvas.primary.canvas
      return figure.left >= x && figure.right <= x + w && w - figure.width < 12 && h - figure.height < 120 &&
        Math.abs(bbox.width - figure.width) < 40 && Math.abs(bbox.height - figure.height) < 40 &&
        Math.abs(paper.width - figure.width * devicePixelRatio) < 2 && Math.abs(paper.height - figure.height * devicePixelRatio) < 2
    }"""
    sky, pane = visitor.plot("Sky, "), box(visitor.page, "sky-pane")
    sky.wait(fills, list(pane))
    frame = sky.tell("(_, view) => [view.frame.bbox.width, view.frame.bbox.height]")
    return frame[0], frame[1]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def shelf(page: Page) -> Locator:
    """What waits in the header."""
    return page.locator("[data-shelf] button")


def opened(visitor: Visitor, address: str) -> Page:
    visitor.open(address)
    visitor.read("6 of 6 batches")
    visitor.wait_for_sources()
    return visitor.page


def assert_fits(page: Page, width: int) -> None:
    """Nothing leaves the window to the right, no button of the header either, and no two of the shown boxes overlap."""
    found = page.evaluate(BOXES)
    assert found["width"] <= width, "no horizontal scroll"
    shown = {name: each for name, each in found["boxes"].items() if each[2] - each[0] > 0}
    for (one, a), (other, b) in combinations(shown.items(), 2):
        assert not overlap(a, b), f"{one} lies over {other}: {a} {b}"
    for name, each in shown.items():
        assert 0 <= each[0] < each[2] <= width, name
        assert not name.startswith("pane") or each[2] - each[0] >= 300, f"{name} can be used"
    for button in page.locator(".page-acts button").all():
        edges = button.bounding_box()
        assert edges is not None
        assert edges["x"] + edges["width"] <= width, f"{button.inner_text()} can be reached"


def test_a_pane_enlarges_and_hides_and_all_come_back(finished: str, visitor: Visitor) -> None:
    page = opened(visitor, finished)
    small, before = filled(visitor), boxes(page, ALL)
    visitor.click("Enlarge Sky")
    until(page, "sky-pane", "w > 1.5 * arg", before["sky-pane"][2])
    for name, (left, top, width, height) in before.items():
        for x, y in ((0.1, 0.2), (0.9, 0.2), (0.5, 0.5), (0.1, 0.9), (0.9, 0.9)):
            assert page.evaluate(ON_TOP, [left + x * width, top + y * height]) == "sky-pane", f"{name} is covered"
    grown = filled(visitor)
    assert grown[0] > 1.5 * small[0]
    assert grown[1] > 1.2 * small[1]
    page.keyboard.press("Escape")
    until_they_are(page, before)
    assert filled(visitor) == pytest.approx(small, abs=3)

    left, top, width, height = before["histogram-pane"]
    drag(page, (left + width / 2, top - 5), (left + width / 2, top - 65))
    until(page, "histogram-pane", "Math.abs(h - arg) < 8", height + 60)
    page.mouse.dblclick(left + width / 2, top - 65)
    until_they_are(page, {"histogram-pane": before["histogram-pane"]})

    visitor.click("Enlarge Sky")
    page.wait_for_function(LARGE)
    visitor.click("Hide Sky")
    page.wait_for_function(f"!{LARGE}")
    expect(shelf(page)).to_have_text(["+ Sky"])
    expect(page.locator(".sky-pane")).not_to_be_visible()
    until(page, "sources-pane", "w > 1.9 * arg", before["sources-pane"][2])
    page.keyboard.press("1")
    assert not page.evaluate(LARGE), "what is hidden is not enlarged"
    page.reload()
    page.get_by_role("gridcell", name="Crab").wait_for(timeout=60_000)
    expect(shelf(page)).to_have_text(["+ Sky"])
    expect(page.locator(".sky-pane")).not_to_be_visible()
    until(page, "sources-pane", "w > 1.9 * arg", before["sources-pane"][2])
    shelf(page).click()
    until_they_are(page, before)
    expect(shelf(page)).to_have_count(0)
    assert filled(visitor) == pytest.approx(small, abs=3)


@pytest.mark.slow
def test_the_gaps_give_room_and_a_double_click_takes_it_back(whole: str, visitor: Visitor) -> None:
    page = opened(visitor, whole)
    before = boxes(page, PANES.values())
    left, top, width, height = before["sky-pane"]
    drag(page, (left + width + 5, top + height / 2), (left + width + 155, top + height / 2))
    until(page, "sky-pane", "Math.abs(w - arg) < 8", width + 150)
    until(page, "sources-pane", "Math.abs(w - arg) < 8", before["sources-pane"][2] - 150)
    filled(visitor)
    drag(page, (left + width / 2, top + height + 5), (left + width / 2, top + height - 95))
    until(page, "time-pane", "Math.abs(h - arg) < 8", before["time-pane"][3] + 100)
    until(page, "sky-pane", "Math.abs(h - arg) < 8", height - 100)
    filled(visitor)
    x, y, wide, high = box(page, "sources-pane")
    drag(page, (x + wide / 2, y + high + 5), (x + wide / 2, y + high + 45))
    until(page, "sources-pane", "Math.abs(h - arg) < 8", high + 40)
    moved = boxes(page, before)

    page.reload()
    visitor.wait_for_sources()
    until_they_are(page, moved)
    x, y, wide, high = moved["sources-pane"]
    page.mouse.dblclick(x + wide / 2, y + high + 5)
    until(page, "sources-pane", "h < arg", high - 20)
    page.mouse.dblclick(x - 5, y + 50)
    until(page, "sky-pane", "Math.abs(w - arg) < 2", width)
    page.mouse.dblclick(left + width / 2, moved["time-pane"][1] - 5)
    until_they_are(page, before)
    filled(visitor)
    assert page.evaluate("JSON.parse(localStorage.getItem('integral-panes')).sizes") == {}, "nothing of it is kept"


def test_every_key_acts(whole: str, visitor: Visitor) -> None:
    page = opened(visitor, whole)
    press, keys = page.keyboard.press, page.get_by_role("dialog", name="Keys")
    press("?")
    expect(keys).to_contain_text("enlarge sky, sources, energy, time")
    press("Escape")
    expect(keys).to_have_count(0)
    before = boxes(page, PANES.values())
    for key, name in PANES.items():
        press(key)
        until(page, name, "w * h > 1.5 * arg", before[name][2] * before[name][3])
        assert page.evaluate(ON_TOP, [800, 500]) == name
        press(key)
        until_they_are(page, before)

    for key, plane in (("f", "flux"), ("e", "exposure"), ("v", "variance"), ("i", "significance")):
        press(key)
        expect(page.get_by_role("button", name=plane, exact=True)).to_have_class(re.compile("bk-active"))
        page.get_by_role("img", name=re.compile(f"^Sky, {plane}: ")).wait_for()
    band, flux = visitor.field("Mosaic shown").locator("option:checked"), page.get_by_role("gridcell", name=re.compile("±")).first
    expect(band).to_have_text(BANDS[0])
    told = flux.inner_text()
    press("b")
    expect(band).to_have_text(BANDS[1])
    expect(flux).not_to_have_text(told)
    press("b")
    expect(band).to_have_text(BANDS[0])
    expect(flux).to_have_text(told)
    for bright in (False, True):
        press("d")
        page.wait_for_function(BRIGHT, arg=bright)
    page.evaluate(SPY)
    press("p")
    press("r")
    assert page.evaluate("clicked") == ["Plan", "Run"]


def test_no_key_acts_while_somebody_types(whole: str, visitor: Visitor) -> None:
    page = opened(visitor, whole)
    page.evaluate(SPY)
    page.keyboard.press("/")
    keys, field = "?/pr1234bifevdPRBIFEVD", visitor.field("Source")
    expect(field).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type(keys)
    expect(field).to_have_value(keys)
    visitor.fill("Source", "Crab")
    band = visitor.field("Mosaic shown")
    band.focus()
    page.keyboard.type("pd1bv")  # no band begins so: the menu itself would go there
    expect(band.locator("option:checked")).to_have_text(BANDS[0])
    assert page.evaluate("clicked") == []
    assert page.evaluate("document.documentElement.dataset.theme ?? null") is None
    assert not page.evaluate(LARGE)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_follows_the_system_until_it_is_chosen(site: Served, visitor: Visitor) -> None:
    page = visitor.page
    visitor.open(site.url)
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(BRIGHT, arg=scheme == "light")
    visitor.click("Light or dark")
    page.wait_for_function(BRIGHT, arg=True)
    page.reload()
    page.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)
    page.wait_for_function(BRIGHT, arg=True)
    visitor.click("Light or dark")
    page.wait_for_function(BRIGHT, arg=False)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(BRIGHT, False), "what is chosen stays, whatever the system says"


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [((390, 844),), ((2560, 1440), (1280, 800))], ids=["phone", "desk"])
def test_whatever_is_enlarged_or_hidden_nothing_overlaps(finished: str, browser: Browser, sizes: tuple[tuple[int, int], ...]) -> None:
    with visiting(browser, *sizes[0]) as visitor:
        page = opened(visitor, finished)
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function("w => innerWidth == w", arg=width)
            before = boxes(page, ALL)
            visitor.click("Enlarge Sky")
            page.wait_for_function(LARGE)
            left, top, wide, high = box(page, "sky-pane")
            assert 0 <= left < left + wide <= width
            assert 0 <= top < top + high <= height
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.keyboard.press("Escape")
            until_they_are(page, {"sky-pane": before["sky-pane"]})
            for n, name in enumerate(("Sources", "Significance of all pixels, scaled", "Sky", "Time"), 1):
                visitor.click(f"Hide {name}")
                expect(shelf(page)).to_have_count(n)
                assert_fits(page, width)
            for n, name in enumerate(("Time", "Sources", "Histogram", "Sky"), 1):
                visitor.click(f"+ {name}")
                expect(shelf(page)).to_have_count(4 - n)
                assert_fits(page, width)
                if n == 1 and width > 900:
                    until(page, "time-pane", "y < 200 && y + h > innerHeight - 12")  # all that is shown has all the room
            until_they_are(page, before)
            check(visitor, width, height)
