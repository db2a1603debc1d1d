"""Where the catalogue of spectra and light curves comes from, folded away until it is looked at."""

from __future__ import annotations

from typing import Any

import panel as pn

from components.fields import Field
from dashboard.session import Session

CHOICES = {"MMODA's default": "default", "sources of an image": "image", "one of my own": "file"}
HELP = (
    "Spectra and light curves are extracted for a list of sources, which is the model of the sky: MMODA's default catalogue, clipped to "
    "the field of view; the sources above the threshold of an image made first; or your own, in the API's JSON. The target is always added."
)
DETAILS = {"n_scw_image": "image", "review_catalog": "image", "api_catalog_file": "file"}
NAMES = ("use_default_catalog", "make_image", *DETAILS)


class CatalogueChoice(pn.viewable.Viewer):
    """A fold that says what is chosen; its widgets are made when it is first opened."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._fold = pn.widgets.Toggle(css_classes=["fold"], margin=0)
        self._column = pn.Column(self._fold, css_classes=["catalogue"], margin=0)
        self._source: Any = None
        self._details: dict[str, Any] = {}
        self._own = ""
        self._fold.param.watch(lambda _: self.follow(), "value")
        self.follow()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    @property
    def chosen(self) -> str:
        """A value of `CHOICES`."""
        request = self._session.request
        return "default" if request.use_default_catalog else "image" if request.make_image else "file"

    def follow(self) -> None:
        """Show what the request says."""
        words = next(label for label, value in CHOICES.items() if value == self.chosen)
        is_open = self._fold.value or any(name in self._session.faults for name in NAMES)
        self._fold.label = f"{'▾' if is_open else '▸'} Catalogue: {words}"
        if is_open and self._source is None:
            self._make()
        if self._source is not None:
            self._source.param.update(value=self.chosen, visible=is_open)
            for name, source in DETAILS.items():
                self._details[name].visible = is_open and source == self.chosen

    def _make(self) -> None:
        self._source = pn.widgets.Select(
            label="Catalogue from", options=CHOICES, value=self.chosen, description=HELP, sizing_mode="stretch_width", margin=0
        )
        field = Field(self._session, "use_default_catalog", self._column, control=self._source, also=("make_image",))
        self._details = {name: Field(self._session, name, self._column).widget for name in DETAILS}
        self._column.extend([field.widget, *self._details.values()])
        self._source.param.watch(lambda event: self._choose(event.new), "value")

    def _choose(self, source: str) -> None:
        if source == self.chosen:
            return
        request = self._session.request
        self._own = request.api_catalog_file or self._own
        own = self._own if source == "file" else ""
        request.param.update(use_default_catalog=source == "default", make_image=source == "image", api_catalog_file=own)
