"""A turn of one's own with the document: a coroutine that has waited no longer holds it, and figures are changed by its holder alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import panel as pn
from bokeh.document import Document
from bokeh.events import Event
from panel.reactive import Syncable


def in_turn(act: Callable[[], None]) -> None:
    """Call `act` when the document is ours: in a browser session soon, without one at once."""
    pn.state.execute(act, schedule=True)


def _take(self: Syncable, doc: Document, event: Event) -> None:
    """Pass on a click on a button or a table; what was typed right before it waits still, and comes first.

    Panel's own lets those two go their way without the document: whoever typed into a field and then clicked would change
    figures that are not his, and nothing would come of it.
    """
    if doc.session_context:
        doc.add_next_tick_callback(partial(self._event_coroutine, doc, event))  # type: ignore[arg-type]
    else:
        self._comm_event(doc, event)


Syncable._server_event = _take  # type: ignore[method-assign]
