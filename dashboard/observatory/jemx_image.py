"""A mosaic of one unit of JEM-X in one band, made in sky space as `image` makes those of ISGRI.

The band is that of whole PI channels. Flux is counts/s of the light curves over MOSAIC_AREA; of this area the Crab has 0.153
counts/cm2/s in 3.04-34.88 keV, as in a published mosaic of unit 1. A direction belongs to the field of a science window where its
coded fraction is at least 1 %: within 6.54 degrees of the axis. Outside all fields the maps are NaN.

Empty sky is as wide as the variance says, 1, if nothing bright is in the field: statistical noise in the shape of the point spread
function, and coding noise on top, a fraction of the brightest source's flux that is fixed on the sky. Published mosaics are twice as
wide near the Crab.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, jemx, jemx_channels, noise, sky
from dashboard.observatory.image import Grid, add_source
from dashboard.observatory.view import LEAST, View

Array = NDArray[np.float64]
Map = NDArray[np.float32]
Band = tuple[int, int, float, float]
MOSAIC_AREA: Final = 745.0  # cm2
_RADIUS: Final = jemx.EDGE - LEAST * (jemx.EDGE - jemx.HALF) / 0.5  # degrees
_LARGEST: Final = 1000  # pixels each side of the middle: 26 degrees; what lies beyond is cut off
_SIGMA: Final = jemx.PSF_SIGMA / jemx.PIXEL
_WAVES: Final = 24  # of the coding noise; a mosaic has many pixels
_RISE: Final = (0.5 / np.deg2rad(jemx.HALF - jemx.FULL), 0.5 / np.deg2rad(jemx.EDGE - jemx.HALF))  # slopes of v, per radian


@dataclass(frozen=True, eq=False)
class Image:
    """A mosaic: maps of the grid's shape, NaN outside the field.

    Attributes
    ----------
    band
        First and last PI channel, and their bounds in keV.
    intensity
        counts/cm2/s.
    variance
        Its square, statistical only.
    exposure
        Effective seconds, coded: sum(v t).
    observed
        Effective seconds: sum(t).
    noise
        Statistical and coding noise in the intensity.
    """

    view: View
    grid: Grid
    band: Band
    intensity: Map
    variance: Map
    exposure: Map
    observed: Map
    noise: Map

    def fluxes(self) -> tuple[Array, Array]:
        """True fluxes of the sources seen, and their variances, in the units of the maps."""
        return _fluxes(self.view, self.band)


def mosaic(view: View, e1: float, e2: float, *, seed: int, coding_noise: float) -> Image:
    """The mosaic of a view that holds at least one science window.

    Parameters
    ----------
    view
        Of one unit of JEM-X.
    e1, e2
        keV.
    seed
        Of all noise.
    coding_noise
        Fraction of the brightest source's mean flux.
    """
    band = jemx_channels.band(e1, e2)
    grid = Grid.around(view.axes[:, 0] * view.seconds[:, None], _outlines(view.axes).reshape(-1, 3), jemx.PIXEL)
    grid = replace(grid, half_x=min(grid.half_x, _LARGEST), half_y=min(grid.half_y, _LARGEST))
    density = view.camera.variance_density(*band[2:]) / MOSAIC_AREA**2
    weight, exposure, observed, normals = _accumulate(view, grid, density, band, seed)
    seen = weight > 0
    deviation = np.zeros_like(weight)
    np.divide(1, np.sqrt(weight), out=deviation, where=seen)
    noise_map = noise.correlate(normals * deviation, _SIGMA) * deviation
    fluxes, _ = _fluxes(view, band)
    if coding_noise > 0 and len(fluxes):
        at, camera = _directions(grid, seen), view.camera.name
        field = noise.coding_field(at, *band[2:], seed, sigma=jemx.PSF_SIGMA, camera=camera, waves=_WAVES)
        noise_map[seen] += np.float32(coding_noise * fluxes.max()) * field
    intensity = noise_map.copy()
    for number, flux in zip(view.sources, fluxes, strict=True):
        add_source(intensity, grid, sky.DIRECTIONS[number], float(flux), jemx.PSF_SIGMA)
    variance = deviation**2
    for values in (intensity, variance, exposure, observed):
        values[~seen] = np.nan
    return Image(view, grid, band, intensity, variance, exposure, observed, noise_map)


def _fluxes(view: View, band: Band) -> tuple[Array, Array]:
    rates, variances = view.means(*band[2:])
    return rates / MOSAIC_AREA, variances / MOSAIC_AREA**2


def _outlines(axes: Array) -> Array:
    """Unit vectors (n, k, 3) around each field."""
    turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)[:, None]
    side = np.tan(np.deg2rad(_RADIUS)) * 1.01  # the corners of the polygon lie outside the circle
    vectors = axes[:, None, 0] + side * (np.cos(turn) * axes[:, None, 1] + np.sin(turn) * axes[:, None, 2])
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _directions(grid: Grid, where: NDArray[np.bool_]) -> Map:
    """Unit vectors (m, 3) of the pixels of a mask, in single precision: 0.01 arcsec."""
    (east, north), basis = (t.astype(np.float32) for t in grid.tangents()), grid.basis.astype(np.float32)
    rows, columns = np.nonzero(where)
    x, y = east[columns], north[rows]
    scale = 1 / np.sqrt(1 + x * x + y * y)
    return np.stack([(basis[0, k] + basis[1, k] * x + basis[2, k] * y) * scale for k in range(3)], axis=1)


def _coding(cosine: Map) -> Map:
    """Coded fraction for cosines of the angle from the axis, zero below LEAST: `jemx.coding` by a series good to 1e-5 in the field."""
    square = 1 - cosine * cosine
    sine = np.sqrt(np.maximum(square, 0))
    angle = sine * (1 + square * (1 / 6 + square * (3 / 40)))
    half = np.float32(np.deg2rad(jemx.HALF))
    coding = np.minimum(0.5 - (angle - half) * np.where(angle < half, *map(np.float32, _RISE)), 1)
    return np.where((coding < LEAST) | (cosine < 0.9), 0, coding)


def _accumulate(view: View, grid: Grid, density: float, band: Band, seed: int) -> tuple[Map, Map, Map, Map]:
    """Sums over science windows: weights, exposures coded and not, sqrt(weight) times normals."""
    weight, exposure, observed, normals = (np.zeros(grid.shape, np.float32) for _ in range(4))
    east, north = (t.astype(np.float32) for t in grid.tangents())
    scale = 1 / np.sqrt(1 + east**2 + north[:, None] ** 2)
    for swid, axis, seconds, outline in zip(view.swids, view.axes[:, 0], view.seconds, _outlines(view.axes), strict=True):
        (x0, x1), (y0, y1) = (
            np.clip((int(p.min()) - 1 + half, int(p.max()) + 2 + half), 0, 2 * half + 1)
            for p, half in zip(grid.project(outline), (grid.half_x, grid.half_y), strict=True)
        )
        window = (slice(y0, y1), slice(x0, x1))
        a = (grid.basis @ axis).astype(np.float32)
        coding = _coding((a[0] + a[1] * east[x0:x1] + (a[2] * north[y0:y1])[:, None]) * scale[window])
        root = coding * np.float32(np.sqrt(seconds / density))
        weight[window] += root * root
        exposure[window] += coding * np.float32(seconds)
        observed[window] += (coding > 0) * np.float32(seconds)
        generator = chance.generator("white", view.camera.name, swid, *band, seed)
        lattice = generator.standard_normal((noise.LATTICE, noise.LATTICE), np.float32)
        px, py = (int(np.rint(p[0])) for p in grid.project(axis[None]))
        rows = np.take(lattice, np.arange(y0, y1) - grid.half_y - py, axis=0, mode="wrap")
        normals[window] += root * np.take(rows, np.arange(x0, x1) - grid.half_x - px, axis=1, mode="wrap")
    return weight, exposure, observed, normals
