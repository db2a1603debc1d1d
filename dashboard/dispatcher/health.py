"""Is a dispatcher there, and which version? Two quick questions that need no token and send none."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from dashboard.certificates import trusted
from dashboard.hosts import Host
from dashboard.packing import packed_once

LARGEST_ANSWER: Final = 1_000_000  # bytes
_VERSION: Final = re.compile(r"(?=.{1,40}\Z)v?[0-9]+\.[0-9][0-9A-Za-z.+-]*")


@dataclass(frozen=True, slots=True)
class HostHealth:
    """Outcome of a check.

    Attributes
    ----------
    reachable
        A dispatcher answered as it should.
    latency
        Seconds to its answer; NaN without one.
    detail
        A sentence for the user.
    version
        Of the dispatcher; "" when unknown.
    resolves
        False when the network does not know the host's name.
    """

    reachable: bool
    latency: float
    detail: str
    version: str = ""
    resolves: bool = True


def check_host(host: Host, *, seconds: float = 5.0, version: bool = True, clock: Callable[[], float] = time.monotonic) -> HostHealth:
    """Ask for the parameter names of the ISGRI image, the lightest question a dispatcher answers.

    Parameters
    ----------
    host
        Whom to ask.
    seconds
        Deadline of everything together. A thread keeps it, for looking a name up has no deadline of its own.
    version
        Ask for its version too, with what is left of the deadline; a host that does not tell it stays reachable.
    clock
        Seconds.
    """
    known = [HostHealth(False, float("nan"), f"{host.name} does not answer within {seconds:g} s.")]
    if not host.dispatcher_url:
        return replace(known[0], detail=f"{host.name} has no address yet.")
    ends = clock() + seconds + 1.0  # then the thread gives up too, with nobody listening any more
    thread = threading.Thread(target=_ask, args=(host, version, lambda: ends - clock(), known.append), daemon=True)
    thread.start()
    thread.join(seconds)
    return known[-1]


def _ask(host: Host, version: bool, left: Callable[[], float], tell: Callable[[HostHealth], None]) -> None:
    before = left()
    status, names = _answer(host, "isgri", left)
    latency = before - left()
    if isinstance(names, Exception):
        return tell(_silence(host, names))
    if status != httpx.codes.OK or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        how = f"with HTTP {status}" if status != httpx.codes.OK else "but not as a dispatcher does: its address has to be changed"
        return tell(HostHealth(False, latency, f"{host.name} answers {how}."))
    tell(health := HostHealth(True, latency, f"{host.name} answers in {latency:.2f} s."))
    status, refusal = _answer(host, "any", left) if version else (0, None)
    told = str(refusal.get("cdci_data_analysis_version")) if isinstance(refusal, dict) else ""
    tell(replace(health, version=told if status == httpx.codes.BAD_REQUEST and _VERSION.fullmatch(told) else ""))


def _silence(host: Host, error: Exception) -> HostHealth:
    cause: BaseException | None = error
    while cause and not isinstance(cause, socket.gaierror | UnicodeError):  # the latter: longer than a name may be
        cause = cause.__cause__ or cause.__context__
    inside = f": it is reached from inside {'ESAC' if 'ESAC' in host.note else 'its own network'} only" if host.only_inside else ""
    said = f"is not known to this network{inside}" if cause else f"does not answer ({type(error).__name__})"
    return HostHealth(False, float("nan"), f"{host.name} {said}.", resolves=not cause)


def _answer(host: Host, instrument: str, left: Callable[[], float]) -> tuple[int, Any]:
    """Status and JSON, None when it is none or too large; 0 and the error when there is no answer."""
    url, content = f"{host.dispatcher_url.rstrip('/')}/api/par-names?instrument={instrument}&product_type=isgri_image", bytearray()
    try:
        with httpx.stream("GET", url, timeout=max(left(), 0.001), verify=trusted()) as response:
            if not packed_once(response.headers.get("content-encoding", "")):
                raise httpx.DecodingError("packed more than once")
            for piece in response.iter_bytes():
                content += piece
                if len(content) > LARGEST_ANSWER or left() < 0:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return 0, error
    try:
        return response.status_code, json.loads(content) if len(content) <= LARGEST_ANSWER else None
    except (ValueError, RecursionError):
        return response.status_code, None
