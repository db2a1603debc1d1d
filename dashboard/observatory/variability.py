"""How the simulated sources vary: factors on their mean level as functions of time.

Each form is called with times in IJD (TT, days; any shape) and returns factors of the same shape. Epochs are given as MJD,
as the literature does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance

Array = NDArray[np.float64]
Form = Callable[[Array], Array]
MJD_OF_IJD_0 = 51544.0


def constant(time: Array) -> Array:
    """No change."""
    return np.ones_like(time)


@dataclass(frozen=True)
class Wave:
    """1 + amplitude cos(2 pi (t - epoch)/period), zero within `eclipse` of half a phase turn away.

    Attributes
    ----------
    period
        Days.
    epoch
        MJD: of maximum, or of mid-eclipse when there is one.
    amplitude
        Fraction of the mean.
    eclipse
        Half width in phase about `epoch`; 0 for none.
    """

    period: float
    epoch: float = 53000.0
    amplitude: float = 0.0
    eclipse: float = 0.0

    def __call__(self, time: Array) -> Array:
        """Factors at times in IJD."""
        phase = (time + MJD_OF_IJD_0 - self.epoch) / self.period
        offset = np.abs(phase - np.rint(phase))
        return np.where(offset < self.eclipse, 0.0, 1.0 + self.amplitude * np.cos(2.0 * np.pi * phase))


@dataclass(frozen=True)
class Pulse:
    """1 + amplitude cos(2 pi t/period), t in seconds from IJD 0; of fixed period: no orbit, no spin-up, no barycentre.

    A science window holds no whole number of pulses, but images and spectra take the slow variability alone. The cosine is therefore
    counted from its mean over the science window, which makes the mean over that 1.

    Attributes
    ----------
    period
        Seconds.
    amplitude
        Fraction of the mean.
    """

    period: float
    amplitude: float

    def mean(self, start: Array, stop: Array, first: Array, last: Array) -> Array:
        """Mean factors over intervals, each within a science window from `first` to `last` (all IJD, of one shape)."""
        return 1.0 + self.amplitude * (self._cosine(start, stop) - self._cosine(first, last))

    def _cosine(self, start: Array, stop: Array) -> Array:
        a, b = (2.0 * np.pi * 86400.0 / self.period * t for t in (start, stop))
        return np.asarray((np.sin(b) - np.sin(a)) / (b - a))


@dataclass(frozen=True)
class Outburst:
    """Gaussian rise to `peak` at MJD `at`, exponential decay (both time scales in days)."""

    at: float
    peak: float
    rise: float
    decay: float

    def __call__(self, time: Array) -> Array:
        """Factors at times in IJD."""
        since = time + MJD_OF_IJD_0 - self.at
        with np.errstate(over="ignore", under="ignore"):
            shape = np.where(since < 0.0, np.exp(-0.5 * (since / self.rise) ** 2), np.exp(-np.clip(since, 0.0, None) / self.decay))
        return self.peak * shape


@dataclass(frozen=True)
class Window:
    """One level between two MJD, another outside."""

    start: float
    stop: float
    inside: float = 1.0
    outside: float = 0.0

    def __call__(self, time: Array) -> Array:
        """Factors at times in IJD."""
        mjd = time + MJD_OF_IJD_0
        return np.where((mjd >= self.start) & (mjd < self.stop), self.inside, self.outside)


@dataclass(frozen=True)
class Flares:
    """Log-normal red noise of mean 1: octaves of hashed normals, interpolated in time.

    Attributes
    ----------
    name
        Two sources of different names vary independently.
    sigma
        Standard deviation of the logarithm.
    longest, octaves
        Longest time scale in days; each octave halves it.
    """

    name: str
    sigma: float
    longest: float = 64.0
    octaves: int = 8

    def __call__(self, time: Array) -> Array:
        """Factors at times in IJD."""
        total = np.zeros_like(time)
        for octave in range(self.octaves):
            position = time / (self.longest / 2.0**octave)
            knot = np.floor(position).astype(np.int64)
            f = position - knot
            left, right = (chance.normal(knot + k, self.name, octave) for k in (0, 1))
            total += ((1.0 - f) * left + f * right) / np.hypot(1.0 - f, f)
        return np.exp(self.sigma * total / np.sqrt(self.octaves) - 0.5 * self.sigma**2)


@dataclass(frozen=True)
class Sum:
    """A quiet level plus forms."""

    quiet: float
    forms: tuple[Form, ...]

    def __call__(self, time: Array) -> Array:
        """Factors at times in IJD."""
        return self.quiet + np.sum([form(time) for form in self.forms], axis=0)


@dataclass(frozen=True)
class Product:
    """Forms multiplied."""

    forms: tuple[Form, ...]

    def __call__(self, time: Array) -> Array:
        """Factors at times in IJD."""
        return np.prod([form(time) for form in self.forms], axis=0)
