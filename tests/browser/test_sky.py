"""The sky pane: its scale, the numbers under the cursor, colours and limits, ruler and regions, several bands at once."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from playwright.sync_api import Locator, expect
from regions import Regions

from tests.browser.conftest import Plot, Visitor

FACTS = "plot.js_event_callbacks.mousemove[0].args.info.tags[0]"
"""What the browser knows of the map that is shown."""
SUM = (
    "plot.renderers.find(r => r.glyph.type == 'Image').data_source.data.image[0].reduce((a, v, i) => (31 * a + v * (i % 97 + 1)) % 1e9, 0)"
)
"""Another number for every other picture."""
PALETTE = "plot.renderers.find(r => r.glyph.type == 'Image').glyph.color_mapper.palette"
NAMES = "plot.renderers.find(r => r.glyph.text?.field == 'name').data_source.data"
LABELS = "[...plot.renderers.find(r => r.glyph.text?.field == 'text').data_source.data.text]"
SQUARE = f"""(plot, view) => {{
  const {{cdelt: [a, d]}} = {FACTS}, {{width, height}} = view.frame.bbox, {{x_range: x, y_range: y}} = plot
  return [width / Math.abs(a * (x.end - x.start)), height / Math.abs(d * (y.end - y.start)), width, height]
}}"""
"""Screen pixels a degree in x and in y, and the size of the frame."""
NUMBER = r"([−+]?[\d.]+)"
CRAB = SkyCoord(83.633, 22.014, unit="deg")


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def opened(visitor: Visitor, address: str) -> Plot:
    """The map of a run, once it is drawn."""
    visitor.open(address)
    visitor.wait_for_sources()
    sky = visitor.plot("Sky, ")
    sky.wait("(_, view) => view.frame.bbox.width > 100")
    return sky


def open_menu(visitor: Visitor) -> Locator:
    visitor.page.locator(".view button").click()
    menu = visitor.page.locator(".sky-menu")
    menu.wait_for()
    return menu


def choose(visitor: Visitor, label: str, option: str) -> None:
    visitor.field(label).select_option(option)


def readout(visitor: Visitor) -> Locator:
    return visitor.page.locator(".readout .bk-clearfix")


def told_at(visitor: Visitor, sky: Plot, x: float, y: float) -> str:
    """The line of numbers with the mouse on a pixel of the map."""
    line = readout(visitor)
    before = line.inner_text()
    visitor.page.mouse.move(*sky.spot(x, y))
    expect(line).not_to_have_text(before)
    expect(line).to_contain_text(re.compile(r"RA .* · .*s$"))
    return line.inner_text()


def ra_at(visitor: Visitor, sky: Plot, x: float, y: float) -> float:
    found = re.match(rf"RA {NUMBER}", told_at(visitor, sky, x, y))
    assert found is not None
    return number(found.group(1))


def places(sky: Plot) -> dict[str, tuple[float, float]]:
    """Pixel of the map of every source that is named."""
    names, xs, ys = sky.tell(f"plot => [[...{NAMES}.name], [...{NAMES}.x], [...{NAMES}.y]]")
    return {name: (x, y) for name, x, y in zip(names, xs, ys, strict=True)}


def catalogue(visitor: Visitor, folder: Path) -> dict[str, dict[str, str]]:
    """The table of sources, as one takes it home, by name."""
    with visitor.page.expect_download() as waiting:
        visitor.page.get_by_role("link", name=re.compile("^CSV")).click()
    waiting.value.save_as(folder / "sources.csv")
    with (folder / "sources.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def changed(sky: Plot, told: str, before: Any) -> Any:
    """Until something of the figure is no longer what it was; what it is now."""
    sky.wait(f"(plot, _, before) => JSON.stringify({told}) != JSON.stringify(before)", before)
    return sky.tell(f"plot => {told}")


def test_a_degree_is_as_long_in_both_axes_and_the_cursor_tells_what_is_there(finished: str, visitor: Visitor, tmp_path: Path) -> None:
    sky, page = opened(visitor, finished), visitor.page

    def assert_square() -> float:
        sky.wait(f"(plot, view) => {{ const [x, y] = ({SQUARE})(plot, view); return Math.abs(x / y - 1) < 0.01 }}")
        return float(sky.tell(SQUARE)[0])

    assert_square()
    size = "view.frame.bbox.width"
    for act in (
        lambda: page.set_viewport_size({"width": 1280, "height": 800}),
        lambda: page.get_by_role("button", name="Enlarge Sky").click(),
        lambda: page.keyboard.press("Escape"),
        lambda: page.set_viewport_size({"width": 1440, "height": 900}),
    ):
        before = sky.tell(f"(_, view) => {size}")
        act()
        sky.wait(f"(_, view, before) => Math.abs({size} - before) > 20", before)
        scale = assert_square()

    known = catalogue(visitor, tmp_path)
    named = places(sky)
    assert "Crab" in named
    for name, at in named.items():
        row, told = known[name], told_at(visitor, sky, *at)
        ra, dec = (number(found) for found in re.findall(rf"(?:RA|Dec) {NUMBER}", told))
        apart = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(float(row["ra_deg"]), float(row["dec_deg"]), unit="deg")).deg
        assert apart <= np.hypot(1, 1) / scale + 1e-3, name
        exposure = re.search(r"· ([\d.]+) (ks|Ms)$", told)
        assert exposure is not None, told
        seconds = float(exposure.group(1)) * {"ks": 1e3, "Ms": 1e6}[exposure.group(2)]
        assert seconds == pytest.approx(float(row["exposure_s"]), rel=0.1), f"{name}: a map of the exposure that is coarse"
    x, y = named["Crab"]
    degrees = np.diff([ra_at(visitor, sky, place, y) for place in (x + 20, x, x - 20)])
    assert degrees * np.cos(CRAB.dec.rad) == pytest.approx(20 * abs(sky.tell(f"plot => {FACTS}.cdelt[0]")), rel=0.05), (
        "RA grows to the left"
    )


def test_colours_limits_and_grid(finished: str, visitor: Visitor) -> None:
    sky = opened(visitor, finished)
    open_menu(visitor)
    picture = sky.tell(f"plot => {SUM}")
    pictures = {picture}
    for stretch in ("linear", "sqrt", "log", "asinh"):
        choose(visitor, "Stretch", stretch)
        picture = changed(sky, SUM, picture)
        assert sky.tell(f"plot => {FACTS}.stretch") == stretch
        pictures.add(picture)
    assert len(pictures) == 4, "every stretch has a picture of its own"
    ends = sky.tell(f"plot => {PALETTE}")
    palettes = {tuple(ends)}
    for colours in ("viridis", "magma", "cividis", "greys", "diverging", "inferno"):
        choose(visitor, "Colour map", colours)
        ends = changed(sky, PALETTE, ends)
        palettes.add(tuple(ends))
    assert len(palettes) == 6

    choose(visitor, "Limits", "symmetric about 0")
    picture = changed(sky, SUM, picture)
    assert sky.tell(f"plot => {FACTS}.low + {FACTS}.high") == 0
    choose(visitor, "Stretch", "log")
    expect(readout(visitor).get_by_role("alert")).to_contain_text("Logarithmic colours start above zero")
    picture = changed(sky, SUM, picture)
    expect(visitor.field("Stretch")).to_have_value("asinh")
    visitor.click("flux")
    sky.wait(f"plot => {FACTS}.label == 'flux'")
    changed(sky, SUM, picture)

    labels = sky.tell(f"plot => {LABELS}")
    assert {"+20°", "90°"} <= set(labels)
    choose(visitor, "Grid", "galactic")
    galactic = changed(sky, LABELS, labels)
    assert "90°" not in galactic
    assert {"180°", "+0°"} <= set(galactic)
    choose(visitor, "Grid", "no grid")
    assert changed(sky, LABELS, galactic) == []
    choose(visitor, "Grid", "RA, Dec")
    assert changed(sky, LABELS, []) == labels


@pytest.mark.slow
def test_typed_limits_stay_until_they_are_unlocked(finished: str, visitor: Visitor) -> None:
    sky, page = opened(visitor, finished), visitor.page
    open_menu(visitor)
    limits = f"[{FACTS}.low, {FACTS}.high]"
    found = sky.tell(f"plot => {limits}")
    visitor.fill("Lowest", "-2")
    visitor.fill("Highest", "17.5")
    sky.wait(f"plot => {FACTS}.high == 17.5")
    assert sky.tell(f"plot => {limits}") == [-2, 17.5]
    page.get_by_role("button", name="🔒 locked").wait_for()
    expect(page.locator(".view button")).to_contain_text("🔒")

    whole = sky.tell(f"plot => {SUM}")
    words = page.locator(".part-words")
    expect(words).to_contain_text("(all)")
    handle = page.locator(".part-slider .noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    expect(words).not_to_contain_text("(all)")
    handle.press("ArrowRight")
    part = changed(sky, SUM, whole)
    assert sky.tell(f"plot => {limits}") == [-2, 17.5], "a part of the time has other numbers, not other colours"

    page.get_by_role("button", name="🔒 locked").click()
    page.get_by_role("button", name="Lock limits").wait_for()
    changed(sky, SUM, part)
    assert sky.tell(f"plot => {FACTS}.high") not in (17.5,)
    handle.press("ArrowLeft")
    handle.press("ArrowLeft")
    expect(words).to_contain_text("(all)")
    sky.wait(f"(plot, _, found) => JSON.stringify({limits}) == JSON.stringify(found)", found)
    visitor.fill("Lowest", "500")
    expect(page.locator(".sky-menu").get_by_role("alert")).to_contain_text("must be below highest")
    assert sky.tell(f"plot => {limits}") == found


@pytest.mark.slow
def test_ruler_and_regions(finished: str, visitor: Visitor, tmp_path: Path) -> None:
    sky, page = opened(visitor, finished), visitor.page
    known, named = catalogue(visitor, tmp_path), places(sky)
    menu = open_menu(visitor)
    told = menu.locator(".quiet .bk-clearfix").last
    other = next(name for name in named if name != "Crab")

    visitor.click("ruler")
    visitor.page.locator(".view button").click()
    expect(menu).not_to_be_visible()
    before = sky.x_range
    sky.wait("plot => plot.toolbar.active_drag == null")
    sky.drag(named["Crab"], named[other])
    measured = re.search(r"^([\d.]+)([°′]) · position angle ([\d.]+)°", readout(visitor).inner_text())
    assert measured is not None, readout(visitor).inner_text()
    here, there = (SkyCoord(float(known[name]["ra_deg"]), float(known[name]["dec_deg"]), unit="deg") for name in ("Crab", other))
    apart = float(measured.group(1)) / {"°": 1, "′": 60}[measured.group(2)]
    assert apart == pytest.approx(here.separation(there).deg, rel=0.01)
    assert float(measured.group(3)) == pytest.approx(here.position_angle(there).deg, abs=1)
    assert sky.x_range == before, "the ruler does not move the map"

    open_menu(visitor)
    visitor.click("circle")
    visitor.page.locator(".view button").click()
    sky.wait("plot => plot.renderers.some(r => r.data_source.tags[0] == 'circle')")
    x, y = named["Crab"]
    sky.drag((x, y), (x + 12, y))
    outlines = "plot.renderers.find(r => r.glyph.line_color?.field == 'colour' && r.glyph.type == 'MultiLine')"
    drawn = f"({outlines}?.data_source.data.xs.length ?? 0)"
    sky.wait(f"plot => {drawn} == 1")
    assert sky.x_range == before
    open_menu(visitor)
    expect(told).to_contain_text(re.compile(r"^1 region; the last: at most [\d.]+ σ"))
    numbers = told.inner_text()
    peak = [float(found) for found in re.findall(r"(?:RA|Dec) ([+-]?[\d.]+)", numbers)]
    assert SkyCoord(*peak, unit="deg").separation(CRAB).deg < 0.2, "the Crab is the brightest inside"

    with page.expect_download() as waiting:
        page.get_by_text("Write regions", exact=True).click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    (circle,) = Regions.read(path, format="ds9")
    assert circle.center.separation(CRAB).deg < 0.1
    cdelt = abs(sky.tell(f"plot => {FACTS}.cdelt[0]"))
    assert circle.radius.to_value("deg") == pytest.approx(12 * cdelt, rel=0.1)

    visitor.click("Clear")
    sky.wait(f"plot => {drawn} == 0")
    expect(told).to_have_text("")
    file = menu.locator("input[type=file]")
    file.set_input_files(path)
    sky.wait(f"plot => {drawn} == 1")
    expect(told).to_have_text(numbers)
    broken = tmp_path / "broken.reg"
    broken.write_text("fk5\ncircle(here, there, 3)\n")
    file.set_input_files(broken)
    told.get_by_role("alert").wait_for()
    assert sky.tell(f"plot => {drawn}") == 1
