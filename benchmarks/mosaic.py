"""Adding up mosaics: the running sum against pymosaic-fits, on one thread, in one run.

    python -m benchmarks.mosaic [batches]

Batches of 600 x 600 pixels, every one on a TAN grid of its own within 3 degrees and with a roll of its own; the sum has
800 x 800. pymosaic-fits gets the same batches as OSA lays them out; its grid is that of the first batch.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from dashboard.combine.grid import Grid, output_grid
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.combine.resample import warm
from dashboard.products.instrument import ISGRI
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import mosaic_to_hdulist

SIDE = 600
GRID = Grid("TAN", (83.63, 22.01), ISGRI.pixel, (800, 800), (400.0, 400.0))


def batch_wcs(ra: float, dec: float, roll: float, crpix: tuple[float, float] = (300.5, 300.5)) -> WCS:
    cos, sin = ISGRI.pixel * np.cos(np.radians(roll)), ISGRI.pixel * np.sin(np.radians(roll))
    header = GRID.header() | {"CRVAL1": ra, "CRVAL2": dec, "CRPIX1": crpix[0], "CRPIX2": crpix[1]}
    return WCS(fits.Header(header | {"CD1_1": -cos, "CD1_2": sin, "CD2_1": sin, "CD2_2": cos}), naxis=2)


def batches(count: int, lattice: bool) -> list[Mosaic]:
    """White noise on a vignetted field; the rim is NaN."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    coding = np.clip((295 - np.hypot(x, y)) / 250, 0, 1).astype("f4")
    with np.errstate(divide="ignore"):
        variance = np.where(coding > 0, 0.1 / coding**2, np.nan).astype("f4")
    made = []
    for _ in range(count):
        flux = (rng.standard_normal((SIDE, SIDE), dtype="f4") * np.sqrt(variance)).astype("f4")
        if lattice:
            dx, dy = rng.integers(-40, 41, 2)
            wcs = batch_wcs(*GRID.crval, 0.0, (300.0 + dx, 300.0 + dy))
        else:
            wcs = batch_wcs(83.63 + rng.uniform(-3, 3), 22.01 + rng.uniform(-3, 3), rng.uniform(0, 360))
        made.append(Mosaic(flux, variance, flux / np.sqrt(variance), coding * 2000, wcs, (20.0, 40.0), "isgri", "counts/sec"))
    return made


def per_batch(add: Callable[[int], object], count: int) -> tuple[float, float]:
    """Mean and median ms a batch."""
    times = []
    for i in range(count):
        start = perf_counter()
        add(i)
        times.append(1e3 * (perf_counter() - start))
    return float(np.mean(times)), float(np.median(times))


def main(count: int) -> None:
    warnings.simplefilter("ignore")
    import mosaic as pymosaic

    logging.getLogger().setLevel(logging.ERROR)
    start = perf_counter()
    warm()
    print(f"kernels ready after {perf_counter() - start:.2f} s (compiled once, then cached)")
    foreign, shared = batches(count, lattice=False), batches(count, lattice=True)
    spline, lattice, legacy = MosaicSum(GRID), MosaicSum(GRID), pymosaic.FITsMosaic()
    parts = [
        mosaic_to_hdulist(replace(part, variance=np.nan_to_num(np.asarray(part.variance)), flux=np.nan_to_num(np.asarray(part.flux))))
        for part in foreign
    ]
    spline.add(foreign[0], "first")
    lattice.add(shared[0], "first")
    legacy.add(parts[0])
    figures = {
        "spline path (own TAN grids)": per_batch(lambda i: spline.add(foreign[i], str(i)), count),
        "lattice path (shared pixels)": per_batch(lambda i: lattice.add(shared[i], str(i)), count),
        "pymosaic-fits 0.4.5 'first'": per_batch(lambda i: legacy.add(parts[i]), count),
    }
    theirs = figures["pymosaic-fits 0.4.5 'first'"][0]
    for name, (mean, median) in figures.items():
        print(f"{name:30s} {mean:8.2f} ms a batch (median {median:.2f}); pymosaic-fits / this = {theirs / mean:.1f}")
    mean, _ = per_batch(lambda _: spline.result(), 5)
    print(f"result()                       {mean:8.2f} ms")
    held = sum(plane.nbytes for plane in (spline.weight, spline.weight_flux, spline.weight_flux2, spline.exposure, spline.number))
    stored = sum(hdu.data.nbytes for part in parts for hdu in part if hdu.data is not None)
    print(f"held by the sum: {held / 1e6:.1f} MB whatever the number of batches; the {count} batches themselves: {stored / 1e6:.0f} MB")
    rng = np.random.default_rng(2)
    scx, scz = rng.uniform(-7, 7, (2, 10_000)), rng.uniform(-7, 7, 10_000)
    mean, _ = per_batch(lambda _: output_grid(83.6 + scx[0], 22 + scx[1], 83.6 + scz, 22 + scx[1] + 90), 5)
    print(f"output_grid of 10000 pointings {mean:8.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
