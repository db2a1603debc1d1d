"""The significance map for print: RA to the left, coordinate grid, sources with names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure

from dashboard.products.catalog import SourceTable
from dashboard.products.mosaic import Mosaic


def mosaic_figure(mosaic: Mosaic, table: SourceTable, title: str = "") -> Figure:
    """A 9 x 8 inch figure of the significance map with the detected sources ringed.

    The colour scale is asinh from -3 to the brightest source; its linear part ends at 5 sigma, so that noise and
    faint sources keep their contrast beside a Crab.
    """
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.add_subplot(projection=mosaic.wcs)
    top = max(10.0, float(np.nanmax(mosaic.significance, initial=10.0)))
    image = axes.imshow(mosaic.significance, origin="lower", cmap="inferno", norm=AsinhNorm(5.0, -3.0, top), interpolation="nearest")
    axes.coords.grid(color="white", alpha=0.25, linewidth=0.6)
    axes.coords[0].set_axislabel("RA (J2000)")
    axes.coords[1].set_axislabel("Dec (J2000)")
    axes.coords[0].set_major_formatter("d.d")
    axes.coords[1].set_major_formatter("d.d")
    for source in table.detected:
        style = {"edgecolor": "#7fd3ff", "facecolor": "none", "linestyle": "--" if source.kind == "new" else "-"}
        axes.scatter([source.ra], [source.dec], s=140, transform=axes.get_transform("fk5"), **style)
        x, y = mosaic.wcs.wcs_world2pix(source.ra, source.dec, 0)
        words = {"color": "white", "fontsize": 8, "clip_on": True, "parse_math": False}  # a name may hold dollars
        axes.annotate(source.name, (float(x), float(y)), (8, 6), textcoords="offset points", **words)
    figure.colorbar(image, ax=axes, label="significance (sigma)", shrink=0.85)
    band = f"{mosaic.band[0]:g}-{mosaic.band[1]:g} keV" if mosaic.band else ""
    label = "  ".join(part for part in (title, mosaic.instrument.upper(), band) if part)
    axes.set_title(label, fontsize=11, parse_math=False)
    if mosaic.provenance.simulated:
        figure.text(0.99, 0.01, "SIMULATED", color="#7a3fb5", ha="right", va="bottom", fontsize=14, weight="bold")
    return figure


def write_mosaic_png(mosaic: Mosaic, table: SourceTable, path: Path, title: str = "", dpi: int = 130) -> None:
    """Write `mosaic_figure` as PNG."""
    mosaic_figure(mosaic, table, title).savefig(path, dpi=dpi, metadata={"Source": mosaic.provenance.origin or "unknown"})
