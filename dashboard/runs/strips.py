"""A place on the sky from batch to batch: forced photometry on the batches' own mosaics.

Of each file only the surroundings of the places are read, and what was measured is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from dashboard.analysis.match import separation, unit_vectors
from dashboard.analysis.photometry import BLENDED, NoiseMap, fit_sources
from dashboard.analysis.psf import Psf, nominal_sigma
from dashboard.analysis.sky_width import GAUSSIAN_MAD, MIN_PIXELS, MIN_WIDTH
from dashboard.analysis.sources import INSEPARABLE
from dashboard.plan.plan import Plan
from dashboard.products.instrument import instrument_of
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_cutout import MosaicLayout
from dashboard.runs.kept import Kept
from dashboard.runs.parts import stored_batches
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.run_state import RunState
from dashboard.settings import Settings

REACH: Final = 32
"""Pixels around a place that are read: enough to measure the width of empty sky to 5 %."""
LOST: Final = 3.0
"""Sigma; below this nothing is left of a source."""
UNSTEADY: Final = {"isgri": 0.01, "jemx1": 0.05, "jemx2": 0.05}
"""Of the flux of a constant source, from batch to batch: 1 % in ISGRI by OSA's manual, 5 % in JEM-X by the services' description."""
WEIGHTINGS: Final = ("inverse variance", "exposure")

Place = tuple[float, float]
Spot = tuple[Place, tuple[Place, ...]]
"""A place and the sources that are fitted along."""


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One place in all stored batches of a mosaic job, in time order.

    Attributes
    ----------
    place
        RA, Dec in degrees.
    batch_ids
        (n,) as are all further columns.
    tstart, tstop
        IJD (TT), NaN when unknown.
    flux, error
        Height of the PSF in the unit of the mosaics, and its counting error; NaN where the batch does not see the place.
    exposure
        Effective seconds there, 0 where it does not.
    width
        Of the significance of empty sky around it, NaN where it does not.
    threshold
        Of the run, in scaled sigma.
    unsteady
        Fraction by which the flux of a constant source differs from batch to batch without noise.
    """

    place: Place
    batch_ids: tuple[str, ...]
    tstart: NDArray[np.float64]
    tstop: NDArray[np.float64]
    flux: NDArray[np.float64]
    error: NDArray[np.float64]
    exposure: NDArray[np.float64]
    width: NDArray[np.float64]
    threshold: float
    unsteady: float

    @property
    def significance(self) -> NDArray[np.float64]:
        """(n,) flux / error, raw."""
        return self.flux / self.error

    @property
    def scaled_error(self) -> NDArray[np.float64]:
        """(n,) error x width: with what widens empty sky."""
        return self.error * self.width

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(n,) where a batch sees the place."""
        return np.isfinite(self.flux)

    def mean(self, weighting: str = WEIGHTINGS[0]) -> tuple[float, float]:
        """Mean flux and its error; NaN when no batch sees the place.

        sum(w f) / sum(w) and sqrt(sum(w^2 e^2)) / sum(w), with w = 1 / e^2 as in the summed mosaic, which counts a bright flare less,
        or with w = exposure.
        """
        f, e = self.flux[self.seen], self.error[self.seen]
        w = {WEIGHTINGS[0]: 1 / e**2, WEIGHTINGS[1]: self.exposure[self.seen]}[weighting]
        with np.errstate(invalid="ignore"):
            return float(np.sum(w * f) / np.sum(w)), float(np.sqrt(np.sum((w * e) ** 2)) / np.sum(w))

    @property
    def chi2(self) -> float:
        """sum((f - F)^2 / (s^2 + (u F)^2)) of the constant flux F = sum(f / s^2) / sum(1 / s^2): s the scaled errors, u `unsteady`."""
        f, s = self.flux[self.seen], self.scaled_error[self.seen]
        if not f.size:
            return 0.0
        constant = np.average(f, weights=s**-2)
        return float(np.sum((f - constant) ** 2 / (s**2 + (self.unsteady * constant) ** 2)))

    @property
    def dof(self) -> int:
        """Degrees of freedom of `chi2`: batches that see the place, less one."""
        return max(int(self.seen.sum()) - 1, 0)

    @property
    def one_batch_only(self) -> bool:
        """Whether a source above the threshold is below 3 sigma without the batch where it is most significant.

        Significance is sum(f / s^2) / sqrt(sum(1 / s^2)) with the scaled errors s. False where fewer than two batches see the place:
        nothing can be said then.
        """
        f, s = self.flux[self.seen], self.scaled_error[self.seen]
        if f.size < 2:
            return False
        others = np.arange(f.size) != np.argmax(f / s)
        together, without = (float(np.sum(f[m] / s[m] ** 2) / np.sqrt(np.sum(s[m] ** -2))) for m in (slice(None), others))
        return together >= self.threshold and without < LOST


def strip(
    settings: Settings, plan: Plan, state: RunState, job: int, places: Sequence[Place], neighbours: Sequence[Place] = ()
) -> tuple[Strip, ...]:
    """Measure places on the mosaic of every stored batch of a mosaic job.

    Parameters
    ----------
    settings, plan, state, job
        Whose batches.
    places
        RA, Dec in degrees; each is measured by itself.
    neighbours
        Bright sources: those whose PSF reaches a place are fitted along. One that is nearer than half a sigma of the PSF to a place
        is what is measured there.

    Raises
    ------
    ProductError
        When a batch cannot be read.
    """
    stored, asked = stored_batches(plan, state, job), plan.jobs[job]
    spots = tuple(_spot(place, neighbours, instrument_of(asked.instrument).osa_psf_sigma) for place in places)
    products = ProductStore(settings.storage_url)
    table = np.array([_in_batch(settings.storage_url, products, batch_id, spots) for batch_id in stored], dtype=float)
    columns = table.reshape(len(stored), len(spots), len(_UNSEEN)).transpose(1, 2, 0)
    tstart, tstop = np.array([(batch.tstart, batch.tstop) for batch in stored.values()]).reshape(-1, 2).T
    threshold, unsteady = float(plan.request["detection_threshold"]), UNSTEADY[asked.instrument]
    return tuple(
        Strip(place, tuple(stored), tstart, tstop, flux, error, exposure, width, threshold, unsteady)
        for (place, _), (flux, error, exposure, width) in zip(spots, columns, strict=True)
    )


Measured = tuple[float, float, float, float]
"""Flux, error, exposure, width."""
_UNSEEN: Final[Measured] = (np.nan, np.nan, 0.0, np.nan)
_measured: Final[Kept[Measured]] = Kept(100_000)
_layouts: Final[Kept[MosaicLayout]] = Kept(2_000)


def _spot(place: Place, neighbours: Sequence[Place], sigma: float) -> Spot:
    here, there = (unit_vectors(np.array(positions, dtype=float)) for positions in ([place], neighbours))
    apart = separation(there, here) / sigma
    beside = [neighbours[index] for index in np.flatnonzero((apart > INSEPARABLE) & (apart < BLENDED)).tolist()]
    ra, dec = place
    return (float(ra), float(dec)), tuple((float(a), float(d)) for a, d in beside)


def _in_batch(url: str, products: ProductStore, batch_id: str, spots: Sequence[Spot]) -> list[Measured]:
    found = {spot: values for spot in spots if (values := _measured.get((url, batch_id, spot))) is not None}
    missing = [spot for spot in spots if spot not in found]

    def measure(path: Path) -> list[Measured]:
        layout = _layouts.get((url, batch_id))
        if layout is None:
            layout = MosaicLayout.of(path)
            _layouts.put((url, batch_id), layout)
        return [_at(pixels, layout, path) for pixels in _pixels(layout.wcs, missing)]

    if missing:
        found.update(zip(missing, products.read(batch_file(batch_id), measure), strict=True))
        for spot in missing:
            _measured.put((url, batch_id, spot), found[spot])
    return [found[spot] for spot in spots]


def _pixels(wcs: WCS, spots: Sequence[Spot]) -> list[NDArray[np.float64]]:
    """Of each spot (n, 2) pixels (x, y), from 0, of the place and the sources beside it.

    NaN beyond 90 degrees, whence a gnomonic projection folds the sky back onto the map.
    """
    world = np.array([position for place, beside in spots for position in (place, *beside)], dtype=float)
    near = separation(unit_vectors(world), unit_vectors(wcs.wcs.crval[None])) < 90 * 60
    pixels = np.full(world.shape, np.nan)
    pixels[near] = wcs.wcs_world2pix(world[near], 0)
    return np.split(pixels, np.cumsum([1 + len(beside) for _, beside in spots])[:-1])


def _at(pixels: NDArray[np.float64], layout: MosaicLayout, path: Path) -> Measured:
    """What is measured at the first of (n, 2) pixels with sources at all of them."""
    (ny, nx), (x, y) = layout.shape, pixels[0]
    if not (-0.5 < x < nx - 0.5 and -0.5 < y < ny - 0.5):
        return _UNSEEN
    side = min(2 * REACH + 1, ny, nx)
    corner = min(max(round(x) - REACH, 0), nx - side), min(max(round(y) - REACH, 0), ny - side)
    mosaic = layout.cutout(path, corner, side)
    if mosaic.variance is None or mosaic.exposure is None:
        return _UNSEEN
    image, positions = NoiseMap(mosaic.significance, np.sqrt(mosaic.variance)), pixels - corner
    fit = fit_sources(image, positions, Psf(nominal_sigma(mosaic), mosaic.wcs), free=False)
    if not np.isfinite(fit.flux[0]):
        return _UNSEEN
    exposure = mosaic.exposure.ravel()[image.nearest(positions[:1])][0]
    return float(fit.flux[0]), float(fit.error[0]), float(exposure), _width(mosaic)


def _width(mosaic: Mosaic) -> float:
    """Width of the significance of empty sky by its median absolute deviation, which the few pixels with sources hardly change."""
    sky = mosaic.significance[mosaic.valid]
    return max(MIN_WIDTH, GAUSSIAN_MAD * float(np.median(np.abs(sky)))) if sky.size >= MIN_PIXELS else 1.0
