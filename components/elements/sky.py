"""The sky as a HoloViews picture: map, coordinate grid, rings with names."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
from astropy.wcs import WCS
from bokeh.palettes import Inferno256
from numpy.typing import NDArray

from components.elements.graticule import graticule
from components.elements.window import around
from dashboard.products.catalog import SourceTable

PALETTE = ("#101318", *Inferno256[1:])
RING = {"known": "#7fd3ff", "ambiguous": "#ffc04d", "new": "#ff8f80", "forced": "#9aa7b5"}


def source_columns(table: SourceTable, wcs: WCS, selected: str = "") -> dict[str, list[Any]]:
    """Columns of the detected sources, and of the selected one: pixel position, name, and how their rings look."""
    rows = [source for source in table.sources if source.kind != "forced" or source.name == selected]
    chosen = [source.name == selected for source in rows]
    world = np.array([(s.ra, s.dec) for s in rows], dtype=float).reshape(-1, 2)
    xy = wcs.wcs_world2pix(world, 0) if len(rows) else world
    return {
        "x": xy[:, 0].tolist(),
        "y": xy[:, 1].tolist(),
        "name": [s.name for s in rows],
        "line_color": ["#ffffff" if mine else RING[s.kind] for s, mine in zip(rows, chosen, strict=True)],
        "line_width": [2.6 if mine else 1.6 for mine in chosen],
        "size": [21.0 if mine else 15.0 for mine in chosen],
    }


def sky_picture(indices: NDArray[np.uint8], wcs: WCS, table: SourceTable) -> hv.Overlay:
    """The whole picture in pixel coordinates (0-based, y up, RA to the left as the grid has it).

    Parameters
    ----------
    indices
        (ny, nx) palette indices from `components.elements.scale`; a large map is drawn in blocks, see `components.elements.window`.
    """
    ny, nx = indices.shape
    picture = around(indices.shape, (-0.5, nx - 0.5), (-0.5, ny - 0.5))
    rows, columns = picture.size
    x, y = ((np.arange(count) + 0.5) * picture.step - 0.5 for count in (columns, rows))
    image = hv.Image((x, y, picture.cut(indices)), ["x", "y"], "index")
    grid = graticule(wcs, indices.shape)
    lines = hv.Path(list(grid.lines))
    marks = hv.Labels([(x, y, text) for x, y, text in grid.labels], ["x", "y"], "text")
    found = source_columns(table, wcs)
    rings = hv.Points(found, ["x", "y"], ["name", "line_color", "line_width", "size"])
    names = hv.Labels((found["x"], found["y"], found["name"]), ["x", "y"], "name")
    return (
        image.opts(cmap=list(PALETTE), clim=(0, 255), colorbar=False)
        * lines.opts(color="white", alpha=0.22, line_width=0.8)
        * marks.opts(text_color="#c9d2dc", text_font_size="10px", text_align="left", text_baseline="bottom")
        * rings.opts(fill_alpha=0.0, line_color=hv.dim("line_color"), line_width=hv.dim("line_width"), size=hv.dim("size"), marker="circle")
        * names.opts(text_color="#ffffff", text_font_size="11px", text_align="left", text_baseline="bottom", xoffset=0.0)
    )
