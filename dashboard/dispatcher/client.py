"""oda-api's client, tamed. Importing this module imports oda_api (3 s, 158 MB): do it late.

`DispatcherAPI` keeps the protocol: parameters, payload, state of the job, one request. Taken from it are
`parameters_dict`, `job_id`, `query_status` and `request_to_json`; its `poll` and `get_product` are left alone (they print,
unpickle whatever comes, retry for half an hour and fetch the product twice). One object serves one job in one thread.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import string
import traceback
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from oda_api import api

from dashboard.dispatcher.document import parse
from dashboard.dispatcher.failure import refusal
from dashboard.dispatcher.token import redact
from dashboard.errors import DispatcherError, HostTimeout, HostUnreachable, MalformedAnswer
from dashboard.hosts import Host

_MOVED = re.compile(r'reinitialize DispatcherAPI with "([^"?]*)')
_STATUS = re.compile(r"\Astatus: (\d{3})")


def _new_session_id() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))


class DispatcherClient(api.DispatcherAPI):
    """One job at one dispatcher.

    Parameters
    ----------
    host
        Where; its `request_seconds` is the deadline of connecting and of each wait for data.
    parameters
        As in `dashboard.plan.batch.Batch.parameters`.
    token
        "" for anonymous. No other token is ever looked for.
    session_id
        Of a job to take up again; "" for a new one.

    Raises
    ------
    HostUnreachable
        When the host's address is missing or not one oda-api accepts.
    """

    job_id: str | None

    def __init__(self, host: Host, parameters: Mapping[str, Any], *, token: str = "", session_id: str = "") -> None:
        self.host_name = host.name
        self.timeout = host.request_seconds
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
        self.preferred_request_method = "POST"
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

    def _decode_res_json(self, res: requests.Response) -> dict[str, Any]:
        """Parse once, keeping the text "null" and taking bare NaN and Infinity as NaN."""
        self.n_bytes = len(res.content)
        try:
            document = parse(res.content)
        except (ValueError, RecursionError):
            document = None
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
        try:
            document: dict[str, Any] = self.request_to_json()
        except DispatcherError:
            raise
        except (requests.RequestException, KeyError, TypeError, ValueError, AttributeError) as error:
            failure = self._transport_failure(error)
        except (api.RemoteException, api.RequestNotUnderstood, api.DispatcherException, api.URLRedirected) as error:
            failure = self._refusal(error)
        else:
            self._follow(document)
            return document
        raise failure

    def _follow(self, document: Mapping[str, Any]) -> None:
        job_id = document["job_monitor"].get("job_id")
        if self.job_id is not None and job_id is not None and job_id != self.job_id:
            raise MalformedAnswer(f"{self.host_name} answered for another job than {self.job_id}: retry the batch.")
        self.job_id = job_id if self.job_id is None else self.job_id
        try:
            self.query_status = document["query_status"]
        except RuntimeError:
            raise MalformedAnswer(f"{self.host_name} reports an unknown state of job {self.job_id}: retry the batch.") from None

    def _refusal(self, error: Exception) -> DispatcherError:
        status, text = 400, ""
        match error:
            case api.RequestNotUnderstood():
                text = _field(error.details_json, "error_message", "error")
            case api.DispatcherNotAvailable():
                status = _status_seen(error)
            case api.DispatcherException():
                body_was_json = error.__cause__ is None
                status, text = 500, _field(error.response_json, "error_message", "message") if body_was_json else ""
            case api.URLRedirected():
                moved = _MOVED.search(str(error))
                status, text = 301, moved[1] if moved else ""
            case api.Unauthorized():
                status, text = 403, "" if error.message.startswith("undecodable") else error.message
            case api.UnexpectedDispatcherStatusCode():
                found = _STATUS.match(error.message)
                status = int(found[1]) if found else 500
            case _:
                status = 500
        return refusal(status, text, self.host_name, token=self.token)

    def _transport_failure(self, error: Exception) -> DispatcherError:
        stalled = any(isinstance(cause, urllib3.exceptions.ReadTimeoutError) for cause in error.args)
        if isinstance(error, requests.Timeout) or stalled:
            return HostTimeout(f"{self.host_name} did not answer within {self.timeout:g} s: retry the batch.")
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return MalformedAnswer(f"The answer of {self.host_name} broke off: retry the batch.")
        if isinstance(error, requests.RequestException) and not isinstance(error, requests.exceptions.InvalidJSONError):
            return HostUnreachable(f"{self.host_name} cannot be reached: check the network, then retry the batch.")
        return MalformedAnswer(f"The answer of {self.host_name} cannot be read ({type(error).__name__}): retry the batch.")

    def __repr__(self) -> str:
        return f"DispatcherClient({self.host_name}, job {redact(str(self.job_id), self.token)})"


def _status_seen(error: Exception) -> int:
    """The HTTP status that oda-api left out of its exception: the frame that raised it still holds the response."""
    held = (frame.f_locals.get("response") for frame, _ in traceback.walk_tb(error.__traceback__))
    return next((response.status_code for response in held if isinstance(response, requests.Response)), 503)


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
