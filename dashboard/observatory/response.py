"""Responses of the simulated ISGRI and JEM-X: energy and channel grids, redistribution, area, noise of each channel.

ISGRI
    OSA11.2 has 256 channels from 12.5 to 1030 keV, 37 of 0.5 keV and then in geometric progression, and 2466 photon energy bins of
    equal width from 9.272 to 1193 keV. OSA10.2 has 62 channels, sums of 2048 native ones of 0.4787 keV from 13 keV, and 2466 photon
    energy bins of native width. Redistribution is Gaussian with FWHM 4.8 (E/60 keV)^1.23 keV: 8 % at 60 keV and 9 keV at 100 keV.
    Real redistribution has a tail to low energies above 80 keV.

    The area of spectra drifts, and jumps where a new response begins: each holds for 64 revolutions (0-63, 64-127, ...) and is the area
    of `spectra` (with the unit of `calibration`) times

        d(E) = (1 - 0.016 (y - 2016) (30 keV / E)^0.5) (1 + j),

    y the year of the middle of the set, j a constant of the set, uniform within 2.5 %. Rates of spectra follow it, and the ARF that is
    sent along has it, so that fluxes are constant. Rates of images and light curves come without ARF and have no drift.

JEM-X
    16 channels from 3.04 to 34.88 keV and 500 photon energy bins from 1.992 to 100.4 keV, both in geometric progression. Redistribution
    is Gaussian with FWHM/E = 0.40 sqrt(1/E + 1/60). The area is that of `jemx`, without drift.

Variance of a channel is that of a band with its bounds; it does not drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, jemx, orbit, spectra
from dashboard.observatory.calibration import OSA11, factor
from dashboard.observatory.spectra import CRAB, MCRAB_BAND, Spectrum

Array = NDArray[np.float64]
SET: Final = 64  # revolutions that share a response
_FWHM: Final = 2.3548200450309493
_NATIVE: Final = 0.4787  # keV
_GROUPS: Final = ((1, 1), (13, 2), (4, 4), (16, 8), (14, 12), (8, 24), *((1, n) for n in (35, 50, 100, 205, 460, 667)))
_NEGLIGIBLE: Final = 1e-6
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True, eq=False)
class Response:
    """A redistribution with its area.

    Attributes
    ----------
    energies
        (n + 1,) keV; bounds of photon energy bins.
    channels
        (c + 1,) keV; bounds of channels.
    matrix
        (n, c); rows are zero outside one group of channels.
    area
        (n,) cm2, before any drift.
    density
        (c,) (cts/s)^2 s; variance of the rate times effective seconds.
    """

    energies: Array
    channels: Array
    matrix: Array
    area: Array
    density: Array

    @cached_property
    def middle(self) -> Array:
        """(n,) keV; photon energies."""
        return (self.energies[1:] + self.energies[:-1]) / 2

    @cached_property
    def groups(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First channel and number of channels that are not zero, (n,) each."""
        filled = self.matrix > 0
        return np.argmax(filled, axis=1), filled.sum(axis=1)

    def photons(self, spectrum: Spectrum) -> Array:
        """Photons cm-2 s-1 in each photon energy bin, (n,), of an absolute spectrum."""
        half = np.diff(self.energies) / 2
        at = spectrum(self.middle[:, None] + half[:, None] * _POINTS)
        return np.asarray((at @ _WEIGHTS) * half)

    def fold(self, photons: Array, area: Array) -> Array:
        """Rates (c,) of photons in an area, both (n,)."""
        return np.asarray((photons * area) @ self.matrix)


@cache
def response(instrument: str, osa_version: str = OSA11) -> Response:
    """Response of "isgri", "jemx1" or "jemx2"."""
    if instrument != "isgri":
        energies: Array = np.geomspace(1.992, 100.4, 501)
        channels: Array = np.geomspace(3.04, 34.88, 17)
        middle = (energies[1:] + energies[:-1]) / 2
        matrix = _gaussian(middle, channels, 0.40 * middle * np.sqrt(1.0 / middle + 1.0 / 60.0))
        bands = [jemx.variance_density(*band) for band in pairwise(channels.tolist())]
        return Response(energies, channels, matrix, jemx.area(middle, int(instrument[-1])), np.array(bands))
    if osa_version.startswith("OSA10"):
        energies = 13.0 + _NATIVE * np.arange(2467.0)
        widths = np.array([0, *(width for count, width in _GROUPS for _ in range(count))], float)
        channels = 13.0 + _NATIVE * np.cumsum(widths)
    else:
        energies = np.linspace(9.272, 1193.0, 2467)
        channels = np.concatenate([np.arange(12.5, 31.0, 0.5), np.geomspace(31.0, 1030.0, 220)])
    middle = (energies[1:] + energies[:-1]) / 2
    area = spectra.area(middle) * factor(middle, osa_version)
    centre = np.sqrt(channels[1:] * channels[:-1])
    density = 25.4 * (centre / 29.0) ** -1.8 * factor(centre, osa_version) ** 2 * np.diff(channels)
    return Response(energies, channels, _gaussian(middle, channels, 4.8 * (middle / 60.0) ** 1.23), area, density)


def _gaussian(energy: Array, channels: Array, fwhm: Array) -> Array:
    from scipy.special import ndtr  # slow to load: the server starts without it

    below = ndtr((channels - energy[:, None]) * (_FWHM / fwhm)[:, None])
    matrix = np.diff(below, axis=1)
    return np.where(matrix > _NEGLIGIBLE, matrix, 0.0).astype(np.float32).astype(np.float64)  # what is sent is what was folded


def sets(swids: Sequence[str]) -> set[int]:
    """Sets of revolutions of science windows; those of one response share one."""
    return {int(swid[:4]) // SET for swid in swids}


@cache
def drift(instrument: str, number: int, osa_version: str = OSA11) -> Array:
    """Factor (n,) on the area of a response in a set of revolutions."""
    energy = response(instrument, osa_version).middle
    if instrument != "isgri":
        return np.ones_like(energy)
    year = 2000.0 + float(orbit.start_of((number + 0.5) * SET)) / 365.25
    jump = 0.05 * (float(chance.uniform(number, "response")) - 0.5)
    return np.asarray((1.0 - 0.016 * (year - 2016.0) * np.sqrt(30.0 / energy)) * (1.0 + jump))


@cache
def photons(spectrum: Spectrum, instrument: str, osa_version: str = OSA11) -> Array:
    """Photons cm-2 s-1 in each bin, (n,), of a source that has the Crab's 20-40 keV rate in ISGRI."""
    level = spectra.counts(CRAB, *MCRAB_BAND) / spectra.counts(spectrum, *MCRAB_BAND)
    return level * response(instrument, osa_version).photons(spectrum)
