"""What can be turned on the observatory, and what it counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_type_hints

from dashboard.observatory import chance

FAILURES: Final = ("500", "502", "hang", "truncated", "backend", "empty", "nan", "lock")


@dataclass(frozen=True)
class FirstFailures:
    """The first `submissions` submissions of each of the first `jobs` distinct jobs fail as `kind` says."""

    jobs: int = 0
    submissions: int = 1
    kind: str = "backend"


@dataclass
class Knobs:
    """Behaviour of the server.

    Attributes
    ----------
    time_per_scw
        Seconds a job takes for each science window.
    concurrency
        Jobs that run at once.
    latency
        Seconds before any answer.
    failure_rate, failure_kind
        Share of submissions that fail, drawn from job, submission number and seed; and how (see FAILURES).
    fail_first
        Failures of the first jobs; a number means that many jobs, once each, in the manner of `failure_kind`.
    lost_callbacks
        Of so many first jobs the backend's callbacks are lost: they stay 'submitted' until another session submits them again.
    seed
        Of all noise and chance.
    coding_noise
        Fraction of the brightest source's flux.
    flare_revolution
        Revolution whose background flares: the noise of ISGRI's images is twice what their variance says. 0 for none.
    """

    time_per_scw: float = 0.03
    concurrency: int = 4
    latency: float = 0.0
    failure_rate: float = 0.0
    failure_kind: str = "backend"
    fail_first: FirstFailures = field(default_factory=FirstFailures)
    lost_callbacks: int = 0
    seed: int = 1
    coding_noise: float = 0.0007
    flare_revolution: int = 0

    def turn(self, changes: dict[str, Any]) -> None:
        """Set the named knobs, all or none.

        Raises
        ------
        ValueError
            For an unknown knob or a value of the wrong kind, in a sentence.
        """
        kinds = get_type_hints(Knobs)
        checked: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"There is no knob {name!r}: choose from {', '.join(kinds)}.")
            if name == "fail_first":
                checked[name] = self._first(value, changes.get("failure_kind", self.failure_kind))
                continue
            try:
                checked[name] = kinds[name](value)
            except (TypeError, ValueError):
                raise ValueError(f"The knob {name} takes a {kinds[name].__name__}, not {value!r}.") from None
        if checked.get("concurrency", 1) < 1:
            raise ValueError(f"The knob concurrency is at least 1, not {checked['concurrency']}: nothing would ever run.")
        first = checked.get("fail_first", self.fail_first)
        for kind in (checked.get("failure_kind", self.failure_kind), first.kind):
            if kind not in FAILURES:
                raise ValueError(f"There is no failure {kind!r}: choose from {', '.join(FAILURES)}.")
        for name, value in checked.items():
            setattr(self, name, value)

    @staticmethod
    def _first(value: Any, kind: str) -> FirstFailures:
        if isinstance(value, FirstFailures):
            return value
        try:
            return FirstFailures(**value) if isinstance(value, dict) else FirstFailures(int(value), 1, kind)
        except (TypeError, ValueError):
            names = ", ".join(f.name for f in fields(FirstFailures))
            raise ValueError(f"The knob fail_first takes a number of jobs or an object with {names}.") from None

    def failure(self, job_id: str, job_number: int, submission: int) -> str:
        """Kind of failure of a submission (both numbers from 1), "" for none."""
        if job_number <= self.fail_first.jobs and submission <= self.fail_first.submissions:
            return self.fail_first.kind
        drawn = chance.uniform(submission, "failure", job_id, self.seed)
        return self.failure_kind if float(drawn) < self.failure_rate else ""


@dataclass
class Counts:
    """What happened since the start."""

    requests: int = 0
    submissions: int = 0
    polls: int = 0
    products: int = 0
    running: int = 0
    most_running: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    submissions_of: Counter[str] = field(default_factory=Counter)
    incidents: list[dict[str, str]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """JSON form, with the number of distinct jobs."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {"jobs": len(self.submissions_of)}


KNOB_TYPES: Final = {name: kind for name, kind in get_type_hints(Knobs).items() if kind in (int, float, str)}
