"""Who asks: the user of a request, as the login of this server or the trusted proxy in front of it names him.

A proxy is recognised by the address from which its connection comes, not by what a header says of it: whoever can reach the
port could write that header himself. Of the page and of the other routes alike: `components.entrance`, `Visited`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from dashboard.errors import NotAuthorized
from dashboard.identity import BY_LINK, GUEST, user_name
from dashboard.settings import Settings


class Visited(RequestHandler):
    """A route beside the page that knows who asks, by the same login."""

    async def prepare(self) -> None:
        """As Bokeh does it before the page's own requests."""
        provider = _provider(self)
        if provider is not None and provider.get_user_async is not None:
            self.current_user = await provider.get_user_async(self)

    def get_current_user(self) -> Any:
        """The login's user; None without."""
        provider = _provider(self)
        return provider.get_user(self) if provider is not None and provider.get_user is not None else None


def visitor_of(settings: Settings, handler: RequestHandler) -> str:
    """The user of a request, once it is prepared; "" where nobody has logged in, and in a deployment without users.

    Raises
    ------
    NotAuthorized
        When users are named by a proxy and this request is not from it, or names none.
    """
    if settings.single_user:
        return ""
    if settings.user_header:
        return _named(settings, peer_of(handler.request), handler.request.headers.get_list(settings.user_header))
    provider = _provider(handler)
    if provider is None or (provider.get_user is None and provider.get_user_async is None):
        return ""  # Bokeh calls everybody by one name then
    user = handler.current_user
    return user if isinstance(user, str) and user != GUEST else ""


def may_fetch(settings: Settings, holder: str, visitor: str) -> bool:
    """Whether a visitor may use the download ticket of `holder`: his own, or that of a link that he may open."""
    if settings.single_user:
        return True
    return settings.links_open or bool(visitor) if holder.startswith(BY_LINK) else holder == visitor


def peer_of(request: HTTPServerRequest) -> str:
    """Address at the other end of the connection, whatever headers say; "" when it has none, as a socket in the file system."""
    context = getattr(request.connection, "context", None)
    address = getattr(context, "address", None)
    return str(address[0]) if isinstance(address, tuple) else ""


def _provider(handler: RequestHandler) -> Any:
    """Bokeh's, where the server has one."""
    return getattr(handler.application, "auth_provider", None)


def _named(settings: Settings, peer: str, values: Sequence[str]) -> str:
    """The user in the header, as Tornado has it: each byte a character."""
    if not _is_proxy(settings, peer):
        raise NotAuthorized("Users of this dashboard come through its proxy, and this request did not: use the address you were given.")
    if len(values) != 1 or "," in values[0]:
        number = "no user" if not values else "more than one user"
        raise NotAuthorized(f"The proxy in front of this dashboard names {number}: log in there, or tell its administrator.")
    try:
        return user_name(values[0].encode("latin-1").decode())
    except UnicodeError:
        raise NotAuthorized("The name that the proxy gives is not in UTF-8: tell its administrator.") from None


def _is_proxy(settings: Settings, peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in settings.proxies)
