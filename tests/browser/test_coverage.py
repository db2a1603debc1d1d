"""Before anything is asked: what INTEGRAL saw of the target, chosen by drags, and what it would cost; names, positions, parameters."""

from __future__ import annotations

import re

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from components.elements.pointings import CELL, field_wcs
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.request.request import Request
from dashboard.request.times import IJD_0_MJD, TimePoint
from dashboard.road import prepare
from tests.browser.conftest import SHORT, Plot, Served, Visitor

STRIP, MISSION, POINTINGS = "Timeline: ScW", "Timeline: mission", "Where the telescope pointed"
INTERVALS, WINDOWS = 0, 1
"""Renderers of the strip."""
DOTS, TARGET = 3, 5
"""Renderers of the map of pointings."""
FIGURES = re.compile(r"^\d+ ScW · [\d.]+ [kM]s · \d+ batch")


def mjd(utc: str) -> float:
    return TimePoint.parse(utc).ijd + IJD_0_MJD


def figures(visitor: Visitor) -> str:
    """What the request would cost, as the page tells it."""
    told = visitor.page.locator(".big").filter(has_text=FIGURES)
    told.wait_for(timeout=30_000)
    return told.inner_text()


def figures_of(plan: Plan) -> re.Pattern[str]:
    """The same numbers from the plan itself."""
    return re.compile(rf"^{plan.n_scw} ScW · {plan.exposure / 1e3:.1f} ks · {len(plan.batches)} batch")


def planned(site: Served, **values: object) -> Plan:
    return prepare(site.settings, Request.from_dict(dict(values)), Identity())


def strong(pointings: Plot) -> np.ndarray:
    """(n, 2) pixels of the dots that stand for what is chosen."""
    dots = pointings.columns(DOTS)
    return np.array([(x, y) for x, y, alpha in zip(dots["x"], dots["y"], dots["alpha"], strict=True) if alpha == 1]).reshape(-1, 2)


def assert_strong_are(pointings: Plot, plan: Plan) -> None:
    """The strong dots are where the plan's science windows look, and nowhere else."""
    wcs, _ = field_wcs(plan.target.ra, plan.target.dec, 10.5)
    looked = np.array(wcs.wcs_world2pix(np.column_stack([plan.pointings.ra_scx, plan.pointings.dec_scx]), 0))
    apart = np.hypot(*(strong(pointings)[:, None, :] - looked[None, :, :]).transpose(2, 0, 1)) * 0.1
    assert apart.min(axis=1).max() <= CELL
    assert apart.min(axis=0).max() <= CELL * np.sqrt(2)


def choose_short(visitor: Visitor) -> None:
    for label, text in (("From [UTC]", SHORT[0]), ("To [UTC]", SHORT[1])):
        visitor.fill(label, text)


def test_an_empty_page_shows_what_was_seen_and_the_forecast_is_the_plan(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    strip, pointings = visitor.plot(STRIP), visitor.plot(POINTINGS)
    strip.wait("plot => plot.renderers[1].data_source.data.left.length > 100")
    visitor.plot(MISSION).wait("plot => plot.renderers[1].data_source.data.left.length > 100")
    pointings.wait("plot => plot.renderers[3].data_source.data.alpha.includes(1)")
    visitor.read(re.compile(r"^SIMULATED · Crab: \d+ ScW within 10\.5° in 22 years"))
    whole = figures(visitor)

    choose_short(visitor)
    plan = planned(site, T1=SHORT[0], T2=SHORT[1])
    expect(visitor.page.locator(".big")).to_have_text(figures_of(plan))
    told = figures(visitor)
    assert told != whole
    depth = visitor.page.get_by_text("5σ limit").inner_text()
    strip.wait(f"plot => plot.renderers[0].data_source.data.right[0] < {mjd(SHORT[1]) + 1}")
    interval = strip.columns(INTERVALS)
    assert (*interval["left"], *interval["right"]) == pytest.approx((mjd(SHORT[0]), mjd(SHORT[1])), abs=1e-4)
    first, last = strip.x_range
    assert first < mjd(SHORT[0]) < mjd(SHORT[1]) < last
    windows = strip.columns(WINDOWS)
    assert np.sum((np.array(windows["left"]) < mjd(SHORT[1])) & (np.array(windows["right"]) > mjd(SHORT[0]))) == plan.n_scw
    pointings.wait(f"plot => plot.renderers[3].data_source.data.alpha.filter(a => a == 1).length <= {plan.n_scw}")
    assert_strong_are(pointings, plan)

    visitor.click("Plan")
    visitor.read(re.compile(r"Crab 83\.6332 \+22\.0145 \(simulated observatory\) SIMULATED"))
    assert figures(visitor) == told, "the forecast is the plan"
    assert visitor.page.get_by_text("5σ limit").inner_text() == depth


def test_drags_over_the_science_windows_choose_and_add_intervals(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    choose_short(visitor)
    strip, pointings = visitor.plot(STRIP), visitor.plot(POINTINGS)
    strip.wait("plot => plot.x_range.end - plot.x_range.start < 20")
    before, dots = figures(visitor), strong(pointings)
    first, last = strip.x_range
    pixel = (last - first) / strip.tell("(_, view) => view.frame.bbox.width")

    strip.drag((54875.5, None), (54876.5, None))
    expect(visitor.page.locator(".big")).not_to_have_text(before)
    edges = [mjd(visitor.field(label).input_value()) for label in ("From [UTC]", "To [UTC]")]
    assert edges == pytest.approx((54875.5, 54876.5), abs=pixel)
    times = {"T1": visitor.field("From [UTC]").input_value(), "T2": visitor.field("To [UTC]").input_value()}
    expect(visitor.page.locator(".big")).to_have_text(figures_of(planned(site, **times)))
    assert not np.array_equal(strong(pointings), dots)
    assert_strong_are(pointings, planned(site, **times))
    assert strip.x_range == pytest.approx((first, last)), "the strip stands still while one drags in it"

    visitor.click("add")
    strip.drag((54879.6, None), (54880.4, None))
    expect(visitor.field("From [UTC]")).to_have_value(re.compile(rf"^{times['T1']}; *2009-02-17T"))
    starts, stops = ([mjd(edge.strip()) for edge in visitor.field(label).input_value().split(";")] for label in ("From [UTC]", "To [UTC]"))
    assert (*starts, *stops) == pytest.approx((edges[0], 54879.6, edges[1], 54880.4), abs=pixel)
    visitor.read(re.compile(r"^2 intervals, rev 774–775 · MJD"))
    both = planned(site, T1=[text.strip() for text in visitor.field("From [UTC]").input_value().split(";")],
                   T2=[text.strip() for text in visitor.field("To [UTC]").input_value().split(";")])  # fmt: skip
    expect(visitor.page.locator(".big")).to_have_text(figures_of(both))
    visitor.click("Plan")
    visitor.read(re.compile(r"\(simulated observatory\) SIMULATED"))
    expect(visitor.page.locator(".big")).to_have_text(figures_of(both))

    strip.drag((54879.1, None), (54879.7, None))
    visitor.read(re.compile(r"^2 intervals,"))
    expect(visitor.field("From [UTC]")).to_have_value(re.compile(r"; *2009-02-17T02:2"))  # what overlaps has become one


def test_the_box_in_the_mission_moves_the_strip(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    strip, mission = visitor.plot(STRIP), visitor.plot(MISSION)
    figures(visitor)
    pixel = mission.tell("(plot, view) => (plot.x_range.end - plot.x_range.start) / view.frame.bbox.width")
    mission.drag((56000.0, None), (56400.0, None))
    strip.wait("plot => plot.x_range.start > 55900")
    assert strip.x_range == pytest.approx((56000.0, 56400.0), abs=2 * pixel)
    inside = "(plot, _, [a, b]) => { const x = plot.renderers[1].data_source.data.left; return x.length && x.every(v => v > a && v < b) }"
    strip.wait(inside, [55990, 56410])
    start, end = strip.x_range
    mission.drag(((start + end) / 2, None), ((start + end) / 2 + 1000.0, None))
    strip.wait(f"plot => plot.x_range.start > {start + 900}")
    moved = strip.x_range
    assert moved[0] - start == pytest.approx(1000.0, abs=2 * pixel)
    assert moved[1] - moved[0] == pytest.approx(end - start, rel=1e-6)
    assert visitor.field("From [UTC]").input_value() == "2009-02-15T00:00:00", "looking around asks nothing"


def test_another_source_moves_everything_and_a_wrong_name_is_told(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    crab = figures(visitor)
    revolutions = visitor.plot(MISSION).columns(1)["left"]
    visitor.fill("Source", "Vela X-1")
    visitor.read(re.compile(r"^135\.5286 -40\.5547 \(simulated observatory\) · ℓ 263\.06 b \+3\.93"))
    visitor.read(re.compile(r"^SIMULATED · Vela X-1: \d+ ScW within"))
    visitor.plot(POINTINGS).wait("(plot, _, i) => plot.renderers[i].data_source.data.name?.[0] == 'Vela X-1'", TARGET)
    choose_short(visitor)
    visitor.read("No science window: widen the interval or the radius, or drag over others in the Time pane.")
    assert visitor.plot(MISSION).columns(1)["left"] != revolutions
    for label, text in (("From [UTC]", "2008-11-01T00:00:00"), ("To [UTC]", "2008-12-31T00:00:00")):
        visitor.fill(label, text)
    vela = planned(site, src_name="Vela X-1", T1="2008-11-01T00:00:00", T2="2008-12-31T00:00:00")
    expect(visitor.page.locator(".big")).to_have_text(figures_of(vela))
    assert figures(visitor) != crab
    first, last = visitor.plot(STRIP).x_range
    assert first < mjd("2008-11-01T00:00:00") < mjd("2008-12-31T00:00:00") < last

    visitor.fill("Source", "Velum Q-9")
    alert = visitor.page.locator(".place-words").get_by_role("alert")
    expect(alert).to_contain_text("No resolver knows the name 'Velum Q-9'", timeout=20_000)
    expect(visitor.page.locator(".big")).to_have_count(0)
    visitor.fill("Source", "Vela X-1")
    expect(alert).to_have_count(0)
    expect(visitor.page.locator(".big")).to_have_text(figures_of(vela))


@pytest.mark.slow
def test_names_are_offered_and_what_is_typed_stays(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    figures(visitor)
    field, keyboard = visitor.field("Source"), visitor.page.keyboard
    offered = visitor.page.locator(".ask .bk-menu > div:visible")

    def type_anew(text: str) -> None:
        field.click()
        keyboard.press("Control+a")
        keyboard.type(text)

    type_anew("GX 3")
    expect(offered.first).to_be_visible()
    names = offered.all_inner_texts()
    assert {"GX 3+1", "GX 301-2", "GX 339-4"} <= set(names)
    assert all(name.startswith("GX 3") for name in names)
    offered.filter(has_text="GX 339-4").click()
    expect(field).to_have_value("GX 339-4")
    visitor.read(re.compile(r"^255\.70\d\d -48\.7\d\d\d"))

    type_anew("gx 3")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(field).to_have_value("GX 301-2")
    visitor.read(re.compile(r"^186\.65\d\d -62\.7\d\d\d"))
    for leave in ("Tab", "Enter"):
        type_anew(f"GX 3{leave[0]}")
        keyboard.press("Backspace")
        expect(offered.first).to_be_visible()
        keyboard.press(leave)
        expect(field).to_have_value("GX 3")
        visitor.read("No resolver knows the name 'GX 3'")
        expect(offered).to_have_count(0)

    field.click()
    field.fill("Vela X-1")  # as pasting with the mouse does: without a key
    visitor.click("Plan")
    visitor.read(re.compile(r"Vela X-1 135\.5286"))


@pytest.mark.slow
def test_the_position_is_told_and_given_by_hand(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    visitor.read(re.compile(r"^83\.6332 \+22\.0145 \(simulated observatory\) · ℓ 184\.56 b -5\.78"))
    figures(visitor)
    expect(visitor.field("RA [deg]")).to_have_count(0)
    visitor.click("edit")
    visitor.fill("RA [deg]", "94.28")
    visitor.fill("DEC [deg]", "9.14")
    visitor.read(re.compile(r"^94\.2800 \+9\.1400 \(.+\) · ℓ 200\.87 b -3\.36"))
    visitor.click("Plan")
    visitor.read(re.compile(r"94\.2800 \+9\.1400"))
    there = planned(site, src_name="Crab", RA=94.28, DEC=9.14, T1="2009-02-15T00:00:00", T2="2009-03-30T00:00:00")
    assert (there.target.ra, there.target.dec) == (94.28, 9.14)
    expect(visitor.page.locator(".big")).to_have_text(figures_of(there))
    visitor.fill("Source", "")
    visitor.click("Plan")
    visitor.read(re.compile(r"^(?!Crab).*94\.2800 \+9\.1400 \(given\) SIMULATED"))
    assert visitor.field("Source").input_value() == "", "no name is none"
    visitor.fill("Source", "Crab")
    visitor.fill("DEC [deg]", "99")
    visitor.page.get_by_role("alert").filter(has_text="DEC").first.wait_for()
    visitor.fill("DEC [deg]", "9.14")
    visitor.click("look the name up")
    visitor.read(re.compile(r"^83\.6332 \+22\.0145 \(simulated observatory\)"))
    expect(visitor.field("RA [deg]")).not_to_be_visible()


@pytest.mark.slow
def test_parameters_are_searched_and_each_leads_to_its_documentation(site: Served, visitor: Visitor) -> None:
    visitor.open(site.url)
    visitor.unfold()
    links = visitor.page.locator(".advanced .parameter a")
    names = [text.removesuffix(" ↗") for text in links.all_inner_texts()]
    assert {"integral_data_rights", "osa_version", "s_max", "scw_list", "revolutions"} <= set(names)
    addresses = links.evaluate_all("links => links.map(link => link.href)")
    pages = {address.partition("#")[0] for address in addresses}
    assert len(pages) == 1
    answer = httpx.get(pages.pop(), timeout=20).raise_for_status()
    anchors = set(re.findall(r'id="([^"]+)"', answer.text))
    for name, address in zip(names, addresses, strict=True):
        assert address.partition("#")[2] == name
        assert name in anchors, f"{name} has no place in the documentation"

    shown = visitor.page.locator(".advanced .parameter a:visible")
    search = visitor.field("Search")
    search.press_sequentially("osa_ver")
    expect(shown).to_have_text(["osa_version ↗"])
    expect(visitor.field("osa_version")).to_be_visible()
    expect(visitor.field("s_max [ScW]")).not_to_be_visible()
    search.fill("windows job")
    expect(shown.filter(has_text="s_max ↗"), "the help is searched, too").to_be_visible()
    expect(visitor.field("osa_version")).not_to_be_visible()
    search.fill("no such thing")
    visitor.read("No parameter is called so, or speaks of it.")
    expect(shown).to_have_count(0)
    search.fill("")
    expect(shown).to_have_count(len(names))
