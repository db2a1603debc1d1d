"""Joining the light curves of batches: this project's sum against oda_integral_wrapper's `stitch_lc`,
CPU seconds in one process.

    python -m benchmarks.light_curves [batches]

Batches of 2500 rows in 9 columns; 400 of them are a million rows. The sum's time holds adding and sorting; `stitch_lc`
is timed on fewer batches, since its time grows with the square of their number, and does not sort.
"""

from __future__ import annotations

import logging
import sys
import warnings
from importlib import import_module
from time import process_time
from types import SimpleNamespace
from typing import Any

import numpy as np
from astropy.io import fits
from oda_api.data_products import NumpyDataProduct, NumpyDataUnit

from dashboard.analysis.rebin import rebin
from dashboard.combine.light_curve_sum import LightCurveSum
from dashboard.products.light_curve import LightCurve
from dashboard.products.light_curve_fits import light_curves_from_products
from dashboard.products.mosaic import Provenance

ROWS = 2500
LEGACY = (20, 40, 80)
TARGET = 0.2
REPETITIONS = 5


def answer(number: int) -> fits.HDUList:
    """One batch as OSA writes it, three days after the one before."""
    rng = np.random.default_rng(number)
    columns = {name: rng.uniform(1, 2, ROWS) for name in ("TOT_COUNTS", "BACKV", "BACKE", "RATE", "ERROR", "FRACEXP", "XAX_E")}
    columns["TIME"] = 1000 + 3 * number + np.arange(ROWS) / 1000
    table = fits.BinTableHDU.from_columns([fits.Column(n, "1D" if n == "TIME" else "1E", array=values) for n, values in columns.items()])
    table.header.update({"EXTNAME": "ISGR-SRC.-LCR", "INSTRUME": "IBIS", "TIMEDEL": 0.001, "ONTIME": 2000.0, "TSTART": columns["TIME"][0]})
    table.header.update({"TSTOP": columns["TIME"][-1], "TLAST": columns["TIME"][-1], "EXPOSURE": 1500.0, "EXP_SRC": 1500.0})
    return fits.HDUList([fits.PrimaryHDU(), table])


def provenance(number: int) -> Provenance:
    return Provenance("ISDC", "production", "OSA11.2", "CONS", (f"job{number}",), tuple(f"{number:04d}{k:08d}.001" for k in range(50)))


def summed(parts: list[Any], order: np.ndarray) -> tuple[float, LightCurve]:
    start = process_time()
    total = LightCurveSum()
    for number in order:
        total.add(parts[number], f"{number:024d}")
    (curve,) = total.result().curves
    return process_time() - start, curve


def stitched(answers: list[fits.HDUList]) -> tuple[float, int]:
    wrapper_module = import_module("oda_integral_wrapper.wrapper")
    collections = [
        SimpleNamespace(_p_list=[NumpyDataProduct([NumpyDataUnit.from_fits_hdu(hdu) for hdu in hdus], "isgri_lc", {"src_name": "Crab"})])
        for hdus in answers
    ]
    wrapper = object.__new__(wrapper_module.INTEGRALwrapper)
    wrapper.all_data = collections
    start = process_time()
    joined = wrapper.stitch_lc()
    return process_time() - start, len(joined._p_list[0].data_unit[1].data)


def main(count: int) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    answers = [answer(number) for number in range(count)]
    start = process_time()
    meta = {"src_name": "Crab"}
    parts = [light_curves_from_products([(meta, hdus)], "isgri", (20.0, 40.0), provenance(k)) for k, hdus in enumerate(answers)]
    print(f"reading {count} answers             {process_time() - start:8.3f} s")
    order = np.random.default_rng(1).permutation(count)
    times, curves = zip(*(summed(parts, order) for _ in range(REPETITIONS)), strict=True)
    curve, seconds = curves[0], float(np.median(times))
    print(f"sum of {count} batches, {len(curve)} rows  {seconds:8.3f} s (best {min(times):.3f}; target {TARGET}), any order, sorted")
    start = process_time()
    bins = rebin(curve, 10_000)
    print(f"rebin to {len(bins)} bins             {process_time() - start:8.3f} s")
    for number in LEGACY:
        theirs, rows = stitched(answers[:number])
        ours, same = summed(parts, np.arange(number))
        print(
            f"{number:4d} batches: stitch_lc {theirs:7.3f} s ({rows} rows), sum {ours:7.4f} s ({len(same)} rows): {theirs / ours:.0f} times"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
