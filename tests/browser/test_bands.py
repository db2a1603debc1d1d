"""Several bands at once: side by side they move together, in colour the lowest is red; each is told by its name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect

from components.elements.rgb import rgb_picture
from components.sky import coloured
from dashboard.products.mosaic import Mosaic
from dashboard.runs.results import load_mosaic
from dashboard.runs.store import RunStore
from tests.browser.conftest import Plot, Served, Visitor, finished_run

BANDS = ((21.0, 26.0), (26.0, 38.0), (38.0, 66.0))
NAMES = [f"ISGRI {low:g}–{high:g} keV" for low, high in BANDS]
SKY = "Sky, "
TITLE = "plot.center.filter(c => c.type == 'Label').map(c => c.text)"
IMAGE = "plot.renderers.find(r => r.glyph.type == 'Image').data_source.data.image[0]"
SUM = f"(plot, _, wanted) => {IMAGE}.reduce((all, index, i) => all + index * (i % 9973 + 1), 0) == wanted"
"""Another number for every other picture."""


@pytest.fixture(scope="module")
def run_id(site: Served, browser: Browser) -> str:
    """A run of three mosaics of two batches each that is done."""
    return finished_run(site, browser, s_max=25, bands=[list(band) for band in reversed(BANDS)])


@pytest.fixture(scope="module")
def mosaics(site: Served, run_id: str) -> list[Mosaic]:
    """From low to high energies, whatever the order in which they were asked for."""
    store = RunStore(site.settings)
    state = store.state(run_id)
    found = {job.band: load_mosaic(site.settings, state, number) for number, job in enumerate(store.plan(run_id).jobs)}
    assert len(state.batches) == 2 * len(found)
    return [found[band] for band in BANDS]


def arrange(visitor: Visitor, arrangement: str, figures: int) -> list[Plot]:
    visitor.field("Bands").select_option(arrangement)
    visitor.page.wait_for_function(
        """([name, n]) => [...Bokeh.documents[0]._all_models.values()].filter(
          m => m.type == "Figure" && (m.html_attributes?.["aria-label"] ?? "").startsWith(name) && Bokeh.index.find_one(m)).length == n""",
        arg=[SKY, figures],
    )
    return [visitor.plot(SKY, number) for number in range(figures)]


def assert_shows(plot: Plot, indices: NDArray[np.uint8]) -> None:
    plot.wait(SUM, int((indices.ravel() * (np.arange(indices.size, dtype=np.int64) % 9973 + 1)).sum()))


def natural(mosaic: Mosaic) -> NDArray[np.uint8]:
    return coloured(mosaic, "significance", "asinh")[1]


@pytest.mark.slow
def test_three_bands_side_by_side_and_in_colour(site: Served, run_id: str, mosaics: list[Mosaic], visitor: Visitor) -> None:
    visitor.open(f"{site.url}?run={run_id}")
    visitor.wait_for_sources()
    menu = visitor.field("Mosaic shown")
    visitor.page.locator(".view button").click()
    menu.select_option(NAMES[1])
    assert_shows(visitor.plot(SKY), natural(mosaics[1]))

    beside = arrange(visitor, "side by side", 3)
    by_name = {plot.tell(f"plot => {TITLE}")[0]: plot for plot in beside}
    assert sorted(by_name) == sorted(NAMES)
    for name, mosaic in zip(NAMES, mosaics, strict=True):
        assert_shows(by_name[name], natural(mosaic))
        assert_same_place(by_name[name], by_name[NAMES[0]])
    left = [by_name[name].spot(0, 0)[0] for name in NAMES]
    assert all(one < other for one, other in pairwise(left)), "from low to high energies"
    first, last = by_name[NAMES[0]], by_name[NAMES[2]]
    x0, x1 = first.x_range
    middle = mosaics[0].shape[0] / 2
    first.drag(((x0 + x1) / 2, middle), ((x0 + x1) / 2 + 30, middle))
    last.wait(f"plot => Math.abs(plot.x_range.start - {x0 - 30}) < 3")
    assert_same_place(first, last)

    (colours,) = arrange(visitor, "RGB", 1)
    foot = visitor.page.locator(".readout .bk-clearfix")
    expect(foot).to_have_text(f"red: {NAMES[0]}, green: {NAMES[1]}, blue: {NAMES[2]}")
    scales = [coloured(mosaic, "significance", "asinh")[0] for mosaic in mosaics]
    layers = [coloured(m, "significance", "asinh", (0.0, scale.high))[1] for m, scale in zip(mosaics, scales, strict=True)]
    assert_shows(colours, rgb_picture(layers[0], layers[1], layers[2])[0])

    (single,) = arrange(visitor, "one band", 1)
    expect(menu).to_have_value(NAMES[1])
    assert_shows(single, natural(mosaics[1]))
    assert single.tell(f"plot => {TITLE}") == [], "the menu names it"


def assert_same_place(one: Plot, other: Plot) -> None:
    ranges = "plot => [plot.x_range.start, plot.x_range.end, plot.y_range.start, plot.y_range.end]"
    assert one.tell(ranges) == other.tell(ranges)
