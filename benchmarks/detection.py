"""Finding and measuring 200 sources in 2000 x 2000 pixels, and how complete that is.

    python -m benchmarks.detection [sources per level]

Noise without coding noise, correlated like the PSF; sources at least 4.9 pixels (of JEM-X) apart. Peaks are found against a maximum
filter over the whole map, in the same run. Completeness is that of a threshold of 7 sigma, from true S/N 6 to 11,
beside what Gaussian noise allows at best.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import erf, sqrt
from time import perf_counter

import numpy as np
from scipy.ndimage import maximum_filter

from dashboard.analysis.peaks import local_maxima
from dashboard.analysis.sky_width import scaled_significance, sky_width
from dashboard.analysis.sources import find_sources
from dashboard.products.catalog import SourceCatalog, SourceTable
from dashboard.products.mosaic import Mosaic
from tests.analysis.injection import FINE_PIXEL, FloatImage, correlated_noise, mosaic_of, point_sources, scattered, sky_wcs

SHAPE = (2000, 2000)
EMPTY = SourceCatalog()


def best(work: Callable[[], object], repeat: int = 5) -> float:
    """Least of several times in milliseconds."""
    times = []
    for _ in range(repeat):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return 1e3 * min(times)


def tally(mosaic: Mosaic, table: SourceTable, truth: FloatImage) -> tuple[int, int]:
    """True sources found, and false ones."""
    world = np.array([(source.ra, source.dec) for source in table.sources]).reshape(-1, 2)
    found = np.column_stack(mosaic.wcs.world_to_pixel_values(*world.T))
    apart = np.hypot(*(found[:, None] - truth).transpose(2, 0, 1))
    near = apart.min(axis=1) < 1.5
    return len(set(apart.argmin(axis=1)[near].tolist())), int((~near).sum())


def main(count: int) -> None:
    rng = np.random.default_rng(1)
    wcs = sky_wcs(SHAPE, FINE_PIXEL, "ZEA")
    noise = correlated_noise(SHAPE, rng)
    truth = scattered(200, SHAPE, rng)
    mosaic = mosaic_of(noise + point_sources(SHAPE, truth, rng.uniform(11, 150, 200)), wcs=wcs, instrument="jemx1")
    scaled = scaled_significance(mosaic)
    found, false = tally(mosaic, find_sources(mosaic, EMPTY), truth)
    print(f"200 sources of S/N 11 to 150 in {SHAPE[0]} x {SHAPE[1]}: {found} found, {false} false")
    print(f"find_sources      {best(lambda: find_sources(mosaic, EMPTY)):7.0f} ms")
    print(f"  sky_width       {best(lambda: sky_width(mosaic)):7.0f} ms")
    print(f"  local_maxima    {best(lambda: local_maxima(scaled, 7)):7.0f} ms")
    print(f"  maximum_filter  {best(lambda: np.argwhere((maximum_filter(scaled, 5) == scaled) & (scaled > 7)), 2):7.0f} ms (instead)")
    print("true S/N  found  at best  false")
    for level in range(6, 12):
        truth = scattered(count, SHAPE, rng)
        mosaic = mosaic_of(noise + point_sources(SHAPE, truth, np.full(count, float(level))), wcs=wcs, instrument="jemx1")
        found, false = tally(mosaic, find_sources(mosaic, EMPTY), truth)
        print(f"{level:8d} {100 * found / count:5.1f} % {50 * (1 + erf((level - 7) / sqrt(2))):6.1f} % {false:6d}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
