"""What a run is at one moment, as page, command line and notebook see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dashboard.hosts import SIMULATED

ARRIVED = frozenset({"done", "reused"})
IN_FLIGHT = frozenset({"submitted", "running", "downloading"})
ENDED_BATCH = frozenset({"done", "failed", "cancelled"})
ACTIVE_RUN = frozenset({"planned", "running", "waiting"})
REVIEW = "review"
"""State of a run whose catalogue waits to be looked at by its owner."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """One batch as its run sees it.

    Attributes
    ----------
    batch_id
        Identity of the work.
    state
        "planned", "queued", "submitted", "running", "downloading", "done", "reused" (done before the run began),
        "failed", "cancelled", "excluded" (left out of the sums by its owner).
    scw
        Science windows with version, in time order.
    job
        Number of the plan's job it belongs to.
    scw_done
        Science windows the dispatcher reports as done; all of them once the product is there.
    exposure
        Elapsed seconds of its science windows.
    attempts
        How often it was enqueued.
    reason, remedy
        Why it failed, or waits to be tried again; what the user can do. "" when all is well.
    job_id
        At the dispatcher, "" before submission.
    tstart, tstop
        IJD (TT), NaN when unknown.
    n_bytes
        Size of the answer.
    updated
        Seconds since 1970 (UTC) of its last change.
    """

    batch_id: str
    state: str
    scw: tuple[str, ...]
    job: int = 0
    scw_done: int = 0
    exposure: float = 0.0
    attempts: int = 0
    reason: str = ""
    remedy: str = ""
    job_id: str = ""
    tstart: float = float("nan")
    tstop: float = float("nan")
    n_bytes: int = 0
    updated: float = 0.0

    @property
    def scw_total(self) -> int:
        """Number of science windows."""
        return len(self.scw)

    @property
    def arrived(self) -> bool:
        """Whether its product is there."""
        return self.state in ARRIVED


@dataclass(frozen=True)
class RunState:
    """A run and its batches at one moment.

    Attributes
    ----------
    run_id, name, owner, host
        Identity; `host` is the value of host_type.
    state
        "planned", "running", "waiting" (all that is left waits to be tried again), "review" (the image's catalogue waits for its
        owner), "done", "done with failures", "cancelled".
    reason
        Why it waits or could not be completed, "" when all is well.
    version
        Grows with every change of anything here.
    batches
        Job after job, each in time order.
    elapsed
        Seconds of all its science windows, each counted once whatever is made of it.
    sums
        Version of the published sum of each job, 0 before its first batch.
    osa_version, data_version
        As asked.
    created, ended
        Seconds since 1970 (UTC); `ended` is None until nothing more will happen by itself.
    pinned
        Retention never removes it.
    plan_version
        Grows when the plan changes: a longer interval, a catalogue that has come.
    tell
        E-mail address that is told its end, "" for none.
    """

    run_id: str
    name: str
    owner: str
    host: str
    state: str
    version: int
    batches: tuple[BatchState, ...]
    elapsed: float
    sums: tuple[int, ...] = (0,)
    osa_version: str = ""
    data_version: str = ""
    reason: str = ""
    created: float = 0.0
    ended: float | None = None
    pinned: bool = False
    plan_version: int = 1
    tell: str = ""

    @property
    def sum_version(self) -> int:
        """Grows with every publication of a sum; 0 before the first."""
        return sum(self.sums)

    @property
    def simulated(self) -> bool:
        """Whether everything comes from the simulated observatory."""
        return self.host == SIMULATED

    @property
    def finished(self) -> bool:
        """Nothing more will happen by itself."""
        return self.state not in ACTIVE_RUN

    @property
    def n_done(self) -> int:
        """Batches whose product is there."""
        return sum(batch.arrived for batch in self.batches)

    @property
    def n_failed(self) -> int:
        """Batches that failed."""
        return sum(batch.state == "failed" for batch in self.batches)

    @property
    def n_excluded(self) -> int:
        """Batches that its owner left out."""
        return sum(batch.state == "excluded" for batch in self.batches)

    @cached_property
    def scw_total(self) -> int:
        """Science windows asked, each counted once whatever is made of it."""
        return len({scw for batch in self.batches for scw in batch.scw})

    @property
    def scw_done(self) -> int:
        """`scw_total` times the part of the work that is there."""
        done = sum(batch.scw_total for batch in self.batches if batch.arrived)
        return self.scw_total * done // max(1, sum(batch.scw_total for batch in self.batches))

    @property
    def exposure_done(self) -> float:
        """`elapsed` times the part of the work, in seconds, that is there."""
        asked = sum(batch.exposure for batch in self.batches)
        return self.elapsed * sum(batch.exposure for batch in self.batches if batch.arrived) / asked if asked else 0.0

    @cached_property
    def line_of_truth(self) -> str:
        """How much of what was asked is there, e.g. "17 of 20 batches (2 failed), 812 of 1000 ScW, 1.43 Ms, OSA11.2, CONS, SIMULATED"."""
        lacking = [f"{number} {word}" for number, word in ((self.n_failed, "failed"), (self.n_excluded, "excluded")) if number]
        lack = f" ({', '.join(lacking)})" if lacking else ""
        parts = (
            f"{self.n_done} of {len(self.batches)} batches{lack}",
            f"{self.scw_done} of {self.scw_total} ScW",
            f"{self.exposure_done / 1e6:.2f} Ms" if self.exposure_done >= 1e6 else f"{self.exposure_done / 1e3:.1f} ks",
            self.osa_version,
            self.data_version,
            "SIMULATED" if self.simulated else "",
        )
        return ", ".join(part for part in parts if part)
