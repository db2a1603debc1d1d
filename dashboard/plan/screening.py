"""Science windows of which an instrument has little good data, as the archive tells: a plan may do without them.

They are suggested, and left out only when that is asked: who looks for a flare may want every minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dashboard.plan.plan import Plan, exposure_text
from dashboard.plan.replanning import members, without

LEAST_GOOD: Final = 0.5
"""Good over elapsed time below which a science window is suggested to be left out: telemetry gaps, a passage of the belts, a
solar flare. Our choice; windows of at most 500 s of good time are not listed at all."""


@dataclass(frozen=True, slots=True)
class Poor:
    """Science windows with little good time.

    Attributes
    ----------
    instrument
        Whose good time.
    swids
        Ids without version, in time order.
    asked
        How many science windows of the instrument the plan has.
    good, elapsed
        Seconds, summed over `swids`.
    """

    instrument: str
    swids: tuple[str, ...]
    asked: int
    good: float
    elapsed: float

    @property
    def sentence(self) -> str:
        """How many, and how much exposure they are."""
        have = "has" if len(self.swids) == 1 else "have"
        return (
            f"{len(self.swids)} of {self.asked} ScW of {self.instrument} {have} less than {LEAST_GOOD:.0%} good time: "
            f"{exposure_text(self.good)} good of {exposure_text(self.elapsed)}."
        )


def poor_windows(plan: Plan) -> tuple[Poor, ...]:
    """By instrument, those that the plan asks and whose good time is known to be low; without entry for an instrument that has none."""
    return tuple(_poor(plan)) if plan.pointings.good else ()


def spared(plan: Plan, poor: Sequence[Poor]) -> Plan:
    """The plan without them; raises as `without`."""
    for one in poor:
        plan = without(plan, one.swids, one.instrument)
    return plan


def news(before: Plan, after: Plan) -> tuple[str, ...]:
    """What is to be said of a plan that goes on with other science windows, and was not said of it before."""
    known = {*before.notices, *(one.sentence for one in poor_windows(before))}
    return tuple(told for told in (*after.notices, *(one.sentence for one in poor_windows(after))) if told not in known)


def _poor(plan: Plan) -> Iterator[Poor]:
    windows = plan.pointings
    for instrument, ids in members(plan).items():
        if instrument not in windows.good:
            continue
        asked = np.isin(windows.swid, list(ids.difference(plan.left_out.get(instrument, ()))))
        good = windows.good[instrument]
        rows = np.flatnonzero(asked & (good < LEAST_GOOD * windows.telapse))  # what is not known is NaN and stays
        if len(rows):
            swids = tuple(windows.swid[row] for row in rows.tolist())
            yield Poor(instrument, swids, int(asked.sum()), float(good[rows].sum()), float(windows.telapse[rows].sum()))
