"""A mosaic of science windows in one band, made directly in sky space.

In a science window s a pixel has weight w_s = v^2 t_s / V: the coded fraction v, effective seconds t_s = 0.8 TELAPSE, the variance
density V of the band. The mosaic has variance 1/sum(w), exposure sum(v t) and, at a source, the flux sum(w F)/sum(w) in the shape
of the point spread function. Its statistical noise is sum(sqrt(w_s) n_s)/sum(w) with normals n_s fixed to the science window,
correlated as the PSF. Coding noise, a constant fraction of the brightest source's flux fixed on the sky, is added last and is not
in the variance.

The field is cut 60 degrees from its centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import isgri, noise, sky
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.isgri import LIVE, PIXEL, PSF_SIGMA
from dashboard.observatory.pointings import History, history

Array = NDArray[np.float64]
Map = NDArray[np.float32]
FLARE = 2.0
_MARGIN = 3  # pixels outside the field
_LIMIT = np.tan(np.deg2rad(60.0))
_STAMP = 7  # pixels each side of a source: 6.8 sigma


@dataclass(frozen=True, eq=False)
class Field:
    """Science windows as seen together.

    Attributes
    ----------
    swids
        12-digit ids, sorted.
    axes
        (n, 3, 3): spacecraft axes X, Y, Z as rows.
    effective
        (n,) effective seconds.
    middle
        (n,) IJD of mid-times.
    """

    swids: tuple[str, ...]
    axes: Array
    effective: Array
    middle: Array
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, swids: list[str]) -> Field:
        """Raises KeyError with the first id that is not in the history."""
        ids = sorted(set(swids))
        past: History = history()
        rows = past.rows(ids)
        x, z = past.axis[rows], past.z[rows]
        axes = np.stack([x, np.cross(z, x), z], axis=1)
        return cls(tuple(ids), axes, LIVE * past.telapse[rows], (past.tstart[rows] + past.tstop[rows]) / 2, rows)

    def coding(self, directions: Array) -> Array:
        """Coded fractions (n, m) of unit vectors (m, 3)."""
        return isgri.coding_towards(self.axes, directions)

    @cached_property
    def sources(self) -> NDArray[np.intp]:
        """Numbers of the sources that any science window sees."""
        return np.flatnonzero(np.any(self.coding(sky.DIRECTIONS) > 0.0, axis=0))

    def source_means(self, e1: float, e2: float, osa_version: str = OSA11) -> tuple[Array, Array]:
        """Mean rate and its variance at the sources of the field, with the mosaic's weights: two of (m,)."""
        coding = self.coding(sky.DIRECTIONS[self.sources])
        weights = coding**2 * self.effective[:, None] / isgri.variance_density(e1, e2, osa_version)
        total = weights.sum(axis=0)
        return (weights * sky.rates(self.sources, e1, e2, self.middle, osa_version)).sum(axis=0) / total, 1.0 / total


@dataclass(frozen=True, eq=False)
class Grid:
    """TAN grid with its reference pixel in the middle.

    Attributes
    ----------
    ra, dec
        Of the reference pixel, degrees.
    half_x, half_y
        Pixels each side of the middle one.
    pixel
        Degrees.
    """

    ra: float
    dec: float
    half_x: int
    half_y: int
    pixel: float = PIXEL

    @classmethod
    def of(cls, field: Field) -> Grid:
        """The grid that covers what the science windows see, centred on their mean axis."""
        return cls.around(field.axes[:, 0] * field.effective[:, None], _outline(field.axes).reshape(-1, 3), PIXEL)

    @classmethod
    def around(cls, axes: Array, outline: Array, pixel: float) -> Grid:
        """The grid centred on the mean of weighted axes (n, 3) that holds an outline of unit vectors (m, 3)."""
        mean = axes.sum(axis=0)
        mean /= np.linalg.norm(mean)
        ra, dec = np.rad2deg(np.arctan2(mean[1], mean[0])) % 360.0, np.rad2deg(np.arcsin(mean[2]))
        grid = cls(float(ra), float(dec), 0, 0, pixel)
        x, y = grid.project(outline)
        return cls(grid.ra, grid.dec, int(np.ceil(np.abs(x).max())) + _MARGIN, int(np.ceil(np.abs(y).max())) + _MARGIN, pixel)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return 2 * self.half_y + 1, 2 * self.half_x + 1

    @cached_property
    def basis(self) -> Array:
        """Unit vectors towards the centre, east and north, as rows."""
        a, d = np.deg2rad(self.ra), np.deg2rad(self.dec)
        centre = isgri.unit_vectors(self.ra, self.dec)
        return np.array([centre, [-np.sin(a), np.cos(a), 0.0], [-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]])

    def project(self, directions: Array) -> tuple[Array, Array]:
        """Pixels (x, y) from the middle one, of unit vectors (m, 3); east is towards negative x. Held within the 60 degree limit."""
        ahead, east, north = self.basis @ directions.T
        ahead = np.maximum(ahead, np.hypot(east, north) / _LIMIT)
        scale = 1.0 / np.deg2rad(self.pixel)
        return -east / ahead * scale, north / ahead * scale

    def tangents(self) -> tuple[Array, Array]:
        """Tangent-plane coordinates of columns (east) and rows (north)."""
        step = np.deg2rad(self.pixel)
        return -step * np.arange(-self.half_x, self.half_x + 1), step * np.arange(-self.half_y, self.half_y + 1)

    def directions(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Array:
        """Unit vectors (m, 3) of pixels."""
        east, north = self.tangents()
        vectors = self.basis[0] + east[columns, None] * self.basis[1] + north[rows, None] * self.basis[2]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _outline(axes: Array) -> Array:
    """Unit vectors (n, k, 3) along the edge of each field of view, where v becomes zero."""
    t = np.tan(np.deg2rad(isgri.EDGE))
    side = np.linspace(-t, t, 9)
    y = np.concatenate([side, side, np.full(9, -t), np.full(9, t)])
    z = np.concatenate([np.full(9, -t), np.full(9, t), side, side])
    vectors = axes[:, None, 0] + y[:, None] * axes[:, None, 1] + z[:, None] * axes[:, None, 2]
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Image:
    """A mosaic: maps of the grid's shape, zero outside the field.

    Attributes
    ----------
    intensity
        cts/s.
    variance
        (cts/s)^2, statistical only.
    exposure
        Seconds, effective and coded: sum(v t).
    noise
        Statistical and coding noise in the intensity, cts/s.
    """

    field: Field
    grid: Grid
    intensity: Map
    variance: Map
    exposure: Map
    noise: Map

    @property
    def significance(self) -> Map:
        """Intensity over its statistical error."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.variance > 0, self.intensity / np.sqrt(self.variance), 0).astype(np.float32)


def mosaic(
    swids: list[str], e1: float, e2: float, *, seed: int, coding_noise: float, osa_version: str = OSA11, flare_revolution: int = 0
) -> Image:
    """The mosaic of science windows in a band.

    Parameters
    ----------
    swids
        12-digit ids, in any order.
    e1, e2
        keV.
    seed
        Of all noise.
    coding_noise
        Fraction of the brightest source's mean flux.
    osa_version
        In whose unit the rates are.
    flare_revolution
        Whose science windows have `FLARE` times the noise that the variance says.

    Raises
    ------
    KeyError
        With the first id that is not in the history.
    """
    field = Field.of(swids)
    grid = Grid.of(field)
    weight, exposure, normals = _accumulate(field, grid, isgri.variance_density(e1, e2, osa_version), (e1, e2), seed, flare_revolution)
    seen = weight > 0
    deviation = np.zeros_like(weight)
    np.divide(1, np.sqrt(weight), out=deviation, where=seen)
    noise_map = noise.correlate(normals * deviation) * deviation
    fluxes, _ = field.source_means(e1, e2, osa_version)
    if coding_noise > 0 and len(fluxes):
        level = np.float32(coding_noise * fluxes.max())
        noise_map[seen] += level * noise.coding_field(grid.directions(*np.nonzero(seen)).astype(np.float32), e1, e2, seed)
    intensity = noise_map.copy()
    for number, flux in zip(field.sources, fluxes, strict=True):
        add_source(intensity, grid, sky.DIRECTIONS[number], flux)
    intensity[~seen] = 0
    return Image(field, grid, intensity, deviation**2, exposure, noise_map)


def _accumulate(field: Field, grid: Grid, density: float, band: tuple[float, float], seed: int, flare: int) -> tuple[Map, Map, Map]:
    """Sums over science windows: weights, exposures, sqrt(weight) times normals.

    In the tangent plane the components of a direction along a spacecraft axis are, up to a common factor, a column plus a row.
    """
    weight, exposure, normals = (np.zeros(grid.shape, np.float32) for _ in range(3))
    east, north = (t.astype(np.float32) for t in grid.tangents())
    outlines = _outline(field.axes)
    for swid, axes, seconds, outline in zip(field.swids, field.axes, field.effective, outlines, strict=True):
        (x0, x1), (y0, y1) = (
            (max(int(p.min()) - 1 + half, 0), min(int(p.max()) + 2 + half, 2 * half + 1))
            for p, half in zip(grid.project(outline), (grid.half_x, grid.half_y), strict=True)
        )
        window = (slice(y0, y1), slice(x0, x1))
        a = (axes @ grid.basis.T).astype(np.float32)
        ahead, along_y, along_z = (row[0] + row[1] * east[x0:x1] + (row[2] * north[y0:y1])[:, None] for row in a)
        ahead[ahead < 0.1] = np.inf
        coding = isgri.coding(along_y / ahead, along_z / ahead)
        coding[np.isinf(ahead)] = 0
        root = coding * np.float32(np.sqrt(seconds / density))
        weight[window] += root * root
        exposure[window] += coding * np.float32(seconds)
        px, py = (int(np.rint(p[0])) for p in grid.project(axes[:1]))
        lattice = noise.white(swid, *band, seed)
        rows = (np.arange(y0, y1) - grid.half_y - py) % noise.LATTICE
        columns = (np.arange(x0, x1) - grid.half_x - px) % noise.LATTICE
        louder = np.float32(FLARE if int(swid[:4]) == flare else 1.0)
        normals[window] += louder * root * lattice[rows[:, None], columns]
    return weight, exposure, normals


def add_source(intensity: Map, grid: Grid, direction: Array, flux: float, sigma: float = PSF_SIGMA) -> None:
    """Add a point source: Gaussian in the true distance on the sky (`sigma` degrees), peak `flux`."""
    x, y = (float(p[0]) for p in grid.project(direction[None]))
    column, row = round(x) + grid.half_x, round(y) + grid.half_y
    rows, columns = np.mgrid[row - _STAMP : row + _STAMP + 1, column - _STAMP : column + _STAMP + 1].reshape(2, -1)
    inside = (rows >= 0) & (rows < intensity.shape[0]) & (columns >= 0) & (columns < intensity.shape[1])
    rows, columns = rows[inside], columns[inside]
    distance = np.linalg.norm(grid.directions(rows, columns) - direction, axis=1) / np.deg2rad(sigma)
    intensity[rows, columns] += (flux * np.exp(-0.5 * distance**2)).astype(np.float32)
