"""Partial sums for a time range, made in one thread a process and shared by its sessions.

Whoever looks holds the answer; one that nobody holds any more is not finished.
"""

from __future__ import annotations

import logging
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from dashboard.errors import DashboardError
from dashboard.one_each import OneEach
from dashboard.request.times import IJD_0_MJD
from dashboard.runs.parts import batches_in, partial
from dashboard.runs.strips import Place, Strip, strip
from dashboard.settings import Settings
from dashboard.watcher import Findings, Look

log = logging.getLogger(__name__)


class PartAnswer:
    """What the batches of a time range make together.

    Attributes
    ----------
    batch_ids
        The whole batches that are used.
    start, stop
        IJD (TT): the range they really cover.
    stored
        How many batches of the job there are.
    done
        How many of `batch_ids` have been added.
    findings
        None until all have.
    problem
        Why there will be none.
    """

    def __init__(self, batch_ids: tuple[str, ...], start: float, stop: float, stored: int) -> None:
        self.batch_ids, self.start, self.stop, self.stored = batch_ids, start, stop, stored
        self.done = 0
        self.findings: Findings | None = None
        self.problem = ""

    @property
    def words(self) -> str:
        """The range really used, in a few words."""
        count = len(self.batch_ids)
        if self.problem:
            return self.problem
        head = f"{count} of {self.stored} batches" if self.findings else f"adding {self.done} of {count} batches"
        return f"{head}, MJD {self.start + IJD_0_MJD:.2f}–{self.stop + IJD_0_MJD:.2f}"


class StripAnswer:
    """What the batches say of some places: `strips` is None until they have been measured, `problem` why they never will be."""

    def __init__(self) -> None:
        self.strips: tuple[Strip, ...] | None = None
        self.problem = ""


class PartBoard:
    """Makes partial sums and strips, one after the other as they were asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._strips: weakref.WeakValueDictionary[tuple[Any, ...], StripAnswer] = weakref.WeakValueDictionary()
        self._answers: weakref.WeakValueDictionary[tuple[Any, ...], PartAnswer] = weakref.WeakValueDictionary()
        self._thread = ThreadPoolExecutor(1, "parts")

    def ask(self, look: Look, job: int, start: float, stop: float) -> PartAnswer:
        """The answer for the batches of a job in IJD `start` to `stop`; at once where that is the whole sum, else when it is made."""
        chosen = batches_in(look.plan, look.state, job, start, stop)
        ids = tuple(batch.batch_id for batch in chosen)
        stored = sum(batch.arrived and batch.job == job for batch in look.state.batches)
        key = (look.state.run_id, look.state.plan_version, job, ids)
        whole = len(ids) == stored
        if (known := self._answers.get(key)) is not None and not whole:
            return known
        answer = PartAnswer(ids, min((b.tstart for b in chosen), default=start), max((b.tstop for b in chosen), default=stop), stored)
        if whole:
            answer.done, answer.findings = stored, look.findings[job]
            return answer
        self._answers[key] = answer
        self._thread.submit(self._make, weakref.ref(answer), look, job, start, stop)
        return answer

    def ask_strips(self, look: Look, job: int, places: tuple[Place, ...], neighbours: tuple[Place, ...] = ()) -> StripAnswer:
        """The strips of some places in a mosaic job, neighbours fitted along; from memory or when they are made.

        By then the width of the job's empty sky is known, too: `Findings.width`.
        """
        key = (look.state.run_id, look.state.sums[job], job, places, neighbours)
        answer = self._strips.get(key)
        if answer is None:
            answer = self._strips[key] = StripAnswer()
            self._thread.submit(self._measure, weakref.ref(answer), look, job, places, neighbours)
        return answer

    def _measure(
        self, wanted: weakref.ref[StripAnswer], look: Look, job: int, places: tuple[Place, ...], neighbours: tuple[Place, ...]
    ) -> None:
        if wanted() is None:
            return
        strips, problem = None, ""
        try:
            strips = strip(self._settings, look.plan, look.state, job, places, neighbours)
            if (found := look.findings[job]) is not None:
                _ = found.width
        except DashboardError as error:
            problem = error.sentence
        except Exception as error:
            log.exception("Strips of run %s failed", look.state.run_id)
            problem = f"An unexpected error ({type(error).__name__}) keeps the batches from being measured here."
        if (answer := wanted()) is not None:
            answer.strips, answer.problem = strips, problem

    def _make(self, wanted: weakref.ref[PartAnswer], look: Look, job: int, start: float, stop: float) -> None:
        def told(done: int, _: int) -> None:
            if (answer := wanted()) is not None:
                answer.done = done

        def forgotten() -> bool:
            return wanted() is None

        try:
            part = None if forgotten() else partial(self._settings, look.plan, look.state, job, start, stop, told=told, cancelled=forgotten)
            found = None if part is None else Findings(part.product, part.sources, part.histogram)
            problem = ""
        except DashboardError as error:
            found, problem = None, error.sentence
        except Exception as error:
            log.exception("A partial sum of run %s failed", look.state.run_id)
            found, problem = None, f"An unexpected error ({type(error).__name__}) keeps this range from being added up."
        if (answer := wanted()) is not None:
            answer.findings, answer.problem = found, problem


part_board: Final = OneEach(PartBoard)
"""The process's board of a deployment."""
