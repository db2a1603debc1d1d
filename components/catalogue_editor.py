"""The catalogue editor: a table of the sources to extract, what speaks against them, and the button that decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from components.fields import NumberInput
from components.pane import Pane
from dashboard.catalog_draft import CatalogDraft
from dashboard.errors import DashboardError
from dashboard.products.catalog import SourceCatalog

Resolver = Callable[[str], tuple[float, float]]

_WIDTHS = {"name": "31%", "σ": "12%", "RA": "14%", "Dec": "15%", "ISGRI_FLAG": "9%", "extract": "13%", "drop": "6%"}
_ALIGN = {"σ": "right", "RA": "right", "Dec": "right", "ISGRI_FLAG": "center", "extract": "center"}
_INSET = {"padding": "4px 10px", "box-sizing": "border-box"}


def rows(catalog: SourceCatalog, instrument: str) -> pd.DataFrame:
    """One row a source in the catalogue's order; JEM-X has no ISGRI_FLAG."""
    sources = catalog.sources
    columns: dict[str, list[Any]] = {
        "name": [s.name for s in sources],
        "σ": [f"{s.significance:.1f}" if s.significance else "–" for s in sources],
        "RA": [f"{s.ra:.3f}" for s in sources],
        "Dec": [f"{s.dec:+.3f}" for s in sources],
        "ISGRI_FLAG": [s.isgri_flag for s in sources],
        "extract": [bool(s.flag) for s in sources],
    }
    if instrument != "isgri":
        del columns["ISGRI_FLAG"]
    return pd.DataFrame(columns)


def remarks(draft: CatalogDraft) -> str:
    """HTML: why the last edit was refused, what speaks against the list, how it was made."""
    problem = f'<p class="bad" role="alert">✗ {escape(draft.problem)}</p>' if draft.problem else ""
    return (
        problem
        + "".join(f'<p class="warn">▲ {escape(sentence)}</p>' for sentence in draft.warnings)
        + "".join(f'<p class="quiet">{escape(sentence)}</p>' for sentence in draft.notes)
    )


def status(draft: CatalogDraft) -> str:
    """One line: how many sources, how many of them extracted, and whether the list is in use."""
    count = len(draft.catalog)
    extracted = sum(bool(s.flag) for s in draft.catalog.sources)
    return f"{count} source{'s' * (count != 1)} · {extracted} to extract" + (" · ✓ in use" if draft.used is not None else "")


class CatalogueEditor(pn.viewable.Viewer):
    """View of a `CatalogDraft`.

    Parameters
    ----------
    draft
        What is edited.
    resolver
        Gives RA and Dec of a name, may block, and raises a DashboardError when it cannot.
    close
        Puts it away undecided, where that may be done.
    """

    def __init__(self, draft: CatalogDraft, resolver: Resolver, close: Callable[[], None] | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._draft, self._resolver = draft, resolver
        self._remarks = pn.pane.HTML(remarks(draft), sizing_mode="stretch_width", margin=(2, 10))
        self._foot = pn.pane.HTML(status(draft), css_classes=["pane-foot"], margin=0)
        self._name = pn.widgets.TextInput(
            label="Name", placeholder="looked up when no position is given", margin=0, sizing_mode="stretch_width"
        )
        self._ra = NumberInput(label="RA [deg]", value=None, start=None, end=None, margin=0, width=90)
        self._dec = NumberInput(label="Dec [deg]", value=None, start=None, end=None, margin=0, width=90)
        self._add = pn.widgets.Button(label="Add", css_classes=["act"], align="end", width=70, margin=0)
        self._drop = pn.widgets.Button(label="Drop selected", css_classes=["chip"], align="center", margin=0)
        self._undo = pn.widgets.Button(label="Undo", css_classes=["chip"], align="center", disabled=not draft.changed, margin=0)
        self._use = pn.widgets.Button(label="Use this catalogue", css_classes=["act", "primary"], sizing_mode="stretch_width", margin=0)
        self._table = self._new_table()
        entry = pn.Row(self._name, self._ra, self._dec, self._add, css_classes=["pair"], styles=_INSET, margin=0)
        decision = pn.Row(self._use, styles=_INSET, sizing_mode="stretch_width", margin=0)
        self._body = pn.Column(self._table, self._remarks, entry, decision, sizing_mode="stretch_both", margin=0)
        bar = [self._drop, self._undo]
        if close is not None:
            shut = pn.widgets.Button(label="Close", css_classes=["chip"], align="center", margin=0)
            shut.on_click(lambda _: close())
            bar.append(shut)
        self._pane = Pane("Catalogue", bar=bar, body=self._body, foot=self._foot, css_class="catalogue-pane")
        self._add.on_click(self._append)
        self._drop.on_click(self._drop_selected)
        self._undo.on_click(lambda _: draft.undo())
        self._use.on_click(lambda _: draft.use())
        draft.param.watch(self._show, ["catalog", "warnings", "problem", "notes", "used"])
        draft.param.watch(self._renew, "instrument")
        draft.param.watch(self._take_position, "position")

    @property
    def draft(self) -> CatalogDraft:
        """What is edited."""
        return self._draft

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def _new_table(self) -> Any:
        editors: dict[str, Any] = dict.fromkeys(("σ", "RA", "Dec"))
        editors |= {"name": {"type": "input"}, "ISGRI_FLAG": {"type": "list", "values": [0, 1, 2]}, "extract": {"type": "tickCross"}}
        frame = rows(self._draft.catalog, self._draft.instrument)
        table = pn.widgets.Tabulator(
            frame,
            show_index=False,
            editors={name: editor for name, editor in editors.items() if name in frame},
            formatters={"name": {"type": "plaintext"}, "extract": {"type": "tickCross"}},
            buttons={"drop": "✕"},
            selectable=True,
            sortable=False,
            layout="fit_columns",
            widths={name: width for name, width in _WIDTHS.items() if name in frame or name == "drop"},
            titles={"ISGRI_FLAG": "flag", "drop": ""},
            text_align=_ALIGN,
            header_align=_ALIGN,
            configuration={"columnDefaults": {"headerSort": False}},
            sizing_mode="stretch_both",
            min_height=120,
            theme="simple",
            css_classes=["sources"],
        )
        table.on_edit(self._edited)
        table.on_click(self._clicked, column="drop")
        return table

    def _edited(self, event: Any) -> None:
        match event.column:
            case "name":
                made = self._draft.rename(event.row, str(event.value or ""))
            case "extract":
                made = self._draft.flag(event.row, flag=int(bool(event.value)))
            case _:
                made = self._draft.flag(event.row, isgri_flag=int(event.value))
        if not made:
            self._table.value = rows(self._draft.catalog, self._draft.instrument)

    def _drop_selected(self, _: Any) -> None:
        self._draft.drop(sorted(self._table.selection))

    def _clicked(self, event: Any) -> None:
        self._draft.drop([event.row])

    async def _append(self, *_: Any) -> None:
        """Add by position when one is given, else look the name up."""
        name, given = (self._name.value or "").strip(), [float(edge) for edge in (self._ra.value, self._dec.value) if edge is not None]
        if len(given) == 1 or not (name or given):
            self._draft.problem = "Give a name to look up, or both RA and Dec."
            return
        self._add.disabled = True
        try:
            ra, dec = (given[0], given[1]) if given else await asyncio.to_thread(self._resolver, name)
            if self._draft.add(name, ra, dec):
                self._name.value, self._ra.value, self._dec.value = "", None, None
        except DashboardError as error:
            self._draft.problem = error.sentence
        finally:
            self._add.disabled = False

    def _take_position(self, event: Any) -> None:
        if event.new is not None:
            self._ra.value, self._dec.value = event.new

    def _renew(self, *_: Any) -> None:
        """Another instrument has other columns."""
        self._table = self._new_table()
        self._body[0] = self._table

    def _show(self, *_: Any) -> None:
        frame = rows(self._draft.catalog, self._draft.instrument)
        if not frame.equals(self._table.value):
            self._table.param.update(value=frame, selection=[])
        self._remarks.object = remarks(self._draft)
        self._foot.object = status(self._draft)
        self._undo.disabled = not self._draft.changed
