"""A copy of a figure is the figure: the same picture, and nothing in common with it but arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from bokeh.core.serialization import Buffer, Serializer
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from components import chart, coverage, drawn_once, histogram, pointing_map, sky_figure
from components.elements.light_curve import light_curve_columns, light_curve_picture
from components.elements.pointings import field_wcs, pointing_columns, pointing_picture
from components.light_curves import TOOLTIPS
from dashboard.analysis.sky_width import SignificanceHistogram
from dashboard.combine.grid import Grid
from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic
from tests.combine.curves import curve


@pytest.fixture(autouse=True)
def nothing_drawn() -> None:
    hv.extension("bokeh")
    drawn_once._drawn.clear()


def light_curves() -> Any:
    series = {"ISGRI": light_curve_columns(curve([3000.0, 3001.0]), np.arange(2))}
    return chart._styled(light_curve_picture(series, "count/s"), ("ISGRI",), TOOLTIPS, {"@utc": "datetime"})


def significance() -> Any:
    counts = np.full(40, 100)
    return histogram._drawn(SignificanceHistogram(np.linspace(-5, 5, 41), counts, counts - 1, 0.0, 1.0, 99.0))


def sky() -> Any:
    plane = np.ones((16, 16), dtype="f4")
    wcs = Grid("TAN", (83.6, 22.0), 0.08, (16, 16), (8.0, 8.0)).wcs
    return sky_figure._drawn(np.ones((16, 16), dtype="u1"), Mosaic(plane, plane, plane, plane, wcs), SourceTable())


def pointings() -> Any:
    wcs, side = field_wcs(83.6, 22.0, 5.0)
    near = np.array([83.0, 84.0]), np.array([22.0, 23.0]), np.array([1.0, 2.0]), np.array([True, False])
    return pointing_map._styled(pointing_picture(pointing_columns(*near, wcs), wcs, side, 5.0, "Crab"), side)


def told(plot: Any) -> Any:
    """What a browser is told of a figure, its models numbered as they come."""
    numbers: dict[str, int] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: numbers.setdefault(each, len(numbers)) if key == "id" else plain(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [plain(each) for each in value]
        return bytes(value.data) if isinstance(value, Buffer) else value

    return plain(Serializer().encode(plot))


DRAWN = [light_curves, significance, sky, pointings, coverage._strip, coverage._mission]


@pytest.mark.parametrize("draw", DRAWN)
def test_a_browser_is_told_the_same_of_the_copy(draw: Callable[[], Any]) -> None:
    plot = draw()
    copy = drawn_once.copied(plot)
    assert told(copy) == told(plot)
    assert not {model.id for model in plot.references()} & {model.id for model in copy.references()}


def test_what_is_changed_in_a_copy_is_told_and_stays_there() -> None:
    plot, heard = light_curves(), list[Any]()
    before = told(plot)
    copy = drawn_once.copied(plot)
    copy.on_change("tags", lambda _attribute, _old, new: heard.append(list(new)))
    copy.tags.append("mine")
    source = copy.renderers[0].data_source
    source.data["x0"] = np.zeros(4)
    copy.xaxis.axis_label = "mine"
    assert heard == [["mine"]], "lists know whose they are"
    assert told(plot) == before


def test_equal_keys_are_drawn_once_and_nobody_sees_the_data_of_another() -> None:
    drawn = list[int]()

    def draw(number: int) -> Any:
        drawn.append(number)
        plot = figure()
        plot.scatter("x", "y", source=ColumnDataSource({"x": [number], "y": [number]}))
        return plot

    copies = [drawn_once.drawn_once("first", lambda: draw(1)), drawn_once.drawn_once("first", lambda: draw(2))]
    assert drawn == [1]
    assert [dict(copy.renderers[0].data_source.data) for copy in copies] == [{"x": [], "y": []}] * 2
    for number in range(drawn_once.KEPT):
        drawn_once.drawn_once(number, lambda: draw(3))
    assert len(drawn_once._drawn) == drawn_once.KEPT, "those that nobody asked for lately are forgotten"
    assert "first" not in drawn_once._drawn
