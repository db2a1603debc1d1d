"""A place from batch to batch: a small light curve that asked for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import holoviews as hv
import numpy as np

from dashboard.request.times import IJD_0_MJD
from dashboard.runs.strips import Strip

LAYERS: Final = ("bars", "points")


def strip_columns(strip: Strip) -> dict[str, dict[str, Any]]:
    """Columns of the two layers: flux and scaled error against MJD, batches that do not see the place left out."""
    seen = strip.seen
    start, stop = strip.tstart[seen] + IJD_0_MJD, strip.tstop[seen] + IJD_0_MJD
    middle, flux, error = (start + stop) / 2, strip.flux[seen], strip.scaled_error[seen]
    sigma = flux / error
    return {
        "bars": {
            "x0": np.concatenate([start, middle]),
            "y0": np.concatenate([flux, flux - error]),
            "x1": np.concatenate([stop, middle]),
            "y1": np.concatenate([flux, flux + error]),
        },
        "points": {"x": middle, "y": flux, "error": error, "sigma": sigma, "ks": strip.exposure[seen] / 1e3},
    }


def strip_chart(series: Mapping[str, dict[str, dict[str, Any]]], unit: str) -> hv.Overlay:
    """Both layers of the one strip, in the order of `LAYERS`."""
    (columns,) = series.values()
    bars, points = (columns[name] for name in LAYERS)
    return hv.Overlay(
        [
            hv.Segments(bars, ["x0", "y0", "x1", "y1"], label="batch").opts(color="#1f78c8", line_width=1.2),
            hv.Points(points, ["x", "y"], list(points)[2:], label="batch").opts(color="#1f78c8", size=4),
        ]
    ).opts(xlabel="MJD (TT)", ylabel=unit, show_legend=False)
