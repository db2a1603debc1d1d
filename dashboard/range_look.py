"""A run as the selected time range shows it: sums of the whole batches within the range, made in the background."""

from __future__ import annotations

from typing import Any

from dashboard.part_board import PartAnswer, part_board
from dashboard.runs.parts import batches_in
from dashboard.settings import Settings
from dashboard.watcher import Findings, Look

PARTIAL = ("mosaic", "spectrum")
"""Products that are added up again; a light curve shows the range itself."""


class RangeLook:
    """Partial sums of the jobs of the watched run, for one time range."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answers: dict[int, PartAnswer] = {}
        self._former: dict[int, Findings] = {}
        self._key: tuple[Any, ...] = ()

    def refresh(self, look: Look | None, time_range: tuple[float, float] | None) -> None:
        """Ask for what the range and the newest look need; cheap when nothing has changed."""
        if look is None or time_range is None:
            self._answers, self._former, self._key = {}, {}, ()
            return
        key = (look.state.run_id, look.state.plan_version, look.state.sums, time_range)
        if key == self._key:
            return
        board = part_board(self._settings)
        self._former |= {number: answer.findings for number, answer in self._answers.items() if answer.findings is not None}
        wanted = [number for number, job in enumerate(look.jobs) if job.product in PARTIAL and look.findings[number] is not None]
        self._answers = {number: board.ask(look, number, *time_range) for number in wanted}
        self._key = key

    def answer(self, job: int) -> PartAnswer | None:
        """That of a job; None where the whole sum is shown."""
        return self._answers.get(job)

    def findings(self, job: int, whole: Findings | None) -> Findings | None:
        """What to show of a job: until the range is added up, what was shown before."""
        answer = self._answers.get(job)
        if answer is None or whole is None:
            return whole
        return answer.findings or self._former.get(job, whole)

    def words(self, job: int) -> str:
        """The range really used, "" for all there is."""
        answer = self._answers.get(job)
        return answer.words if answer else ""


def batches_selected(look: Look, job: int, time_range: tuple[float, float]) -> frozenset[str]:
    """Ids of the batches a range means."""
    return frozenset(batch.batch_id for batch in batches_in(look.plan, look.state, job, *time_range))
