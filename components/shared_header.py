"""The header of who looks at a shared run: what it is, that it can only be looked at, its files, and the way to a request of one's own."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from components.files import FilesView
from components.page_keys import page_keys
from components.words import Words
from dashboard.session import Session


class SharedHeader(pn.viewable.Viewer):
    """One line over everything.

    Parameters
    ----------
    session
        Of a shared run.
    copied
        Address of a page with the run's request in its form.
    """

    def __init__(self, session: Session, copied: str, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._title = Words("", "title")
        copy = (
            f'<a href="{escape(copied)}" target="_blank" title="A page of your own with this request, and its catalogue, in the form; '
            'nothing is asked until you press Run">Copy into a request of my own</a>'
        )
        self._row = pn.Row(self._title, FilesView(session), Words(copy, "copy-act"), page_keys("sharing"), css_classes=["header"], margin=0)
        session.param.watch(self._refresh, "run")
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def _refresh(self, *_: Any) -> None:
        run = self._session.run
        told = f"{escape(run.name)} <small>{escape(run.run_id)}</small>" if run else ""
        self._title.value = f'<b>INTEGRAL</b><span>{told}</span> <b class="tag">shared by link, read-only</b>'
