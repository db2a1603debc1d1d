"""What is known of failures, and what can be done: one table for batches, the command line, the page and docs/runs.md.

Where the remedies come from: the README of oda-hub/known-issues, dispatcher-app's sources, and what was seen of a running
dispatcher. A test holds the table of the documentation to this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard.dispatcher.job_record import HostJob
from dashboard.errors import (
    DashboardError,
    EmptyProduct,
    JobMixedUp,
    NotAuthorized,
    RequestRefused,
    StorageAway,
    StorageFull,
    TokenRefused,
    UnsafePayload,
)

LOST_SECONDS: Final = 3600.0
"""A job that has not changed for so long has lost the backend's messages: the server's own limit is 1800 s."""
OTHERWISE: Final = "Ask the failed batches again."


@dataclass(frozen=True, slots=True)
class Remedy:
    """A failure that is known.

    Attributes
    ----------
    seen
        What one sees of it, for the documentation.
    text
        What to do.
    words
        Pattern of the dispatcher's words, any case; "" when they do not tell.
    asked
        Whether a job with these parameters fails so; None when they do not tell. Words and parameters both have to agree.
    kinds
        Errors of ours that mean it.
    """

    seen: str
    text: str
    words: str = ""
    asked: Callable[[Mapping[str, Any]], bool] | None = None
    kinds: tuple[type[DashboardError], ...] = ()


def _fractional(parameters: Mapping[str, Any]) -> bool:
    edges = [parameters.get(name) for name in ("E1_keV", "E2_keV")]
    return any(isinstance(edge, int | float) and (2 * edge) % 1 != 0 for edge in edges)


def _new_in_catalogue(parameters: Mapping[str, Any]) -> bool:
    return parameters.get("instrument") == "jemx" and "NEW" in str(parameters.get("selected_catalog") or "")


TOKEN: Final = Remedy(
    "token expired, refused, or “Forbidden”",
    "Give another token, or go on without one; it then goes on by itself.",
    r"\bforbidden\b|token provided is (expired|not valid)|token has expired",
    kinds=(TokenRefused,),
)
UNACCESSIBLE: Final = Remedy(
    "unaccessible: the dispatcher does not reach its backend",
    "Ask again later: what was computed is kept, and equal parameters find it.",
    r"\bunaccessible\b",
)
LOST: Final = Remedy(
    "submitted or in progress for hours: the backend's messages were lost",
    "Ask again, or attach it: equal parameters take it up where it is.",
)
REMEDIES: Final[tuple[Remedy, ...]] = (
    TOKEN,
    Remedy(
        "a role is missing, such as for more than 50 ScW a job",
        "Give a token with the role it names, or ask for less, then ask the failed batches again.",
        r"lacking all of the following roles|following roles are missing",
        kinds=(NotAuthorized,),
    ),
    Remedy(
        "science windows of different responses in one ISGRI spectrum (MultiEpochRMFNotSupported)",
        "Set s_max to half, so that no batch holds science windows of two responses.",
        r"MultiEpochRMF|(different|mixed|several) (rmf|response)",
    ),
    Remedy(
        "AnalysisException, or the step ii_skyimage, of an ISGRI image",
        "Known for noisy fields with many sources: begin at 25 keV (E1_keV), or ask for fewer science windows a batch (s_max); "
        "on MMODA's page, give a catalogue of your own.",
        r"AnalysisException|ii_skyimage",
    ),
    Remedy(
        "fractional energies, such as 20.32 keV",
        "OSA fails at energies that are no multiple of 0.5 keV: round them.",
        asked=_fractional,
    ),
    Remedy(
        "JEM-X, a source named NEW in the catalogue",
        "JEM-X extracts no source named NEW: rename it, set its FLAG to 1 and ask again.",
        asked=_new_in_catalogue,
    ),
    Remedy(
        "science windows with a wrong format",
        "Write science windows as RRRRPPPPSSSF.VVV, without spaces.",
        r"scws? have a wrong format",
    ),
    Remedy(
        "“get dataserver products”: the backend found nothing to work with",
        "Look whether the instrument was on in these science windows, and whether they are public yet; ask for others.",
        r"get dataserver products|FailedToFindAnyUsefulResults",
    ),
    Remedy(
        "a time bin that is too long",
        "Shorten lc_time_bin, and rebin what comes.",
        r"time.?bin\b.*\blarger than",
    ),
    UNACCESSIBLE,
    LOST,
    Remedy(
        "HTTP 400: a parameter is refused",
        "Change the request and start a new run; what is done is reused.",
        r"wrong value|is restricted to|is not allowed",
        kinds=(RequestRefused,),
    ),
    Remedy(
        "an empty product",
        "Nothing is lost: these science windows hold nothing to image. The run stands without them.",
        kinds=(EmptyProduct,),
    ),
    Remedy(
        "the product of another job",
        "Start a run of these science windows with another s_max, and report it to the people who run this dispatcher.",
        kinds=(JobMixedUp,),
    ),
    Remedy("an answer that holds code", "Tell the people who run this dispatcher.", kinds=(UnsafePayload,)),
    Remedy("no room on the disk", "Free some space; it goes on by itself.", kinds=(StorageFull,)),
    Remedy("the product store does not answer", "See that it is there; it goes on by itself.", kinds=(StorageAway,)),
    Remedy("anything else", OTHERWISE),
)


def remedy(error: DashboardError) -> str:
    """What the user can do about a batch that failed."""
    by_kind = next((row.text for row in REMEDIES if row.kinds and isinstance(error, row.kinds)), "")
    return by_kind or _known(error.sentence, {}) or OTHERWISE


def remedy_of_job(job: HostJob, now: float) -> str:
    """What can be done about a job at a host, "" when nothing is wrong with it.

    Parameters
    ----------
    job
        As the host records it.
    now
        Seconds since 1970.
    """
    if job.state == "failed":
        return _known(job.said, job.parameters) or "No remedy is known: attach it, which asks again, or report it."
    if job.state == "unaccessible":
        return UNACCESSIBLE.text
    waiting = job.state in ("submitted", "progress", "unknown") and now - job.changed > LOST_SECONDS
    return (TOKEN.text if job.token_expired else LOST.text) if waiting else ""


def _known(said: str, parameters: Mapping[str, Any]) -> str:
    """The first row whose words and parameters agree."""
    for row in REMEDIES:
        if not row.words and row.asked is None:
            continue
        if (not row.words or re.search(row.words, said, re.I)) and (row.asked is None or row.asked(parameters)):
            return row.text
    return ""
