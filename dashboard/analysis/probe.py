"""Why is my source not there? What a mosaic says of any position on the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dashboard.analysis.match import separation, unit_vectors
from dashboard.analysis.photometry import BLENDED
from dashboard.analysis.sky_width import SkyWidth, sky_width
from dashboard.analysis.sources import EDGE_EXPOSURE, INSEPARABLE, NEW_EXPOSURE, force, prepare
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceTable
from dashboard.products.mcrab import CrabReference, mcrab
from dashboard.products.mosaic import Mosaic

LEVEL_SIGMA = 5.0


@dataclass(frozen=True, slots=True)
class Probe:
    """Forced PSF photometry at one position. Numbers are NaN where they are not known: all that are measured, outside.

    Attributes
    ----------
    ra, dec
        Degrees.
    inside
        Whether the position is exposed at all.
    flux, error
        In the unit of the mosaic, as `crab` has it; the error includes what widens empty sky there.
    significance, scaled_significance
        By the map's own variance, and by `error`.
    upper_limit
        max(flux, 0) + 3 errors.
    exposure, exposure_fraction
        Effective seconds, and their fraction of the largest on the map.
    threshold
        Of detection, in scaled sigma.
    nearest, distance
        Name of the nearest source of the table, detected or not, and arcmin to it; "" and NaN without one.
    detected
        Name of the source detected here, "" without one.
    beside
        Detected sources whose PSF reaches the position, nearest first: their fluxes were fitted along.
    crab
        What rates are compared with: `mcrab(probe.upper_limit, probe.crab)`.
    """

    ra: float
    dec: float
    inside: bool
    flux: float
    error: float
    significance: float
    scaled_significance: float
    upper_limit: float
    exposure: float
    exposure_fraction: float
    threshold: float
    nearest: str
    distance: float
    detected: str
    beside: tuple[str, ...]
    crab: CrabReference

    @property
    def level(self) -> float:
        """Flux that stands out at 5 sigma here: 5 errors."""
        return LEVEL_SIGMA * self.error

    @property
    def verdict(self) -> str:
        """All that in sentences."""
        if not self.inside:
            return "Outside the exposed area: nothing is known of this position."
        if math.isnan(self.significance):
            return "On the border of the map: too few pixels to measure a source."
        sigma = f"{self.scaled_significance:z.1f} sigma"
        if self.detected:
            return f"Detected as {self.detected}: {sigma}{self._rate(', ', self.flux, '')}."
        if self.scaled_significance >= self.threshold:
            said = f"{sigma} here, above the threshold of {self.threshold:g}, but not listed: new sources are where they were asked for"
            return f"{said} and the exposure is above {NEW_EXPOSURE:.0%} of the largest (here {self.exposure_fraction:.0%})."
        told = [f"Not detected: {sigma}{self._rate(', less than ', self.upper_limit, ' (3 sigma)')}."]
        if math.isfinite(self.error):
            told.append(f"A source of {self._in_unit(self.threshold * self.error)} would have been found here ({self.threshold:g} sigma).")
        else:
            told.append("The map holds significance only: there is no limit.")
        if self.beside:
            told.append(f"Measured together with {', '.join(self.beside)}.")
        if self.exposure_fraction < EDGE_EXPOSURE:
            told.append(f"The exposure is {self.exposure_fraction:.0%} of the largest on the map.")
        return " ".join(told)

    def _rate(self, before: str, rate: float, after: str) -> str:
        """A rate with its mCrab where they are known; empty when it is not known itself."""
        if math.isnan(rate):
            return ""
        crab = math.nan if self.crab.unit == "mCrab" else mcrab(rate, self.crab)
        return before + self._in_unit(rate) + after + (f", {_digits(crab)} mCrab" if math.isfinite(crab) else "")

    def _in_unit(self, rate: float) -> str:
        return f"{_digits(rate)} {self.crab.unit}".rstrip()


def probe(mosaic: Mosaic, ra: float, dec: float, table: SourceTable, width: SkyWidth | None = None) -> Probe:
    """Measure any position of a mosaic, together with the detected sources around it.

    Parameters
    ----------
    mosaic
        The map.
    ra, dec
        Degrees.
    table
        Sources found on it.
    width
        Of empty sky. Nearly all of the time goes into measuring it: who asks more than once keeps `sky_width(mosaic)`.
    """
    sky = prepare(mosaic, table.threshold, table.psf_sigma if math.isfinite(table.psf_sigma) else None, width or sky_width(mosaic))
    entry = CatalogSource("", ra, dec)
    place = sky.places([entry])
    inside = bool(np.isfinite(place).all())
    known = [source for source in table.sources if source.kind != "forced"]
    pixels = sky.places(known)
    forced, _ = force(sky, [entry], pixels[np.isfinite(pixels[:, 0])])
    source = forced[0] if forced else _unmeasured(ra, dec)
    here = unit_vectors(np.array([ra, dec]))
    apart = separation(unit_vectors(np.array([(s.ra, s.dec) for s in table.sources])), here).tolist()
    around = sorted(zip(apart, table.sources, strict=True), key=lambda pair: pair[0])
    near = [(arcmin / sky.psf.sigma, s.name) for arcmin, s in around if s.kind != "forced"]
    return Probe(
        ra=ra,
        dec=dec,
        inside=inside,
        flux=source.flux,
        error=source.scaled_error,
        significance=source.significance,
        scaled_significance=source.scaled_significance,
        upper_limit=source.upper_limit,
        exposure=source.exposure,
        exposure_fraction=float(sky.at(sky.fraction, place)[0]) if inside else math.nan,
        threshold=table.threshold,
        nearest=around[0][1].name if around else "",
        distance=around[0][0] if around else math.nan,
        detected=near[0][1] if near and near[0][0] < INSEPARABLE else "",
        beside=tuple(name for sigmas, name in near if INSEPARABLE < sigmas < BLENDED),
        crab=CrabReference.of(mosaic),
    )


def _unmeasured(ra: float, dec: float) -> MeasuredSource:
    nan = math.nan
    return MeasuredSource("", ra, dec, flux=nan, flux_error=nan, significance=nan, scaled_significance=nan, position_error=nan)


def _digits(value: float) -> str:
    """Three significant digits without an exponent below a million."""
    return f"{float(f'{value:.3g}'):g}"
