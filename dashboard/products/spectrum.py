"""Spectra with their responses.

Rates are kept as they came; systematics, densities and groupings are derived when read. Definitions after the OGIP
memoranda CAL/GEN/92-002 (responses) and OGIP/92-007 (spectra).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.products.mosaic import Provenance

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Redistribution:
    """An RMF: from photon energies to channels. Many spectra share one.

    Attributes
    ----------
    energ_lo, energ_hi
        (n_energy,) keV; bounds of the photon energy bins.
    matrix
        (n_energy, n_channel); probability that a photon is registered in a channel, a row sums to at most 1.
    e_min, e_max
        (n_channel,) keV; nominal bounds of the channels.
    first_channel
        Number of the first channel, in spectrum, EBOUNDS and matrix alike: 0 or 1.
    """

    energ_lo: Array
    energ_hi: Array
    matrix: Array
    e_min: Array
    e_max: Array
    first_channel: int = 0

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.e_min)

    @cached_property
    def key(self) -> str:
        """16 hex digits of the content: equal matrices on equal grids have equal keys, wherever they came from."""
        digest = hashlib.sha256(str(self.first_channel).encode())
        for column in (self.energ_lo, self.energ_hi, self.matrix, self.e_min, self.e_max):
            digest.update(np.ascontiguousarray(column, dtype="<f4").tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def bounds_key(self) -> str:
        """16 hex digits of the grids alone: only spectra that share it can be averaged."""
        digest = hashlib.sha256(str(self.first_channel).encode())
        for column in (self.energ_lo, self.energ_hi, self.e_min, self.e_max):
            digest.update(np.ascontiguousarray(column, dtype="<f4").tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Background-subtracted count spectrum of one source.

    Attributes
    ----------
    source
        Full name of the source.
    ra, dec
        Degrees, FK5; NaN when unknown.
    instrument
        "isgri", "jemx1" or "jemx2".
    rate, stat_err
        (n_channel,) counts/s and the 1-sigma statistical error; NaN where `quality` is not 0.
    sys_err
        (n_channel,) systematic error as a fraction of the rate (OGIP/92-007). Never added into `stat_err`.
    quality
        (n_channel,) 0 for good channels.
    area
        (n_energy,) cm2; the ARF.
    redistribution
        The RMF.
    exposure, ontime, telapse
        Seconds: effective, of good time, elapsed. NaN when unknown.
    tstart, tstop
        IJD (TT), NaN when unknown.
    sigma_ratio
        Of a sum: its root mean square error with exposure weights over that with inverse-variance weights; NaN when unknown.
    batch_ids
        Batches in it, in time order; empty for a file.
    provenance
        Where it comes from.
    """

    source: str
    instrument: str
    rate: Array
    stat_err: Array
    sys_err: Array
    quality: NDArray[np.int16]
    area: Array
    redistribution: Redistribution
    ra: float = float("nan")
    dec: float = float("nan")
    exposure: float = float("nan")
    ontime: float = float("nan")
    telapse: float = float("nan")
    tstart: float = float("nan")
    tstop: float = float("nan")
    sigma_ratio: float = float("nan")
    batch_ids: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def good(self) -> NDArray[np.bool_]:
        """(n_channel,); channels that count."""
        return (self.quality == 0) & np.isfinite(self.rate) & (self.stat_err > 0)

    @property
    def energy(self) -> Array:
        """(n_channel,) keV; centres of the channels."""
        centre: Array = (self.redistribution.e_min + self.redistribution.e_max) / 2
        return centre


@dataclass(frozen=True, eq=False)
class SpectrumSet:
    """The spectra of one query, or of one run: one a source and channel grid. Equal redistributions are one object."""

    spectra: tuple[Spectrum, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Names in order, each once."""
        return tuple(dict.fromkeys(spectrum.source for spectrum in self.spectra))

    def of(self, source: str) -> tuple[Spectrum, ...]:
        """The spectra of exactly this source."""
        return tuple(spectrum for spectrum in self.spectra if spectrum.source == source)
