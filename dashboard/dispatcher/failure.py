"""What a dispatcher's refusals and failures mean to us.

The sentences are the server's own where it has one. Bodies are never shown as a whole: a 400 carries the server's
configuration, and answers repeat the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from dashboard.dispatcher.token import redact
from dashboard.errors import (
    DispatcherError,
    HostBusy,
    HostFailing,
    HostUnreachable,
    JobExpired,
    JobFailed,
    NotAuthorized,
    RequestRefused,
    TokenExpired,
    TokenRefused,
)

LOCK_ERROR: Final = "Failed to acquire lock for directory"
NO_RECORD: Final = "unable to find any record"
MAX_LENGTH: Final = 600
_BAD_TOKEN: Final = re.compile(r"Not enough segments|Invalid (header|payload|crypto|token)|Signature verification", re.I)
_NOT_VALID: Final = re.compile(r"token provided is not valid", re.I)
_WRAPPED: Final = re.compile(r"\A(?!AnalysisException|MultiEpochRMF|FailedToFind)\w+\((?P<quote>['\"]?)(?P<text>.*?)(?P=quote),?\)\Z", re.S)
_BOILERPLATE: Final = re.compile(r"The support team has been notified|If you are willing to help us|You can request support if")


class Abandoned(DispatcherError):
    """The caller stopped waiting; the job goes on at the dispatcher, which knows no cancelling."""


def plain(text: Any, token: str = "") -> str:
    """A server's text as one line: without token, pages of HTML, names of exceptions that tell nothing, or requests to write feedback."""
    if not isinstance(text, str) or text.lstrip().startswith("<"):
        return ""
    text = _BOILERPLATE.split(re.sub(r"\A\w+\(\):", "", text.strip()))[0].strip()
    wrapped = _WRAPPED.match(text)
    line = " ".join(redact(wrapped["text"] if wrapped else text, token).split())
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1] + "…"


def refusal(status: int, text: str, host: str, *, token: str = "") -> DispatcherError:
    """The exception for an HTTP status other than 200.

    Parameters
    ----------
    status
        HTTP status.
    text
        The server's sentence; never the body.
    host
        Name of the host.
    token
        Sent with the request; masked in the sentence.
    """
    said = plain(text, token)
    tail = f": {said}" if said else f" (HTTP {status}) without a reason."
    if status == 400 and NO_RECORD in said:
        return JobExpired(f"{host} has no record of the job any more: retry the batch.")
    if status == 400 and token and _BAD_TOKEN.search(said):
        return TokenRefused(f"{host} cannot read the token: copy it again as a whole, or go on without one.")
    if status in (301, 302):
        return HostUnreachable(f"{host} has moved{f' to {said}' if said else ''}: its address in the settings has to be changed.")
    if status == 403 and "token" in said and "expired" in said:
        return TokenExpired(f"The token has expired, says {host}: give a new one and resume.")
    if status == 403 and token and _NOT_VALID.search(said):
        return TokenRefused(f"{host} does not accept the token: give another one, or go on without.")
    if status in (401, 403):
        return NotAuthorized(f"{host} does not allow this request{tail}")
    if status == 404:
        return HostUnreachable(f"No dispatcher answers at the address of {host} (HTTP 404): check the address in the settings.")
    if LOCK_ERROR in said:
        return HostBusy(f"{host} could not lock the folder of the job: retry the batch.")
    if status in (408, 425, 429) or status >= 500:
        return HostFailing(f"{host} fails at the moment (HTTP {status}){f': {said}' if said else ': retry the batch later.'}")
    return RequestRefused(f"{host} refuses the request{tail}")


def verdict(document: Mapping[str, Any], host: str, *, job_id: str = "", node: str = "", token: str = "") -> DispatcherError:
    """The exception for a job that the dispatcher reports as failed.

    Parameters
    ----------
    document
        The answer with query_status "failed".
    host, job_id
        Where, and which job.
    node
        Last step the backend reported, "" for none: all that is known when the messages are empty.
    token
        Masked in the sentence.
    """
    status = document["exit_status"]
    parts = [plain(status.get(key), token) for key in ("message", "error_message", "debug_message")]
    said = "; ".join(dict.fromkeys(part for part in parts if part))
    if LOCK_ERROR in said:
        return HostBusy(f"{host} could not lock the folder of job {job_id}: retry the batch.")
    if NO_RECORD in said:
        return JobExpired(f"{host} has no record of job {job_id} any more: retry the batch.")
    where = f" after the step {plain(node)}" if node else ""
    return JobFailed(f"Job {job_id} failed on {host}{where}: {said or 'the backend gave no reason'}.")
