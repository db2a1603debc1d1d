"""A run that is done: its sky with grid, cursor and planes, and the files one takes home."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable
from playwright.sync_api import expect
from regions import Regions

from tests.browser.conftest import VIEW, Visitor

GRID = """() => {
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type == "Figure" && model.renderers.some(r => r.glyph?.type == "Image"))
      return [model.renderers.find(r => r.glyph.type == "MultiLine").data_source.data.xs.length,
              model.renderers.filter(r => r.glyph.type == "Text").flatMap(r => [...(r.data_source.data.text ?? [])])]
}"""
SHOWN = "plane => [...Bokeh.documents[0]._all_models.values()].some(model => model.tags?.[0]?.label == plane)"
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
    if (model.type == "ColumnDataSource" && model.data.name && model.data.x)
      return [[...model.data.name], [...model.data.x], [...model.data.y]]
}"""
NUMBER = r"([−+]?[\d.]+)"


def test_the_sky_shows_a_grid_all_planes_and_the_source_that_is_chosen(finished: str, visitor: Visitor) -> None:
    visitor.open(finished)
    visitor.wait_for_sources()
    x0, x1, y0, y1 = visitor.page.evaluate(VIEW)
    assert x0 < x1
    assert y0 < y1
    lines, labels = visitor.page.evaluate(GRID)
    assert lines >= 6, "a grid of RA and Dec"
    assert {"+20°", "+30°", "90°"} <= set(labels)

    box = visitor.page.locator(".sky canvas").first.bounding_box()
    assert box is not None
    for plane, unit in (("flux", "counts"), ("exposure", "s"), ("variance", "²"), ("significance", "σ")):
        button = visitor.page.get_by_role("button", name=plane, exact=True)
        button.click()
        expect(button).to_have_class(re.compile("bk-active"))
        visitor.page.wait_for_function(SHOWN, arg=plane)
        visitor.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.6 * box["height"])
        told = visitor.page.locator(".readout").get_by_text(re.compile(rf"RA .* {plane} [≈≤≥] .*{unit}"))
        told.wait_for()
    ra, dec, lon, lat = (float(value.replace("−", "-")) for value in re.findall(rf"(?:RA|Dec|ℓ|b) {NUMBER}", told.inner_text()))
    galactic = SkyCoord(ra, dec, unit="deg").galactic
    assert (lon, lat) == pytest.approx((galactic.l.deg, galactic.b.deg), abs=0.005)

    names, xs, ys = visitor.page.evaluate(RINGS)
    x, y = next((x, y) for name, x, y in zip(names, xs, ys, strict=True) if name == "Crab")
    crab = re.search(rf"RA {NUMBER} Dec {NUMBER} · ℓ {NUMBER} b {NUMBER} · significance ≥ 100 σ", visitor.page.evaluate(UNDER, [x, y]))
    assert crab is not None, "the Crab's own pixel is the brightest there is"
    ra, dec, lon, lat = (float(value.replace("−", "-")) for value in crab.groups())
    assert (ra, dec) == pytest.approx((83.633, 22.014), abs=0.01)
    assert (lon, lat) == pytest.approx((184.557, -5.784), abs=0.01)
    right = re.search(rf"RA {NUMBER}", visitor.page.evaluate(UNDER, [x + 20, y]))
    assert right is not None
    assert float(right.group(1)) < ra, "RA grows to the left"

    visitor.zoom_to("4U 0614+091")
    visitor.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    visitor.read("RA 94.")
    tags = visitor.page.get_by_text("SIMULATED", exact=True)
    assert tags.count() == 2, "beside the line of truth and in the plan"
    for tag in tags.all():
        expect(tag).to_have_css("color", "rgb(122, 79, 181)")


def test_the_files_hold_every_plane_and_agree_about_every_source(finished: str, visitor: Visitor, tmp_path: Path) -> None:
    visitor.open(finished)
    for label, name in (("FITS mosaic", "mosaic.fits"), ("DS9 regions", "sources.reg"), ("ECSV", "sources.ecsv"), ("CSV", "sources.csv")):
        with visitor.page.expect_download() as waiting:
            visitor.page.get_by_role("link", name=re.compile(f"^{label}")).click()
        assert re.fullmatch(rf"SIMULATED_.+_{name}", waiting.value.suggested_filename)
        waiting.value.save_as(tmp_path / name)

    with fits.open(tmp_path / "mosaic.fits") as hdus:
        planes = {hdu.header["IMATYPE"]: hdu.data for hdu in hdus if "IMATYPE" in hdu.header}
        assert all(hdu.header["ORIGIN"] == "SIMULATED" for hdu in hdus if "IMATYPE" in hdu.header)
    assert list(planes) == ["INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
    inside = planes["VARIANCE"] > 0
    assert inside.sum() > 10_000
    ratio = planes["INTENSITY"][inside] / np.sqrt(planes["VARIANCE"][inside])
    np.testing.assert_allclose(ratio, planes["SIGNIFICANCE"][inside], rtol=1e-3, atol=1e-3)
    assert (planes["EXPOSURE"][inside] > 0).all()

    table = QTable.read(tmp_path / "sources.ecsv", format="ascii.ecsv")
    assert {"Crab", "4U 0614+091"} <= set(table["name"])
    with (tmp_path / "sources.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(table["name"])
    same = {"ra_deg": "ra", "dec_deg": "dec", "significance": "significance", "exposure_s": "exposure", "offset_arcmin": "offset"}
    same |= {next(column for column in rows[0] if column.startswith(f"{name}[")): name for name in ("flux", "flux_error", "upper_limit")}
    for column, name in same.items():
        numbers = [float(row[column] or "nan") for row in rows]
        np.testing.assert_allclose(numbers, getattr(table[name], "value", table[name]), rtol=1e-5, atol=1e-5, err_msg=column)
    assert all("SIMULATED" in row["origin"] for row in rows)

    circles = Regions.read(tmp_path / "sources.reg", format="ds9")
    assert [circle.meta["text"] for circle in circles] == list(table["name"])
    centres = SkyCoord([circle.center for circle in circles])
    assert centres.separation(SkyCoord(table["ra"], table["dec"], frame="fk5")).max().arcsec < 0.1
