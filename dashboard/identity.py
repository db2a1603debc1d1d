"""Who asks: travels with every request, owns every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboard.errors import NotAuthorized

LOCAL: Final = "local"
"""The only user of a deployment without logins, and of the command line."""
GUEST: Final = "guest"
"""Whom Panel lets in without a login calls it so."""
BY_LINK: Final = "link:"
"""Begins the name of who holds a download ticket by a link, before the link's id."""
LONGEST_USER: Final = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as seen by this deployment.

    Attributes
    ----------
    user
        Name that owns runs and private products; `LOCAL` when there is one user only.
    roles
        Dispatcher roles the user's token carries; empty for anonymous.
    origin
        Where the request came from: "cli", "page", "notebook".
    """

    user: str = LOCAL
    roles: tuple[str, ...] = ()
    origin: str = "cli"

    @classmethod
    def of_visitor(cls, login: str | None, *, single_user: bool) -> Identity:
        """Whoever opens the page: the only user of a deployment, or the one whom a login or a proxy names.

        Parameters
        ----------
        login
            Name under which the visitor is known; None, "" or `GUEST` without.
        single_user
            `Settings.single_user`.

        Raises
        ------
        NotAuthorized
            When a name is needed and there is none, or it can be no user's.
        """
        if single_user:
            return cls(origin="page")
        if not login or login == GUEST:
            raise NotAuthorized("This dashboard is for users who have logged in: log in, or ask its administrator to switch a login on.")
        return cls(user_name(login), origin="page")


def user_name(text: str) -> str:
    """The text, when it can be a user's name. It is compared as it stands: Ada and ada are two.

    Raises
    ------
    NotAuthorized
        When it is empty, long, has spaces at its ends or what is not printed, or is a name that is somebody's already.
    """
    if not text or text != text.strip() or len(text) > LONGEST_USER or not text.isprintable():
        raise NotAuthorized(
            "The name under which you come is empty, too long, or has characters that are not printed: nobody is let in by it."
        )
    if text in (LOCAL, GUEST) or text.startswith(BY_LINK):
        raise NotAuthorized(f"Nobody may be called {text[:40]!r} here: this name has a meaning of its own. Log in under another.")
    return text
