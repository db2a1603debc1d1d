"""Adding up spectra: the running sum against oda_integral_wrapper's sum_spectral_products, in one run.

    python -m benchmarks.spectra [batches]

Batches of 10 sources of 256 channels, each source with its area and with the redistribution all share (2466 energies), as a
dispatcher sends them. Then, what both make of batches whose area and noise vary together.
"""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.combine.spectrum_sum import SpectrumSum
from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet
from dashboard.products.spectrum_fits import read_spectra, write_spectra

SOURCES, CHANNELS, ENERGIES = 10, 256, 2466


def redistribution() -> Redistribution:
    energies, channels = np.geomspace(9.3, 1193, ENERGIES + 1, dtype="f4"), np.geomspace(12.5, 1030, CHANNELS + 1, dtype="f4")
    line, centre = np.sqrt(energies[:-1] * energies[1:])[:, None], np.sqrt(channels[:-1] * channels[1:])[None]
    matrix = np.exp(-0.5 * ((centre - line) / (0.08 * line)) ** 2) * np.diff(channels)
    matrix /= np.maximum(matrix.sum(axis=1, keepdims=True), 1e-3)
    return Redistribution(energies[:-1], energies[1:], matrix.astype("f4"), channels[:-1], channels[1:])


RMF = redistribution()
AREA = (1000 * np.exp(-0.5 * (np.log(RMF.energ_lo / 60) / 1.2) ** 2)).astype("f4")
ONE = Spectrum(
    "source 0",
    "isgri",
    np.zeros(CHANNELS),
    np.ones(CHANNELS),
    np.zeros(CHANNELS),
    np.zeros(CHANNELS, dtype=np.int16),
    AREA,
    RMF,
    exposure=2000.0,
    ontime=2500.0,
    telapse=2600.0,
    tstart=3000.0,
    tstop=3000.03,
    provenance=Provenance("SIMULATED", "simulated", "OSA11.2"),
)


def folded(area: NDArray[Any], index: float = 2.1) -> NDArray[np.float64]:
    lo, hi = RMF.energ_lo.astype(float), RMF.energ_hi.astype(float)
    rates: NDArray[np.float64] = ((lo ** (1 - index) - hi ** (1 - index)) / (index - 1) * area) @ RMF.matrix
    return rates


def batches(count: int) -> list[SpectrumSet]:
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        rates, errors = rng.normal(1, 0.3, (SOURCES, CHANNELS)), rng.uniform(0.2, 0.4, (SOURCES, CHANNELS))
        sources = (
            replace(ONE, source=f"source {i}", rate=rate, stat_err=error) for i, (rate, error) in enumerate(zip(rates, errors, strict=True))
        )
        made.append(SpectrumSet(tuple(sources)))
    return made


def as_sent(spectra: SpectrumSet) -> SimpleNamespace:
    """What the wrapper takes; not as ISGRI, for which it fails on matrices of fixed width."""
    products = []
    for one in spectra.spectra:
        header = {"INSTRUME": "JMX1", "EXPOSURE": one.exposure, "ONTIME": one.ontime, "TSTART": one.tstart, "TSTOP": one.tstop}
        rates = {"RATE": one.rate, "STAT_ERR": one.stat_err, "SYS_ERR": one.sys_err, "QUALITY": one.quality}
        for kind, data in (("spectrum", rates), ("arf", {"SPECRESP": one.area}), ("rmf", {"MATRIX": one.redistribution.matrix})):
            unit = SimpleNamespace(header=header, data=data)
            meta = {"src_name": one.source, "product": f"isgri_{kind}"}
            products.append(SimpleNamespace(meta_data=meta, data_unit=[unit, unit, unit]))
    return SimpleNamespace(_p_list=products)


def total(parts: Sequence[SpectrumSet], weighting: str = "exposure") -> SpectrumSum:
    made = SpectrumSum(weighting)
    for i, part in enumerate(parts):
        made.add(part, str(i))
    return made


def best(work: Any, times: int = 5) -> float:
    """Shortest of several runs, ms of processor time: all run on one thread, and other work on the machine does not count."""
    taken = []
    for _ in range(times):
        start = process_time()
        work()
        taken.append(1e3 * (process_time() - start))
    return min(taken)


def main(count: int) -> None:
    warnings.simplefilter("ignore")
    wrapper = importlib.import_module("oda_integral_wrapper.wrapper").INTEGRALwrapper
    logging.disable(logging.CRITICAL)
    start = perf_counter()
    total(batches(1)).result()
    print(f"kernels ready after {perf_counter() - start:.2f} s (compiled once, then cached)")
    parts = batches(count)
    sent = [as_sent(part) for part in parts]

    def legacy() -> None:
        for i in range(SOURCES):
            wrapper.sum_spectral_products(sent, f"source {i}")

    ours, theirs = best(lambda: total(parts)), best(legacy, 1)
    spectra = count * SOURCES
    print(f"SpectrumSum.add              {ours:9.1f} ms for {spectra} spectra of {CHANNELS} channels ({1e3 * ours / spectra:.1f} us each)")
    print(f"oda_integral_wrapper 1.5.18  {theirs:9.1f} ms for the same; wrapper / this = {theirs / ours:.0f}")
    whole = total(parts)
    print(f"result()                     {best(whole.result):9.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.fits"
        write, read = best(lambda: write_spectra(parts[0], path)), best(lambda: read_spectra(path))
        size, alone = path.stat().st_size / 1e6, SOURCES * (RMF.matrix.nbytes + AREA.nbytes) / 1e6
        print(f"store of one batch: written {write:.1f} ms, read {read:.1f} ms, {size:.1f} MB; with a response each {alone:.1f} MB")
    areas = [np.asarray(scale * AREA, dtype="f4") for scale in (1.0, 0.7)]
    varied = [
        SpectrumSet((replace(ONE, area=area, rate=folded(area), stat_err=np.full(CHANNELS, error)),))
        for area, error in zip(areas, (1.0, 2.0), strict=True)
    ]
    rate, _, _, area, *_ = wrapper.sum_spectral_products([as_sent(part) for part in varied], ONE.source)
    print("areas 1 : 0.7 with variances 1 : 4, rate over the power law folded through the response of the sum:")
    print(f"  oda_integral_wrapper {100 * np.nanmean(rate / folded(area) - 1):+8.3f} %")
    for weighting in ("exposure", "inverse variance"):
        (one,) = total(varied, weighting).result().spectra
        print(f"  {weighting:20s} {100 * np.nanmean(one.rate / folded(one.area) - 1):+8.3f} %")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
