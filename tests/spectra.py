"""Spectra whose truth is known: a power law folded through a toy response, and the comparison of sets."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from dashboard.products.mosaic import Provenance
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet

PROVENANCE = Provenance("SIMULATED", "simulated", "OSA11.2", "CONS", ("job",), ("066500220010.001",), seed=7)


def toy_redistribution(n_channels: int = 24, n_energies: int = 60, blur: float = 0.08, first_channel: int = 0) -> Redistribution:
    """Gaussian lines of relative width `blur`, without losses inside the channels' range."""
    energies, channels = np.geomspace(10, 400, n_energies + 1, dtype="f4"), np.geomspace(13, 300, n_channels + 1, dtype="f4")
    line = np.sqrt(energies[:-1] * energies[1:])[:, None]
    weight = np.exp(-0.5 * ((np.sqrt(channels[:-1] * channels[1:])[None] - line) / (blur * line)) ** 2) * np.diff(channels)
    matrix = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-3 * weight.sum())
    return Redistribution(energies[:-1], energies[1:], matrix.astype("f4"), channels[:-1], channels[1:], first_channel)


def folded(redistribution: Redistribution, area: NDArray[Any], norm: float = 1.0, index: float = 2.1) -> NDArray[np.float64]:
    """Counts/s in each channel of a power law, norm photons cm-2 s-1 keV-1 at 1 keV."""
    lo, hi = (edge.astype(np.float64) for edge in (redistribution.energ_lo, redistribution.energ_hi))
    photons = norm * (hi ** (1 - index) - lo ** (1 - index)) / (1 - index)
    rates: NDArray[np.float64] = (photons * area) @ redistribution.matrix.astype(np.float64)
    return rates


RMF = toy_redistribution()
AREA = (1000 * np.exp(-0.5 * (np.log(RMF.energ_lo / 60) / 1.2) ** 2)).astype("f4")


def spectrum(source: str = "Crab", rmf: Redistribution = RMF, **changes: Any) -> Spectrum:
    """Exactly what the power law gives, with errors of a tenth."""
    area = changes.pop("area", AREA if len(AREA) == len(rmf.energ_lo) else np.ones(len(rmf.energ_lo)))
    rate = changes.pop("rate", folded(rmf, area))
    made = Spectrum(
        source,
        "isgri",
        rate,
        np.full(len(rate), 0.1 * float(np.nanmean(rate))),
        np.zeros(len(rate)),
        np.zeros(len(rate), dtype=np.int16),
        area,
        rmf,
        ra=83.63,
        dec=22.01,
        exposure=2000.0,
        ontime=2500.0,
        telapse=2600.0,
        tstart=3000.0,
        tstop=3000.1,
        provenance=PROVENANCE,
    )
    return replace(made, **changes)


def opened(path: Path) -> fits.HDUList:
    """The HDUs of a file, all in memory; the file is closed again."""
    with fits.open(path, memmap=False) as hdus:
        assert all(hdu.data is not None for hdu in hdus[1:])
        return hdus


def assert_same(left: SpectrumSet, right: SpectrumSet, rtol: float = 0.0) -> None:
    """Equal in every field; numbers to `rtol`, NaN where NaN."""
    assert len(left.spectra) == len(right.spectra)
    for mine, its in zip(left.spectra, right.spectra, strict=True):
        for field in fields(Spectrum):
            a, b = getattr(mine, field.name), getattr(its, field.name)
            if field.name == "redistribution":
                for part in fields(Redistribution):
                    np.testing.assert_allclose(getattr(a, part.name), getattr(b, part.name), rtol=max(rtol, 0), atol=1e-7 if rtol else 0)
            elif isinstance(a, float | np.ndarray):
                np.testing.assert_allclose(a, b, rtol=rtol, err_msg=field.name)
                assert rtol or np.asarray(a).dtype == np.asarray(b).dtype, field.name
            else:
                assert a == b, field.name
