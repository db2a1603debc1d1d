"""How wide the significance of empty sky really is.

Counting noise alone gives a width of 1. Coding noise of bright sources widens it (1.3 in ISGRI mosaics, 2 and more in
JEM-X ones), interpolation narrows it (0.87 at most), and both change over the field; so the width is measured where
it is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.optimize import curve_fit

from dashboard.products.mosaic import Mosaic

GAUSSIAN_MAD = 1.4826
MIN_WIDTH = 0.8
MIN_PIXELS = 100
MIN_EXPOSURE = 0.05
"""Of the maximum, for one width of a whole map."""
_SOURCE_LEVEL = 5.0
_SOURCE_RADIUS = 6
_TILE = 64
_ZONE_PIXELS = 1500
_MAX_ZONES = 12
_SAMPLE = 500_000
_CORRELATED_PIXELS = 6.0
_NO_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class SkyWidth:
    """Width (1 sigma) of the significance of empty sky.

    Attributes
    ----------
    overall
        Width over the area exposed to more than 5 % of the maximum; NaN where the map holds no pixel.
    local
        (ny, nx) float32; width at each pixel, NaN outside the map. At least 0.8: nothing narrower is noise.
    empty
        (ny, nx); True on the pixels that count as empty sky: valid, no source nearby.
    measured
        False when there were too few empty pixels (below 100), or no noise in them, and 1 was assumed.
    """

    overall: float
    local: NDArray[np.float32]
    empty: NDArray[np.bool_]
    measured: bool


@dataclass(frozen=True, slots=True)
class SignificanceHistogram:
    """Distribution of significance, and the Gaussian of its empty sky.

    Attributes
    ----------
    edges
        (n + 1,) in sigma.
    counts, empty_counts
        (n,); all valid pixels, and those of empty sky alone.
    centre, width
        Of the Gaussian fitted to the core (2.5 widths) of `empty_counts`.
    height
        Of that Gaussian, in pixels a bin.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    empty_counts: NDArray[np.int64]
    centre: float
    width: float
    height: float

    def gaussian(self, significance: ArrayLike) -> NDArray[np.float64]:
        """Fitted number of empty pixels a bin at these significances."""
        return _gaussian(np.asarray(significance, dtype=float), self.height, self.centre, self.width)


def exposure_fraction(mosaic: Mosaic) -> NDArray[np.float32]:
    """(ny, nx) exposure over its maximum, 0 outside; 1 on every valid pixel when the map has no exposure."""
    valid = mosaic.valid
    if mosaic.exposure is None or not (top := float(np.max(mosaic.exposure, initial=0, where=valid))) > 0:
        return valid.astype(np.float32)
    fraction: NDArray[np.float32] = np.where(valid, mosaic.exposure / top, 0).astype(np.float32)
    return fraction


def empty_sky(mosaic: Mosaic, width: ArrayLike) -> NDArray[np.bool_]:
    """(ny, nx) True where a valid pixel has no other above 5 widths within 6 pixels.

    Parameters
    ----------
    mosaic
        The map.
    width
        Of empty sky, one for all or (ny, nx). It must follow the noise: where coding noise dominates, one width for the
        whole map would take the noise itself for sources.
    """
    significance = mosaic.significance
    empty = mosaic.valid
    ny, nx = mosaic.shape
    with np.errstate(invalid="ignore"):
        y, x = np.divmod(np.flatnonzero(significance > _SOURCE_LEVEL * np.asarray(width)), nx)
    reach = np.arange(-_SOURCE_RADIUS, _SOURCE_RADIUS + 1)
    disc = np.argwhere(reach[:, None] ** 2 + reach**2 <= _SOURCE_RADIUS**2) - _SOURCE_RADIUS
    for dy, dx in disc:
        empty[np.clip(y + dy, 0, ny - 1), np.clip(x + dx, 0, nx - 1)] = False
    return empty


def sky_width(mosaic: Mosaic) -> SkyWidth:
    """Measure the width from the median absolute deviation of empty sky.

    First as a function of the exposure (zones of equal area, interpolated; the distance to the rim stands in for an
    exposure that is not known), then, on top, in tiles of 64 pixels, interpolated bilinearly. A tile counts by how
    well it is measured: its ratio is drawn towards 1 by the statistical error of its median absolute deviation,
    against the scatter of all tiles beyond such errors. All this is done twice: over all pixels, which sources hardly
    disturb, and again without those that stand out from the widths found first.

    Parameters
    ----------
    mosaic
        With or without exposure.
    """
    first = _measured(mosaic, mosaic.valid)
    return _measured(mosaic, empty_sky(mosaic, first.local)) if first.measured else first


def overall_width(mosaic: Mosaic) -> tuple[float, float]:
    """One width for all of a map, without the rest of `sky_width`, which takes ten times as long; and of how many independent pixels.

    The median absolute deviation over the area exposed to more than 5 % of the maximum, first of all pixels, then without those near
    what stands out from that width. NaN where fewer than 100 pixels are left, or none has noise.
    """
    stride = _stride(mosaic.valid.size)
    sample = (slice(None, None, stride), slice(None, None, stride))
    exposed, value = (exposure_fraction(mosaic) > MIN_EXPOSURE)[sample], np.abs(mosaic.significance[sample])
    first = _spread(value[exposed])
    if np.isnan(first):
        return first, 0.0
    empty = value[exposed & empty_sky(mosaic, first)[sample]]
    return _spread(empty), empty.size / max(1.0, _CORRELATED_PIXELS / stride**2)


def _spread(values: NDArray[np.floating]) -> float:
    """Width of |significance|, NaN where there are too few, or no noise in them."""
    width = GAUSSIAN_MAD * float(np.median(values)) if values.size >= MIN_PIXELS else 0.0
    return width if width >= _NO_NOISE else float("nan")


def _measured(mosaic: Mosaic, empty: NDArray[np.bool_]) -> SkyWidth:
    """The widths of the pixels chosen as empty."""
    valid = mosaic.valid
    fraction = _rim_distance(valid) if mosaic.exposure is None else exposure_fraction(mosaic)
    stride = _stride(empty.size)
    sample = (slice(None, None, stride), slice(None, None, stride))
    chosen = empty[sample]
    value, share = np.abs(mosaic.significance[sample]), fraction[sample][chosen]
    values = value[chosen]
    overall = GAUSSIAN_MAD * float(np.median(values[inner] if (inner := share > MIN_EXPOSURE).any() else values)) if values.size else 0.0
    if values.size < MIN_PIXELS or overall < _NO_NOISE:
        return SkyWidth(1.0 if valid.any() else float("nan"), np.where(valid, 1, np.nan).astype(np.float32), empty, False)
    count = int(np.clip(values.size // _ZONE_PIXELS, 1, _MAX_ZONES))
    zone = np.searchsorted(np.unique(np.quantile(share, np.linspace(0, 1, count + 1)[1:-1])), share)
    zones = [zone == index for index in np.unique(zone)]
    widths = np.array([GAUSSIAN_MAD * np.median(values[inside]) for inside in zones])
    # A table of 1024 steps in exposure is three times as fast as interpolating at each pixel.
    table = np.interp(np.linspace(0, 1, 1024), [np.median(share[inside]) for inside in zones], widths).clip(MIN_WIDTH).astype(np.float32)
    local = table[(fraction * 1023).astype(np.int16)]
    local *= _tile_ratios(np.where(chosen, value / local[sample], np.nan), stride, mosaic.shape)
    return SkyWidth(
        overall=overall,
        local=np.where(valid, np.maximum(local, MIN_WIDTH), np.nan).astype(np.float32, copy=False),
        empty=empty,
        measured=True,
    )


def scaled_significance(mosaic: Mosaic, width: SkyWidth | None = None) -> NDArray[np.float32]:
    """(ny, nx) significance divided by the local width of empty sky, so that empty sky has width 1."""
    local = (width or sky_width(mosaic)).local
    scaled: NDArray[np.float32] = (mosaic.significance / local).astype(np.float32, copy=False)
    return scaled


def significance_histogram(
    mosaic: Mosaic, bins: int | ArrayLike = 80, width: SkyWidth | None = None, scaled: bool = False
) -> SignificanceHistogram:
    """Histogram of the significance of all pixels and of empty sky, with a Gaussian fitted to the latter.

    Parameters
    ----------
    mosaic
        The map.
    bins
        Edges in sigma, or a number of bins over -10 to 10.
    width
        As measured before, else measured here.
    scaled
        Divide by the local width first.
    """
    width = width or sky_width(mosaic)
    image = scaled_significance(mosaic, width) if scaled else mosaic.significance
    edges = np.linspace(-10, 10, bins + 1) if isinstance(bins, int) else np.asarray(bins, dtype=float)
    counts = np.histogram(image[mosaic.valid], edges)[0]
    sky = image[width.empty]
    empty_counts = np.histogram(sky, edges)[0]
    if sky.size < MIN_PIXELS:
        return SignificanceHistogram(edges, counts, empty_counts, float("nan"), float("nan"), float("nan"))
    middle, sigma = float(np.median(sky)), float(_width(sky))
    height = sky.size * float(np.median(np.diff(edges))) / (np.sqrt(2 * np.pi) * max(sigma, MIN_WIDTH))
    centres = (edges[1:] + edges[:-1]) / 2
    core = (np.abs(centres - middle) < 2.5 * sigma) & (empty_counts > 0)
    best = (height, middle, sigma)
    if core.sum() > 5:
        best = tuple(curve_fit(_gaussian, centres[core], empty_counts[core], best, np.sqrt(empty_counts[core]))[0])
    return SignificanceHistogram(edges, counts, empty_counts, float(best[1]), abs(float(best[2])), float(best[0]))


def _gaussian(x: NDArray[np.float64], height: float, centre: float, width: float) -> NDArray[np.float64]:
    curve: NDArray[np.float64] = height * np.exp(-0.5 * ((x - centre) / width) ** 2)
    return curve


def _rim_distance(valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(ny, nx) distance to the nearest invalid pixel or the border, as a fraction of the largest."""
    distance = distance_transform_edt(np.pad(valid, 1))[1:-1, 1:-1].astype(np.float32)
    rim: NDArray[np.float32] = distance / max(float(np.max(distance, initial=0)), 1)
    return rim


def _width(values: NDArray[np.floating]) -> float:
    return float(GAUSSIAN_MAD * np.median(np.abs(values - np.median(values))))


def _stride(size: int) -> int:
    """Step through a large map: neighbouring pixels are correlated and add little."""
    return max(1, round(np.sqrt(size / _SAMPLE)))


def _tile_ratios(ratio: NDArray[np.floating], stride: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """(ny, nx) local width over the zone's, from |significance| / zone width sampled every `stride` pixels, NaN = no sky."""
    step = max(1, _TILE // stride)
    rows, columns = (-(-n // step) for n in ratio.shape)
    tiles = np.full((rows * step, columns * step), np.nan, dtype=np.float32)
    tiles[: ratio.shape[0], : ratio.shape[1]] = ratio
    tiles = np.sort(tiles.reshape(rows, step, columns, step).swapaxes(1, 2).reshape(rows * columns, step * step), axis=1)
    count = np.isfinite(tiles).sum(axis=1)
    median = np.where(count > 0, tiles[np.arange(len(tiles)), np.maximum(count - 1, 0) // 2], 1 / GAUSSIAN_MAD)
    independent = np.maximum(count / max(1.0, _CORRELATED_PIXELS / stride**2), 1)
    # The relative variance of a Gaussian's median absolute deviation is 1.36 / n.
    error, departure = 1.36 / independent, GAUSSIAN_MAD * median - 1
    scatter = max(float(np.average(departure**2 - error, weights=independent)), 0.0)
    grid = (1 + scatter / (scatter + error) * departure).reshape(rows, columns)

    def interpolation(tile_count: int, length: int) -> NDArray[np.float32]:
        centres = (np.arange(tile_count) + 0.5) * step * stride - 0.5
        return np.array([np.interp(np.arange(length), centres, unit) for unit in np.eye(tile_count)], dtype=np.float32)

    smooth: NDArray[np.float32] = interpolation(rows, shape[0]).T @ grid.astype(np.float32) @ interpolation(columns, shape[1])
    return smooth
