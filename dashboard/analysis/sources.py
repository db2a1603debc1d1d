"""Sources of a mosaic: found, measured, named, and the limits on those not found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.candidates import GHOST, judged
from dashboard.analysis.match import match_catalog, separation, unit_vectors
from dashboard.analysis.peaks import SIDE_FRACTION, local_maxima, unexplained
from dashboard.analysis.photometry import BLENDED, NoiseMap, Photometry, add_sources, drop_sources, fit_sources, subtract_sources
from dashboard.analysis.psf import (
    Psf,
    local_width,
    measured_sigma,
    nominal_sigma,
    peak_kept,
    pixel_arcmin,
    taken_with,
)
from dashboard.analysis.sky_width import SkyWidth, exposure_fraction, sky_width
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic

RADIUS_90 = 2.15
KNOWN_EXPOSURE = 0.01
NEW_EXPOSURE = 0.05
EDGE_EXPOSURE = 0.2
LIMIT_SIGMA = 3.0
INSEPARABLE = 0.5
_ROUNDS = 4
_NODES = 17
_SIDE_STRUCTURE = 4.5
_TARGET_IS_LISTED = 1.0
# Of the flux of a constant source, from batch to batch: 1 % by OSA's manual and 1.1 % by resampling in ISGRI; in JEM-X 5 % by
# the description of its services, which holds the 3.5 % of resampling.
_UNSTEADY_ISGRI, _UNSTEADY_JEMX = 0.015, 0.05


@dataclass(frozen=True, slots=True)
class Sky:
    """A mosaic made ready for measuring: noise, local width, exposure, PSF.

    `scale` is 1 / width, NaN where there is too little exposure to look for sources. `total` is the running sum that the mosaic
    comes from, where there is one.
    """

    mosaic: Mosaic
    image: NoiseMap
    width: SkyWidth
    scale: NDArray[np.float32]
    fraction: NDArray[np.float32]
    threshold: float
    psf: Psf
    total: MosaicSum | None = None

    def at(self, values: NDArray[Any], positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) values of a (ny, nx) map at the pixels nearest to (n, 2) positions (x, y)."""
        return values.ravel()[self.image.nearest(positions)].astype(float)

    def places(self, sources: Sequence[CatalogSource] | Sequence[MeasuredSource]) -> NDArray[np.float64]:
        """(n, 2) pixels of sources, NaN outside the exposed area."""
        world = np.array([(source.ra, source.dec) for source in sources], dtype=float).reshape(-1, 2)
        centre = unit_vectors(self.mosaic.wcs.wcs.crval[None])
        # Beyond 90 degrees a gnomonic projection folds the sky back onto the map.
        near = separation(unit_vectors(world), centre) < (90 if self.mosaic.wcs.wcs.ctype[0].endswith(("TAN", "SIN")) else 180) * 60
        places = np.full(world.shape, np.nan)
        places[near] = np.column_stack(self.mosaic.wcs.world_to_pixel_values(*world[near].T))
        ny, nx = self.mosaic.shape
        places[~np.all((places > -0.5) & (places < (nx - 0.5, ny - 0.5)), axis=1)] = np.nan
        inside = np.isfinite(places[:, 0])
        places[inside] = np.where(self.at(self.fraction, places[inside])[:, None] > 0, places[inside], np.nan)
        return places

    def kept(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) part of a source's peak that resampling left at (n, 2) positions."""
        return peak_kept(self.mosaic, local_width(self.psf.shape(positions)))

    def scaled(self, found: Photometry) -> NDArray[np.float64]:
        """(n,) scaled significance."""
        return found.significance / self.at(self.width.local, found.positions)

    def candidates(self, image: NoiseMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Maxima (x, y) that a source at the threshold may have, and their scaled significance, highest first.

        Between four pixels the highest of them shows exp(-1 / 4 sigma^2) of the peak; noise may take a little more.
        """
        ny, nx = self.mosaic.shape
        everywhere = np.stack(np.meshgrid(np.linspace(0, nx - 1, _NODES), np.linspace(0, ny - 1, _NODES)), axis=-1).reshape(-1, 2)
        scaled = image.significance * self.scale
        pixels = local_maxima(scaled, 0.95 * self.threshold * float(np.nanmin(self.between_pixels(everywhere), initial=1)))
        height, positions = scaled[pixels[:, 0], pixels[:, 1]].astype(float), pixels[:, ::-1].astype(float)
        possible = height >= 0.95 * self.threshold * self.between_pixels(positions)
        return positions[possible], height[possible]

    def between_pixels(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) part of the peak that a source shows halfway between four pixels; NaN where the sky ends."""
        shape = self.psf.shape(positions)
        return np.asarray(np.exp((np.trace(shape, axis1=1, axis2=2) + 2 * np.abs(shape[:, 0, 1])) / -8))

    def detect(self, image: NoiseMap, known: Photometry) -> tuple[Photometry, NoiseMap]:
        """Sources whose fitted peak reaches the threshold, and the map without them.

        What shows up only after subtraction is fitted together with what was found before. `known` are sources
        already taken out of the image, whose remains are no sources.
        """
        found, residual = known.select(np.zeros(len(known.flux), dtype=bool)), image
        radius = _SIDE_STRUCTURE * self.psf.sigma
        for attempt in range(_ROUNDS):
            positions, height = self.candidates(residual)
            places, bright = self.psf.places(positions), self.psf.places(np.concatenate([known.positions, found.positions]))
            alone = unexplained(places, height, bright, np.concatenate([self.scaled(known), self.scaled(found)]), radius)
            # What a subtraction leaves beside a hidden source comes from fitting one where there are two: strongest first.
            alone &= unexplained(places, height, places, height, radius, fraction=1.0 if attempt else SIDE_FRACTION)
            trial = add_sources(image, found, positions[alone], self.psf)
            trial = drop_sources(image, trial, ~(self.scaled(trial) >= self.threshold), self.psf)
            if len(trial.flux) <= len(found.flux):
                break
            found, residual = trial, subtract_sources(image, trial, self.psf)
        return found, residual


def find_sources(
    mosaic: Mosaic,
    catalog: SourceCatalog,
    target: CatalogSource | None = None,
    threshold: float = 7.0,
    psf_sigma: float | None = None,
    include_new: bool = True,
    width: SkyWidth | None = None,
    total: MosaicSum | None = None,
) -> SourceTable:
    """Detect and measure point sources, name them, and measure those of the catalogue that were not detected.

    A source counts when its fitted PSF reaches the threshold in significance scaled by the local width of empty sky.
    Its 90 % position radius is 2.15 sigma_PSF / (S/N), with the instrument's floor added in quadrature.

    Parameters
    ----------
    mosaic
        The map; without flux, positions and significance are measured alone.
    catalog
        Sources to name detections by, all of which are measured.
    target
        Measured as well, unless the catalogue lists its name, or a source within 1'.
    threshold
        In scaled sigma.
    psf_sigma
        Width of the PSF in pixels at the reference point; else from sources above 50 sigma, else the instrument's.
    include_new
        Keep detections that no catalogue source explains. They need more than 5 % of the maximum exposure.
    width
        Of empty sky as measured before, else measured here.
    total
        The running sum whose result the mosaic is: tells how many batches see each source, and whether they agree.
    """
    sky = replace(prepare(mosaic, threshold, psf_sigma, width or sky_width(mosaic)), total=total)
    nothing = Photometry(np.empty((0, 2)), np.empty(0), np.empty(0))
    found, residual = sky.detect(sky.image, nothing)
    holes = sky.detect(NoiseMap(-residual.significance, residual.noise), found)[0]
    entries = SourceCatalog((*catalog.sources, *_unlisted(target, catalog)))
    scaled = found.significance / sky.at(sky.width.local, found.positions)
    found = found.select(np.argsort(-scaled, kind="stable"))
    detected, taken = _name(sky, found, entries, include_new)
    forced, notes = force(sky, [source for i, source in enumerate(entries.sources) if i not in taken], found.positions)
    sources = judged((*detected, *forced), taken_with(mosaic), mosaic.provenance.batches_used)
    return SourceTable(
        sources=sources,
        flux_unit="" if mosaic.significance_only else mosaic.unit,
        threshold=threshold,
        sky_width=sky.width.overall,
        negative_peaks=int((sky.at(sky.fraction, holes.positions) > NEW_EXPOSURE).sum()),
        psf_sigma=sky.psf.sigma / pixel_arcmin(mosaic),
        notes=(*_notes(sky, sources, target), *notes),
        instrument=mosaic.instrument,
        band=mosaic.band,
        osa_version=mosaic.provenance.osa_version,
    )


def prepare(mosaic: Mosaic, threshold: float, psf_sigma: float | None, width: SkyWidth) -> Sky:
    """A mosaic made ready for measuring; parameters as of `find_sources`. With a given PSF it takes milliseconds."""
    with np.errstate(invalid="ignore"):
        noise = None if mosaic.significance_only or mosaic.variance is None else np.sqrt(mosaic.variance)
    fraction = exposure_fraction(mosaic)
    scale: NDArray[np.float32] = np.reciprocal(width.local)
    scale[fraction <= KNOWN_EXPOSURE] = np.nan
    psf = Psf(nominal_sigma(mosaic) if psf_sigma is None else psf_sigma * pixel_arcmin(mosaic), mosaic.wcs)
    sky = Sky(mosaic, NoiseMap(mosaic.significance, noise), width, scale, fraction, threshold, psf)
    if psf_sigma is not None:
        return sky
    measured = measured_sigma(mosaic.significance if mosaic.flux is None else mosaic.flux, *sky.candidates(sky.image), psf)
    return replace(sky, psf=replace(psf, sigma=measured)) if math.isfinite(measured) else sky


def _unlisted(target: CatalogSource | None, catalog: SourceCatalog) -> tuple[CatalogSource, ...]:
    if target is None or target.name in catalog.names:
        return ()
    place = unit_vectors(np.array([[target.ra, target.dec]]))
    return () if (separation(place, unit_vectors(catalog.positions)) < _TARGET_IS_LISTED).any() else (target,)


def _source(sky: Sky, fit: Photometry, index: int, kept: float, **values: Any) -> MeasuredSource:
    """One fitted source; `kept` is the part of its peak left by resampling, `values` are what the fit does not know."""
    one = fit.positions[index : index + 1]
    width = float(sky.at(sky.width.local, one)[0])
    fluxes = sky.image.noise is not None
    flux, error = (float(fit.flux[index]) / kept, float(fit.error[index]) / kept) if fluxes else (math.nan, math.nan)
    exposure = sky.mosaic.exposure
    number, chi2 = _constancy(sky, one, width)
    return MeasuredSource(
        flux=flux,
        flux_error=error,
        significance=float(fit.significance[index]),
        scaled_significance=float(fit.significance[index]) / width,
        exposure=math.nan if exposure is None else float(sky.at(exposure, one)[0]),
        near_edge=bool(sky.at(sky.fraction, one)[0] < EDGE_EXPOSURE),
        upper_limit=max(flux, 0) + LIMIT_SIGMA * width * error if fluxes and values["kind"] == "forced" else math.nan,
        n_batches=number,
        chi2=chi2,
        dof=max(number - 1, 0),
        **values,
    )


def _constancy(sky: Sky, place: NDArray[np.float64], width: float) -> tuple[int, float]:
    """Number of batches that see a (1, 2) pixel, and chi^2 of a constant source there.

    It is that of the sum (see `MosaicSum`; at single pixels its planes are a hundred times faster) with variances that hold
    the width of empty sky and the unsteadiness u of a constant source: for N batches of about equal weight,
    chi^2 / (width^2 + u^2 (S/N)^2 / N).
    """
    if sky.total is None or not (number := int(sky.at(sky.total.number, place)[0])):
        return 0, math.nan
    planes = (sky.total.weight, sky.total.weight_flux, sky.total.weight_flux2)
    weight, weight_flux, weight_flux2 = (float(sky.at(plane, place)[0]) for plane in planes)
    squared = weight_flux**2 / weight
    unsteady = _UNSTEADY_ISGRI if taken_with(sky.mosaic) is ISGRI else _UNSTEADY_JEMX
    return number, max(weight_flux2 - squared, 0) / (width**2 + unsteady**2 * squared / number)


def _name(sky: Sky, found: Photometry, entries: SourceCatalog, include_new: bool) -> tuple[list[MeasuredSource], set[int]]:
    """Detections by their catalogue names, in the order of the fits, and the entries that are taken."""
    ra, dec = (np.atleast_1d(v) for v in sky.mosaic.wcs.pixel_to_world_values(*found.positions.T))
    statistical = RADIUS_90 * sky.psf.sigma / sky.scaled(found)
    instrument = taken_with(sky.mosaic)
    radius = np.hypot(statistical, instrument.position_floor)
    exposed, kept = sky.at(sky.fraction, found.positions) > NEW_EXPOSURE, sky.kept(found.positions)
    sources: list[MeasuredSource] = []
    taken: set[int] = set()
    new = 0
    for index, match in enumerate(match_catalog(np.column_stack([ra, dec]), radius, entries, instrument.match_radius)):
        if match.kind == "new":
            if not (include_new and exposed[index]):
                continue
            new += 1
        else:
            taken.add(match.index)
        sources.append(
            _source(
                sky,
                found,
                index,
                kept=float(kept[index]),
                name=f"NEW_{new:02d}" if match.kind == "new" else entries.sources[match.index].name,
                kind=match.kind,
                ra=float(ra[index]) % 360,
                dec=float(dec[index]),
                position_error=float(radius[index]),
                offset=match.offset,
                candidates=tuple(entries.sources[i].name for i in match.candidates) if match.kind != "known" else (),
            )
        )
    return sources, taken


def force(sky: Sky, entries: Sequence[CatalogSource], detected: NDArray[np.float64]) -> tuple[list[MeasuredSource], list[str]]:
    """PSF photometry at catalogue positions, each together with the sources detected at (n, 2) pixels whose PSF reaches it.

    Those outside the exposed area are left out, those with too few pixels around as well, which the notes tell.
    """
    sources, notes = [], []
    found_places = sky.psf.places(detected)
    for entry, place in zip(entries, sky.places(entries), strict=True):
        if not np.isfinite(place).all():
            continue
        apart = np.linalg.norm(found_places - sky.psf.places(place[None]), axis=1)
        beside = detected[(apart > INSEPARABLE * sky.psf.sigma) & (apart < BLENDED * sky.psf.sigma)]
        fit = fit_sources(sky.image, np.concatenate([place[None], beside]), sky.psf, free=False)
        if not math.isfinite(fit.flux[0]):
            notes.append(f"{entry.name} stands on the border of the map: too few pixels to measure it.")
            continue
        if (apart < INSEPARABLE * sky.psf.sigma).any():
            notes.append(f"{entry.name} cannot be told from the source detected at its position: its flux is that of both.")
        kept = float(sky.kept(place[None])[0])
        sources.append(
            _source(sky, fit, 0, kept, name=entry.name, kind="forced", ra=entry.ra, dec=entry.dec, position_error=entry.err_rad * 60)
        )
    return sorted(sources, key=lambda source: -source.scaled_significance), notes


def _notes(sky: Sky, sources: Sequence[MeasuredSource], target: CatalogSource | None) -> list[str]:
    notes = []
    if not sky.mosaic.valid.any():
        return ["The map holds no valid pixel."]
    if sky.mosaic.significance_only:
        notes.append("The map holds significance only: positions and significance are measured, fluxes are not.")
    if not sky.width.measured:
        notes.append("The width of empty sky cannot be measured (too few empty pixels, or no noise): 1 is assumed.")
    elif abs(sky.width.overall - 1) > 0.03:
        notes.append(f"The width of empty sky is {sky.width.overall:.2f}: significances are scaled by its local value.")
    if target is not None and not np.isfinite(sky.places([target])).all():
        notes.append(f"{target.name} lies outside the exposed area: nothing is known of it.")
    if fraction := sky.mosaic.keywords.get("SYSFRAC"):
        notes.append(f"Every flux has a systematic error of {fraction:.0%} besides the error given.")
    if suspects := [source.name for source in sources if any(warning.startswith(GHOST) for warning in source.warnings)]:
        notes.append(
            f"{', '.join(suspects)}: as far from a bright source as the repeating mask pattern makes ghosts. "
            "Without the roll angles of the pointings they cannot be told from sources."
        )
    return notes
