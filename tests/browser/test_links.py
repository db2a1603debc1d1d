"""One selection runs through all panes: of a source, a place, a part of the time, a part of the energies, and some sources of the table."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from dashboard.analysis.probe import probe
from dashboard.plan.plan import Plan, exposure_text
from dashboard.products.catalog import SourceTable
from dashboard.products.light_curve import LightCurveSet
from dashboard.products.mosaic import Mosaic
from dashboard.products.spectrum import SpectrumSet
from dashboard.request.times import IJD_0_MJD
from dashboard.runs.parts import partial
from dashboard.runs.results import load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.browser.conftest import Plot, Served, Visitor, finished_run

SKY, SPECTRUM, CURVE, STRIP = "Sky, ", "counts/s/keV against keV", "count/s against MJD (TT): ISGRI", "Timeline: ScW"
MOSAIC, SPECTRA, CURVES = range(3)
"""Jobs of the run."""
BATCHES = "plot.renderers[2].data_source.data"
"""Of the strip."""
BAND = (23.0, 47.0)
RINGS = "plot.renderers.find(r => r.glyph.type == 'Scatter' && r.data_source.data.line_color).data_source.data"
NAMES = "plot.renderers.find(r => r.glyph.text?.field == 'name').data_source.data"
CROSS = "[...(plot.renderers.find(r => r.glyph.marker?.value == 'cross' && r.glyph.size?.value == 22)?.data_source.data.x ?? [])]"
"""Where the map marks the place that is asked about."""


@dataclass(frozen=True)
class Run:
    """A run of three mosaics, spectra and light curves that is done, and what it has in store."""

    address: str
    settings: Settings
    plan: Plan
    state: RunState

    @property
    def sources(self) -> SourceTable:
        return load_sources(self.settings, self.state, MOSAIC)

    @property
    def mosaic(self) -> Mosaic:
        return load_mosaic(self.settings, self.state, MOSAIC)

    @property
    def edges(self) -> list[tuple[float, float]]:
        """MJD (TT) of the batches of the mosaic."""
        return [(batch.tstart + IJD_0_MJD, batch.tstop + IJD_0_MJD) for batch in self.plan.batches_of(self.plan.jobs[MOSAIC])]


@pytest.fixture(scope="module")
def run(site: Served, browser: Browser) -> Run:
    run_id = finished_run(site, browser, s_max=20, product=["mosaic", "spectrum", "lightcurve"], E1_keV=BAND[0], E2_keV=BAND[1])
    store = RunStore(site.settings)
    made = Run(f"{site.url}?run={run_id}", site.settings, store.plan(run_id), store.state(run_id))
    assert [job.product for job in made.plan.jobs] == ["mosaic", "spectrum", "lightcurve"]
    assert len(made.edges) == 3
    return made


@pytest.fixture
def page(run: Run, visitor: Visitor) -> Visitor:
    """The page with the whole run."""
    visitor.open(run.address)
    visitor.wait_for_sources()
    visitor.plot(SKY).wait("(_, view) => view.frame.bbox.width > 100")
    for name in (SPECTRUM, CURVE):
        visitor.plot(name).wait("plot => plot.renderers[1].data_source.data.x.length > 20")
    visitor.plot(STRIP).wait(f"plot => {BATCHES}.left.length >= 3")
    return visitor


def detail(visitor: Visitor) -> Locator:
    return visitor.page.locator(".detail-words .bk-clearfix")


def menus(visitor: Visitor) -> list[Locator]:
    """Of the Energy and of the Time pane."""
    return [visitor.page.locator(f".{pane}-pane").get_by_label("Source shown") for pane in ("energy", "time")]


def wait_for_spectrum(visitor: Visitor, spectra: SpectrumSet, name: str) -> None:
    """Until the Energy pane draws this one: its counts/s/keV, channel by channel."""
    (spectrum,) = spectra.of(name)
    width = (spectrum.redistribution.e_max - spectrum.redistribution.e_min)[spectrum.good]
    assert_drawn(visitor.plot(SPECTRUM), "density", spectrum.rate[spectrum.good] / width)


def wait_for_curve(visitor: Visitor, curves: LightCurveSet, name: str) -> None:
    """Until the Time pane draws this one."""
    curve = curves.of(name)
    assert curve is not None
    assert_drawn(visitor.plot(CURVE), "y", curve.rate)


def assert_drawn(plot: Plot, column: str, values: np.ndarray) -> None:
    """The points of both kinds stand for these values and no others."""
    same = """(plot, _, [column, wanted]) => {
      const drawn = plot.renderers.slice(1, 3).flatMap(r => [...r.data_source.data[column]]).sort((a, b) => a - b)
      return drawn.length == wanted.length && drawn.every((v, i) => Math.abs(v - wanted[i]) <= 1e-5 * Math.abs(wanted[i]) + 1e-9)
    }"""
    plot.wait(same, [column, np.sort(values.astype(float)).tolist()])


def assert_selected(run: Run, visitor: Visitor, name: str) -> None:
    """In the table, on the map, in the detail below the table, in the Energy and in the Time pane."""
    expect(visitor.chosen).to_have_attribute("aria-label", f"{name}, show on the map")
    expect(visitor.chosen).to_have_css("font-weight", "700")
    big = f"(plot, _, name) => {{ const i = [...{RINGS}.size].indexOf(21); return i >= 0 && [...{NAMES}.name].includes(name) }}"
    visitor.plot(SKY).wait(big, name)
    (source,) = (source for source in run.sources.sources if source.name == name)
    assert ringed(visitor) == pytest.approx(pixel(run, source.ra, source.dec), abs=1e-3)
    expect(detail(visitor).locator("b")).to_have_text(name)
    expect(detail(visitor)).to_contain_text(f"{source.scaled_significance:.1f} σ")
    expect(detail(visitor)).to_contain_text(re.compile(r"seen by \d of 3 batches"), timeout=30_000)
    for menu in menus(visitor):
        expect(menu).to_have_value(name)
    wait_for_spectrum(visitor, load_spectra(run.settings, run.state, SPECTRA), name)
    wait_for_curve(visitor, load_light_curves(run.settings, run.state, CURVES), name)


def ringed(visitor: Visitor) -> tuple[float, float]:
    """Pixel of the one ring that is larger than the others."""
    ((x, y),) = visitor.plot(SKY).tell(f"plot => [...{RINGS}.size].flatMap((s, i) => s == 21 ? [[{RINGS}.x[i], {RINGS}.y[i]]] : [])")
    return x, y


def pixel(run: Run, ra: float, dec: float) -> tuple[float, float]:
    x, y = run.mosaic.wcs.wcs_world2pix(ra, dec, 0)
    return float(x), float(y)


def test_a_ring_a_row_and_both_menus_select_a_source_everywhere(run: Run, page: Visitor) -> None:
    other, limit, faint = "4U 0614+091", "1A 0535+262", "PKS 0528+134"
    assert {"Crab", other} == {source.name for source in run.sources.detected}
    assert {limit, faint} <= {source.name for source in run.sources.sources}
    expect(page.chosen).to_have_count(0)

    (source,) = (source for source in run.sources.detected if source.name == other)
    page.plot(SKY).click(*pixel(run, source.ra, source.dec))
    assert_selected(run, page, other)
    page.zoom_to("Crab")
    assert_selected(run, page, "Crab")
    x0, x1 = page.plot(SKY).x_range
    assert (x0 + x1) / 2 == pytest.approx(pixel(run, 83.633, 22.014)[0], abs=1), "the map goes there"
    energy, time = menus(page)
    energy.select_option(limit)
    assert_selected(run, page, limit)
    time.select_option(faint)
    assert_selected(run, page, faint)
    page.click("✕")
    expect(detail(page)).not_to_be_visible()
    expect(page.chosen).to_have_count(0)


def test_an_empty_place_of_the_map_is_asked_why_no_source_is_there(run: Run, page: Visitor) -> None:
    sky, said = page.plot(SKY), detail(page)
    page.zoom_to("Crab")
    x, y = pixel(run, 84.833, 20.914)
    sky.click(x, y)
    expect(said).to_contain_text("Not detected", timeout=20_000)
    place = re.match(r"RA ([\d.]+) Dec ([+-][\d.]+) · ", said.inner_text())
    assert place is not None, said.inner_text()
    ra, dec = float(place.group(1)), float(place.group(2))
    assert pixel(run, ra, dec) == pytest.approx((x, y), abs=1)
    measured = probe(run.mosaic, ra, dec, run.sources)
    assert "less than" in measured.verdict
    assert "would have been found here" in measured.verdict
    expect(said).to_contain_text(measured.verdict)
    expect(said).to_contain_text(f"{exposure_text(measured.exposure)} here · {measured.nearest} is {measured.distance:.1f}′ away")
    looked = re.compile(r"Expected here, 23–47 keV: (\d+) ScW .*5σ limit (\S+) mCrab in the chosen time; (\d+) ScW .*5σ limit (\S+) mCrab")
    expect(said).to_contain_text(looked, timeout=20_000)
    found = looked.search(said.inner_text())
    assert found is not None
    chosen, depth, ever, deepest = map(float, found.groups())
    assert 0 < chosen <= run.plan.n_scw < ever
    assert depth > deepest, "22 years see deeper"
    expect(said).to_contain_text(re.compile(r"(seen by \d of 3|in none of the) batches"))
    sky.wait(f"plot => {CROSS}.length == 1")
    assert sky.tell(f"plot => {CROSS}")[0] == pytest.approx(x, abs=1)
    expect(page.chosen, "no source is chosen any more").to_have_count(0)
    for menu in menus(page):
        expect(menu).to_have_value("Crab")

    page.click("✕")
    expect(said).not_to_be_visible()
    sky.wait(f"plot => {CROSS}.length == 0")


def assert_part(run: Run, visitor: Visitor, used: Collection[int], source: str = "Crab") -> None:
    """All panes show the sum of these batches (0 to 2), with its own numbers; `source` is chosen."""
    edges = [run.edges[number] for number in used]
    middle = [(start + stop) / 2 - IJD_0_MJD for start, stop in edges]
    whole = len(edges) == len(run.edges)
    told = f"{len(edges)} of 3 batches, MJD {edges[0][0]:.2f}–{edges[-1][1]:.2f}"
    table: Any = run.sources
    spectra: Any = load_spectra(run.settings, run.state, SPECTRA)
    if whole:
        expect(visitor.page.locator(".readout .bk-clearfix")).not_to_contain_text("batches")
    else:
        expect(visitor.page.locator(".readout .bk-clearfix")).to_contain_text(told, timeout=30_000)
        sums = [partial(run.settings, run.plan, run.state, job, middle[0] - 0.01, middle[-1] + 0.01) for job in (MOSAIC, SPECTRA)]
        sky, energy = (made for made in sums if made is not None)
        assert len(sky.batch_ids) == len(energy.batch_ids) == len(edges)
        table, spectra = sky.sources, energy.product
    rows = table.sources
    expect(visitor.cells("σ")).to_have_text([f"{round(row.scaled_significance, 1):.1f}" for row in rows])
    expect(visitor.cells("n")).to_have_text([str(row.n_batches) for row in rows])
    assert visitor.names == [row.name for row in rows]
    (chosen,) = (row for row in rows if row.name == source)
    assert chosen.n_batches == len(edges)
    expect(detail(visitor)).to_contain_text(f"{chosen.scaled_significance:.1f} σ")
    expect(detail(visitor)).to_contain_text(f"(90 %) · {exposure_text(chosen.exposure)}")
    seen = "seen by 3 of 3 batches"  # all of them, so that one sees what is left out
    expect(detail(visitor)).to_contain_text(seen, timeout=30_000)

    wait_for_spectrum(visitor, spectra, source)
    (spectrum,) = spectra.of(source)
    said = f"SIMULATED · {'' if whole else told + ' · '}ISGRI {exposure_text(spectrum.exposure)}, {len(edges)} of 3 batches"
    expect(visitor.page.locator(".energy-pane .pane-foot .bk-clearfix")).to_contain_text(said)
    wait_for_curve(visitor, load_light_curves(run.settings, run.state, CURVES), source)

    pale = [0.3 if number not in used else 1.0 for number in range(3)]
    visitor.plot(STRIP).wait(f"(plot, _, pale) => JSON.stringify([...{BATCHES}.alpha]) == JSON.stringify(pale)", pale)
    band = "plot => plot.center.filter(c => c.type == 'BoxAnnotation' && c.visible && c.level == 'underlay').map(c => [c.left, c.right])"
    for name in (STRIP, CURVE):
        shown = visitor.plot(name).tell(band)
        assert len(shown) == (not whole)
        assert all(low <= at + IJD_0_MJD <= high for low, high in shown for at in middle)
    words = visitor.page.locator(".part-words .bk-clearfix")
    expect(words).to_contain_text(f"MJD {edges[0][0]:.1f}–{edges[-1][1]:.1f}{' (all)' if whole else ''}")
    expect(visitor.page.get_by_role("button", name="✕ range")).to_be_visible(visible=not whole)
    visitor.page.locator(".line").get_by_text("9 of 9 batches").wait_for()


def test_a_part_of_the_time_is_chosen_in_three_ways_and_given_up(run: Run, page: Visitor) -> None:
    curve, strip = page.plot(CURVE), page.plot(STRIP)
    _, second, third = run.edges
    page.zoom_to("Crab")
    near = page.plot(SKY).x_range
    assert_part(run, page, range(3))
    rows = page.page.locator(".sources-pane .tabulator-row")
    lines = rows.all_inner_texts()

    curve.drag((second[0] - 0.3, None), (third[1] + 0.3, None))
    assert_part(run, page, (1, 2))
    page.click("✕ range")
    assert_part(run, page, range(3))
    assert rows.all_inner_texts() == lines

    last = page.page.locator(".part-slider .noUi-handle").last
    last.focus()
    last.press("ArrowLeft")
    assert_part(run, page, (0, 1))
    assert page.plot(SKY).x_range == near, "zoom stays with the user"

    asked = [page.field(label).input_value() for label in ("From [UTC]", "To [UTC]")]
    page.click("look at")
    strip.drag((sum(third) / 2 - 0.2, None), (third[1] + 0.2, None))
    assert_part(run, page, (2,))
    assert [page.field(label).input_value() for label in ("From [UTC]", "To [UTC]")] == asked, "who looks does not ask"
    page.click("✕ range")
    assert_part(run, page, range(3))
    assert rows.all_inner_texts() == lines


def test_a_part_of_the_energies_plans_a_light_curve(run: Run, site: Served, page: Visitor) -> None:
    spectrum, big = page.plot(SPECTRUM), page.page.locator(".big")
    expect(big).to_have_text(f"{run.plan.n_scw} ScW · {exposure_text(run.plan.exposure)} · 9 batches")
    spectrum.drag((30.0, None), (60.0, None))
    ask = page.page.get_by_role("button", name=re.compile("^Light curve in "))
    expect(ask).to_have_text(re.compile(r"^Light curve in (29|30|31)(\.\d)?–(59|60|61)(\.\d)? keV$"))
    low, high = map(float, re.findall(r"[\d.]+", ask.inner_text()))
    ask.click()
    expect(big).to_have_text(f"{run.plan.n_scw} ScW · {exposure_text(run.plan.exposure)} · 3 batches")
    band = [float(page.field(label).input_value()) for label in ("E min [keV]", "E max [keV]")]
    assert band == pytest.approx([low, high], abs=0.5)
    products = page.page.get_by_role("group", name="Product")
    for label, asked in (("Mosaic", False), ("Spectrum", False), ("Light curve", True)):
        expect(products.get_by_label(label)).to_be_checked(checked=asked)
    page.page.locator(".line").get_by_text("9 of 9 batches").wait_for()
    page.click("Run")
    page.page.locator(".line").get_by_text("3 of 3 batches").wait_for(timeout=60_000)
    page.plot(f"{CURVE} {band[0]:g}–{band[1]:g} keV").wait("plot => plot.renderers[1].data_source.data.x.length > 20")
    made = RunStore(site.settings).plan(page.page.url.partition("run=")[2])
    assert [(job.product, job.band) for job in made.jobs] == [("lightcurve", tuple(band))]
    assert made.pointings.swid == run.plan.pointings.swid
    assert {source.name for source in made.lists["isgri"].sources} == {source.name for source in run.plan.lists["isgri"].sources}
