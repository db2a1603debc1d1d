"""All six services through the page: an image, its catalogue edited by hand, then spectra and light curves, and all files in one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from astropy.io import fits
from playwright.sync_api import expect

from tests.browser.conftest import Served, Visitor

FIGURES = """label => {
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type == "Figure" && model.below.some(axis => axis.axis_label == label))
      return model.renderers.map(r => r.data_source.data.x?.length ?? 0).reduce((a, b) => a + b, 0)
  return 0
}"""


@pytest.mark.slow
def test_image_catalogue_spectra_light_curves_and_all_files(site: Served, visitor: Visitor, tmp_path: Path) -> None:
    run_id = site.start_run(
        T2="2009-02-16T12:00:00",
        s_max=50,
        instrument=["isgri", "jemx1"],
        product=["mosaic", "spectrum", "lightcurve"],
        bands=[[16, 22]],
        use_default_catalog=False,
        make_image=True,
        review_catalog=True,
    )
    page = visitor.page
    visitor.open(f"{site.url}?run={run_id}")
    visitor.read("REVIEW: the catalogue of ISGRI waits for you", 120)
    visitor.read("then, with the catalogue of the image: ISGRI spectra")
    page.get_by_text("1 source · 1 to extract").wait_for()

    canvas = page.locator(".sky-pane .bk-events").first
    canvas.wait_for()
    canvas.click(position={"x": 200, "y": 200})
    ra = page.get_by_label("RA [deg]").last
    expect(ra).not_to_have_value("")
    page.get_by_label("Name").last.fill("MINE_1")
    visitor.click("Add")
    page.get_by_text("2 sources · 2 to extract").wait_for()
    page.get_by_label("Name").last.fill("Vela X-1")
    visitor.click("Add")
    page.get_by_text("3 sources · 3 to extract").wait_for()
    visitor.click("Undo")
    visitor.click("Use this catalogue")
    visitor.read("REVIEW: the catalogue of JEM-X 1 waits for you", 120)
    visitor.click("Use this catalogue")

    visitor.read("DONE", 180)
    page.wait_for_function(f"() => ({FIGURES})('keV') > 50 && ({FIGURES})('MJD (TT)') > 10", timeout=60_000)
    shown = page.get_by_label("Source shown")
    expect(shown.first).to_have_value("Crab")
    shown.first.select_option("MINE_1")
    expect(shown.last).to_have_value("MINE_1")
    assert page.get_by_role("gridcell", name="Crab").count() == 1, "the editor is gone"
    page.get_by_label("Mosaic shown").select_option("JEM-X 1 16–22 keV")
    page.get_by_role("gridcell", name="Crab").click()
    expect(shown.first).to_have_value("Crab")

    with page.expect_download() as waiting:
        page.get_by_role("link", name="everything").click()
    assert waiting.value.suggested_filename == f"SIMULATED_{run_id}.zip"
    waiting.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "all")
    classes: dict[str, set[str]] = {"isgri": set(), "jemx1": set()}
    for path in (path for path in (tmp_path / "all").rglob("*.*") if path.read_bytes().startswith(b"SIMPLE")):
        with fits.open(path) as hdus:
            instrument = path.relative_to(tmp_path / "all").parts[1].partition("_")[0]
            classes[instrument] |= {hdu.header.get("HDUCLAS1", hdu.header.get("IMATYPE", "")) for hdu in hdus}
    for instrument, image in (("isgri", "INTENSITY"), ("jemx1", "RECONSTRUCTED")):
        assert {"SPECTRUM", "RESPONSE", "LIGHTCURVE", image} <= classes[instrument], instrument
