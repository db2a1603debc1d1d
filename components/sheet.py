"""The page's style in every component's shadow root: one sheet a document, where `raw_css` would send a copy with each."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import panel.theme
from bokeh.document import Document
from bokeh.models import InlineStyleSheet
from panel.theme import Design

from assets import asset_path

_sheets: WeakKeyDictionary[Document, InlineStyleSheet] = WeakKeyDictionary()


@cache
def _text() -> str:
    """Ours, then those of Panel's native design."""
    shipped = Path(panel.theme.__file__).with_name("css")
    sheets = (path.read_text() for path in (asset_path("page.css"), shipped / "default.css", shipped / "native.css"))
    return "\n".join((*sheets, _cell_theme()))


def _cell_theme() -> str:
    """The colours of the page for a notebook, whose own document is not ours to colour: light or dark as JupyterLab is."""
    blocks = dict(re.findall(r"^(:root\S*) \{([^}]*)\}", asset_path("theme.css").read_text(), re.MULTILINE))
    return f""":host(.cell) {{{blocks[":root"]}}}
:host-context([data-jp-theme-light="false"]) {{{blocks[':root[data-theme="dark"]']}}}"""


def page_sheet(doc: Document | None) -> InlineStyleSheet:
    """The document's one sheet."""
    sheet = _sheets.get(doc) if doc is not None else None
    if sheet is None:
        sheet = InlineStyleSheet(css=_text())
        if doc is not None:
            _sheets[doc] = sheet
    return sheet


class Sheet(Design):
    """Panel's native design and our style; give it to `pn.extension(design=...)`."""

    def params(self, viewable: Any, doc: Document | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a component gets before its own parameters."""
        return {"stylesheets": [page_sheet(doc)]}, {}
