"""The catalogue editor shows the draft and hands every edit to it."""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn
import pytest
from panel.models.tabulator import CellClickEvent, TableEditEvent

from components.catalogue_editor import CatalogueEditor
from dashboard.catalog_draft import CatalogDraft
from dashboard.errors import UnknownSource
from dashboard.products.catalog import CatalogSource, SourceCatalog

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # Bokeh's use of pandas

CATALOG = SourceCatalog(
    (CatalogSource("Crab", 83.6332, 22.0145, 290.0, isgri_flag=2, flag=1), CatalogSource("1A <0535", 84.7274, 26.3158, isgri_flag=1))
)


def resolver(name: str) -> tuple[float, float]:
    if name != "GX 5-1":
        raise UnknownSource(f"No resolver knows the name {name!r}.")
    return 270.2842, -25.0792


class Bench:
    """An editor and the widgets a user touches, found as they are drawn."""

    def __init__(self, instrument: str = "isgri") -> None:
        self.draft = CatalogDraft(CATALOG, instrument)
        self.view = CatalogueEditor(self.draft, resolver).__panel__()

    def widget(self, name: str) -> Any:
        return next(w for w in self.view.select(pn.widgets.Widget) if getattr(w, "label", "") == name)

    @property
    def table(self) -> Any:
        (table,) = self.view.select(pn.widgets.Tabulator)
        return table

    @property
    def text(self) -> str:
        return " ".join(str(getattr(pane, "object", "")) for pane in self.view.select(pn.pane.HTML))

    def edit(self, column: str, row: int, value: object) -> None:
        """What the browser sends when a cell was edited: the column's data, then the event."""
        self.table.value.loc[row, column] = value
        self.table._process_event(TableEditEvent(None, column, row))

    def press(self, name: str) -> None:
        self.widget(name).clicks += 1

    def add(self, name: str, ra: float | None = None, dec: float | None = None) -> None:
        self.widget("Name").value, self.widget("RA [deg]").value, self.widget("Dec [deg]").value = name, ra, dec


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_table_shows_the_columns_of_its_instrument(bench: Bench) -> None:
    assert list(bench.table.value) == ["name", "σ", "RA", "Dec", "ISGRI_FLAG", "extract"]
    assert bench.table.value["extract"].tolist() == [True, False]
    bench.draft.instrument = "jemx1"
    assert list(bench.table.value) == ["name", "σ", "RA", "Dec", "extract"]


def test_cells_edit_the_draft(bench: Bench) -> None:
    bench.edit("extract", 1, True)
    bench.edit("ISGRI_FLAG", 1, 2)
    bench.edit("name", 1, "1A 0535+262")
    source = bench.draft.catalog.sources[1]
    assert (source.name, source.flag, source.isgri_flag) == ("1A 0535+262", 1, 2)
    assert bench.table.value.loc[1, "name"] == "1A 0535+262"


def test_a_refused_name_goes_back_and_is_explained(bench: Bench) -> None:
    bench.edit("name", 1, "crab")
    assert bench.table.value["name"].tolist() == ["Crab", "1A <0535"]
    assert "already" in bench.text
    assert 'role="alert"' in bench.text


def test_rows_are_dropped_by_their_cross_or_together_and_come_back(bench: Bench) -> None:
    bench.table._process_event(CellClickEvent(None, "drop", 0))
    assert bench.draft.catalog.names == ("1A <0535",)
    bench.press("Undo")
    assert len(bench.table.value) == 2
    bench.table.selection = [0, 1]
    bench.press("Drop selected")
    assert len(bench.draft.catalog) == 0
    assert "empty" in bench.text


def test_a_click_on_the_image_fills_the_position(bench: Bench) -> None:
    bench.draft.position = (84.0, 23.0)
    assert (bench.widget("RA [deg]").value, bench.widget("Dec [deg]").value) == (84.0, 23.0)


@pytest.mark.parametrize(
    ("typed", "names", "sentence"),
    [
        (("GX 5-1",), ("GX 5-1",), ""),
        (("Mine", 90.0, 20.0), ("Mine",), ""),
        (("", 83.6332, -10.0), ("J053431.9-100000",), ""),
        (("Nobody",), (), "No resolver knows"),
        (("",), (), "Give a name to look up, or both RA and Dec."),
        (("half", 90.0), (), "both RA and Dec"),
        (("off", 90.0, 95.0), (), "no position"),
    ],
)
def test_sources_are_added_by_name_or_by_position(bench: Bench, typed: tuple[Any, ...], names: tuple[str, ...], sentence: str) -> None:
    async def press_and_wait() -> None:
        bench.press("Add")
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    bench.add(*typed)
    asyncio.run(press_and_wait())
    assert bench.draft.catalog.names == ("Crab", "1A <0535", *names)
    assert sentence in bench.draft.problem
    assert bool(sentence) == bool(bench.draft.problem)
    assert (bench.widget("Name").value == "") == (not sentence or not typed[0])
    assert not bench.widget("Add").disabled


def test_warnings_and_names_are_text_never_markup(bench: Bench) -> None:
    bench.draft.add("near <b>", 83.6332, 22.1)
    assert "Closer than the 12&#x27; that can be separated: Crab and near &lt;b&gt;" in bench.text
    assert "<b>" not in bench.text.replace("<h2>", "")
    assert bench.table.formatters["name"]["type"] == "plaintext"


def test_the_button_decides_and_says_so(bench: Bench) -> None:
    bench.press("Use this catalogue")
    assert bench.draft.used == CATALOG
    assert "2 sources · 1 to extract · ✓ in use" in bench.text
    bench.edit("extract", 1, True)
    assert bench.draft.used is None
    assert "in use" not in bench.text
