"""Where the source is: the resolved position below its name, the fields to give another, and for a burst when it was."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
from astropy.coordinates import SkyCoord

from components.fields import Field
from components.words import Words
from dashboard.errors import RequestError
from dashboard.request.burst import BurstTimes, times_in_name
from dashboard.request.coordinates import position_name, read_coordinates
from dashboard.request.request import Request
from dashboard.session import Session

NAMES = ("RA", "DEC", "zero_position")


def place_words(ra: float, dec: float, origin: str) -> str:
    """Both frames and who says so."""
    galactic = SkyCoord(ra, dec, unit="deg", frame="fk5").galactic
    return f"{ra:.4f} {dec:+.4f} ({escape(origin)}) · ℓ {galactic.l.deg:.2f} b {galactic.b.deg:+.2f}"


def target_name(request: Request) -> str:
    """What the request's target will be called; "" where that is not known beforehand."""
    try:
        written = read_coordinates(request.src_name)
    except RequestError:
        return request.src_name
    if written is None:
        return request.src_name.strip()
    return position_name(*written) if request.RA == request.DEC == 0 else ""


class PositionView(pn.viewable.Viewer):
    """A line, and behind "edit" the fields, made when they are first needed."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._words = Words("", "quiet", "place-words")
        self._edit = pn.widgets.Toggle(label="edit", css_classes=["quiet-act"], margin=0)
        self._row = pn.Row(self._words, self._edit, css_classes=["place-row"], margin=0)
        self._column = pn.Column(self._row, css_classes=["place"], margin=0)
        self._fields: list[Any] = []
        self._burst: BurstTimes | None = None
        self._take: pn.widgets.Button | None = None
        self._edit.param.watch(self._open, "value")
        session.ahead.param.watch(self._show, ["target", "problem"])
        session.request.param.watch(self._show, ["src_name", "T1", "T2", "scw_list", "revolutions", "observations", *NAMES])
        session.param.watch(self._open_for_fault, "faults")
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _show(self, *_: Any) -> None:
        """What is known of the position now."""
        session, target = self._session, self._session.ahead.target
        named = target is not None and target.name == (target_name(session.request) or target.name)
        if target is not None and named:
            notes = "".join(f'<br><span class="warn">▲ {escape(note)}</span>' for note in target.notes)
            self._words.value = place_words(target.ra, target.dec, target.origin) + notes
        elif session.ahead.problem and not session.faults:
            self._words.value = f'<span class="bad" role="alert">{escape(session.ahead.problem)}</span>'
        else:
            self._words.value = "looking the name up …" if not session.faults else ""
        self._suggest(target.burst if target is not None and named else times_in_name(session.request.src_name))

    def _suggest(self, burst: BurstTimes | None) -> None:
        """Offer the time of a burst, unless it is asked for already."""
        self._burst = None if burst is None or burst.asked_by(self._session.request) else burst
        if self._take is None and self._burst is not None:
            self._take = pn.widgets.Button(css_classes=["chip", "burst"], margin=0)
            self._take.on_click(self._take_times)
            self._column.insert(1, self._take)
        if self._take is not None:
            label = f"Take {self._burst.words} (by {self._burst.origin})" if self._burst is not None else ""
            self._take.param.update(visible=self._burst is not None, label=label)

    def _take_times(self, _: Any) -> None:
        if self._burst is not None:
            self._session.request.param.update(**self._burst.values)

    def _open(self, event: Any) -> None:
        """Show or hide RA, DEC; first they are what was resolved, there to be changed."""
        if not self._fields:
            fields = pn.Row(css_classes=["pair"], margin=0)
            self._column.append(fields)
            self._fields = [Field(self._session, name, fields).widget for name in NAMES[:2]]
            fields.extend(self._fields)
            reset = pn.widgets.Button(label="look the name up", css_classes=["chip"], margin=0)
            reset.on_click(self._look_up)
            self._column.append(reset)
            self._fields += [fields, reset]
        for part in self._fields[2:]:
            part.visible = event.new
        request, target = self._session.request, self._session.ahead.target
        if event.new and request.RA == request.DEC == 0 and not request.zero_position and target is not None:
            request.param.update(RA=round(target.ra, 4), DEC=round(target.dec, 4))

    def _open_for_fault(self, event: Any) -> None:
        if any(name in event.new for name in NAMES):
            self._edit.value = True

    def _look_up(self, _: Any) -> None:
        self._session.request.param.update(RA=0.0, DEC=0.0, zero_position=False)
        self._edit.value = False
