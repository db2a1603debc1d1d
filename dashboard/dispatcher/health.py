"""Is a dispatcher there? A quick question that needs no token."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from dashboard.hosts import Host


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
    """

    reachable: bool
    latency: float
    detail: str


def check_host(host: Host, *, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> HostHealth:
    """Ask for the parameter names of the ISGRI image, the lightest question a dispatcher answers.

    Parameters
    ----------
    host
        Whom to ask.
    seconds
        Deadline of connecting and of the answer.
    clock
        Seconds.
    """
    if not host.dispatcher_url:
        return HostHealth(False, float("nan"), f"{host.name} has no address yet.")
    started = clock()
    try:
        query = {"instrument": "isgri", "product_type": "isgri_image"}
        response = httpx.get(f"{host.dispatcher_url.rstrip('/')}/api/par-names", params=query, timeout=seconds)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return HostHealth(False, float("nan"), f"{host.name} does not answer ({type(error).__name__}).")
    latency = clock() - started
    if response.status_code != httpx.codes.OK:
        return HostHealth(False, latency, f"{host.name} answers with HTTP {response.status_code}.")
    return HostHealth(True, latency, f"{host.name} answers in {latency:.2f} s.")
