"""Light curves with known content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.products.light_curve import LightCurve, LightCurveSet
from dashboard.products.mosaic import Provenance

ORIGIN = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS", ("job1",), ("006600010010.001",), 1, 1, 5)


def curve(time: Sequence[float] | np.ndarray[Any, Any], source: str = "Crab", instrument: str = "isgri", **given: Any) -> LightCurve:
    """Bins of 1000 s. Every column tells its row: the rate is the time, width, error and column MARK follow from it."""
    t = np.asarray(time, dtype=float)
    columns: dict[str, Any] = {
        "half_width": np.full(len(t), 500 / 86400),
        "rate": t.copy(),
        "error": 1 + t % 1,
        "fracexp": np.full(len(t), 0.9),
        "flags": np.zeros(len(t), np.uint8),
        "batch": np.full(len(t), -1, np.int32),
        "columns": {"MARK": (10 * t).astype("f4")},
        "band": (20.0, 40.0),
        "ra": 83.63,
        "dec": 22.01,
        "provenance": ORIGIN,
    }
    return LightCurve(source, instrument, t, **columns | given)


def batch(*curves: LightCurve) -> LightCurveSet:
    return LightCurveSet(curves)
