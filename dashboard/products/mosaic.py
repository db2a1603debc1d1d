"""A sky mosaic of one energy band.

Outside the exposed area flux, variance and significance are NaN and the exposure is 0, whatever the file's own
padding (ISGRI writes zeros, JEM-X NaN): `dashboard.products.mosaic_fits` translates both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

Image = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a product comes from; written to every header and export.

    Attributes
    ----------
    origin
        FITS ORIGIN: "ISDC", "SIMULATED", ...
    host
        `host_type` that delivered it, "" for a file.
    osa_version, data_version
        As asked, e.g. "OSA11.2", "CONS".
    job_ids
        Dispatcher job of each contributing batch.
    scw
        Science windows with version, e.g. "066500220010.001", in time order.
    batches_used, batches_asked
        How many batches the product holds, of how many the run asked.
    seed
        Seed of a simulated product, else None.
    """

    origin: str = ""
    host: str = ""
    osa_version: str = ""
    data_version: str = ""
    job_ids: tuple[str, ...] = ()
    scw: tuple[str, ...] = ()
    batches_used: int = 1
    batches_asked: int = 1
    seed: int | None = None

    @property
    def simulated(self) -> bool:
        """True when any part of the product was simulated."""
        return self.origin == "SIMULATED"


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Flux map of one band with its variance, significance and exposure.

    Attributes
    ----------
    flux, variance
        (ny, nx); `unit` and its square. None in a significance-only map.
    significance
        (ny, nx); in sigma.
    exposure
        (ny, nx); effective seconds. None in a significance-only map.
    wcs
        Celestial, two axes.
    band
        (E_min, E_max) in keV, None when the file does not say.
    instrument
        "isgri", "jemx1", "jemx2", "jemx" for the mean of both units, or "".
    unit
        BUNIT of the flux as read, e.g. "counts/sec", "counts/cm2/s", or "mCrab".
    tstart, tstop
        IJD (TT), NaN when unknown.
    ontime
        Seconds, NaN when unknown.
    keywords
        Further header cards worth keeping.
    """

    flux: Image | None
    variance: Image | None
    significance: Image
    exposure: Image | None
    wcs: WCS
    band: tuple[float, float] | None = None
    instrument: str = ""
    unit: str = ""
    tstart: float = float("nan")
    tstop: float = float("nan")
    ontime: float = float("nan")
    provenance: Provenance = field(default_factory=Provenance)
    keywords: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        ny, nx = self.significance.shape
        return ny, nx

    @property
    def significance_only(self) -> bool:
        """True for a map without flux and variance: it can be looked at, not combined."""
        return self.flux is None or self.variance is None or self.exposure is None

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(ny, nx); True inside the exposed area."""
        return np.isfinite(self.significance)
