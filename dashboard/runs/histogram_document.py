"""The distribution of a mosaic's significance as JSON: counted once, where the sum is made, for everyone who looks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from dashboard.analysis.sky_width import SignificanceHistogram, SkyWidth, significance_histogram
from dashboard.products.mosaic import Mosaic

_GAUSSIAN = ("centre", "width", "height")


def scaled_histogram(mosaic: Mosaic, width: SkyWidth | None = None) -> SignificanceHistogram:
    """In steps of 0.2 from -10 to 10, divided by the local width."""
    return significance_histogram(mosaic, 100, width, scaled=True)


def write_histogram(histogram: SignificanceHistogram, path: Path) -> None:
    """Write the histogram; a Gaussian that could not be fitted is null."""
    fitted = {name: float(getattr(histogram, name)) for name in _GAUSSIAN}
    counted = {name: getattr(histogram, name).tolist() for name in ("edges", "counts", "empty_counts")}
    document = counted | {name: value if math.isfinite(value) else None for name, value in fitted.items()}
    path.write_text(json.dumps(document, allow_nan=False) + "\n")


def read_histogram(path: Path) -> SignificanceHistogram:
    """The histogram that `write_histogram` wrote."""
    document = json.loads(path.read_text())
    return SignificanceHistogram(
        edges=np.array(document["edges"], dtype=np.float64),
        counts=np.array(document["counts"], dtype=np.int64),
        empty_counts=np.array(document["empty_counts"], dtype=np.int64),
        **{name: math.nan if document[name] is None else document[name] for name in _GAUSSIAN},
    )
