"""Light curves as they are drawn and told: of one source, in the bins chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dashboard.analysis.rebin import rebin, with_systematics
from dashboard.errors import DashboardError
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve, LightCurveSet

BINS: Final = {"as asked": 0.0, "1 h": 3600.0, "6 h": 21600.0, "1 d": 86400.0, "3 d, a revolution": 259200.0}
"""Seconds by name; 3 days: the orbit until 2015, 2.7 days since."""
TOOLTIPS = [
    ("MJD (TT)", "@x{0.00000}"),
    ("UTC", "@utc{%F %T}"),
    ("rate", "@y{0.000} ± @error{0.000}"),
    ("bin", "@seconds{0} s, @fracexp{0 %} exposed"),
]


@dataclass(frozen=True, eq=False)
class Shown:
    """One curve as it is drawn, None when the source has none; and why it is not as asked, when it is not."""

    curve: LightCurve | None = None
    fault: str = ""


def shown(product: LightCurveSet, source: str, width_s: float, systematic_fraction: float) -> Shown:
    """The curve of this source in bins of `width_s` seconds (0: as it came), with its total error."""
    curve, fault = product.of(source), ""
    if curve is None:
        return Shown()
    if width_s:
        try:
            curve = rebin(curve, width_s)
        except DashboardError as error:
            fault = error.sentence
    return Shown(curve if TOTAL_ERROR in curve.columns else with_systematics(curve, systematic_fraction), fault)


def brightest(product: LightCurveSet) -> str:
    """The source with the highest mean rate, "" without one."""
    means = {curve.source: float(np.mean(curve.rate)) for curve in product.curves if len(curve)}
    return max(means, key=means.__getitem__, default="")


def told(label: str, curve: LightCurve | None, drawn: int) -> str:
    """How much stands behind a curve."""
    if curve is None or not len(curve):
        return f"{label} not seen"
    origin = curve.provenance
    count = f"{drawn} of {len(curve)} points drawn" if drawn < len(curve) else f"{len(curve)} points"
    return f"{label} {count}, {origin.batches_used} of {origin.batches_asked} batches"
