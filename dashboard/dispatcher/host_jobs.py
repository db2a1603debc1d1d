"""A user's jobs at a dispatcher, and telling its people that something is wrong with one.

`/inspect-user-state` and `/report_incident` read the token from the query string alone (dispatcher-app, flask_app/app.py), so it
has to stand in the address: what httpx logs of an address is cut at the question mark here, and no error holds one.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from dashboard.certificates import trusted
from dashboard.dispatcher.failure import plain, refusal
from dashboard.dispatcher.job_record import HostJob, read_records
from dashboard.dispatcher.token import redact
from dashboard.dispatcher.tries import Moved, with_tries
from dashboard.errors import DispatcherError, HostFailing, HostTimeout, HostUnreachable, MalformedAnswer, NotAuthorized, RequestRefused
from dashboard.hosts import Host
from dashboard.packing import packed_once

CONNECT_SECONDS: Final = 10.0
PAUSES: Final = (1.0, 3.0)
"""Seconds before each further try of the list."""
LARGEST_ANSWER: Final = 20_000_000
LONGEST_DAYS: Final = 60.0
"""Beyond it the server has cleared its folders."""
LONGEST_REPORT: Final = 5000


class _NoQuery(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass, addresses without what follows the question mark."""
        if isinstance(record.args, tuple):
            record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


logging.getLogger("httpx").addFilter(_NoQuery())


@dataclass(frozen=True, slots=True)
class JobsDoor:
    """The jobs of one user at one host.

    Attributes
    ----------
    host
        Whose; `request_seconds` is the deadline of an answer.
    token
        Whose jobs.
    client
        Connections to use; None opens one.
    pauses
        Seconds before each further try of the list; their number is the number of retries.
    sleep, clock
        Wait so many seconds; count them.
    """

    host: Host
    token: str = field(repr=False)
    client: httpx.Client | None = None
    pauses: tuple[float, ...] = PAUSES
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def jobs(self, days: float = 7.0, job_id: str = "") -> tuple[HostJob, ...]:
        """The user's jobs, the newest first.

        Lost connections and 5xx are tried again; a missed deadline is not.

        Parameters
        ----------
        days
            Changed within so many days.
        job_id
            Only jobs whose id begins with this; "" for all.

        Raises
        ------
        RequestRefused
            When `days` is no number the server can use.
        NotAuthorized, TokenExpired, TokenRefused
            For the token, or want of one.
        HostUnreachable, HostTimeout, HostFailing, MalformedAnswer
            When there is no answer that can be used.
        """
        if not 0 < days <= LONGEST_DAYS:
            raise RequestRefused(f"Jobs are looked for within at most {LONGEST_DAYS:g} days, not {days:g}: older ones are cleared.")
        asked = {"recent_days": f"{days:g}", "include_status_query_output": "True", **({"job_id": job_id[:8]} if len(job_id) >= 8 else {})}
        found = with_tries(lambda: self._listed(asked), self.pauses, self.sleep)
        return tuple(job for job in found if job.job_id.startswith(job_id))

    def report(self, job: HostJob, text: str) -> str:
        """Tell the people of the dispatcher that something is wrong with a job; what it says became of the report.

        It is sent once: a report that may have arrived is not sent again.

        Raises
        ------
        RequestRefused
            Without a text, or with too long a one.
        NotAuthorized, HostUnreachable, HostTimeout, HostFailing, MalformedAnswer
            As `jobs`.
        """
        form = incident(job, text)
        status, document, said = self._send("POST", "report_incident", {}, form)
        if status != 200:
            raise self._refusal(status, document, said)
        told = (
            [plain(value, self.token) for name, value in document.items() if name.endswith("status")] if isinstance(document, dict) else []
        )
        if not any(told):
            raise self._malformed("does not say what became of the report")
        if not any("success" in words for words in told):
            raise HostFailing(f"{self.host.name} took the report and could not pass it on ({'; '.join(told)}): write to its people.")
        return "; ".join(filter(None, told))

    def _listed(self, asked: Mapping[str, str]) -> tuple[HostJob, ...]:
        status, document, said = self._send("GET", "inspect-user-state", asked, None)
        if status == 404:
            raise RequestRefused(f"{self.host.name} does not tell users their jobs (HTTP 404): its version may be an older one.")
        if status != 200:
            raise self._refusal(status, document, said)
        if not isinstance(document, dict) or not isinstance(document.get("records"), list):
            raise self._malformed("is no list of jobs, such as the page of a proxy or a login")
        if document["records"] and not (found := read_records(document["records"])):
            raise self._malformed("lists jobs in a form that is not known: it may have changed")
        return found if document["records"] else ()

    def _send(self, method: str, path: str, query: Mapping[str, str], form: Mapping[str, str] | None) -> tuple[int, Any, str]:
        """HTTP status, the JSON (None for anything else) and the text of an answer."""
        name, limit = self.host.name, self.host.request_seconds
        if not self.host.dispatcher_url:
            raise HostUnreachable(f"The host {name} has no address: its jobs cannot be looked at.")
        if not self.token:
            raise NotAuthorized(f"{name} tells jobs to their user alone: give a token first.")
        try:
            return self._read(method, f"{self.host.dispatcher_url}/{path}", {**query, "token": self.token}, form)
        except httpx.ConnectTimeout:
            failure: DispatcherError = HostUnreachable(f"{name} cannot be reached: check the network, then ask again.")
        except httpx.TimeoutException:
            failure = HostTimeout(f"{name} did not answer within {limit:g} s: ask again later{_ARRIVED if form else '.'}")
        except (httpx.DecodingError, httpx.RemoteProtocolError, httpx.ReadError):
            failure = self._malformed("broke off")
        except httpx.ConnectError as error:
            trusted = "certificate" not in str(error).lower()
            why = "cannot be reached: check the network" if trusted else "shows a certificate that cannot be verified: tell its people"
            failure = HostUnreachable(f"{name} {why}, then ask again.")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            failure = HostUnreachable(f"{name} cannot be reached: check the network, then ask again.")
        raise failure

    def _read(self, method: str, url: str, query: Mapping[str, str], form: Mapping[str, str] | None) -> tuple[int, Any, str]:
        limit, content = self.host.request_seconds, bytearray()
        ends = self.clock() + limit + CONNECT_SECONDS
        timeout = httpx.Timeout(limit, connect=CONNECT_SECONDS)
        with ExitStack() as stack:
            client = self.client or stack.enter_context(httpx.Client(verify=trusted()))
            sent = client.stream(method, url, params=query, data=form, timeout=timeout, follow_redirects=False)
            response = stack.enter_context(sent)
            if response.is_redirect:
                moved = redact(response.headers.get("location", "").partition("?")[0], self.token)
                raise Moved(f"{self.host.name} has moved{f' to {moved}' if moved else ''}: its address in the settings has to be changed.")
            if not packed_once(response.headers.get("content-encoding", "")):
                raise httpx.DecodingError("packed more than once")
            for piece in response.iter_bytes():
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise self._malformed(f"is larger than {LARGEST_ANSWER / 1e6:g} MB: ask for fewer days")
                if self.clock() > ends:
                    raise httpx.ReadTimeout("the answer comes too slowly")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        return response.status_code, document, content[:10_000].decode("utf-8", "replace")

    def _refusal(self, status: int, document: Any, text: str) -> DispatcherError:
        """The server's sentence is a text, or stands in a JSON object, by version."""
        if isinstance(document, dict):
            text = next((document[key] for key in ("error_message", "error", "message") if isinstance(document.get(key), str)), "")
        return refusal(status, text, self.host.name, token=self.token)

    def _malformed(self, what: str) -> MalformedAnswer:
        return MalformedAnswer(f"The answer of {self.host.name} {what}.")


_ARRIVED: Final = ". The report may have arrived all the same."


def incident(job: HostJob, text: str) -> dict[str, str]:
    """The form of a report, without the token: exactly what is sent.

    Raises
    ------
    RequestRefused
        Without a text, or with too long a one.
    """
    words = text.strip()
    if not words:
        raise RequestRefused("Nothing is said about the job: write what is wrong with it.")
    if len(words) > LONGEST_REPORT:
        raise RequestRefused(f"The report has {len(words)} characters, more than {LONGEST_REPORT}: shorten it.")
    since = job.begun if job.begun == job.begun else job.changed
    when = {} if since != since else {"incident_time": f"{since:.0f}"}
    return {"job_id": job.job_id, "session_id": job.session_id, "scratch_dir": job.folder, "incident_content": redact(words), **when}
