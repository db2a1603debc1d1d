"""What a dispatcher records of a user's jobs, as values.

A record is one folder of a session on the server (dispatcher-app, dispatcher_query.py): job_id, session_id, mtime and ctime
(seconds since 1970), and analysis_parameters, in which the token stands decoded and lists of files are added. Newer ones
have request_completed and token_expired; with group_by_job a record holds a job and its folders as job_status_data. How a
job ended is taken from wherever it is told: job_status, query_status or status_dictionary. What is missing is unknown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboard.dispatcher.failure import plain
from dashboard.dispatcher.job_identity import NOT_HASHED
from dashboard.dispatcher.token import redact

STATES: Final = ("submitted", "progress", "ready", "done", "failed", "unaccessible", "unknown")
MOST_SCW: Final = 20_000
_ADDED: Final = frozenset({"email_history", "matrix_message_history", "fits_files", "job_monitor", "sub"})
_JOB_ID: Final = re.compile(r"[0-9a-f]{8,64}")
_FOLDER: Final = re.compile(r"scratch_sid_(?P<session>[A-Z0-9]+)_jid_")
_LONGEST_TEXT: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class HostJob:
    """A job of the user at a dispatcher.

    Attributes
    ----------
    job_id, session_id
        The latter of its newest record, "" when not told.
    state
        One of `STATES`.
    changed, begun
        Seconds since 1970; NaN when not told.
    parameters
        As recorded, JSON types, without those of the session; empty when they are not told.
    said
        The dispatcher's words on how it ended, "" for none.
    token_expired
        The token it was sent with has expired.
    sessions
        Number of its records: each is a submission.
    """

    job_id: str
    session_id: str = ""
    state: str = "unknown"
    changed: float = math.nan
    begun: float = math.nan
    parameters: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    token_expired: bool = False
    sessions: int = 1

    @property
    def product_type(self) -> str:
        """Such as "isgri_image"; "" when not told."""
        return str(self.parameters.get("product_type") or "")

    @property
    def instrument(self) -> str:
        """Such as "isgri", "jemx2"; "" when not told."""
        name = str(self.parameters.get("instrument") or "")
        return f"{name}{self.parameters.get('jemx_num', '')}" if name == "jemx" else name

    @property
    def source(self) -> str:
        """src_name as it was sent, or the dispatcher's default; "" when not told."""
        return str(self.parameters.get("src_name") or "")

    @property
    def scw(self) -> tuple[str, ...]:
        """Science windows it was sent with; () when the dispatcher chose them."""
        listed = self.parameters.get("scw_list")
        items = listed.split(",") if isinstance(listed, str) else listed if isinstance(listed, list) else []
        return tuple(str(item).strip() for item in items[:MOST_SCW] if str(item).strip())

    @property
    def folder(self) -> str:
        """Its folder on the server, as a report of an incident names it."""
        return f"scratch_sid_{self.session_id}_jid_{self.job_id}"


def read_records(records: Iterable[Any]) -> tuple[HostJob, ...]:
    """The jobs of these records, the newest first; what is no record of a job is passed over."""
    by_job: dict[str, list[HostJob]] = {}
    for record in records:
        for job in _jobs(record):
            by_job.setdefault(job.job_id, []).append(job)
    jobs = [_joined(found) for found in by_job.values()]
    return tuple(sorted(jobs, key=_age))


def _age(job: HostJob) -> tuple[float, str]:
    return (math.inf if math.isnan(job.changed) else -job.changed), job.job_id


def _joined(records: list[HostJob]) -> HostJob:
    """One job of all its records: the newest speaks, but what is done in one session is done, and parameters are the same in all."""
    records.sort(key=_age)
    spoken = next((job for job in records if job.state == "done"), next((job for job in records if job.state != "unknown"), records[0]))
    newest = records[0]
    return HostJob(
        job_id=newest.job_id,
        session_id=newest.session_id or spoken.session_id,
        state=spoken.state,
        changed=newest.changed,
        begun=min((job.begun for job in records if not math.isnan(job.begun)), default=math.nan),
        parameters=next((job.parameters for job in records if job.parameters), {}),
        said=spoken.said,
        token_expired=newest.token_expired,
        sessions=len(records),
    )


def _jobs(record: Any) -> Iterator[HostJob]:
    if not isinstance(record, Mapping) or not isinstance(record.get("job_id"), str) or not _JOB_ID.fullmatch(record["job_id"]):
        return
    folders = record.get("job_status_data")
    if isinstance(folders, list) and folders:
        yield from (_job({**record, **folder}) for folder in folders if isinstance(folder, Mapping))
    else:
        yield _job(record)


def _job(record: Mapping[str, Any]) -> HostJob:
    session = record.get("session_id")
    if not isinstance(session, str):
        named = _FOLDER.match(str(record.get("scratch_dir_fn", "")))
        session = named["session"] if named else ""
    state, said = _state(record)
    return HostJob(
        job_id=record["job_id"],
        session_id=session if re.fullmatch(r"[A-Za-z0-9]{1,64}", session) else "",
        state=state,
        changed=_seconds(record.get("mtime")),
        begun=_seconds(record.get("ctime")),
        parameters=_parameters(record.get("analysis_parameters")),
        said=said,
        token_expired=record.get("token_expired") is True,
    )


def _state(record: Mapping[str, Any]) -> tuple[str, str]:
    """How it stands, and the words for it."""
    ends = [end for end in _ends(record) if end]
    said = "; ".join(
        dict.fromkeys(filter(None, (plain(end.get(k)) for end in ends for k in ("message", "error_message", "debug_message"))))
    )
    told = [record.get("job_status"), record.get("query_status"), *(end.get("job_status") for end in ends)]
    if any(end.get("status") == 1 for end in ends) or "failed" in told:
        return "failed", said or plain(record.get("error"))
    known = next((word for word in told if word in STATES and word != "unknown"), "")
    if not known and isinstance(record.get("request_completed"), bool):
        known = "done" if record["request_completed"] else "submitted"
    return known or "unknown", said or plain(record.get("error"))


def _ends(record: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The dictionaries that say how the request ended, wherever the version of the dispatcher puts them."""
    for name in ("exit_status", "status_dictionary"):
        if isinstance(record.get(name), Mapping):
            yield record[name]
    if depth < 2:
        for name, part in record.items():
            if isinstance(part, Mapping) and name != "analysis_parameters":
                yield from _ends(part, depth + 1)


def _parameters(recorded: Any) -> dict[str, Any]:
    if not isinstance(recorded, Mapping):
        return {}
    names = [name for name in recorded if isinstance(name, str) and name not in NOT_HASHED | _ADDED]
    return {name: _clean(recorded[name]) for name in names}


def _clean(value: Any) -> Any:
    return redact(value[:_LONGEST_TEXT]) if isinstance(value, str) else value


def _seconds(value: Any) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11
    return float(value) if usable else math.nan
