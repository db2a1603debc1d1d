"""The files one takes home, as links that the browser fetches by itself."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard.routes.download import NAMES, address
from dashboard.session import Session

LABELS = {"mosaic.fits": "FITS mosaic", "sources.ecsv": "ECSV", "sources.csv": "CSV", "sources.reg": "DS9 regions"}


class FilesView(pn.viewable.Viewer):
    """Links to the watched run's files; nothing before its first batch."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._links = pn.pane.HTML("", css_classes=["files"], margin=0)
        session.param.watch(lambda _: self.refresh(), "product_version")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._links

    def refresh(self) -> None:
        """Offer the files of the session's run."""
        run = self._session.run
        if run is None or not run.sum_version:
            return
        links = {name: address(self._session.settings, self._session.identity.user, run.run_id, name) for name in NAMES}
        anchors = (f'<a href="{link}" download title="Download {name}">{LABELS[name]} ↓</a>' for name, link in links.items())
        self._links.object = "".join(anchors)
