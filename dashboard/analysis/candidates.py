"""What speaks against a source, in short words, and which of the new ones to look at first.

Candidates rank by scaled significance, halved for each warning; "variable" halves nothing, for a transient is variable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from dashboard.analysis.match import separation, unit_vectors
from dashboard.analysis.psf import CALIBRATION_SIGNIFICANCE
from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.instrument import Instrument

EDGE = "edge"
GHOST = "ghost of"
ONE_BATCH = "one batch only"
VARIABLE = "variable"
VARIABLE_PROBABILITY = 1e-3
"""A constant source has so large a chi^2 less often than this."""
_NEAR = 2.0


def judged(sources: Sequence[MeasuredSource], instrument: Instrument, batches: int = 0) -> tuple[MeasuredSource, ...]:
    """The sources in their order, with their warnings.

    All may be "edge" (exposure below 20 % of the maximum), "blend with X" (closer than the FWHM to a brighter detected
    source), "one batch only", "variable" (not where a blend may be what varies) and "or X?" (another catalogue source
    inside the match radius). New ones may be "ghost of X?" (as far from a source above 50 sigma as the mask's pattern
    repeats) and "near X (18')" (less than twice the FWHM: 24' in ISGRI, 6' in JEM-X).

    Parameters
    ----------
    sources
        Of one mosaic, detected or not.
    instrument
        Of the mosaic.
    batches
        In the mosaic; 0 or 1: "one batch only" is no news.
    """
    detected = sorted((source for source in sources if source.kind != "forced"), key=lambda s: -s.scaled_significance)
    places, bright = (unit_vectors(np.array([(s.ra, s.dec) for s in some])) for some in (sources, detected))
    level, above = (np.array([s.scaled_significance for s in some]) for some in (sources, detected))
    arcmin = np.where(above > level[:, None], separation(places[:, None], bright), np.inf)
    return tuple(
        replace(source, warnings=tuple(_warnings(source, detected, apart, instrument, batches)))
        for source, apart in zip(sources, arcmin, strict=True)
    )


def with_strip_warning(source: MeasuredSource, one_batch_only: bool) -> MeasuredSource:
    """The source with what photometry batch by batch says of it: one of several batches alone shows it."""
    if not one_batch_only or ONE_BATCH in source.warnings:
        return source
    return replace(source, warnings=(*source.warnings, ONE_BATCH))


def is_variable(source: MeasuredSource) -> bool:
    """Whether a constant source would differ so much from batch to batch in less than one case of a thousand."""
    return source.dof > 0 and bool(chdtrc(source.dof, source.chi2) < VARIABLE_PROBABILITY)


def credibility(source: MeasuredSource) -> float:
    """Scaled significance, halved for each warning but "variable"."""
    return source.scaled_significance / 2 ** sum(warning != VARIABLE for warning in source.warnings)


def ranked(table: SourceTable) -> tuple[MeasuredSource, ...]:
    """The new sources, most credible first."""
    return tuple(sorted((source for source in table.sources if source.kind == "new"), key=credibility, reverse=True))


def false_share(table: SourceTable) -> float:
    """Expected share of noise among the new sources, 1 at most: noise is symmetric, and minima below minus the threshold are noise.

    NaN without a new source.
    """
    new = sum(source.kind == "new" for source in table.sources)
    return min(table.negative_peaks / new, 1.0) if new else math.nan


def _warnings(
    source: MeasuredSource, detected: Sequence[MeasuredSource], arcmin: NDArray[np.float64], instrument: Instrument, batches: int
) -> Iterator[str]:
    """`arcmin` to each of the detected, brightest first; infinite to those that are not brighter than the source."""
    new = source.kind == "new"
    low, high = instrument.ghosts or (math.inf, math.inf)
    ring = np.flatnonzero((arcmin > 60 * low) & (arcmin < 60 * high))
    if new and len(ring) and (maker := detected[ring[0]]).scaled_significance >= CALIBRATION_SIGNIFICANCE:
        yield f"{GHOST} {maker.name}?"
    nearest = float(np.min(arcmin, initial=math.inf))
    blended = nearest < instrument.close_pair
    if blended:
        yield f"blend with {detected[int(arcmin.argmin())].name}"
    elif new and nearest < _NEAR * instrument.close_pair:
        yield f"near {detected[int(arcmin.argmin())].name} ({nearest:.2g}')"
    if source.near_edge:
        yield EDGE
    if source.n_batches == 1 < batches:
        yield ONE_BATCH
    if not blended and is_variable(source):
        yield VARIABLE
    if others := [name for name in source.candidates if name != source.name]:
        yield f"or {', '.join(others)}?"
