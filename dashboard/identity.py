"""Who asks: travels with every request, owns every row."""

from __future__ import annotations

from dataclasses import dataclass


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
