"""Type I X-ray bursts, on top of what a source does otherwise.

Time is cut into cells of one recurrence time from IJD 0 on, and each cell has one burst, whose place and height are a hash of the
cell's number: a burst is the same whoever asks. The rise is linear, the decay exponential, so that means over bins are exact. The
spectrum does not change within a burst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import chance, jemx
from dashboard.observatory.spectra import CRAB, PowerLaw

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
BAND: Final = (3.0, 20.0)
"""keV, of JEM-X: where heights are given in Crab."""
SPECTRUM: Final = PowerLaw(-2.0, 2.0)
"""Wien's law for kT = 2 keV, which is what a black body has above that."""
PHOTONS: Final = jemx.counts(CRAB, *BAND) / jemx.counts(SPECTRUM, *BAND)
"""Times the spectrum: photons cm-2 s-1 keV-1 at a height of 1 Crab."""


@dataclass(frozen=True)
class Bursts:
    """The bursts of one source; seen in light curves alone.

    Attributes
    ----------
    name
        Two sources of different names burst independently.
    recurrence
        Mean time between bursts, hours.
    scatter
        Part of its cell over which a burst's place is drawn: near 0 for a clock, near 1 for no order.
    height
        Least and greatest peak, in Crab in JEM-X's 3-20 keV.
    rise, decay
        Time of the rise and scale of the decay, seconds; both far shorter than the recurrence time.
    """

    name: str
    recurrence: float
    scatter: float
    height: tuple[float, float]
    rise: float
    decay: float

    def onset(self, number: Numbers) -> Array:
        """IJD at which bursts begin, by number (any shape)."""
        place = 0.5 + self.scatter * (chance.uniform(number, "burst", self.name) - 0.5)
        return (number + place) * self.recurrence / 24.0

    def peak(self, number: Numbers) -> Array:
        """Heights in Crab."""
        low, high = self.height
        return low + (high - low) * chance.uniform(number, "height", self.name)

    def mean(self, start: Array, stop: Array) -> Array:
        """Mean heights in Crab over intervals (IJD, of one shape)."""
        first, last = (np.floor(t * 24.0 / self.recurrence).astype(np.int64) for t in (start, stop))
        seconds = np.zeros(start.shape)
        for step in range(-1, int(np.max(last - first, initial=0)) + 1):  # a burst at the end of the cell before may still decay
            onset = self.onset(first + step)
            seconds += self.peak(first + step) * (self._fluence(stop - onset) - self._fluence(start - onset))
        return seconds / ((stop - start) * 86400.0)

    def _fluence(self, since: Array) -> Array:
        """Seconds at full height that a burst has given by days after its onset."""
        t = since * 86400.0
        rising, decaying = np.clip(t, 0.0, self.rise), np.clip(t - self.rise, 0.0, None)
        return rising**2 / (2.0 * self.rise) - self.decay * np.expm1(-decaying / self.decay)
