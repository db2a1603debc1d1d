"""A turn of one's own with the document: a coroutine that has waited no longer holds it, and figures are changed by its holder alone."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn


def in_turn(act: Callable[[], None]) -> None:
    """Call `act` when the document is ours: in a browser session soon, without one at once."""
    pn.state.execute(act, schedule=True)
