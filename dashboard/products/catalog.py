"""Source lists: what a dispatcher's catalogue or a detection run says about sources."""

from __future__ import annotations

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from dashboard.products.mcrab import CrabReference, mcrab

UNSET_NEW_SOURCE = -32768


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """One entry in the API catalogue's terms.

    Attributes
    ----------
    name
        `src_names`.
    ra, dec
        Degrees, FK5.
    significance
        0 for listed, not detected.
    isgri_flag, flag
        `ISGRI_FLAG` (0 new, 1 or 2 known) and `FLAG` (1: extract).
    err_rad
        Position error, degrees.
    new_source
        `NEW_SOURCE`; -32768 is unset.
    """

    name: str
    ra: float
    dec: float
    significance: float = 0.0
    isgri_flag: int = 0
    flag: int = 0
    err_rad: float = 0.001
    new_source: int = UNSET_NEW_SOURCE


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """A list of entries, in the order of the answer."""

    sources: tuple[CatalogSource, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(source.name for source in self.sources)

    @property
    def positions(self) -> NDArray[np.float64]:
        """(n, 2); RA, Dec in degrees."""
        return np.array([(s.ra, s.dec) for s in self.sources], dtype=float).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class MeasuredSource:
    """A source measured on the combined map by a PSF fit.

    Attributes
    ----------
    name
        Catalogue name, or NEW_nn.
    ra, dec
        Degrees, FK5: the fitted position, or the catalogue's for forced photometry.
    flux, flux_error
        Amplitude of the fitted PSF in the unit of the mosaic, and its 1-sigma counting error.
    significance
        flux / flux_error with the map's own variance (raw).
    scaled_significance
        significance divided by the locally measured width of empty sky.
    position_error
        90 % radius in arcmin (2.15 sigma and the instrument's floor).
    offset
        Arcmin to the catalogue position, NaN for NEW.
    exposure
        Effective seconds at the position.
    kind
        "known", "new", "ambiguous" (several catalogue sources within the match radius), "forced" (not detected).
    upper_limit
        max(flux, 0) + 3 scaled sigma, in the unit of the mosaic; NaN when detected.
    candidates
        Names of all catalogue sources inside the match radius when ambiguous.
    near_edge
        True where the exposure is below 20 % of its maximum.
    n_batches
        Batches that see the position; 0 when unknown.
    chi2, dof
        Of a constant flux at the position, from batch to batch: chi^2 of the running sum at the nearest pixel with the
        variances of the batches times the local width of empty sky squared (empty sky has chi2 / dof = 1), and with what
        even a constant source varies by in quadrature: 1.5 % of the flux in ISGRI, 5 % in JEM-X. NaN and 0 when unknown.
    warnings
        What speaks against the source, in short words: "edge", "ghost of Crab?"; see `dashboard.analysis.candidates`.
    """

    name: str
    ra: float
    dec: float
    flux: float
    flux_error: float
    significance: float
    scaled_significance: float
    position_error: float
    offset: float = float("nan")
    exposure: float = float("nan")
    kind: str = "known"
    upper_limit: float = float("nan")
    candidates: tuple[str, ...] = ()
    near_edge: bool = False
    n_batches: int = 0
    chi2: float = float("nan")
    dof: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def scaled_error(self) -> float:
        """Error of the flux including what widens empty sky around it: `flux_error` times the local width."""
        if self.scaled_significance == 0 or not np.isfinite(self.scaled_significance):
            return self.flux_error
        return self.flux_error * self.significance / self.scaled_significance


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The outcome of detection and photometry on one mosaic.

    Attributes
    ----------
    sources
        Brightest first by significance; forced ones after the detected.
    flux_unit
        Unit of all fluxes, as in the mosaic.
    threshold
        Detection threshold in scaled sigma.
    sky_width
        Width (sigma) of the significance of empty sky over the whole map; 1 for pure counting noise.
    negative_peaks
        Number of local minima below minus the threshold: the empirical count of false peaks.
    psf_sigma
        Width of the fitted PSF in pixels.
    instrument, band, osa_version
        Of the mosaic; empty or None when unknown.
    """

    sources: tuple[MeasuredSource, ...] = ()
    flux_unit: str = ""
    threshold: float = 7.0
    sky_width: float = float("nan")
    negative_peaks: int = 0
    psf_sigma: float = float("nan")
    notes: tuple[str, ...] = field(default=())
    instrument: str = ""
    band: tuple[float, float] | None = None
    osa_version: str = ""

    @property
    def crab(self) -> CrabReference:
        """What the fluxes are compared with to be told in mCrab."""
        return CrabReference(self.band, self.instrument, self.flux_unit, osa_version=self.osa_version)

    @property
    def detected(self) -> tuple[MeasuredSource, ...]:
        """Sources above the threshold."""
        return tuple(s for s in self.sources if s.kind != "forced")

    def to_table(self) -> QTable:
        """One row a source, with units where astropy knows them; the flux unit stands in the meta data."""
        rows, crab = self.sources, self.crab
        table = QTable(
            {
                "name": np.array([s.name for s in rows], dtype=str),
                "kind": np.array([s.kind for s in rows], dtype=str),
                "ra": np.array([s.ra for s in rows], dtype=float) * u.deg,
                "dec": np.array([s.dec for s in rows], dtype=float) * u.deg,
                "position_error": np.array([s.position_error for s in rows], dtype=float) * u.arcmin,
                "significance": np.array([s.significance for s in rows], dtype=float),
                "scaled_significance": np.array([s.scaled_significance for s in rows], dtype=float),
                "flux": np.array([s.flux for s in rows], dtype=float),
                "flux_error": np.array([s.flux_error for s in rows], dtype=float),
                "scaled_error": np.array([s.scaled_error for s in rows], dtype=float),
                "upper_limit": np.array([s.upper_limit for s in rows], dtype=float),
                "mcrab": np.array([mcrab(s.flux, crab) for s in rows], dtype=float),
                "mcrab_error": np.array([mcrab(s.scaled_error, crab) for s in rows], dtype=float),
                "exposure": np.array([s.exposure for s in rows], dtype=float) * u.s,
                "offset": np.array([s.offset for s in rows], dtype=float) * u.arcmin,
                "candidates": np.array([", ".join(s.candidates) for s in rows], dtype=str),
                "near_edge": np.array([s.near_edge for s in rows], dtype=bool),
                "n_batches": np.array([s.n_batches for s in rows], dtype=int),
                "chi2": np.array([s.chi2 for s in rows], dtype=float),
                "dof": np.array([s.dof for s in rows], dtype=int),
                "warnings": np.array(["; ".join(s.warnings) for s in rows], dtype=str),
            }
        )
        table.meta.update(
            flux_unit=self.flux_unit,
            threshold=self.threshold,
            sky_width=self.sky_width,
            negative_peaks=self.negative_peaks,
            psf_sigma_pixel=self.psf_sigma,
            notes=list(self.notes),
            instrument=self.instrument,
            band_keV=list(self.band or ()),
            osa_version=self.osa_version,
            mcrab=crab.sentence,
        )
        return table
