"""The source table: what was found and measured on the combined map, what speaks against it, and what to ask next of it."""

from __future__ import annotations

import math
from html import escape
from typing import Any, Final

import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import NumberFormatter

from components.choices import Chips, Ticked
from components.pane import Pane, empty_state
from components.pane_turn import PaneTurn
from components.sky import SkyView
from components.source_detail import SourceDetail
from components.words import Words
from dashboard.analysis.candidates import false_share, ranked, with_strip_warning
from dashboard.catalog_draft import CatalogDraft
from dashboard.errors import DashboardError
from dashboard.next_request import extraction_catalog, extraction_of
from dashboard.part_board import StripAnswer, part_board
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.mcrab import mcrab
from dashboard.session import Session

EMPTY = "No sources yet. They are found and measured on the sum of all batches that have landed."
SHOWN: Final = {"all": "all", "candidates": "new", "limits": "forced"}
MOST_CANDIDATES: Final = 12
"""New sources that are measured in every batch by themselves."""
TITLES: Final = {"match": "Δ′", "n": "N"}
WIDTHS: Final = {"name": "23%", "σ": "9.5%", "flux": "17%", "mCrab": "10%", "RA": "10.5%", "Dec": "11%", "match": "6.5%", "n": "4%"}
NUMBERS: Final = {"σ": "0.0", "mCrab": "0.0", "RA": "0.000", "Dec": "+0.000", "match": "0.00", "n": "0"}
TOOLTIPS: Final = {
    "σ": "significance over the local width of empty sky",
    "match": "arcmin to the catalogue position",
    "n": "batches that see it",
}
ALIGN: Final = dict.fromkeys(("σ", "flux", "mCrab", "RA", "Dec", "match", "n"), "right")


def _name(source: MeasuredSource, chosen: bool) -> str:
    """The name as what the keyboard reaches: its click is the row's. Rows are sorted by this text: the name stands first in it."""
    name = escape(source.name)
    mark = f' <span class="warn" title="{escape(", ".join(source.warnings))}">▲</span>' if source.warnings else ""
    return f'<button type="button" aria-label="{name}, show on the map" class="{"chosen" if chosen else ""}">{name}{mark}</button>'


def _flux(source: MeasuredSource) -> str:
    """Measured, or a 3 sigma limit; rows are sorted by this text: it begins with the number, as wide as any."""
    if source.kind == "forced":
        number, text = source.upper_limit, f"< {source.upper_limit:.{_digits(source.upper_limit, 2)}f}"
    else:
        digits = _digits(source.scaled_error, 1) if abs(source.flux) < 100 else 1
        error = f" ± {source.scaled_error:.{digits}f}" if digits < 3 else f"({source.scaled_error * 10**digits:.0f})"
        number, text = source.flux, f"{source.flux:.{digits}f}{error}"
    return f'<span data-order="{max(number, 0.0):016.6f}">{text}</span>'


def _digits(value: float, significant: int) -> int:
    """Decimals that leave so many significant digits of a positive value, two to six: in JEM-X's counts/cm2/s all is small."""
    return max(2, min(6, significant - 1 - math.floor(math.log10(value)))) if 0 < value < math.inf else 2


def rows(sources: tuple[MeasuredSource, ...], table: SourceTable, selected: str = "") -> pd.DataFrame:
    """One row a source; numbers are numbers, so that a click on a title sorts them."""
    crab = table.crab

    def in_mcrab(source: MeasuredSource) -> float:
        return round(mcrab(source.upper_limit if source.kind == "forced" else source.flux, crab), 1)

    columns: dict[str, list[Any]] = {
        "name": [_name(s, s.name == selected) for s in sources],
        "σ": [round(s.scaled_significance, 1) for s in sources],
        "flux": [_flux(s) for s in sources],
        "mCrab": [in_mcrab(s) for s in sources],
        "RA": [round(s.ra, 3) for s in sources],
        "Dec": [round(s.dec, 3) for s in sources],
        "match": [math.nan if s.kind in {"new", "forced"} else round(s.offset, 2) for s in sources],
        "n": [s.n_batches for s in sources],
    }
    return pd.DataFrame(columns)


def status(table: SourceTable) -> str:
    """One line: counts, the width of empty sky, false peaks."""
    new = sum(s.kind == "new" for s in table.sources)
    share = false_share(table)
    doubt = f" (expect {share:.0%} false)" if new and share > 0 else ""
    return (
        f"{len(table.detected)} above {table.threshold:g} σ · {new} new{doubt} · σ(empty sky) {table.sky_width:.2f}"
        f" · {table.negative_peaks} below −{table.threshold:g} σ"
        + (" · ▲ see the warnings" if any(s.warnings for s in table.sources) else "")
        + f' · <abbr title="{escape(table.crab.sentence)}">mCrab</abbr>'
    )


class SourcesView(pn.viewable.Viewer):
    """The table; a click on a row selects its source in every pane and centres the map."""

    def __init__(self, session: Session, sky: SkyView, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._sky = session, sky
        self._status = Words("", "pane-foot")
        self._table: Any = None
        self._rows: tuple[MeasuredSource, ...] = ()
        self._ticked: frozenset[str] = frozenset()
        self._strips: StripAnswer | None = None
        self._strips_of: object = None
        self._kinds = Chips(options=SHOWN, value="all", label="", css_classes=["chips"], visible=False)
        self._find = pn.widgets.TextInput(placeholder="filter", css_classes=["find"], width=86, margin=0, visible=False)
        self._acts: dict[str, Any] = {}
        self._unseen = Words("", "note")
        self._detail: SourceDetail | None = None
        self._pane = Pane(
            "Sources", bar=[self._kinds], menu=[self._find], body=empty_state(EMPTY), foot=self._status, css_class="sources-pane"
        )
        self._kinds.param.watch(lambda *_: self.refresh(), "value")
        self._find.param.watch(lambda *_: self.refresh(), "value_input")
        session.param.watch(PaneTurn(self.refresh, lambda: self._table is None and session.findings is not None), "product_version")
        session.param.watch(self._take_strips, "beat")
        session.selection.param.watch(lambda *_: self.refresh(), "source")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane.__panel__()

    def refresh(self) -> None:
        """Show the session's sources, or that there are none yet."""
        session = self._session
        self._kinds.visible = self._find.visible = session.findings is not None
        if session.findings is None:
            if self._table is not None:
                self._table, self._status.value, self._pane.body = None, "", empty_state(EMPTY)
                self._ticked = frozenset()
                if self._acts:
                    self._acts_row.visible = False
            return
        self._ask_strips()
        self._rows = self._chosen()
        frame = rows(self._rows, session.sources, session.selection.source)
        if self._table is None:
            self._build(frame)
        elif not frame.equals(self._table.value):
            ticked, self._table.value = self._ticked, frame
            self._table.selection = [row for row, source in enumerate(self._rows) if source.name in ticked]
            self._ticked = ticked
            self._tell_unseen()
        self._status.value = status(session.sources)

    def _chosen(self) -> tuple[MeasuredSource, ...]:
        """The rows to show: of the chosen kind, with these letters in their names; candidates by their credibility."""
        table, kind, letters = self._session.sources, self._kinds.value, (self._find.value_input or "").strip().casefold()
        lonely = self._lonely()
        sources = ranked(table) if kind == "new" else [s for s in table.sources if kind in ("all", s.kind)]
        return tuple(with_strip_warning(s, s.name in lonely) for s in sources if letters in s.name.casefold())

    def _build(self, frame: pd.DataFrame) -> None:
        numbers = {name: NumberFormatter(format=written, nan_format="–") for name, written in NUMBERS.items()}
        self._table = Ticked(
            frame,
            show_index=False,
            disabled=True,
            formatters={"name": {"type": "html"}, "flux": {"type": "html"}, **numbers},
            editors=dict.fromkeys(frame),  # a cell with an editor, even a disabled one, is a stop of the Tab key
            selectable=False if self._session.shared else "checkbox",
            layout="fit_columns",
            widths=WIDTHS,
            sizing_mode="stretch_both",
            text_align=ALIGN,
            header_align=ALIGN,
            titles=TITLES,
            header_tooltips={
                **TOOLTIPS,
                "flux": f"{escape(self._session.sources.flux_unit)}; 0.142(1) is 0.142 ± 0.001; below: 3 sigma limit",
            },
            theme="simple",
            css_classes=["sources", "boxes", *([] if self._session.shared else ["ticks"])],
        )
        self._table.on_click(self._clicked)
        self._table.param.watch(self._offer, "selection")
        self._pane.body = self._table
        if self._detail is None:
            self._detail = SourceDetail(self._session)
            self._pane.add_below(self._detail)

    def _clicked(self, event: Any) -> None:
        source = self._rows[event.row]
        if event.column in self._table.value:
            self._session.selection.param.update(source=source.name, place=None)
            self._sky.centre(source.ra, source.dec)

    def _offer(self, event: Any) -> None:
        """What can be asked of the sources whose boxes are ticked; those that are filtered away stay so."""
        if self._session.shared is not None:
            return  # the page of a shared run offers no boxes: a browser that ticks one all the same gets nothing
        shown = [source.name for source in self._rows]
        self._ticked = self._ticked.difference(shown) | {shown[row] for row in event.new if row < len(shown)}
        if not self._acts:
            for label, act in (("Spectrum and light curve of these", self._extract), ("Edit as catalogue", self._edit)):
                self._acts[label] = pn.widgets.Button(label=label, css_classes=["chip"], margin=0)
                self._acts[label].on_click(act)
            self._acts_row = pn.Row(*self._acts.values(), self._unseen, css_classes=["acts-row"], margin=0)
            self._pane.add_below(self._acts_row)
        self._acts_row.visible = bool(self._ticked)
        self._tell_unseen()

    def _tell_unseen(self) -> None:
        """How many of the ticked sources are filtered away: they go along."""
        unseen = len(self._ticked.difference(source.name for source in self._rows))
        self._unseen.value = f"{unseen} of {len(self._ticked)} filtered away" if unseen else ""

    def _extract(self, _: Any) -> None:
        """Spectrum and light curve of the ticked sources, planned."""
        session = self._session
        if session.look is None:
            return
        try:
            session.ask_next(extraction_of(session.look.plan, session.shown, session.sources, self._ticked))
        except DashboardError as error:
            session.refuse(error)

    def _edit(self, _: Any) -> None:
        """Lay the detected sources, the ticked ones to extract, into the editor."""
        session = self._session
        if session.look is None:
            return
        instrument = session.look.jobs[session.shown].instrument
        try:
            catalog = extraction_catalog(session.sources, instrument, self._ticked, session.look.plan.catalog)
        except DashboardError as error:
            session.refuse(error)
            return
        session.edit(CatalogDraft(catalog, instrument, notes=("Use this catalogue: it becomes the one of the next request.",)))

    def _ask_strips(self) -> None:
        """Have the candidates measured in every batch: one that shines in one batch only is told so."""
        session = self._session
        new = tuple((s.ra, s.dec) for s in ranked(session.sources)[:MOST_CANDIDATES])
        if session.look is None or not new or self._strips_of == (session.findings, new):
            return
        self._strips_of = (session.findings, new)
        self._strips = part_board(session.settings).ask_strips(session.look, session.shown, new)
        self._told = False

    def _take_strips(self, _: Any) -> None:
        if self._strips is not None and self._strips.strips is not None and not self._told:
            self._told = True
            self.refresh()

    def _lonely(self) -> frozenset[str]:
        """Names of the candidates that one batch alone shows."""
        strips = self._strips.strips if self._strips else None
        places = {strip.place for strip in strips or () if strip.one_batch_only}
        return frozenset(s.name for s in self._session.sources.sources if (s.ra, s.dec) in places)
