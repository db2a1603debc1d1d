"""What an address asks of the page: a run, a run shared by link, a copy of its request, or a request alone.

| address | page |
|---|---|
| `app?run=ID` | the visitor's own run |
| `app?link=SECRET` | the run that the link opens, to be looked at |
| `app?copy=SECRET` | the visitor's own page, the form filled as the run that the link opens was asked |
| `app?ask=TEXT` | the visitor's own page, the form filled, see `dashboard.request.link` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from dashboard.identity import Identity
from dashboard.next_request import request_again
from dashboard.request.link import request_of_link
from dashboard.runs.shared_run import SharedRun
from dashboard.session import Session
from dashboard.settings import Settings
from dashboard.view import View

VIEWER = Identity("", origin="link")
"""Who looks at a shared run; no run is ever his."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The arguments of an address, as they were given; "" for what is not there."""

    run: str = ""
    link: str = field(default="", repr=False)
    copy: str = field(default="", repr=False)
    ask: str = ""

    @classmethod
    def of_arguments(cls, arguments: Mapping[str, Sequence[bytes]]) -> Visit:
        """From the query of an address; a link wins over what else stands there."""
        given = {name: arguments[name][0].decode(errors="replace") for name in ("run", "link", "copy", "ask") if arguments.get(name)}
        return cls(link=given["link"]) if given.get("link") else cls(**given)

    def identity(self, settings: Settings, login: str | None) -> Identity:
        """As whom somebody comes so.

        Parameters
        ----------
        settings
            Of the deployment.
        login
            See `Identity.of_visitor`.

        Raises
        ------
        NotAuthorized
            When a login is needed and there is none.
        """
        if self.link and settings.links_open:
            return VIEWER
        identity = Identity.of_visitor(login, single_user=settings.single_user)
        return VIEWER if self.link else identity

    def session(self, settings: Settings, login: str | None) -> Session:
        """The session of who comes so; parameters and errors as in `identity`."""
        identity = self.identity(settings, login)
        return Session(settings, identity, SharedRun.of_secret(settings, self.link) if self.link else None)

    def look(self, session: Session) -> tuple[str, View]:
        """Blocking: id of the run to look at, "" for none, and how.

        Raises
        ------
        LinkEnded
            When the link opens no run.
        """
        if session.shared is None:
            return self.run, View()
        link = session.shared.link
        return link.run_id, View.of_json(link.view)

    def values(self, settings: Settings) -> dict[str, Any]:
        """Blocking: what the form is to be filled with, {} for nothing.

        Raises
        ------
        LinkEnded
            When the link opens no run.
        RequestError
            When the address holds no request.
        """
        if self.copy:
            shared = SharedRun.of_secret(settings, self.copy)
            return request_again(shared.plan(shared.link.run_id))
        return request_of_link(self.ask) if self.ask else {}

    @property
    def copied(self) -> str:
        """Address at which a viewer finds a copy of the shared run's request."""
        return f"?copy={quote(self.link)}"
