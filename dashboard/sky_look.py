"""How the sky is drawn: plane, colours, limits, grid, what lies over it. State alone, no widgets."""

from __future__ import annotations

from typing import Any, Final

import param

PLANES: Final = ("significance", "flux", "exposure", "variance")
STRETCHES: Final = ("asinh", "linear", "sqrt", "log")
LIMITS: Final = {"automatic": "natural", "min to max": "minmax", "zscale": "zscale", "symmetric about 0": "symmetric"}
"""Names of the ways limits are found, and what `components.elements.scale` calls them."""
GRIDS: Final = {"RA, Dec": "fk5", "galactic": "galactic", "no grid": "none"}
ARRANGEMENTS: Final = ("one band", "side by side", "RGB")
TOOLS: Final = ("pan", "ruler", "circle", "box", "polygon")

Limits = str | tuple[float, float]


class SkyLook(param.Parameterized):
    """One visitor's view of a map. Locked limits belong to a plane: another plane has other numbers."""

    plane: Any = param.Selector(default="significance", objects=list(PLANES), doc="Which map is shown.")
    stretch: Any = param.Selector(default="asinh", objects=list(STRETCHES), doc="Colour stretch.")
    colours: Any = param.Selector(
        default="inferno", objects=["inferno", "viridis", "magma", "cividis", "greys", "diverging"], doc="Colour map."
    )
    limits: Any = param.Selector(default="natural", objects=list(LIMITS.values()), doc="How limits are found while they are not locked.")
    locked = param.Dict(default={}, doc="Plane to its locked limits (low, high).")
    grid: Any = param.Selector(default="fk5", objects=list(GRIDS.values()), doc="Frame of the coordinate grid.")
    names = param.Boolean(default=True, doc="Names beside the rings.")
    catalogue = param.Boolean(default=False, doc="Crosses at the catalogue's sources, detected or not.")
    pointings = param.Boolean(default=False, doc="Dots where the telescope pointed.")
    arrangement: Any = param.Selector(default="one band", objects=list(ARRANGEMENTS), doc="Several bands at once.")
    tool: Any = param.Selector(default="pan", objects=list(TOOLS), doc="What a drag on the map does.")
    regions: Any = param.ClassSelector(class_=tuple, default=(), doc="Regions drawn or read, sky coordinates.")

    @property
    def limits_now(self) -> Limits:
        """The locked limits of the plane that is shown, else how to find them."""
        locked: Limits = self.locked.get(self.plane, self.limits)
        return locked

    def lock(self, low: float, high: float) -> None:
        """Keep these limits for the plane that is shown, whatever arrives."""
        self.locked = {**self.locked, self.plane: (low, high)}

    def unlock(self) -> None:
        """Let the plane's limits follow the data again."""
        self.locked = {plane: limits for plane, limits in self.locked.items() if plane != self.plane}
