"""GET with a deadline and a few tries, and sentences for what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from dashboard.certificates import trusted
from dashboard.errors import ArchiveUnavailable
from dashboard.hosts import Host
from dashboard.packing import packed_once

CONNECT_SECONDS = 10.0
SERVICE_SECONDS = 50.0
SIMULATED_SECONDS = 20.0
LARGEST_ANSWER = 200_000_000


def patience(host: Host) -> float:
    """Seconds within which a service of this host has to answer; the simulated one is on this machine."""
    return SIMULATED_SECONDS if host.simulated else SERVICE_SECONDS


@dataclass(frozen=True, slots=True)
class WebService:
    """A service asked by GET.

    Attributes
    ----------
    name
        How sentences call it, e.g. "The timesystem".
    url
        Address without trailing slash.
    client
        Connections to use; None opens one for each call.
    seconds
        Deadline of the answer, all tries together; reaching the host has `CONNECT_SECONDS` of its own.
    pauses
        Seconds to wait before each further try; their number is the number of retries.
    largest
        Bytes of an answer, unpacked, beyond which it is not read further; `LARGEST_ANSWER` at most.
    """

    name: str
    url: str
    client: httpx.Client | None = None
    seconds: float = SERVICE_SECONDS
    pauses: tuple[float, ...] = (0.5, 2.0)
    largest: int = LARGEST_ANSWER

    def get(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        """The answer with status 200, or 400 when the service refuses the question.

        Lost or refused connections and 5xx are tried again while there is time; a missed deadline is not.

        Raises
        ------
        ArchiveUnavailable
            When no such answer comes.
        """
        if not self.url:
            raise ArchiveUnavailable(f"{self.name} has no address: start the observatory, or choose another host_type.")
        problem, started = "", time.monotonic()
        for pause in (0.0, *self.pauses):
            left = self.seconds - (time.monotonic() - started) - pause
            if left <= 0:
                break
            time.sleep(pause)
            try:
                response = self._send(self.url + path, params, left)
            except httpx.TimeoutException as error:
                limit = min(CONNECT_SECONDS, left) if isinstance(error, httpx.ConnectTimeout) else self.seconds
                problem = f"did not answer within {limit:.3g} s"
                break
            except (httpx.TransportError, httpx.TooManyRedirects, httpx.DecodingError, httpx.InvalidURL, UnicodeError):
                problem = "cannot be reached"
            else:
                if response.status_code in (200, 400):
                    return response
                problem = f"answered with HTTP status {response.status_code}"
                if response.status_code < 500:
                    break
        raise ArchiveUnavailable(f"{self.name} ({self.url}) {problem}: try again later.")

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of an answer with status 200.

        Raises
        ------
        ArchiveUnavailable
            When there is no such answer, or it is no JSON.
        """
        response = self.get(path, params)
        if response.status_code != 200:
            raise ArchiveUnavailable(f"{self.name} ({self.url}) refused the question: {response.text[:200]}")
        return self.decode(response)

    def decode(self, response: httpx.Response) -> Any:
        """JSON of a response; ArchiveUnavailable when it is something else, such as a proxy's HTML page."""
        try:
            return response.json()
        except ValueError:
            raise self.malformed("is no JSON") from None

    def malformed(self, what: str) -> ArchiveUnavailable:
        """The error for an answer that cannot be used."""
        return ArchiveUnavailable(f"{self.name} ({self.url}) sent an answer that {what}: try again later.")

    def _send(self, url: str, params: Mapping[str, str] | None, seconds: float) -> httpx.Response:
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        if self.client is not None:
            return self._read(self.client, url, params, timeout)
        with httpx.Client(follow_redirects=True, verify=trusted()) as client:
            return self._read(client, url, params, timeout)

    def _read(self, client: httpx.Client, url: str, params: Mapping[str, str] | None, timeout: httpx.Timeout) -> httpx.Response:
        ends = time.monotonic() + (timeout.read or self.seconds) + CONNECT_SECONDS
        content = bytearray()
        with client.stream("GET", url, params=params, timeout=timeout) as response:
            if not packed_once(response.headers.get("content-encoding", "")):
                raise httpx.DecodingError("packed more than once", request=response.request)
            for piece in response.iter_bytes():
                content += piece
                if len(content) > (most := min(self.largest, LARGEST_ANSWER)):
                    raise self.malformed(f"is larger than {most / 1e6:g} MB")
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the answer comes too slowly", request=response.request)
        return httpx.Response(response.status_code, content=bytes(content), request=response.request)
