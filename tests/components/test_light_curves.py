"""The time pane and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from bokeh.events import RangesUpdate

from components import light_curves, time
from components.elements.light_curve import DRAWN, MOST, drawn_rows, light_curve_columns, light_curve_picture
from components.time import TimeView
from components.words import Words
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.light_curve import CUT_AT_BATCH_EDGE, LOW_EXPOSURE, TOTAL_ERROR, LightCurve, LightCurveSet
from dashboard.runs.store import RunStore
from tests.combine.curves import curve
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.test_session import looking, no_worker  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


def long_curve(rows: int) -> LightCurve:
    """Noise with one flare and one dip, in two stretches with a year between."""
    rng = np.random.default_rng(3)
    time = 3000.0 + np.arange(rows) * 0.01
    time[rows // 2 :] += 365.0
    rate = rng.normal(10.0, 1.0, rows)
    rate[rows // 3], rate[2 * rows // 3] = 500.0, -500.0
    return curve(time, rate=rate, error=np.ones(rows), half_width=np.full(rows, 0.004))


def test_crosses_flags_and_utc() -> None:
    flags = np.array([0, LOW_EXPOSURE, CUT_AT_BATCH_EDGE], np.uint8)
    values: dict[str, Any] = {
        "rate": np.array([5.0, 6.0, 7.0]),
        "error": np.array([1.0, 2.0, 3.0]),
        "columns": {TOTAL_ERROR: np.array([1.5, 2.5, 3.5])},
    }
    made = curve([3000.0, 3000.5, 3001.0], flags=flags, **values)
    columns = light_curve_columns(made, np.arange(3))
    assert columns["points"]["x"].tolist() == [54544.0]
    assert columns["hollow"]["y"].tolist() == [6.0, 7.0]
    assert columns["hollow"]["error"].tolist() == [2.5, 3.5], "systematics are in the error"
    bars = columns["bars"]
    np.testing.assert_allclose(bars["x1"][:3] - bars["x0"][:3], 1000 / 86400, rtol=1e-6)
    assert (bars["y0"][3:].tolist(), bars["y1"][3:].tolist()) == ([3.5, 3.5, 3.5], [6.5, 8.5, 10.5])
    terrestrial = np.datetime64("2008-03-19T00:00:00") - np.timedelta64(65184, "ms")
    assert columns["points"]["utc"][0] == pytest.approx(terrestrial.astype("datetime64[ms]").astype(float), abs=1), "TT - UTC was 65.184 s"


def test_of_a_long_curve_every_extreme_is_drawn_and_every_drawn_row_is_real() -> None:
    made = long_curve(1_000_000)
    rows = drawn_rows(made)
    assert len(rows) <= DRAWN + 4
    assert (np.diff(rows) > 0).all()
    assert {0, 333_333, 666_666, 999_999} <= set(rows.tolist())
    gap = made.mjd[rows]
    assert np.diff(gap).max() > 364, "the gap stays a gap"


@pytest.mark.parametrize("rows", [0, 1, MOST, MOST + 1, 2 * DRAWN + 1, 54_321])
def test_rows_to_draw_lie_in_the_curve(rows: int) -> None:
    made = curve(3000 + np.arange(rows) * 0.01)
    chosen = drawn_rows(made)
    assert (chosen >= 0).all()
    assert (chosen < rows).all()
    assert rows > MOST or len(chosen) == rows
    assert not rows or (chosen[0], chosen[-1]) == (0, rows - 1)


def test_what_is_looked_at_closely_is_drawn_whole() -> None:
    made = long_curve(1_000_000)
    start, stop = made.mjd[600_000], made.mjd[602_000]
    rows = drawn_rows(made, start, stop)
    assert set(range(600_000, 602_001)) <= set(rows.tolist())
    assert (rows[0], rows[-1]) == (0, 999_999), "Reset still finds both ends"
    assert len(rows) <= MOST + 2


def test_an_absent_curve_has_its_place_in_the_picture() -> None:
    hv.extension("bokeh")
    series = {"ISGRI": light_curve_columns(curve([3000.0]), np.arange(1)), "JEM-X 1": light_curve_columns(None, np.arange(0))}
    plot = hv.render(light_curve_picture(series, "count/s"))
    assert len(plot.renderers) == 6
    assert plot.yaxis[0].axis_label == "count/s"


def test_rebinning_keeps_the_counts_and_says_why_it_cannot() -> None:
    made = LightCurveSet((curve(3000.0 + np.arange(100) * 0.02, rate=np.full(100, 4.0), error=np.ones(100)),))
    drawn = light_curves.shown(made, "Crab", 86400.0, 0.1)
    assert drawn.curve is not None
    assert len(drawn.curve) == 2
    np.testing.assert_allclose(drawn.curve.rate, 4.0)
    np.testing.assert_allclose(drawn.curve.columns[TOTAL_ERROR], np.hypot(drawn.curve.error, 0.4))
    holds = LightCurveSet((curve([3000.0, 3001.0], columns={TOTAL_ERROR: np.ones(2)}),))
    drawn = light_curves.shown(holds, "Crab", 86400.0, 0.1)
    assert drawn.curve is not None
    assert len(drawn.curve) == 2
    assert "rebin first" in drawn.fault
    assert light_curves.shown(made, "nobody", 0.0, 0.0).curve is None


def test_the_pane_draws_more_of_a_long_curve_the_less_of_it_is_seen(tmp_path: Path) -> None:
    hv.extension("bokeh")
    plan = plan_of(4, product="lightcurve", use_default_catalog=False, make_image=True, bands=[[28, 40], [40, 80]])
    run = PublishedRun(settings_in(tmp_path / "data"), plan)
    session = looking(run)
    view = TimeView(session)

    def words() -> str:
        return " ".join(text.value for text in view.__panel__().select(Words) if isinstance(text, Words))

    assert time.AWAITED in words()
    RunStore(run.settings).go_on(run.run_id, 0, SourceCatalog((CatalogSource("Crab", 83.6, 22.0),)))
    made = long_curve(50_000)
    run.publish(1, [made, curve([3000.0], "4U 0614+091")])
    run.seen(session)
    chart = view._chart
    assert chart is not None
    assert chart.labels == ("ISGRI 28–40 keV", "ISGRI 40–80 keV"), "one of them has no batch yet"
    source: Any = chart._sources["ISGRI 28–40 keV", "points"]

    def look_at(first: int, last: int) -> None:
        view._x.update(start=float(made.mjd[first]), end=float(made.mjd[last]))
        view._look_at(RangesUpdate(chart.plot))

    assert chart.plot.x_range is view._x
    assert len(source.data["x"]) == 2, "the run's days are in view, and there is nothing of this curve in them but its ends"
    look_at(0, -1)
    assert MOST > len(source.data["x"]) > DRAWN / 2
    assert "of 50000 points drawn" in words()
    look_at(100, 900)
    near = np.asarray(source.data["x"])
    assert set(made.mjd[100:900]) <= set(near)
    view.bins = "1 d"
    assert len(source.data["x"]) < 1000
    view.bins = "as asked"
    run.publish(2, [curve([3000.0, 3000.1])])
    run.seen(session)
    assert view._chart is chart
    assert len(chart._sources["ISGRI 40–80 keV", "points"].data["x"]) == 2
    session.selection.source = "4U 0614+091"
    assert len(source.data["x"]) == 1
    assert "ISGRI 40–80 keV not seen" in words()
