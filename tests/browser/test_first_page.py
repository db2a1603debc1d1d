"""The page as a visitor uses it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.table import QTable
from playwright.sync_api import expect

from tests.browser.conftest import Served, Visitor
from tests.conftest import Observatory

SHORT = ("2009-02-15T00:00:00", "2009-02-17T12:00:00")


def ask_short(visitor: Visitor) -> None:
    visitor.fill("From [UTC]", SHORT[0])
    visitor.fill("To [UTC]", SHORT[1])


VIEW = """() => {
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type == "Figure" && model.renderers.some(r => r.glyph?.type == "Image"))
      return [model.x_range.start, model.x_range.end, model.y_range.start, model.y_range.end]
}"""


def view(visitor: Visitor) -> list[float]:
    """The sky's ranges, as the browser has them."""
    return list(visitor.page.evaluate(VIEW))


def test_from_the_example_to_the_files(served: Served, visitor: Visitor, tmp_path: Path) -> None:
    visitor.open(served.url)
    visitor.read("No map yet")
    ask_short(visitor)
    visitor.click("Plan")
    visitor.read("42 ScW")
    visitor.read("anonymous is enough")
    visitor.click("Run")
    visitor.read("1 of 1 batches", 120)
    visitor.read("DONE")
    visitor.read("SIMULATED")
    visitor.page.locator("canvas").first.wait_for()
    visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
    for label, name in (("FITS mosaic", "mosaic.fits"), ("DS9 regions", "sources.reg"), ("ECSV", "sources.ecsv"), ("CSV", "sources.csv")):
        with visitor.page.expect_download() as waiting:
            visitor.page.get_by_role("link", name=re.compile(f"^{label}")).click()
        assert waiting.value.suggested_filename.startswith("SIMULATED_")
        waiting.value.save_as(tmp_path / name)
    with fits.open(tmp_path / "mosaic.fits") as hdus:
        assert hdus[1].header["IMATYPE"] == "INTENSITY"
        assert hdus[1].header["ORIGIN"] == "SIMULATED"
    assert "Crab" in QTable.read(tmp_path / "sources.ecsv", format="ascii.ecsv")["name"]
    assert "circle(" in (tmp_path / "sources.reg").read_text()
    assert "SIMULATED" in (tmp_path / "sources.csv").read_text()


def test_wrong_values_are_marked_before_anything_is_sent(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    visitor.open(served.url)
    visitor.fill("E min [keV]", "60")
    visitor.fill("E max [keV]", "40")
    visitor.page.get_by_role("alert").filter(has_text="E1_keV").wait_for()
    expect(visitor.page.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    visitor.fill("E max [keV]", "80")
    visitor.page.get_by_role("alert").wait_for(state="detached")
    visitor.fill("Source", "Krab Nebbula")
    visitor.click("Plan")
    visitor.page.get_by_role("alert").filter(has_text="Krab Nebbula").wait_for()
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == 0


def test_a_failing_batch_is_shown_with_its_reason(served: Served, visitor: Visitor, observatory: Observatory) -> None:
    observatory.knobs(fail_first={"submissions": 100, "jobs": 1, "kind": "backend"})
    visitor.open(served.url)
    ask_short(visitor)
    visitor.page.get_by_role("button", name=re.compile("Advanced")).click()
    visitor.fill("s_max [ScW]", "20")
    visitor.click("Run")
    visitor.read("(1 failed)", 120)
    visitor.read("DONE WITH FAILURES")
    failed = visitor.page.locator("i.cell.failed")
    assert failed.count() == 1
    assert failed.inner_text() == "!"
    assert "backend" in (failed.get_attribute("title") or "")
    assert visitor.page.locator("i.cell.done").count() == 2


def test_address_opens_the_run_after_page_and_browser_were_gone(served: Served, visitor: Visitor, second_visitor: Visitor) -> None:
    visitor.open(served.url)
    ask_short(visitor)
    visitor.click("Run")
    visitor.page.wait_for_url(re.compile(r"\?run="), timeout=60_000)
    address = visitor.page.url
    visitor.page.goto("about:blank")
    served.stop(signal.SIGKILL)
    served.start()
    second_visitor.open(address)
    second_visitor.read("1 of 1 batches", 120)
    second_visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)


def test_zoom_stays_while_batches_land_and_visitors_do_not_meet(
    served: Served, visitor: Visitor, second_visitor: Visitor, observatory: Observatory
) -> None:
    observatory.knobs(time_per_scw=0.1)
    visitor.open(served.url)
    second_visitor.open(served.url)
    visitor.click("Run")
    visitor.page.locator("canvas").first.wait_for(timeout=120_000)
    visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
    whole = view(visitor)
    visitor.page.get_by_role("gridcell", name="Crab").click()
    visitor.page.wait_for_function(f"w => {{ const v = ({VIEW})(); return v[1] - v[0] < w }}", arg=0.5 * (whole[1] - whole[0]))
    near = view(visitor)
    before = visitor.page.get_by_text("empty sky: width").inner_text()
    visitor.read("7 of 7 batches", 120)
    visitor.page.wait_for_function("t => !document.body.innerText.includes(t)", arg=before)
    assert view(visitor) == near
    second_visitor.read("Nothing asked yet")
    second_visitor.fill("Source", "Vela X-1")
    assert visitor.field("Source").input_value() == "Crab"


UNDER = """async ([x, y]) => {
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type == "Figure" && model.js_event_callbacks.mousemove) {
      const callback = model.js_event_callbacks.mousemove[0]
      await callback.execute({x, y})
      return callback.args.out.text
    }
}"""
RINGS = """() => {
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type == "ColumnDataSource" && model.data.name) return [[...model.data.name], [...model.data.x], [...model.data.y]]
}"""


def test_the_numbers_under_the_cursor_are_those_of_the_sky(served: Served, visitor: Visitor) -> None:
    visitor.open(served.url)
    ask_short(visitor)
    visitor.click("Run")
    visitor.read("1 of 1 batches", 120)
    visitor.page.get_by_role("gridcell", name="Crab").wait_for(timeout=30_000)
    names, xs, ys = visitor.page.evaluate(RINGS)
    x, y = next((x, y) for name, x, y in zip(names, xs, ys, strict=True) if name == "Crab")
    number = r"([−+]?[\d.]+)"
    told = re.search(rf"RA {number} Dec {number} · ℓ {number} b {number} · significance ≥ 100 σ", visitor.page.evaluate(UNDER, [x, y]))
    assert told is not None, "the Crab's own pixel is the brightest there is"
    ra, dec, lon, lat = (float(value.replace("−", "-")) for value in told.groups())
    assert (ra, dec) == pytest.approx((83.633, 22.014), abs=0.01)
    assert (lon, lat) == pytest.approx((184.557, -5.784), abs=0.01)
    right = re.search(rf"RA {number}", visitor.page.evaluate(UNDER, [x + 20, y]))
    assert right is not None
    assert float(right.group(1)) < ra, "RA grows to the left"
