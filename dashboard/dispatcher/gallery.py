"""Sending a product to the gallery behind a dispatcher.

`POST post_product_to_gallery`, a form with files, as oda_api 1.3.5 does it (gallery_api.py, `post_data_product_to_gallery`); that
client has no deadline, prints the token's fate into its log and returns failures as if they were answers. The dispatcher
answers with the gallery's node as JSON, or with `error_message` and `drupal_helper_error_message` (dispatcher-app, drupal_helper.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import httpx

from dashboard.certificates import trusted
from dashboard.dispatcher.failure import plain, refusal
from dashboard.dispatcher.token import redact
from dashboard.dispatcher.tries import Moved, with_tries
from dashboard.errors import DispatcherError, HostTimeout, HostUnreachable, MalformedAnswer, RequestRefused
from dashboard.hosts import Host
from dashboard.packing import packed_once

CONNECT_SECONDS: Final = 10.0
PAUSES: Final = (1.0, 5.0)
"""Seconds before each further try."""
LARGEST_ANSWER: Final = 5_000_000
_UNKNOWN_FIELD: Final = re.compile(r"Field (\w+) is unknown")


@dataclass(frozen=True, slots=True)
class Posted:
    """What the gallery says of a product it took.

    Attributes
    ----------
    link
        Its page, "" when the answer does not say.
    updated
        It was there before under the same id.
    """

    link: str
    updated: bool


@dataclass(frozen=True, slots=True)
class GalleryDoor:
    """The gallery of a host.

    Attributes
    ----------
    host
        Whose; `request_seconds` is the deadline of each try.
    token
        With the role that publishing takes.
    client
        Connections to use; None opens one.
    pauses
        Seconds before each further try; their number is the number of retries.
    sleep, clock
        Wait so many seconds; count them.
    """

    host: Host
    token: str
    client: httpx.Client | None = None
    pauses: tuple[float, ...] = PAUSES
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __repr__(self) -> str:
        return f"GalleryDoor({self.host.name})"

    def post(self, fields: Mapping[str, str], files: Sequence[tuple[str, Path]]) -> Posted:
        """Publish, or update what is there under the same product_id.

        Refused or lost connections and 5xx are tried again: the id makes a second arrival an update. A missed deadline is not,
        for the dispatcher may still be at work and would then make two of one.

        Parameters
        ----------
        fields
            The form without the token.
        files
            Part of the form and path of each.

        Raises
        ------
        NotAuthorized, TokenExpired, TokenRefused
            For the token.
        RequestRefused
            For a field, or files that are too large.
        HostUnreachable, HostTimeout, HostFailing, MalformedAnswer
            When there is no answer that can be used.
        """
        if not self.host.dispatcher_url:
            raise HostUnreachable(f"The host {self.host.name} has no address: its gallery cannot be reached.")
        return with_tries(lambda: self._once(fields, files), self.pauses, self.sleep)

    def _once(self, fields: Mapping[str, str], files: Sequence[tuple[str, Path]]) -> Posted:
        url = f"{self.host.dispatcher_url}/post_product_to_gallery"
        limits = httpx.Timeout(self.host.request_seconds, connect=CONNECT_SECONDS)
        name = self.host.name
        with ExitStack() as stack:
            client = self.client or stack.enter_context(httpx.Client(verify=trusted()))
            opened = [(part, (path.name, stack.enter_context(path.open("rb")))) for part, path in files]
            try:
                response = self._sent(client, url, fields, opened, limits)
            except httpx.ConnectTimeout:
                failure: DispatcherError = HostUnreachable(f"{name} cannot be reached: check the network, then publish again.")
            except httpx.TimeoutException:
                failure = HostTimeout(
                    f"{name} did not answer within {self.host.request_seconds:g} s. The product may have arrived all the same: "
                    "look into the gallery, or publish again in some minutes, which updates it."
                )
            except httpx.DecodingError:
                failure = self._malformed("cannot be unpacked")
            except (httpx.TransportError, httpx.InvalidURL, UnicodeError):
                failure = HostUnreachable(f"{name} cannot be reached: check the network, then publish again.")
            else:
                return self._read(response)
        raise failure

    def _sent(
        self,
        client: httpx.Client,
        url: str,
        fields: Mapping[str, str],
        files: Sequence[tuple[str, tuple[str, IO[bytes]]]],
        limits: httpx.Timeout,
    ) -> httpx.Response:
        """The answer, read within the deadline, from its beginning on, and not beyond its bound."""
        form, content = {**fields, "token": self.token}, bytearray()
        with client.stream("POST", url, data=form, files=files, timeout=limits, follow_redirects=False) as response:
            ends = self.clock() + self.host.request_seconds
            if not packed_once(response.headers.get("content-encoding", "")):
                raise httpx.DecodingError("packed more than once")
            for piece in response.iter_bytes():
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise self._malformed(f"is larger than {LARGEST_ANSWER / 1e6:g} MB")
                if self.clock() > ends:
                    raise httpx.ReadTimeout("the answer comes too slowly")
            headers = {"location": response.headers.get("location", "")}
            return httpx.Response(response.status_code, headers=headers, content=bytes(content))

    def _read(self, response: httpx.Response) -> Posted:
        document = _json(response)
        if response.status_code != 200:
            raise self._refusal(response, document)
        if not isinstance(document, dict):
            raise self._malformed("is no JSON, such as the page of a proxy or a login")
        if isinstance(document.get("error_message"), str):
            raise self._told(400, document)
        if "nid" not in document and "_links" not in document:
            raise self._malformed("does not describe a product: it may have changed")
        created, changed = _value(document.get("created")), _value(document.get("changed"))
        return Posted(_link(document), created is not None and changed is not None and created != changed)

    def _refusal(self, response: httpx.Response, document: Any) -> DispatcherError:
        status, name = response.status_code, self.host.name
        if status == 413:
            return RequestRefused(
                f"The files are too large for the gallery of {name} (HTTP 413): publish a smaller image or fewer sources."
            )
        if 300 <= status < 400:
            moved = redact(response.headers.get("location", "").partition("?")[0], self.token)
            return Moved(
                f"The gallery of {name} has moved{f' to {moved}' if moved else ''}: its address in the settings has to be changed."
            )
        if isinstance(document, dict):
            return self._told(status, document)
        return refusal(status, response.text if document is None else str(document), name, token=self.token)

    def _told(self, status: int, document: Mapping[str, Any]) -> DispatcherError:
        """The dispatcher's own words, and those of the gallery behind it."""
        parts = [plain(document.get(key), self.token) for key in ("error_message", "drupal_helper_error_message")]
        said = "; ".join(dict.fromkeys(filter(None, parts)))
        if unknown := _UNKNOWN_FIELD.search(said):
            return RequestRefused(
                f"The gallery of {self.host.name} does not know {unknown[1]} any more: its form has changed, and this version of the "
                "dashboard cannot publish there. Please report it."
            )
        return refusal(status, said, self.host.name, token=self.token)

    def _malformed(self, what: str) -> MalformedAnswer:
        return MalformedAnswer(
            f"The answer of the gallery of {self.host.name} {what}. Whether the product arrived is not known: look into the gallery, "
            "or publish again, which updates it."
        )


def _json(response: httpx.Response) -> Any:
    """Its JSON; None for anything else."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _value(field: Any) -> Any:
    """Of a field of the gallery, which is a list of mappings with a "value"; None for anything else."""
    return field[0].get("value") if isinstance(field, list) and field and isinstance(field[0], dict) else None


def _link(document: Mapping[str, Any]) -> str:
    """Address of the product's page; "" unless it is one that a browser opens."""
    links = document.get("_links")
    own = links.get("self") if isinstance(links, dict) else None
    href = own.get("href") if isinstance(own, dict) else None
    return href.partition("?")[0] if isinstance(href, str) and href.startswith(("https://", "http://")) else ""
