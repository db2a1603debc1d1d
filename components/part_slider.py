"""A slider over a run's batches: the sky, the sources and the spectrum of a part of the time."""

from __future__ import annotations

from typing import Any

import panel as pn
import param

from components.words import Words
from dashboard.archive.pointings import revolution
from dashboard.plan.batch import Batch
from dashboard.request.times import IJD_0_MJD
from dashboard.session import Session


def told(batches: tuple[Batch, ...], first: int, last: int) -> str:
    """Which revolutions and days a stretch of batches holds."""
    low, high = revolution(batches[first].scw[0]), revolution(batches[last].scw[-1])
    whole = " (all)" if (first, last) == (0, len(batches) - 1) else ""
    revolutions = f"rev {low}" if low == high else f"rev {low}–{high}"
    days = f"MJD {batches[first].tstart + IJD_0_MJD:.1f}–{batches[last].tstop + IJD_0_MJD:.1f}"
    return f"{revolutions} · {days}{whole}"


class PartSlider(pn.viewable.Viewer):
    """Two handles over the batches of the mosaic that is shown, in time order; it moves with the selection."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._followed: tuple[int, int] | None = None
        self._known: tuple[Any, tuple[Batch, ...]] = (None, ())
        self._slider = pn.widgets.IntRangeSlider(
            label="Batches added up",
            start=0,
            end=1,
            value=(0, 1),
            show_value=False,
            css_classes=["part-slider"],
            sizing_mode="stretch_width",
            margin=0,
        )
        self._words = Words("", "part-words")
        self._row = pn.Row(self._slider, self._words, css_classes=["part-row"], margin=0)
        self._slider.param.watch(self._name, "value")
        self._slider.param.watch(self._choose, "value_throttled")
        session.param.watch(self._follow, ["product_version", "shown"])
        session.selection.param.watch(self._follow, "time_range")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    @property
    def _batches(self) -> tuple[Batch, ...]:
        """Put in order once a plan."""
        look, shown = self._session.look, self._session.shown
        if look is None:
            return ()
        if self._known[0] != (key := (look.state.run_id, look.state.plan_version, shown)):
            self._known = key, tuple(sorted(look.plan.batches_of(look.jobs[shown]), key=lambda batch: batch.tstart))
        return self._known[1]

    def _follow(self, *_: Any) -> None:
        batches, span = self._batches, self._session.selection.time_range
        self._row.visible = len(batches) > 1
        if len(batches) < 2:
            return
        last = len(batches) - 1
        inside = [i for i, b in enumerate(batches) if span is None or span[0] <= (b.tstart + b.tstop) / 2 <= span[1]]
        value = (inside[0], inside[-1]) if inside else self._slider.value
        value = (min(int(value[0]), last), min(int(value[1]), last))
        with param.edit_constant(self._slider):  # the browser tells only of values that are others than its last
            self._followed = value
            self._slider.param.update(end=last, value=value, value_throttled=value)
        self._name()

    def _name(self, *_: Any) -> None:
        first, last = map(int, self._slider.value)
        batches = self._batches
        if last < len(batches):
            self._words.value = told(batches, first, last)

    def _choose(self, event: Any) -> None:
        (first, last), batches = event.new, self._batches
        if (first, last) == self._followed:
            return
        whole = (first, last) == (0, len(batches) - 1)
        self._session.selection.time_range = None if whole else (batches[first].tstart, batches[last].tstop)
