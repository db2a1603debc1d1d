"""How the significance of the pixels is distributed: all of them, empty sky, and the Gaussian that fits it."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np

from dashboard.analysis.sky_width import SignificanceHistogram

FLOOR = 0.5
"""Counts are drawn on a logarithmic axis, where an empty bin has no place."""


def histogram_columns(histogram: SignificanceHistogram) -> dict[str, dict[str, Any]]:
    """Columns of the three curves; counts below `FLOOR` are not drawn."""
    edges = np.asarray(histogram.edges, dtype=float)
    centres = (edges[1:] + edges[:-1]) / 2

    def curve(counts: Any) -> dict[str, Any]:
        values = np.asarray(counts, dtype=float)
        return {"sigma": centres, "pixels": np.where(values >= FLOOR, values, np.nan)}

    return {"all": curve(histogram.counts), "empty": curve(histogram.empty_counts), "fit": curve(histogram.gaussian(centres))}


def histogram_picture(histogram: SignificanceHistogram) -> hv.Overlay:
    """Steps of all pixels and of empty sky, and the fitted Gaussian."""
    data = histogram_columns(histogram)
    dimensions = ("sigma", "pixels")
    everything = hv.Curve(data["all"], *dimensions, label="all pixels").opts(color="#d9822b", interpolation="steps-mid", line_width=1.2)
    empty = hv.Curve(data["empty"], *dimensions, label="empty sky").opts(color="#3f7fd0", interpolation="steps-mid", line_width=1.2)
    fit = hv.Curve(data["fit"], *dimensions, label="Gaussian").opts(color="#7d8a99", line_dash="dashed", line_width=1.2)
    return (everything * empty * fit).opts(
        hv.opts.Overlay(
            logy=True,
            ylim=(FLOOR, None),
            xlabel="significance / local width of empty sky [σ]",
            ylabel="pixels",
            legend_position="top_right",
        )
    )
