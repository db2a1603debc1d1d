"""A source list while it is being edited: what stands in it, what is wrong with it, and the way back.

No Panel here: the editor watches the parameters and calls the methods. An edit that is refused leaves its sentence in `problem`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import param

from dashboard.errors import DashboardError
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_edits import added, dropped, flagged, renamed
from dashboard.products.extraction_list import warnings

INSTRUMENTS = ("isgri", "jemx1", "jemx2")


class CatalogDraft(param.Parameterized):
    """The catalogue under review. Rows are numbered from 0, in the catalogue's order."""

    catalog: Any = param.ClassSelector(class_=SourceCatalog, default=SourceCatalog(), doc="The list as it stands.")
    instrument: Any = param.Selector(default="isgri", objects=list(INSTRUMENTS), doc="For which it is meant.")
    notes = param.ClassSelector(class_=tuple, default=(), doc="What was said when the list was made, such as what the target stands for.")
    warnings: Any = param.ClassSelector(
        class_=tuple, default=(), constant=True, doc="What speaks against the list as it stands, sentences."
    )
    problem = param.String(default="", doc="Why the last edit was refused, empty when it was not.")
    position = param.NumericTuple(default=None, length=2, allow_None=True, doc="RA, Dec in degrees of a click on the image.")
    used: Any = param.ClassSelector(
        class_=SourceCatalog, default=None, allow_None=True, doc="The list the user decided to use; None while it is edited."
    )

    def __init__(self, catalog: SourceCatalog, instrument: str = "isgri", **params: Any) -> None:
        self._past: list[SourceCatalog] = []
        super().__init__(catalog=catalog, instrument=instrument, **params)
        self._judge()

    @param.depends("catalog", "instrument", watch=True)
    def _judge(self) -> None:
        with param.edit_constant(self):
            self.warnings = warnings(self.catalog, self.instrument)

    @property
    def changed(self) -> bool:
        """Whether there is an edit to undo."""
        return bool(self._past)

    def add(self, name: str, ra: float, dec: float) -> bool:
        """Append a source, named after its position when `name` is empty. Each edit returns whether it was made."""
        return self._edit(lambda catalog: added(catalog, name, ra, dec, self.instrument))

    def drop(self, rows: Iterable[int]) -> bool:
        """Leave some rows out."""
        return self._edit(lambda catalog: dropped(catalog, rows))

    def flag(self, row: int, *, flag: int | None = None, isgri_flag: int | None = None) -> bool:
        """Set FLAG or ISGRI_FLAG of a row."""
        return self._edit(lambda catalog: flagged(catalog, row, flag=flag, isgri_flag=isgri_flag))

    def rename(self, row: int, name: str) -> bool:
        """Give a row another name."""
        return self._edit(lambda catalog: renamed(catalog, row, name, self.instrument))

    def undo(self) -> None:
        """Take back the last edit."""
        if self._past:
            self.param.update(catalog=self._past.pop(), problem="", used=None)

    def use(self) -> None:
        """Decide for the list as it stands; an empty one is refused."""
        if len(self.catalog):
            self.param.update(used=self.catalog, problem="")
        else:
            self.problem = "An empty catalogue cannot be used: add the target."

    def _edit(self, change: Callable[[SourceCatalog], SourceCatalog]) -> bool:
        try:
            after = change(self.catalog)
        except DashboardError as error:
            self.problem = error.sentence
            return False
        if after != self.catalog:
            self._past.append(self.catalog)
            self.param.update(catalog=after, problem="", used=None)
        else:
            self.problem = ""
        return True
