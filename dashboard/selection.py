"""What is looked at: one selection that every view of a page reads and writes."""

from __future__ import annotations

import param


class Selection(param.Parameterized):
    """Source, place on the sky, time range, energy range. None, or "", means: nothing chosen, all is shown."""

    source = param.String(default="", doc="Name of a source, exactly as in the source table.")
    place = param.NumericTuple(default=None, length=2, allow_None=True, doc="RA, Dec (degrees, FK5) of a place somebody asks about.")
    time_range = param.NumericTuple(default=None, length=2, allow_None=True, doc="Start and stop, IJD (TT).")
    energy_range = param.NumericTuple(default=None, length=2, allow_None=True, doc="From and to, keV.")

    def clear(self) -> None:
        """Choose nothing."""
        self.param.update(source="", place=None, time_range=None, energy_range=None)
