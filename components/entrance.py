"""The way to the page: a request says whose it is before it gets a session, and it gets none that another user began.

Bokeh lets whoever has a copy of a session's token join that session, and believes what such a token says of headers and cookies,
which anybody may write. Here a user is found in the request itself, that of the document as that of the websocket.
`panel serve --plugins components.entrance` loads this; without it nobody is let in where there are users.
"""

from __future__ import annotations

import logging
from html import escape
from typing import Any, Final

import panel as pn
from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.urls import per_app_patterns
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.server.views.doc_handler import DocHandler
from bokeh.server.views.ws import WSHandler
from tornado.web import HTTPError

from dashboard.errors import NotAuthorized
from dashboard.routes.docs import plain_page
from dashboard.routes.visitor import peer_of, visitor_of
from dashboard.settings import Settings
from dashboard.visit import Visit

ROUTES: Final[list[Any]] = []
"""None of its own: as a plugin it must say so."""

log = logging.getLogger(__name__)


class Sessions:
    """The sessions of the page, those that one visitor began and new ones.

    Parameters
    ----------
    context
        All sessions.
    visitor
        Name of the user, "" for none.
    refusal
        Type of what is raised when a session is another's, made of a status and a sentence.
    """

    def __init__(self, context: ApplicationContext, visitor: str, refusal: type[Exception]) -> None:
        self._context, self._visitor, self._refusal = context, visitor, refusal

    async def create_session_if_needed(self, *about: Any, **more: Any) -> ServerSession:
        """As Bokeh's own, where the session is not another's."""
        session = await self._context.create_session_if_needed(*about, **more)
        if _request_of(session.document, "visitor") != self._visitor:
            log.warning("A request for a session of another user was refused.")
            raise self._refusal(403, "This page is another user's: open your own.")
        return session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class Entrance(AuthRequestHandler):
    """What a request of the page passes first.

    Attributes
    ----------
    asks_page
        Whether it is the request for the page itself, which may come without a user by a link.
    refusal
        Type of the exception for a session that is another's.
    """

    request: Any
    application: Any
    application_context: Any
    asks_page = False
    refusal: type[Exception] = HTTPError

    async def prepare(self) -> None:
        """Note the user with the request, where nobody outside can write, or refuse it."""
        await super().prepare()
        if self._finished:
            return
        settings = Settings.from_environment()
        try:
            self.request.visitor = visitor = visitor_of(settings, self)
            if self.asks_page and self.current_user is not None:
                Visit.of_arguments(self.request.arguments).identity(settings, visitor)
        except NotAuthorized as error:
            log.warning("A request from %s was refused: %s", peer_of(self.request), error.sentence)
            self.set_status(403)
            self.set_header("Cache-Control", "no-store")
            self.finish(plain_page("Not let in", f"<h1>Not let in</h1><p>{escape(error.sentence)}</p>", "docs/"))
            return
        self.request.way_out = self.application.auth_provider.logout_url if visitor else None
        self.application_context = Sessions(self.application_context, visitor, self.refusal)


def visitor() -> str | None:
    """Who began the present browser session; "" for nobody, None when nobody was asked."""
    return _request_of(pn.state.curdoc, "visitor")


def way_out() -> str:
    """Address, relative to the page's, at which the visitor logs out; "" where he has not logged in here."""
    found = _request_of(pn.state.curdoc, "way_out")
    return f".{found}" if found else ""


def _request_of(document: Any, name: str) -> str | None:
    """What the entrance has noted with the request that began a session."""
    context = document.session_context if document is not None else None
    return getattr(context.request, name, None) if context is not None else None


def _guarded(handler: type[Any]) -> type[Any]:
    """The handler behind the entrance. Bokeh closes a websocket on its own kind of error alone."""
    about = {"asks_page": issubclass(handler, DocHandler), "refusal": ProtocolError if issubclass(handler, WSHandler) else HTTPError}
    return type(handler.__name__, (Entrance, handler), about)


per_app_patterns[:] = [(path, _guarded(handler)) for path, handler in per_app_patterns]  # type: ignore[misc]
