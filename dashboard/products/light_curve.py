"""Light curves: rates of one source in one band, with what is needed to rebin and to judge them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.products.mosaic import Provenance

Array = NDArray[np.floating[Any]]

CUT_AT_BATCH_EDGE = 1
LOW_EXPOSURE = 2
"""Bits of `LightCurve.flags`."""
TOTAL_ERROR = "TOTAL_ERROR"
"""Name of the column of `LightCurve.columns` that holds statistical and systematic error in quadrature."""


@dataclass(frozen=True, eq=False)
class LightCurve:
    """Rates of one source (columns of equal length n, in time order). Gaps have no rows.

    Attributes
    ----------
    source
        Full name of the source.
    ra, dec
        Degrees, FK5; NaN when unknown.
    instrument
        "isgri", "jemx1" or "jemx2".
    band
        (E_min, E_max) in keV as asked; None when unknown.
    time
        (n,) IJD (TT), days: middle of the bin. MJD (TT) is 51544 more.
    half_width
        (n,) days.
    rate, error
        (n,) `unit`; 1-sigma statistical error, systematics never in it.
    fracexp
        (n,) fraction of the bin that is exposed, NaN when unknown.
    flags
        (n,) uint8, bits CUT_AT_BATCH_EDGE and LOW_EXPOSURE.
    batch
        (n,) int32; number in `batch_ids` of the batch a row came from, -1 for a file.
    batch_ids
        Batches in it, in time order.
    unit
        Of rate and error.
    columns
        Further columns of the product as they came (n,), e.g. BRATE, BERROR.
    provenance
        Where it comes from.
    dropped
        Rows of the products that are not in it: placeholders without rate and error, repeated bins.
    """

    source: str
    instrument: str
    time: NDArray[np.float64]
    half_width: NDArray[np.float64]
    rate: NDArray[np.float64]
    error: NDArray[np.float64]
    fracexp: NDArray[np.float64]
    flags: NDArray[np.uint8]
    batch: NDArray[np.int32]
    batch_ids: tuple[str, ...] = ()
    ra: float = float("nan")
    dec: float = float("nan")
    band: tuple[float, float] | None = None
    unit: str = "count/s"
    columns: dict[str, Array] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.time)

    @property
    def mjd(self) -> NDArray[np.float64]:
        """(n,) MJD (TT)."""
        return self.time + 51544.0


@dataclass(frozen=True, eq=False)
class LightCurveSet:
    """The light curves of one query, or of one run in one band: one a source."""

    curves: tuple[LightCurve, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(curve.source for curve in self.curves)

    def of(self, source: str) -> LightCurve | None:
        """The curve of exactly this source, None when there is none."""
        return next((curve for curve in self.curves if curve.source == source), None)
