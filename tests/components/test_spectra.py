"""The energy pane and its picture."""

from __future__ import annotations

from pathlib import Path

import holoviews as hv
import numpy as np
import pytest

from components import spectra
from components.elements.spectrum import spectrum_columns, spectrum_picture
from components.job_words import job_name, series_name
from components.spectra import SpectraView
from components.words import Words
from dashboard.analysis.grouping import GroupedSpectrum
from dashboard.plan.job import Job
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.spectrum import SpectrumSet
from dashboard.runs.store import RunStore
from dashboard.session import Session
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.spectra import RMF, folded, spectrum
from tests.test_session import looking, no_worker  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


def binned(rate: list[float], error: list[float]) -> GroupedSpectrum:
    count = len(rate)
    edges = 20.0 * 2.0 ** np.arange(count + 1)
    return GroupedSpectrum(edges[:-1], edges[1:], np.array(rate), np.array(error), np.zeros(count))


def test_what_is_measured_is_a_cross_and_what_is_not_a_limit() -> None:
    columns = spectrum_columns([binned([40.0, 40.0, -80.0], [4.0, 40.0, 80.0])])
    assert columns["points"]["y"].tolist() == [2.0], "40 counts/s in 20 keV"
    assert columns["points"]["error"].tolist() == [0.2]
    assert columns["limits"]["y"].tolist() == [3.0, 2.0], "max(rate, 0) + 2 sigma, over 40 and 80 keV"
    assert columns["limits"]["density"].tolist() == [1.0, -1.0], "the number under the cursor is the measured one"
    bars = columns["bars"]
    assert bars["x0"].tolist()[:3] == [20.0, 40.0, 80.0]
    assert bars["x1"].tolist()[:3] == [40.0, 80.0, 160.0]
    assert (bars["y0"][3], bars["y1"][3]) == pytest.approx((1.8, 2.2))
    assert all((column > 0).all() for layer in columns.values() for name, column in layer.items() if name[0] in "xy"), "a logarithmic axis"


def test_an_instrument_without_data_has_its_place_in_the_picture() -> None:
    hv.extension("bokeh")
    columns = {"ISGRI": spectrum_columns([binned([40.0], [4.0])]), "JEM-X 1": spectrum_columns([])}
    plot = hv.render(spectrum_picture(columns))
    assert len(plot.renderers) == 6
    assert [item.label.value for item in plot.legend[0].items] == ["ISGRI", "JEM-X 1"]


def test_bins_and_systematics_are_those_of_the_request() -> None:
    drawn = spectra.shown(SpectrumSet((spectrum(),)), "Crab", (20.0, 200.0, -4), 0.05)
    (grouped,) = drawn.grouped
    assert len(grouped.energy) == 4
    np.testing.assert_allclose(grouped.total_err**2, grouped.stat_err**2 + (0.05 * grouped.rate) ** 2)
    refused = spectra.shown(SpectrumSet((spectrum(),)), "Crab", (900.0, 990.0, 2), 0.0)
    assert refused.grouped == ()
    assert "no good channel" in refused.fault


def view_of(tmp_path: Path) -> tuple[PublishedRun, Session, SpectraView]:
    hv.extension("bokeh")
    plan = plan_of(4, product="spectrum", use_default_catalog=False, make_image=True)
    run = PublishedRun(settings_in(tmp_path / "data"), plan)
    session = looking(run)
    return run, session, SpectraView(session)


def words(view: SpectraView) -> str:
    return " ".join(text.value for text in view.__panel__().select(Words) if isinstance(text, Words))


def go_on(run: PublishedRun, session: Session) -> None:
    RunStore(run.settings).go_on(run.run_id, 0, SourceCatalog((CatalogSource("Crab", 83.6, 22.0),)))
    run.seen(session)


def test_the_pane_says_what_it_waits_for_and_follows_selection_and_batches(tmp_path: Path) -> None:
    run, session, view = view_of(tmp_path)
    assert spectra.AWAITED in words(view)
    go_on(run, session)
    assert spectra.EMPTY in words(view)
    run.publish(1, [spectrum(), spectrum("4U 0614+091", rate=2 * folded(RMF, spectrum().area))])
    run.seen(session)
    chart = view._chart
    assert chart is not None
    assert chart.plot.title is None, "the legend names the series"
    source = chart._sources["ISGRI", "points"]
    first = float(source.data["y"][0])
    assert "SIMULATED" in words(view)
    assert "ISGRI 2.0 ks, 1 of 1 batches" in words(view)

    menu = view._sources.widget
    assert (menu.options, menu.value) == (["4U 0614+091", "Crab"], "Crab"), "the target comes first"
    session.selection.source = "4U 0614+091"
    assert menu.value == "4U 0614+091"
    assert float(source.data["y"][0]) == pytest.approx(2 * first)
    menu.value = "Crab"
    assert session.selection.source == "Crab"
    assert float(source.data["y"][0]) == pytest.approx(first)
    session.selection.source = "NEW_1"
    assert menu.value == "Crab"
    assert "no spectrum of NEW_1" in words(view)
    assert session.selection.source == "NEW_1", "what is selected elsewhere stays so"

    run.publish(1, [spectrum(rate=3 * folded(RMF, spectrum().area))])
    run.seen(session)
    assert view._chart is chart, "zoom stays: the figure is not built again"
    assert float(source.data["y"][0]) == pytest.approx(3 * first)


def test_without_target_the_brightest_is_shown(tmp_path: Path) -> None:
    run, session, view = view_of(tmp_path)
    go_on(run, session)
    run.publish(1, [spectrum("A"), spectrum("B", rate=5 * folded(RMF, spectrum().area)), spectrum("C")])
    run.seen(session)
    assert view._sources.widget.value == "B"


def test_job_names() -> None:
    job = Job("jemx2", "lightcurve", (3.0, 20.0), ())
    assert (series_name(job), job_name(job)) == ("JEM-X 2 3–20 keV", "JEM-X 2 light curves 3–20 keV")
    assert job_name(Job("isgri", "spectrum", None, ())) == "ISGRI spectra"
