"""Science windows as one camera sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import sky
from dashboard.observatory.camera import Camera
from dashboard.observatory.pointings import history
from dashboard.observatory.sources import SOURCES

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]
LEAST = 0.01
"""Coded fraction below which a direction counts as outside the field of view."""


@dataclass(frozen=True, eq=False)
class View:
    """Science windows with a camera on, in time order.

    Attributes
    ----------
    swids
        n 12-digit ids.
    axes
        (n, 3, 3): spacecraft axes X, Y, Z as rows.
    start, stop
        (n,) IJD.
    """

    camera: Camera
    swids: tuple[str, ...]
    axes: Array
    start: Array
    stop: Array

    @classmethod
    def of(cls, camera: Camera, swids: Sequence[str]) -> View:
        """Those of the science windows during which the camera is on. Raises KeyError with the first id not in the history."""
        ids = np.array(sorted({swid[:12] for swid in swids}))
        past = history()
        rows = past.rows(ids.tolist())
        on = camera.on((past.tstart[rows] + past.tstop[rows]) / 2)
        ids, rows = ids[on], rows[on]
        x, z = past.axis[rows], past.z[rows]
        axes = np.stack([x, np.cross(z, x), z], axis=1)
        return cls(camera, tuple(ids.tolist()), axes, past.tstart[rows], past.tstop[rows])

    def __len__(self) -> int:
        return len(self.swids)

    @property
    def middle(self) -> Array:
        """(n,) IJD of mid-times."""
        return (self.start + self.stop) / 2

    @property
    def elapsed(self) -> Array:
        """(n,) seconds."""
        return (self.stop - self.start) * 86400.0

    @property
    def seconds(self) -> Array:
        """(n,) effective seconds."""
        return self.camera.live * self.elapsed

    def coding(self, directions: Array) -> Array:
        """Coded fractions (n, m) of unit vectors (m, 3), zero below LEAST."""
        coding = self.camera.coding(self.axes, directions)
        return np.where(coding < LEAST, 0.0, coding)

    @cached_property
    def sources(self) -> Numbers:
        """Numbers of the sources that any science window sees."""
        return np.flatnonzero(np.any(self.coding(sky.DIRECTIONS) > 0.0, axis=0))

    def means(self, e1: float, e2: float) -> tuple[Array, Array]:
        """Mean rate on axis, cts/s, and its variance, of the sources seen; with the weights of a mosaic: two of (m,)."""
        weights = self.coding(sky.DIRECTIONS[self.sources]) ** 2 * self.seconds[:, None] / self.camera.variance_density(e1, e2)
        factors = np.array([SOURCES[i].factor(self.middle) for i in self.sources]).reshape(len(self.sources), len(self)).T
        total = weights.sum(axis=0)
        return self.camera.levels(self.sources, e1, e2) * (weights * factors).sum(axis=0) / total, 1.0 / total
