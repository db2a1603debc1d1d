"""The files one takes home, as links that the browser fetches by itself."""

from __future__ import annotations

from typing import Any

import panel as pn

from components.words import Words
from dashboard.routes.download import EVERYTHING, OF_A_MOSAIC, REPORT, address
from dashboard.session import Session

LABELS = {
    "mosaic.fits": "FITS mosaic",
    "sources.ecsv": "ECSV",
    "sources.csv": "CSV",
    "sources.vot": "VOTable",
    "sources.reg": "DS9 regions",
    REPORT: "report",
    EVERYTHING: "everything",
}


class FilesView(pn.viewable.Viewer):
    """Links to the watched run's files; nothing before its first batch."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._links = Words("", "files")
        session.param.watch(lambda *_: self.refresh(), "product_version")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._links

    def refresh(self) -> None:
        """Offer the files of the session's run: those of the mosaic that is shown, and all there are."""
        session = self._session
        run = session.run
        if run is None or not run.sum_version:
            self._links.value = ""
            return
        names = {f"{session.shown}-{what}": what for what in OF_A_MOSAIC} if session.findings else {}
        self._links.value = "".join(
            f'<a href="{address(session.settings, session.ticket_holder, run.run_id, name)}" download title="Download {what}">'
            f"{LABELS[what]} ↓</a>"
            for name, what in {**names, REPORT: REPORT, EVERYTHING: EVERYTHING}.items()
        )
