"""A place from batch to batch: crosses as wide as batches, with errors that hold what widens empty sky."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import pytest

from components.chart import Chart
from components.elements.strip import LAYERS, strip_chart, strip_columns
from components.source_detail import TOOLTIPS, steadiness
from dashboard.runs.strips import Strip

NAN = float("nan")


def strip(flux: list[float], error: float = 1.0, width: float = 1.0, **values: Any) -> Strip:
    """Batches of half a day, one a day from IJD 1600 on."""
    start, seen = np.asarray(1600.0 + np.arange(len(flux)), dtype=np.float64), np.isfinite(flux)
    one = np.where(seen, 1.0, np.nan)
    columns: dict[str, Any] = {
        "flux": np.array(flux, dtype=float),
        "error": error * one,
        "exposure": np.where(seen, 2000.0, 0.0),
        "width": width * one,
        "threshold": 7.0,
        "unsteady": 0.01,
        **values,
    }
    return Strip((83.6, 22.0), tuple(f"b{i}" for i in range(len(flux))), start, np.asarray(start + 0.5, dtype=np.float64), **columns)


def test_a_batch_is_a_cross_and_one_that_does_not_see_the_place_is_none() -> None:
    columns = strip_columns(strip([10.0, NAN, 14.0], error=2.0, width=1.5))
    points, bars = columns["points"], columns["bars"]
    assert points["x"].tolist() == [53144.25, 53146.25], "MJD of the middle"
    assert points["y"].tolist() == [10.0, 14.0]
    assert points["error"].tolist() == [3.0, 3.0], "times the width of empty sky"
    np.testing.assert_allclose(points["sigma"], [10 / 3, 14 / 3])
    assert points["ks"].tolist() == [2.0, 2.0]
    assert (bars["x0"].tolist(), bars["x1"].tolist()) == ([53144.0, 53146.0, 53144.25, 53146.25], [53144.5, 53146.5, 53144.25, 53146.25])
    assert (bars["y0"].tolist(), bars["y1"].tolist()) == ([10.0, 14.0, 7.0, 11.0], [10.0, 14.0, 13.0, 17.0])
    assert all(len({len(column) for column in layer.values()}) == 1 for layer in columns.values())


def test_a_place_that_no_batch_sees_has_empty_columns() -> None:
    columns = strip_columns(strip([NAN, NAN]))
    assert {len(column) for layer in columns.values() for column in layer.values()} == {0}


def test_the_picture_has_both_layers_and_takes_other_columns() -> None:
    hv.extension("bokeh")
    chart = Chart(strip_chart, {"batch": strip_columns(strip([10.0, 12.0]))}, LAYERS, TOOLTIPS, "count/s")
    assert chart.plot.yaxis[0].axis_label == "count/s"
    assert chart.plot.xaxis[0].axis_label == "MJD (TT)"
    chart.draw({"batch": strip_columns(strip([1.0, 2.0, 3.0]))})
    assert [len(next(iter(renderer.data_source.data.values()))) for renderer in chart.plot.renderers] == [6, 3]
    named = {name for _, text in TOOLTIPS for name in ("x", "y", "error", "sigma", "ks") if f"@{name}" in text}
    assert named <= set(chart._sources["batch", "points"].data)


@pytest.mark.parametrize(
    ("flux", "words"),
    [
        ([NAN, NAN], "in none of the batches"),
        ([10.0, NAN], "seen by 1 of 2 batches"),
        ([10.0, 10.0, 10.0], "seen by 3 of 3 batches · constant flux: χ² 0.0 / 2"),
        ([0.0, 30.0, 0.0], "seen by 3 of 3 batches · ▲ shines in one batch only"),
    ],
)
def test_how_steady_a_place_is_in_words(flux: list[float], words: str) -> None:
    assert steadiness(strip(flux), len(flux)) == words
