"""oda-api's client, tamed. Importing this module imports oda_api (3 s, 158 MB): do it late.

`DispatcherAPI` keeps the protocol: parameters, payload, state of the job. Taken from it are `parameters_dict`, `job_id` and
`query_status`; its `poll` and `get_product` are left alone (they print, unpickle whatever comes, retry for half an hour and fetch the
product twice), and so is its `request_to_json`, which bounds neither the size of an answer nor the time it takes. One object serves one
job in one thread.
"""

from __future__ import annotations

import json
import logging
import secrets
import string
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from oda_api import api

from dashboard.certificates import trusted
from dashboard.dispatcher.document import parse
from dashboard.dispatcher.failure import refusal
from dashboard.dispatcher.token import redact
from dashboard.errors import DispatcherError, HostTimeout, HostUnreachable, MalformedAnswer
from dashboard.hosts import Host
from dashboard.packing import packed_once

LARGEST_ANSWER: Final = 500_000_000
"""Bytes, unpacked; an image of ISGRI takes 5 to 20 MB."""
_AWAY: Final = "cannot be reached: check the network"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def _new_session_id() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))


class DispatcherClient(api.DispatcherAPI):
    """One job at one dispatcher.

    Parameters
    ----------
    host
        Where; its `request_seconds` is the deadline of connecting and of each wait for data, `job_seconds` that of a whole answer.
    parameters
        As in `dashboard.plan.batch.Batch.parameters`.
    token
        "" for anonymous. No other token is ever looked for.
    session_id
        Of a job to take up again; "" for a new one.
    clock
        Seconds.

    Raises
    ------
    HostUnreachable
        When the host's address is missing or not one oda-api accepts.
    """

    job_id: str | None

    def __init__(
        self,
        host: Host,
        parameters: Mapping[str, Any],
        *,
        token: str = "",
        session_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host_name = host.name
        self.timeout, self._whole_seconds = host.request_seconds, host.job_seconds
        self._clock = clock
        self.n_bytes = 0
        if not host.dispatcher_url:
            raise HostUnreachable(f"The host {host.name} has no address: start it, or set its address.")
        try:
            super().__init__(
                instrument=str(parameters["instrument"]),
                url=_http_address(host),
                token=token,
                session_id=session_id or _new_session_id(),
                wait=False,
            )
        except api.UserError:
            raise HostUnreachable(f"The address of {host.name} is not accepted by oda-api: use http(s)://host/path.") from None
        self.parameters_dict = {
            "query_type": "Real",
            **{name: _form_value(name, value) for name, value in parameters.items()},
            "off_line": "False",
            "query_status": "new",
            "session_id": self.session_id,
            **({"token": token} if token else {}),
        }

    def setup_loggers(self) -> None:
        """Silence: oda-api logs bodies, and with them the token."""
        self.logger = self.progress_logger = logging.Logger("silent", logging.CRITICAL + 1)

    def get_token_from_environment(self) -> str:
        """Nothing: in a server that would be the operator's token."""
        return ""

    def _decoded(self, content: bytes) -> dict[str, Any]:
        """Parse once, keeping the text "null" and taking bare NaN and Infinity as NaN."""
        self.n_bytes = len(content)
        document = _json(content)
        if not isinstance(document, dict) or not isinstance(document.get("query_status"), str):
            raise MalformedAnswer(f"The answer of {self.host_name} is no dispatcher's answer, or was cut short: retry the batch.")
        for part in ("products", "exit_status", "job_monitor"):
            if document.get(part) is None:
                document[part] = {}
            if not isinstance(document[part], dict):
                raise MalformedAnswer(f"The answer of {self.host_name} has a broken part {part}: retry the batch.")
        if not isinstance(document["job_monitor"].get("job_id", ""), str) or type(document["exit_status"].get("status", 0)) is not int:
            raise MalformedAnswer(f"The answer of {self.host_name} names no job or no exit status: retry the batch.")
        return document

    def ask(self) -> dict[str, Any]:
        """Send the request, or poll the job, once.

        Returns
        -------
        dict
            The document, with query_status, products, exit_status and job_monitor. `job_id` and `query_status` follow it.

        Raises
        ------
        DispatcherError
            The kind that says what happened; nothing of the body but the server's own sentence is in it, nor in its context.
        """
        status, content, moved = self._post()
        if status != httpx.codes.OK:
            raise self._refusal(status, content, moved)
        document = self._decoded(content)
        self._follow(document)
        return document

    def _follow(self, document: Mapping[str, Any]) -> None:
        job_id = document["job_monitor"].get("job_id")
        if self.job_id is not None and job_id is not None and job_id != self.job_id:
            raise MalformedAnswer(f"{self.host_name} answered for another job than {self.job_id}: retry the batch.")
        self.job_id = job_id if self.job_id is None else self.job_id
        try:
            self.query_status = document["query_status"]
        except RuntimeError:
            raise MalformedAnswer(f"{self.host_name} reports an unknown state of job {self.job_id}: retry the batch.") from None

    def _post(self) -> tuple[int, bytes, str]:
        """Status and body of the answer to one POST, and where a redirect leads: it is not followed, for the form holds the token."""
        form = urlencode({name: value for name, value in self.parameters_dict_payload.items() if value is not None}, doseq=True)
        ends, content, begun = self._clock() + self._whole_seconds, bytearray(), False
        try:
            with httpx.stream(
                "POST",
                f"{self.url}/{self.run_analysis_handle}",
                content=form,
                headers=_FORM,
                timeout=self.timeout,
                verify=trusted(),
            ) as response:
                begun = True
                if not packed_once(response.headers.get("content-encoding", "")):
                    raise httpx.DecodingError("packed more than once")
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > LARGEST_ANSWER:
                        raise MalformedAnswer(
                            f"The answer of {self.host_name} is larger than {LARGEST_ANSWER / 1e6:g} MB: ask for less a batch (s_max)."
                        )
                    if self._clock() > ends:
                        raise httpx.ReadTimeout("the answer comes too slowly")
                return response.status_code, bytes(content), response.headers.get("location", "").partition("?")[0]
        except httpx.TimeoutException:
            seconds = self._whole_seconds if content else self.timeout
            failure: DispatcherError = HostTimeout(f"{self.host_name} did not answer within {seconds:g} s: retry the batch.")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            if begun:
                failure = MalformedAnswer(f"The answer of {self.host_name} broke off: retry the batch.")
            else:
                why = "shows a certificate that cannot be verified: tell its people" if "certificate" in str(error).lower() else _AWAY
                failure = HostUnreachable(f"{self.host_name} {why}, then retry the batch.")
        raise failure

    def _refusal(self, status: int, content: bytes, moved: str) -> DispatcherError:
        if 300 <= status < 400:
            return refusal(301, moved, self.host_name, token=self.token)
        document = _json(content)
        page = document is None
        strange = not isinstance(document, dict) or not document.keys() & {"exit_status", "error_message", "error"}
        if (status == httpx.codes.BAD_REQUEST and page) or (status == httpx.codes.FORBIDDEN and strange and not page):
            return MalformedAnswer(f"The answer of {self.host_name} cannot be read (HTTP {status}): retry the batch.")
        said = _field(document, "error_message", "error", "message")
        if isinstance(document, dict) and status == httpx.codes.FORBIDDEN:
            said = _field(document.get("exit_status"), "message") or said
        return refusal(status, said, self.host_name, token=self.token)

    def __repr__(self) -> str:
        return f"DispatcherClient({self.host_name}, job {redact(str(self.job_id), self.token)})"


def _json(content: bytes) -> Any:
    """What a body holds; None for no JSON."""
    try:
        return parse(content)
    except (ValueError, RecursionError):
        return None


def _http_address(host: Host) -> str:
    if not host.dispatcher_url.startswith(("http://", "https://")):
        raise HostUnreachable(f"The address of {host.name} must begin with http:// or https://.")  # else oda-api asks its registry
    return host.dispatcher_url.rstrip("/")


def _form_value(name: str, value: Any) -> Any:
    """Values oda-api would send in a form the dispatcher does not read: a catalogue as a mapping, a list of its entries."""
    if name == "selected_catalog" and not isinstance(value, str | None):
        return json.dumps(value)
    if name == "catalog_selected_objects" and isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return list(value) if isinstance(value, tuple) else value


def _field(document: Any, *names: str) -> str:
    if not isinstance(document, dict):
        return ""
    return next((document[name] for name in names if isinstance(document.get(name), str)), "")
