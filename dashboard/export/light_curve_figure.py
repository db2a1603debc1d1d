"""A light curve for print: rate against MJD, gaps left open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dashboard.products.light_curve import LightCurve


def light_curve_figure(curve: LightCurve) -> Figure:
    """An 8 x 4 inch figure with 1-sigma statistical errors and the widths of the bins; times are MJD (TT), middle of the bin."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.add_subplot()
    axes.errorbar(curve.mjd, curve.rate, yerr=curve.error, xerr=curve.half_width, fmt=".", color="#1f4e9e", elinewidth=0.8)
    axes.axhline(0.0, color="grey", linewidth=0.6)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.set_xlabel("MJD (TT)")
    axes.set_ylabel(f"rate ({curve.unit})", parse_math=False)
    band = f"{curve.band[0]:g}-{curve.band[1]:g} keV" if curve.band else ""
    words = (curve.source, curve.instrument.upper(), band, curve.provenance.osa_version)
    axes.set_title("  ".join(filter(None, words)), fontsize=11, parse_math=False)
    if curve.provenance.simulated:
        figure.text(0.99, 0.01, "SIMULATED", color="#7a3fb5", ha="right", va="bottom", fontsize=14, weight="bold")
    return figure


def write_light_curve_png(curve: LightCurve, path: Path, dpi: int = 130) -> None:
    """Write `light_curve_figure` as PNG."""
    light_curve_figure(curve).savefig(path, dpi=dpi, metadata={"Source": curve.provenance.origin or "unknown"})
