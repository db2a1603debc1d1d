"""The source table: what was found and measured on the combined map."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import panel as pn

from components.pane import Pane, empty_state
from components.sky import SkyView
from components.words import Words
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.session import Session

EMPTY = "No sources yet. They are found and measured on the sum of all batches that have landed."


def offset_text(source: MeasuredSource) -> str:
    """Distance to the catalogue position, or what is known instead."""
    if source.kind in {"new", "forced"}:
        return "–"
    return f"{source.offset:.2f}′" + (" ambiguous" if source.kind == "ambiguous" else "")


def _button(source: MeasuredSource) -> str:
    """The name as what the keyboard reaches: its click is the row's."""
    name = escape(source.name) + (" ▲" if source.near_edge else "")
    return f'<button type="button" aria-label="{name}, show on the map">{name}</button>'


def rows(table: SourceTable) -> pd.DataFrame:
    """Text columns in reading order: detected first, then upper limits."""
    return pd.DataFrame(
        [
            {
                "name": _button(s),
                "σ": f"{s.scaled_significance:.1f}",
                "flux": f"< {s.upper_limit:.2f}" if s.kind == "forced" else f"{s.flux:.2f} ± {s.scaled_error:.2f}",
                "RA": f"{s.ra:.3f}",
                "Dec": f"{s.dec:+.3f}",
                "match": offset_text(s),
            }
            for s in table.sources
        ],
        columns=["name", "σ", "flux", "RA", "Dec", "match"],
    )


def status(table: SourceTable) -> str:
    """One line: counts, the width of empty sky, false peaks; the unit of the flux heads its column."""
    new = sum(s.kind == "new" for s in table.sources)
    edge = " · ▲ at the edge" if any(s.near_edge for s in table.sources) else ""
    return (
        f"{len(table.detected)} above {table.threshold:g} σ · {new} new · σ(empty sky) {table.sky_width:.2f}"
        f" · {table.negative_peaks} below −{table.threshold:g} σ{edge}"
    )


class SourcesView(pn.viewable.Viewer):
    """The table; a click on a row centres the map."""

    def __init__(self, session: Session, sky: SkyView, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._sky = session, sky
        self._status = Words("", "pane-foot")
        self._table: Any = None
        self._pane = Pane("Sources", body=empty_state(EMPTY), foot=self._status, css_class="sources-pane")
        session.param.watch(lambda _: self.refresh(), "product_version")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the session's sources, or that there are none yet."""
        if self._session.findings is None:
            if self._table is not None:
                self._table, self._status.value, self._pane.body = None, "", empty_state(EMPTY)
            return
        frame = rows(self._session.sources)
        if self._table is None:
            self._table = pn.widgets.Tabulator(
                frame,
                show_index=False,
                disabled=True,
                formatters={"name": {"type": "html"}},
                editors=dict.fromkeys(frame),  # a cell with an editor, even a disabled one, is a stop of the Tab key
                selectable=1,
                layout="fit_columns",
                widths={"name": "27%", "σ": "11.5%", "flux": "23%", "RA": "12%", "Dec": "14.5%", "match": "12%"},
                sizing_mode="stretch_both",
                text_align={"σ": "right", "flux": "right", "RA": "right", "Dec": "right", "match": "right"},
                titles={"flux": f"flux {self._session.sources.flux_unit}"},
                theme="simple",
                css_classes=["sources"],
            )
            self._table.on_click(self._centre)
            self._pane.body = self._table
        elif not frame.equals(self._table.value):
            self._table.value = frame
        self._status.value = status(self._session.sources)

    def _centre(self, event: Any) -> None:
        source = self._session.sources.sources[event.row]
        self._session.selected = source.name
        self._sky.centre(source.ra, source.dec)
