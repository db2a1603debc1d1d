"""ISLA's ready-made light curves and spectra; their axes say that they are ISLA's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import holoviews as hv
import numpy as np
from astropy.time import Time

from components.elements.light_curve import drawn_rows
from components.elements.series import COLOURS
from components.elements.spectrum import spectrum_picture
from dashboard.archive.ready_made import ReadyLightCurve

LAYERS: Final = ("bars", "points")

Columns = dict[str, dict[str, Any]]


def ready_columns(curve: ReadyLightCurve) -> Columns:
    """Columns of the layers of one curve; of a long one the extremes that a screen can show."""
    rows = drawn_rows(curve)
    time, rate, error = curve.mjd[rows], curve.rate[rows], curve.error[rows]
    utc = Time(time, format="mjd", scale="tt").unix * 1000 if len(time) else np.empty(0)  # milliseconds, as Bokeh counts
    return {
        "bars": {"x0": time, "y0": rate - error, "x1": time, "y1": rate + error},
        "points": {"x": time, "y": rate, "error": error, "utc": utc},
    }


def ready_picture(series: Mapping[str, Columns], unit: str) -> hv.Overlay:
    """All curves, by label: each has its `LAYERS`, in this order."""
    layers: list[Any] = []
    for colour, (label, columns) in zip(COLOURS, series.items(), strict=False):
        bars, points = (columns[name] for name in LAYERS)
        layers += [
            hv.Segments(bars, ["x0", "y0", "x1", "y1"], label=label).opts(color=colour, line_width=1, alpha=0.5),
            hv.Points(points, ["x", "y"], list(points)[2:], label=label).opts(color=colour, size=3),
        ]
    return hv.Overlay(layers).opts(xlabel="MJD (TT)", ylabel=f"ISLA {unit}", legend_position="top")


def ready_spectrum_picture(series: Mapping[str, Columns]) -> hv.Overlay:
    """As `spectrum_picture`, its axis marked as ISLA's."""
    return spectrum_picture(series).opts(ylabel="ISLA counts/s/keV")
