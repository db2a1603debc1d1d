"""Who asks: travels with every request, owns every row."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.errors import NotAuthorized


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as seen by this deployment.

    Attributes
    ----------
    user
        Name that owns runs and private products; "local" when there is one user only.
    roles
        Dispatcher roles the user's token carries; empty for anonymous.
    origin
        Where the request came from: "cli", "page", "notebook".
    """

    user: str = "local"
    roles: tuple[str, ...] = ()
    origin: str = "cli"

    @classmethod
    def of_visitor(cls, login: str | None, *, single_user: bool) -> Identity:
        """Whoever opens the page: the only user of a deployment, or the one who has logged in.

        Parameters
        ----------
        login
            Name under which the visitor logged in; None or "guest" without.
        single_user
            `Settings.single_user`.

        Raises
        ------
        NotAuthorized
            When a login is needed and there is none.
        """
        if single_user:
            return cls(origin="page")
        if not login or login == "guest":
            raise NotAuthorized("This dashboard is for users who have logged in: log in, or ask its administrator to switch a login on.")
        return cls(login, origin="page")
