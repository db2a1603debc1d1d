"""Photon spectra of the simulated sources, and the ISGRI rate they give.

Models give photons cm-2 s-1 keV-1 up to a constant (Band's is absolute: the Crab of the observatory). Rates are those of
OSA11: the area was fitted to the Crab's OSA11 rates of 2016, 209.8, 76.3 and 52.6 cts/s in 20-40, 40-60 and 60-100 keV.
They do not drift with time; those of other versions of OSA follow by the factor of `calibration`. For the Crab's spectrum one
count is 3.97e-11, 5.38e-11 and 9.40e-11 erg cm-2 in these bands (OSA11; published with the same rates).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory.calibration import OSA11, factor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """(E/100)^-index, times exp(-E/cutoff) when a cutoff is given (keV)."""

    index: float
    cutoff: float = float("inf")

    def __call__(self, energy: Array) -> Array:
        """Photons at energies in keV."""
        return (energy / 100.0) ** -self.index * np.exp(-energy / self.cutoff)


@dataclass(frozen=True)
class Band:
    """Band function (Band et al. 1993): `norm` at 100 keV, indices `alpha` and `beta`, energy `cutoff` in keV."""

    norm: float
    alpha: float
    beta: float
    cutoff: float

    def __call__(self, energy: Array) -> Array:
        """Photons at energies in keV."""
        knee = (self.alpha - self.beta) * self.cutoff
        low = (energy / 100.0) ** self.alpha * np.exp(-energy / self.cutoff)
        high = (knee / 100.0) ** (self.alpha - self.beta) * np.exp(self.beta - self.alpha) * (energy / 100.0) ** self.beta
        return self.norm * np.where(energy < knee, low, high)


@dataclass(frozen=True)
class Bremsstrahlung:
    """exp(-E/kT)/E with a power law of index 2.5 that takes over as `tail` of it at 40 keV."""

    kt: float
    tail: float = 0.0

    def __call__(self, energy: Array) -> Array:
        """Photons at energies in keV."""
        return np.exp(-energy / self.kt) / energy + self.tail * np.exp(-40.0 / self.kt) / 40.0 * (energy / 40.0) ** -2.5


@dataclass(frozen=True)
class Pulsar:
    """Power law with a high-energy cutoff and a cyclotron line (all keV; depth 0: no line)."""

    index: float
    cutoff: float
    fold: float
    line: float = 0.0
    depth: float = 0.0
    width: float = 5.0

    def __call__(self, energy: Array) -> Array:
        """Photons at energies in keV."""
        cut = np.exp(-np.clip(energy - self.cutoff, 0.0, None) / self.fold)
        return energy**-self.index * cut * np.exp(-self.depth * np.exp(-0.5 * ((energy - self.line) / self.width) ** 2))


Spectrum = PowerLaw | Band | Bremsstrahlung | Pulsar
CRAB = Band(7.417e-4, -1.98, -2.33, 500.0)  # Roques & Jourdain 2018
MCRAB_BAND = (20.0, 40.0)


def area(energy: Array) -> Array:
    """Effective area of ISGRI that gives OSA11 rates, cm2 (peak 1394 at 34 keV)."""
    return 1415.0 / (1.0 + np.exp(-(energy - 19.94) / 2.2)) / (1.0 + (energy / 203.0) ** 2.39)


@lru_cache(maxsize=4096)
def counts(spectrum: Spectrum, e1: float, e2: float, osa_version: str = OSA11) -> float:
    """Integral of area times photons over the band (keV): cts/s for an absolute spectrum."""
    energy = np.geomspace(e1, e2, 513)
    return float(np.trapezoid(area(energy) * factor(energy, osa_version) * spectrum(energy), energy))


def rate(spectrum: Spectrum, mcrab: float, e1: float, e2: float, osa_version: str = OSA11) -> float:
    """ISGRI rate, cts/s in the unit of a version of OSA, of a source that has `mcrab` thousandths of the Crab's 20-40 keV rate."""
    return mcrab / 1000.0 * counts(CRAB, *MCRAB_BAND) * counts(spectrum, e1, e2, osa_version) / counts(spectrum, *MCRAB_BAND)
