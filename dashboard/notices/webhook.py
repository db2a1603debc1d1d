"""News as JSON to an address that the deployment chose: a chat's incoming webhook, a script.

Such addresses are secrets: whoever knows one can write there. What goes wrong is told with the host alone, and requests go past
httpx's client, which logs whole addresses.
"""

from __future__ import annotations

import time
from typing import Any, Final

import httpx

from dashboard.errors import NoticeFailed
from dashboard.notices.deadline import Deadline
from dashboard.notices.news import News, one_line, shortened

PAUSE = 0.5
"""Seconds before the second try."""

LAST_PORT: Final = 65535
HEADERS = {"User-Agent": "integral-dashboard", "Accept": "*/*"}


def post(url: str, news: News, seconds: float = 10.0) -> None:
    """POST the news; redirects and proxies are not followed.

    A refused or lost connection and 5xx are tried once more.

    Parameters
    ----------
    url
        http or https; a user name and password in it are sent as basic authentication.
    seconds
        Deadline, both tries together.

    Raises
    ------
    NoticeFailed
        When it is not taken (2xx) in time.
    """
    try:
        address = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError):
        address = httpx.URL()
    # The resolver would take a port beyond the last one for another, 65536 lower.
    if address.scheme not in ("http", "https") or not address.host or (address.port or 0) > LAST_PORT:
        raise NoticeFailed("The webhook's address cannot be meant: it must begin with http:// or https://, a host, and a port up to 65535.")
    if problem := _problem(address, news, Deadline(seconds)):
        # Told here and not where an error is handled, which would be its context and knows the address.
        raise NoticeFailed(f"The webhook at {shortened(one_line(address.host), 100)} {problem}")


def _problem(address: httpx.URL, news: News, deadline: Deadline) -> str:
    """Why it was not taken, "" when it was."""
    try:
        status = deadline.run(lambda: _deliver(address, news, deadline))
    except (TimeoutError, httpx.TimeoutException):
        return f"did not answer within {deadline.seconds:.3g} s."
    except (httpx.HTTPError, OSError, ValueError, OverflowError):
        return "cannot be reached: check its address, and that this machine may reach it."
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return "redirects elsewhere, which is not followed: give the address it leads to."
    return f"answered with HTTP status {status}: " + ("try again later." if status >= 500 else "check its address.")


def _deliver(address: httpx.URL, news: News, deadline: Deadline) -> int:
    """Status of the last answer."""
    with httpx.HTTPTransport(trust_env=False) as transport:
        try:
            status = _status(transport, address, news, deadline)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            status = 0
        if 0 < status < 500:
            return status
        time.sleep(min(PAUSE, deadline.left))
        return _status(transport, address, news, deadline)


def _status(transport: httpx.HTTPTransport, address: httpx.URL, news: News, deadline: Deadline) -> int:
    """Status of one answer; its body is not read."""

    def hold(event: str, about: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            deadline.hold(about["return_value"].get_extra_info("socket"))

    extensions = {"timeout": httpx.Timeout(deadline.patience).as_dict(), "trace": hold}
    request = httpx.Request("POST", address, json=news.to_dict(), headers=HEADERS, extensions=extensions)
    if address.username or address.password:
        request = next(httpx.BasicAuth(address.username, address.password).auth_flow(request))
    response = transport.handle_request(request)
    response.close()
    return response.status_code
