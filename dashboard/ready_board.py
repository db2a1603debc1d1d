"""What ISLA has ready-made of a target: asked in the background, once for all sessions of a process.

Only what a page draws is kept: spectra in bins and without their responses, mosaics as addresses.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from dashboard.analysis.grouping import GroupedSpectrum, grouped_channels, regrouped
from dashboard.archive.isla import Isla, isla_of
from dashboard.archive.ready_made import ReadyEpoch, ReadyLightCurve, ReadyMosaic, ReadyOffer, ReadySpectrum
from dashboard.errors import ArchiveUnavailable, DashboardError
from dashboard.hosts import Host
from dashboard.one_each import OneEach
from dashboard.request.times import IJD_0_MJD
from dashboard.session import Session
from dashboard.settings import Settings

KEPT: Final = 48
"""Answers; the longest, the light curves of a bright source, take about 1 MB."""
SILENT_SECONDS: Final = 60.0
"""Who did not answer is asked again after so long."""
BINS: Final = {"isgri": (20.0, 150.0, -16), "jemx1": (3.0, 35.0, -16), "jemx2": (3.0, 35.0, -16)}
"""keV, keV and bins of equal ratio, by instrument: the range of good calibration."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadyAim:
    """Of what the page would show ready-made products.

    Attributes
    ----------
    host, name, ra, dec
        Whose deployment asks, and the target, in degrees.
    span
        (start, stop) of the run, else of the request, MJD (TT); None while not known.
    revolutions
        First and last of them; None without a run.
    """

    host: str
    name: str
    ra: float
    dec: float
    span: tuple[float, float] | None = None
    revolutions: tuple[int, int] | None = None

    def nearest(self, epochs: Sequence[ReadyEpoch]) -> ReadyEpoch:
        """The epoch nearest to the run, the newest of those; the newest of all without a run."""
        first, last = self.revolutions or (99999, 99999)
        return min(reversed(epochs), key=lambda epoch: max(first - epoch.revolution, epoch.revolution - last, 0))


def real_host(session: Session) -> Host | None:
    """The host of the watched run, else of what is typed; None where no archive of the real sky may be asked."""
    name = session.look.plan.host if session.look else session.request.host_type
    host = session.settings.hosts.get(name)
    return host if host is not None and host.asks_others else None


def ready_aim(session: Session) -> ReadyAim | None:
    """The target of the watched run, else of what is typed; None without a `real_host`, or while no target is known."""
    look, ahead, host = session.look, session.ahead, real_host(session)
    target = look.plan.target if look else ahead.target
    if host is None or target is None:
        return None
    spans, revolutions = ahead.spans, None
    if look is not None:
        asked = look.plan.pointings
        spans, revolutions = tuple(zip(asked.tstart, asked.tstop, strict=True)), (int(asked.swid[0][:4]), int(asked.swid[-1][:4]))
    span = (min(a for a, _ in spans) + IJD_0_MJD, max(b for _, b in spans) + IJD_0_MJD) if spans else None
    return ReadyAim(host.name, target.name, target.ra, target.dec, span, revolutions)


@dataclass(frozen=True, eq=False)
class BinnedSpectrum:
    """A ready-made spectrum as it is drawn.

    Attributes
    ----------
    instrument
        "isgri", "jemx1" or "jemx2".
    bins
        Of equal ratio; the channels themselves where none is good in that range.
    exposure
        Seconds.
    start, stop
        MJD (TT); NaN when unknown.
    software
        As the header names it.
    """

    instrument: str
    bins: GroupedSpectrum
    exposure: float
    start: float
    stop: float
    software: str


class Answer(Generic[T]):
    """What is known of a question so far: `value` once it is answered, `problem` when nothing will come before `again_at`."""

    def __init__(self) -> None:
        self.value: T | None = None
        self.problem, self.again_at = "", math.inf


class ReadyBoard:
    """Asks ISLA, two questions at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answers: OrderedDict[Hashable, Answer[Any]] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, "ready-made")
        self._lock = threading.Lock()

    def offer(self, aim: ReadyAim) -> Answer[ReadyOffer]:
        """What there is of a target; asking is cheap, here and below."""
        return self._ask(aim.host, ("offer", aim.name, aim.ra, aim.dec), lambda isla: isla.offer(aim.name, aim.ra, aim.dec))

    def light_curves(self, host: str, source_id: str, epoch: ReadyEpoch) -> Answer[tuple[ReadyLightCurve, ...]]:
        """The mission's light curves by the instrument of an epoch."""
        return self._ask(host, ("curves", source_id, epoch.instrument_oid), lambda isla: isla.light_curves(source_id, epoch))

    def spectra(self, host: str, source_id: str, epoch: ReadyEpoch) -> Answer[tuple[BinnedSpectrum, ...]]:
        """The spectra of an epoch."""
        key = ("spectra", source_id, epoch.instrument_oid, epoch.epoch)
        return self._ask(host, key, lambda isla: tuple(binned(each) for each in isla.spectra(source_id, epoch)))

    def mosaics(self, host: str, epoch: ReadyEpoch, band_oid: str) -> Answer[tuple[ReadyMosaic, ...]]:
        """The addresses of an epoch's mosaics in a band."""
        return self._ask(host, ("mosaics", epoch.epoch, band_oid), lambda isla: isla.mosaics(epoch, band_oid))

    def _ask(self, host: str, what: Hashable, question: Callable[[Isla], T]) -> Answer[T]:
        key = (host, what)
        with self._lock:
            answer = self._answers.get(key)
            if answer is None or time.monotonic() >= answer.again_at:
                answer = self._answers[key] = Answer()
                self._threads.submit(self._answer, answer, host, question)
            self._answers.move_to_end(key)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            return answer

    def _answer(self, answer: Answer[T], host: str, question: Callable[[Isla], T]) -> None:
        try:
            answer.value = question(isla_of(self._settings.hosts[host]))
        except DashboardError as error:
            if isinstance(error, ArchiveUnavailable):
                answer.again_at = time.monotonic() + SILENT_SECONDS
            answer.problem = error.sentence
        except Exception as error:
            log.exception("ISLA's answer could not be taken")
            answer.problem = f"An unexpected error ({type(error).__name__}) keeps ISLA's products away: report it with the page's log."


def binned(ready: ReadySpectrum) -> BinnedSpectrum:
    """A spectrum as it is drawn."""
    spectrum = ready.spectrum
    try:
        grouping = grouped_channels(spectrum, *BINS[spectrum.instrument])
    except DashboardError:
        grouping = grouped_channels(spectrum, 0, 0, 0)
    return BinnedSpectrum(
        spectrum.instrument,
        regrouped(spectrum, grouping),
        spectrum.exposure,
        spectrum.tstart + IJD_0_MJD,
        spectrum.tstop + IJD_0_MJD,
        ready.software,
    )


ready_board: Final = OneEach(ReadyBoard)
"""The process's board of a deployment."""
