"""Where the telescope pointed around a target: dots on the sky before there is a map."""

from __future__ import annotations

from typing import Any, Final

import holoviews as hv
import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from components.elements.graticule import graticule
from components.elements.off_axis import off_axis_colours

PIXEL: Final = 0.1
"""Degrees."""
CELL: Final = 0.15
"""Degrees; pointings of one cell are drawn as one dot."""


def field_wcs(ra: float, dec: float, radius: float) -> tuple[WCS, int]:
    """A ZEA map centred on (ra, dec) that holds `radius` (all in degrees), and the pixels of its side."""
    side = 2 * int(np.ceil(1.08 * radius / PIXEL)) + 1
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---ZEA", "DEC--ZEA"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [ra, dec], [(side + 1) / 2] * 2, [-PIXEL, PIXEL]
    return wcs, side


def pointing_columns(
    ra: NDArray[np.float64], dec: NDArray[np.float64], off_axis: NDArray[np.float64], chosen: NDArray[np.bool_], wcs: WCS
) -> dict[str, Any]:
    """Columns of the dots (arrays of length n in, one a cell out): chosen ones last, so that they lie on top."""
    x, y = wcs.wcs_world2pix(np.column_stack([ra, dec]), 0).T if len(ra) else (np.empty(0), np.empty(0))
    cell = np.rint(np.column_stack([x, y]) * PIXEL / CELL)
    order = np.argsort(~chosen, kind="stable")
    _, first, counts = np.unique(cell[order], axis=0, return_index=True, return_counts=True)
    rows = order[first]
    by = np.argsort(chosen[rows], kind="stable")
    rows, counts = rows[by], counts[by]
    mine = chosen[rows]
    return {
        "x": x[rows],
        "y": y[rows],
        "colour": off_axis_colours(off_axis[rows]),
        "alpha": np.where(mine, 1.0, 0.28),
        "size": np.where(mine, 6.5, 4.0),
        "count": counts,
    }


def circle(radius: float, side: int) -> dict[str, NDArray[np.float64]]:
    """The selection radius (degrees) as a line, pixels."""
    turn = np.linspace(0, 2 * np.pi, 181)
    reach = 2 * np.sin(np.radians(radius) / 2) * np.degrees(1) / PIXEL  # ZEA's radius of an angle
    return {"x": (side - 1) / 2 + reach * np.cos(turn), "y": (side - 1) / 2 + reach * np.sin(turn)}


def pointing_layers(dots: dict[str, Any], wcs: WCS, side: int, radius: float, name: str) -> tuple[dict[str, Any], ...]:
    """Columns of all that `pointing_picture` draws, in its order."""
    grid, edge, middle = graticule(wcs, (side, side)), circle(radius, side), [(side - 1) / 2]
    return (
        {"xs": [line[:, 0] for line in grid.lines], "ys": [line[:, 1] for line in grid.lines]},
        {key: [label[i] for label in grid.labels] for i, key in enumerate(("x", "y", "text"))},
        {"xs": [edge["x"]], "ys": [edge["y"]]},
        dots,
        {"x": middle, "y": middle},
        {"x": middle, "y": middle, "name": [name]},
    )


def pointing_picture(dots: dict[str, Any], wcs: WCS, side: int, radius: float, name: str) -> hv.Overlay:
    """Grid, circle, dots (their places alone: colours change with what is chosen) and the target, in this order."""
    grid = graticule(wcs, (side, side))
    middle = (side - 1) / 2
    return (
        hv.Path(list(grid.lines)).opts(color="#7d8a99", alpha=0.35, line_width=0.8)
        * hv.Labels([(x, y, text) for x, y, text in grid.labels], ["x", "y"], "text").opts(
            text_color="#7d8a99", text_font_size="10px", text_align="left", text_baseline="bottom"
        )
        * hv.Path([circle(radius, side)]).opts(color="#7d8a99", line_dash="dashed", line_width=1.2)
        * hv.Points((dots["x"], dots["y"]))
        * hv.Points(([middle], [middle])).opts(marker="cross", size=16, color="#d1453b", line_width=2)
        * hv.Labels([(middle, middle, name)], ["x", "y"], "name").opts(text_color="#d1453b", text_font_size="11px", text_align="left")
    )
