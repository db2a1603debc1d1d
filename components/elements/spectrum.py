"""Count spectra of one source: crosses where a bin is measured, downward triangles where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import holoviews as hv
import numpy as np

from components.elements.series import COLOURS
from dashboard.analysis.grouping import GroupedSpectrum

LIMIT_SIGMA: Final = 2.0
"""A bin below this many of its total errors has no place on a logarithmic axis: its upper limit of as many sigma is drawn."""
LAYERS: Final = ("bars", "points", "limits")

Columns = dict[str, dict[str, Any]]


def spectrum_columns(parts: Sequence[GroupedSpectrum]) -> Columns:
    """Columns of the three layers of one instrument, counts/s/keV against keV; empty without `parts`.

    `parts` are the spectra of one source on different channel grids. Limits stand at max(rate, 0) + 2 errors.
    """
    none: Any = np.empty(0)
    low, high = (np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in ("e_min", "e_max"))
    density, error = (np.concatenate([none, *(part.density[i] for part in parts)]) for i in (0, 1))
    energy = np.sqrt(low * high)  # where the eye sees the middle of a bin on a logarithmic axis
    measured = density >= LIMIT_SIGMA * error
    limit = np.maximum(density, 0) + LIMIT_SIGMA * error
    height = np.where(measured, density, limit)
    base, top = (density + sign * error for sign in (-1, 1))
    facts = {"energy": energy, "density": density, "error": error, "e_min": low, "e_max": high, "sigma": density / error}
    return {
        "bars": {
            "x0": np.concatenate([low, energy[measured]]),
            "y0": np.concatenate([height, base[measured]]),
            "x1": np.concatenate([high, energy[measured]]),
            "y1": np.concatenate([height, top[measured]]),
        },
        "points": {"x": energy[measured], "y": density[measured], **{name: column[measured] for name, column in facts.items()}},
        "limits": {"x": energy[~measured], "y": limit[~measured], **{name: column[~measured] for name, column in facts.items()}},
    }


def spectrum_picture(series: Mapping[str, Columns]) -> hv.Overlay:
    """All instruments, by label: each has its `LAYERS`, in this order."""
    layers: list[Any] = []
    for colour, (label, columns) in zip(COLOURS, series.items(), strict=False):
        bars, points, limits = (columns[name] for name in LAYERS)
        layers += [
            hv.Segments(bars, ["x0", "y0", "x1", "y1"], label=label).opts(color=colour, line_width=1.2),
            hv.Points(points, ["x", "y"], list(points)[2:], label=label).opts(color=colour, size=3.5),
            hv.Points(limits, ["x", "y"], list(limits)[2:], label=label).opts(color=colour, size=7, marker="inverted_triangle"),
        ]
    return hv.Overlay(layers).opts(logx=True, logy=True, xlabel="keV", ylabel="counts/s/keV", legend_position="top_right")
