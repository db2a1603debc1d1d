"""The cameras in common terms: ISGRI in the unit of a version of OSA, and the two units of JEM-X.

JEM-X was not always on. As declared here: unit 2 until 2004-03-08 (revolution 171), unit 1 from then on, and unit 2 beside it again
from 2010-10-11 (revolution 976). ISGRI is always on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import isgri, jemx, orbit, sky, spectra
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.sources import SOURCES

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]
JEMX_1_ON: Final = orbit.ijd_of_text("2004-03-08T00:00:00")
JEMX_2_ON_AGAIN: Final = orbit.ijd_of_text("2010-10-11T00:00:00")


@dataclass(frozen=True)
class Isgri:
    """ISGRI; rates and noise in the unit of `osa_version`."""

    osa_version: str = OSA11
    instrument: ClassVar[str] = "isgri"
    live: ClassVar[float] = isgri.LIVE
    near: ClassVar[float] = 0.1
    """Degrees within which a direction is a source's: half the width of a point source."""
    psf_sigma: ClassVar[float] = isgri.PSF_SIGMA

    @property
    def name(self) -> str:
        """With all that its noise depends on."""
        return "isgri"

    def on(self, time: Array) -> NDArray[np.bool_]:
        """Whether it takes data at times in IJD."""
        return np.ones(time.shape, bool)

    def coding(self, axes: Array, directions: Array) -> Array:
        """Coded fractions (n, m) of m unit vectors (m, 3) in n frames (n, 3, 3)."""
        return isgri.coding_towards(axes, directions)

    def variance_density(self, e1: float, e2: float) -> float:
        """Variance of a rate on axis times effective seconds, (cts/s)^2 s: cts/s of an equivalent background."""
        return isgri.variance_density(e1, e2, self.osa_version)

    def levels(self, sources: Numbers, e1: float, e2: float) -> Array:
        """Rates on axis, cts/s (m,), where a source's variability factor is 1."""
        return np.array([spectra.rate(SOURCES[i].spectrum, SOURCES[i].mcrab, e1, e2, self.osa_version) for i in sources], float)


@dataclass(frozen=True)
class Jemx:
    """One unit of JEM-X."""

    unit: int = 2
    instrument: ClassVar[str] = "jemx"
    live: ClassVar[float] = jemx.LIVE
    near: ClassVar[float] = 0.025
    """As for ISGRI."""
    psf_sigma: ClassVar[float] = jemx.PSF_SIGMA

    @property
    def name(self) -> str:
        """With all that its noise depends on."""
        return f"jemx{self.unit}"

    def on(self, time: Array) -> NDArray[np.bool_]:
        """Whether it takes data at times in IJD."""
        if self.unit == 1:
            return time >= JEMX_1_ON
        return (time < JEMX_1_ON) | (time >= JEMX_2_ON_AGAIN)

    def coding(self, axes: Array, directions: Array) -> Array:
        """Coded fractions (n, m) of m unit vectors (m, 3) in n frames (n, 3, 3)."""
        return jemx.coding_towards(axes, directions)

    def variance_density(self, e1: float, e2: float) -> float:
        """Variance of a rate on axis times effective seconds, (cts/s)^2 s."""
        return jemx.variance_density(e1, e2)

    def levels(self, sources: Numbers, e1: float, e2: float) -> Array:
        """Rates on axis, cts/s (m,), where a source's variability factor is 1."""
        return np.array([jemx.rate(SOURCES[i].spectrum, SOURCES[i].mcrab, e1, e2, self.unit) for i in sources], float)


Camera = Isgri | Jemx


def nearest(camera: Camera, directions: Array) -> Numbers:
    """Numbers of the sources at unit vectors (m, 3), -1 where there is none within `camera.near`."""
    cosine = directions @ sky.DIRECTIONS.T
    found = np.argmax(cosine, axis=1) if len(directions) else np.zeros(0, np.intp)
    apart = np.linalg.norm(directions - sky.DIRECTIONS[found], axis=1)
    return np.where(apart < np.deg2rad(camera.near), found, -1)
