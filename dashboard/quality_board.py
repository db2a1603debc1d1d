"""How good the batches of a run are, measured in one thread a process and shared by its sessions; only where somebody asks."""

from __future__ import annotations

import logging
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from dashboard.errors import DashboardError
from dashboard.one_each import OneEach
from dashboard.runs.quality import BatchQuality, run_quality
from dashboard.settings import Settings
from dashboard.watcher import Look

log = logging.getLogger(__name__)


class QualityAnswer:
    """What is known so far of a run's batches as they were when it was asked.

    Attributes
    ----------
    quality
        By batch id; None until all have been measured.
    done, total
        How many have.
    problem
        Why they never will be.
    """

    def __init__(self) -> None:
        self.quality: dict[str, BatchQuality] | None = None
        self.done = self.total = 0
        self.problem = ""

    @property
    def pending(self) -> bool:
        """Whether it is still to come."""
        return self.quality is None and not self.problem


class QualityBoard:
    """Measures one run after the other; an answer that nobody holds any more is not finished, what was measured for it is kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answers: weakref.WeakValueDictionary[tuple[Any, ...], QualityAnswer] = weakref.WeakValueDictionary()
        self._thread = ThreadPoolExecutor(1, "quality")

    def ask(self, look: Look) -> QualityAnswer:
        """The answer for the batches that have arrived by now; from memory or when it is made."""
        arrived = tuple(batch.batch_id for batch in look.state.batches if batch.arrived)
        key = (look.state.run_id, look.state.plan_version, arrived)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = QualityAnswer()
            self._thread.submit(self._measure, weakref.ref(answer), look)
        return answer

    def _measure(self, wanted: weakref.ref[QualityAnswer], look: Look) -> None:
        def told(done: int, total: int) -> None:
            if (answer := wanted()) is not None:
                answer.done, answer.total = done, total

        quality, problem = None, ""
        try:
            quality = run_quality(self._settings, look.plan, look.state, told=told, cancelled=lambda: wanted() is None)
        except DashboardError as error:
            problem = error.sentence
        except Exception as error:
            log.exception("The quality of run %s failed", look.state.run_id)
            problem = f"An unexpected error ({type(error).__name__}) keeps the batches from being compared here."
        if (answer := wanted()) is not None:
            answer.quality, answer.problem = quality, problem


quality_board: Final = OneEach(QualityBoard)
"""The process's board of a deployment."""
