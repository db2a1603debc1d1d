"""The source table: numbers that sort, limits for what was not found, candidates by their credibility, and what is asked of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import holoviews as hv
import numpy as np
import pytest
from pandas.api.types import is_numeric_dtype

from components import sources
from components.sky import SkyView
from components.sources import NUMBERS, SourcesView, rows, status
from components.words import Words
from dashboard.analysis.candidates import ONE_BATCH, credibility
from dashboard.identity import Identity
from dashboard.part_board import part_board
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.catalog_api import catalog_from_text
from dashboard.products.mcrab import mcrab
from dashboard.session import Session
from tests.runs.sky_dispatcher import CRAB, plan_of
from tests.runs.stored_run import StoredRun, mosaic
from tests.test_part_board import held_up
from tests.test_session import no_worker  # noqa: F401
from tests.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


def source(name: str, significance: float, kind: str = "known", **values: Any) -> MeasuredSource:
    given: dict[str, Any] = {"offset": 0.246, "scaled_significance": significance / 1.25, "n_batches": 3, "kind": kind}
    given |= {"flux": significance, "flux_error": 1.0, "significance": significance}
    return MeasuredSource(name, 83.63308, 22.01446, position_error=0.3, **{**given, **values})


TABLE = SourceTable(
    (
        source("Crab", 1000.0),
        source("NEW_1", 12.04, "new", offset=math.nan, warnings=("edge", "variable")),
        source("NEW_2", 11.0, "new", offset=math.nan),
        source("1A 0535+262", 9.0, "ambiguous", candidates=("1A 0535+262", "other")),
        source("<faint>", -1.0, "forced", upper_limit=3.756, n_batches=0),
    ),
    flux_unit="counts/sec",
    sky_width=1.234,
    negative_peaks=1,
    instrument="isgri",
    band=(28.0, 40.0),
)


def test_numbers_are_numbers_so_that_they_sort() -> None:
    frame = rows(TABLE.sources, TABLE)
    assert set(NUMBERS) <= set(frame)
    assert [name for name in frame if is_numeric_dtype(frame[name])] == list(NUMBERS)
    assert frame["σ"].tolist() == [800.0, 9.6, 8.8, 7.2, -0.8], "over the width of empty sky"
    assert frame["RA"].tolist() == [83.633] * 5
    assert frame["Dec"].tolist() == [22.014] * 5
    np.testing.assert_array_equal(frame["match"], [0.25, np.nan, np.nan, 0.25, np.nan], "only what was found has a distance to its place")
    assert frame["n"].tolist() == [3, 3, 3, 3, 0]


def test_fluxes_come_with_the_error_of_the_real_sky_and_what_was_not_found_as_a_limit() -> None:
    frame = rows(TABLE.sources, TABLE)
    cells = frame["flux"].tolist()
    assert sorted(cells, reverse=True) == cells, "as text they sort like the numbers"
    assert [re.sub("<[^<]*?>", "", cell) for cell in cells] == ["1000.0 ± 1.2", "12.04 ± 1.25", "11.00 ± 1.25", "9.00 ± 1.25", "< 3.76"]
    crab = TABLE.crab
    assert frame["mCrab"].tolist() == [round(mcrab(flux, crab), 1) for flux in (1000.0, 12.04, 11.0, 9.0, 3.756)]
    assert rows(TABLE.sources, SourceTable(TABLE.sources))["mCrab"].isna().all(), "of an unknown band there are none"


def test_small_fluxes_show_the_first_digit_of_their_error() -> None:
    """In JEM-X's counts/cm2/s the Crab has 0.15."""
    small = (
        source("Crab", 1420.0, flux=0.142, flux_error=0.0001, scaled_significance=1136.0),
        source("faint", 0.0, "forced", upper_limit=0.00231),
    )
    cells = [re.sub("<[^<]*?>", "", cell) for cell in rows(small, TABLE)["flux"]]
    assert cells == ["0.1420(1)", "< 0.0023"]


def test_names_are_buttons_that_tell_warnings_and_hold_no_html_of_their_own() -> None:
    names = rows(TABLE.sources, TABLE, "NEW_2")["name"].tolist()
    assert ["chosen" in name for name in names] == [False, False, True, False, False]
    assert 'title="edge, variable">▲' in names[1]
    assert "▲" not in "".join(names[2:])
    assert "<faint>" not in names[4]
    assert "&lt;faint&gt;" in names[4]
    assert len(rows((), TABLE)) == 0


def test_the_status_line_counts() -> None:
    words = status(TABLE)
    for expected in ("4 above 7 σ", "2 new (expect 50% false)", "σ(empty sky) 1.23", "1 below −7 σ", "▲ see the warnings"):
        assert expected in words
    calm = status(SourceTable((source("Crab", 1000.0),)))
    assert "0 new ·" in calm
    assert "expect" not in calm
    assert "▲" not in calm


BATCHES = 4
STEADY, FLASH = (CRAB[0] + 1.4, CRAB[1] + 0.3), (CRAB[0] - 1.2, CRAB[1] - 0.9)
"""Where no catalogue knows a source; FLASH has more photons than STEADY, all of them in one batch."""


class View:
    """The table of a run that has found the Crab and two sources that nobody knows."""

    def __init__(self, folder: Path) -> None:
        hv.extension("bokeh")
        run = StoredRun(folder, plan_of(2 * BATCHES))
        run.arrive(
            {batch_id: mosaic(n, [(*CRAB, 200.0), (*STEADY, 12.0), (*FLASH, 60.0 * (n == 2))]) for n, batch_id in enumerate(run.ids)}
        )
        run.publish()
        run.store.cancel(run.run_id)
        self.run = run
        self.session = Session(run.settings, Identity())
        self.sky = SkyView(self.session)
        self.view: Any = SourcesView(self.session, self.sky)

    @property
    def words(self) -> str:
        return " ".join(text.value for text in self.view.__panel__().select(Words) if isinstance(text, Words))

    @property
    def shown(self) -> list[str]:
        return [source.name for source in self.view._rows]

    def tick(self, *names: str) -> None:
        self.view._table.selection = [self.shown.index(name) for name in names]

    def press(self, label: str) -> None:
        self.view._acts[label].clicks += 1

    def measured(self) -> None:
        """Until the candidates are measured in every batch."""

        def done() -> bool:
            self.session.refresh()
            return self.view._strips is not None and self.view._strips.strips is not None

        wait_until(done, "the candidates are not measured")


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path)
    yield view
    with held_up(part_board(view.run.settings)):
        pass


def new_at(view: View, place: tuple[float, float]) -> str:
    return min(view.session.sources.sources, key=lambda s: math.hypot(s.ra - place[0], s.dec - place[1])).name


def test_candidates_are_ranked_and_one_that_shines_in_one_batch_only_is_told(view: View) -> None:
    assert sources.EMPTY in view.words
    view.session.watch_run(view.run.run_id)
    steady, flash = new_at(view, STEADY), new_at(view, FLASH)
    assert {"Crab", steady, flash} <= set(view.shown)
    view.measured()
    frame = view.view._table.value
    told = {name: ONE_BATCH in row for name, row in zip(view.shown, frame["name"], strict=True)}
    assert told[flash]
    assert not told[steady]
    assert not told["Crab"]
    view.view._kinds.value = "new"
    candidates = [source for source in view.session.sources.sources if source.kind == "new"]
    assert view.shown == [source.name for source in sorted(candidates, key=credibility, reverse=True)]
    assert {steady, flash} <= set(view.shown)
    assert "Crab" not in view.shown
    view.session.findings.sources = TABLE  # type: ignore[union-attr]
    view.view.refresh()
    assert view.shown == ["NEW_2", "NEW_1"], "near the edge, the brighter one is less credible"
    view.view._kinds.value = "forced"
    assert view.shown == ["<faint>"]
    view.view._kinds.value = "all"
    view.view._find.value_input = "CRA"
    assert view.shown == ["Crab"]
    view.view._find.value_input = ""
    assert len(view.shown) == len(view.session.sources.sources)


def test_a_source_that_is_selected_elsewhere_is_marked_and_a_click_selects_one(view: View) -> None:
    view.session.watch_run(view.run.run_id)
    steady = new_at(view, STEADY)
    view.session.selection.source = steady
    chosen = [name for name, row in zip(view.shown, view.view._table.value["name"], strict=True) if 'class="chosen"' in row]
    assert chosen == [steady]
    assert f"<b>{steady}</b> · new candidate" in view.words
    view.session.selection.place = STEADY
    view.view._clicked(type("Click", (), {"row": view.shown.index("Crab"), "column": "σ"}))
    assert (view.session.selection.source, view.session.selection.place) == ("Crab", None)
    x, y = view.session.mosaic.wcs.wcs_world2pix(*CRAB, 0)  # type: ignore[union-attr]
    plot = view.sky._figures[0].plot
    assert (plot.x_range.start + plot.x_range.end) / 2 == pytest.approx(float(x), abs=0.5), "the map follows"
    assert (plot.y_range.start + plot.y_range.end) / 2 == pytest.approx(float(y), abs=0.5)


def test_ticked_sources_become_the_next_request_or_a_catalogue_to_edit(view: View) -> None:
    view.session.watch_run(view.run.run_id)
    steady, session = new_at(view, STEADY), cast(Any, view.session)
    view.tick(steady)
    assert view.view._acts_row.visible
    view.press("Spectrum and light curve of these")
    assert session.plan_wished == 1
    assert session.asked().products == ("spectrum", "lightcurve")
    read = catalog_from_text(session.asked().api_catalog_file)
    assert [source.name for source in read.sources if source.flag] == [steady]
    assert {source.name for source in read.sources} == {source.name for source in session.sources.detected}
    view.press("Edit as catalogue")
    assert session.editing
    assert session.draft is not None
    assert [source.name for source in session.draft.catalog.sources if source.flag] == [steady]
    view.view._find.value_input = "crab"
    view.tick("Crab")
    assert view.view._unseen.value == "1 of 2 filtered away"
    view.view._find.value_input = ""
    assert view.view._unseen.value == ""
    assert [view.shown[row] for row in view.view._table.selection] == ["Crab", steady], "boxes stay with their sources"
    view.tick()
    assert not view.view._acts_row.visible
    view.press("Spectrum and light curve of these")
    assert session.plan_wished == 1
    assert "Choose sources in the table first" in session.problem


def test_another_run_has_an_empty_table(view: View) -> None:
    view.session.watch_run(view.run.run_id)
    assert sources.EMPTY not in view.words
    view.session.watch_run(view.run.store.start(plan_of(2, first=40), Identity()))
    assert sources.EMPTY in view.words
    assert not view.view._find.visible
    view.session.watch_run(view.run.run_id)
    assert "Crab" in view.shown
    assert sources.EMPTY not in view.words
