"""A spectrum for print: counts against energy, as measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dashboard.analysis.grouping import Grouping
from dashboard.products.spectrum import Spectrum


def spectrum_figure(spectrum: Spectrum, grouping: Grouping) -> Figure:
    """An 8 x 5 inch figure of counts/s/keV in the channels that count, with 1-sigma statistical errors; both axes logarithmic.

    Rates at or below 0 have no place on the axis: the number of such channels stands in the title.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.add_subplot()
    bounds = spectrum.redistribution
    use = (grouping.quality == 0) & spectrum.good
    width = (bounds.e_max - bounds.e_min)[use]
    rate, error = spectrum.rate[use] / width, spectrum.stat_err[use] / width
    shown = rate > 0
    energy = spectrum.energy[use][shown]
    axes.errorbar(energy, rate[shown], yerr=error[shown], xerr=width[shown] / 2, fmt=".", color="#1f4e9e", elinewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log", nonpositive="clip")
    if shown.any():
        axes.set_ylim(float(rate[shown].min()) / 3, float(rate[shown].max()) * 3)
    axes.set_xlabel("energy (keV)")
    axes.set_ylabel("counts/s/keV")
    hidden = int(np.count_nonzero(~shown))
    missing = f"  ({hidden} channels at or below 0 not shown)" if hidden else ""
    title = f"{spectrum.source}  {spectrum.instrument.upper()}  {spectrum.provenance.osa_version}{missing}"
    axes.set_title(title, fontsize=11, parse_math=False)
    if spectrum.provenance.simulated:
        figure.text(0.99, 0.01, "SIMULATED", color="#7a3fb5", ha="right", va="bottom", fontsize=14, weight="bold")
    return figure


def write_spectrum_png(spectrum: Spectrum, grouping: Grouping, path: Path, dpi: int = 130) -> None:
    """Write `spectrum_figure` as PNG."""
    spectrum_figure(spectrum, grouping).savefig(path, dpi=dpi, metadata={"Source": spectrum.provenance.origin or "unknown"})
