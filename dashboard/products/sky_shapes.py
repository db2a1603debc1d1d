"""Shapes on the sky as values. Angles are degrees, places are FK5.

Sizes are true distances from the centre along great circles, and the sides of a polygon are great circles: a circle at a
pole is a circle, and no region knows of RA 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import RequestError

Places = NDArray[np.float64]
_TURN = np.linspace(0.0, 2.0 * np.pi, 65)
_SIDE = np.linspace(-1.0, 1.0, 17)[:-1]
_SQUARE = np.array([*[(t, -1) for t in _SIDE], *[(1, t) for t in _SIDE], *[(-t, 1) for t in _SIDE], *[(-1, -t) for t in _SIDE], (-1, -1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyRegion(ABC):
    """What all regions have.

    Attributes
    ----------
    text, colour
        Label, and a colour's name or "#rrggbb" in DS9's terms.
    dashed
        Drawn with a dashed line.
    """

    text: str = ""
    colour: str = "green"
    dashed: bool = False

    def rim(self) -> Places:
        """(n, 2) RA, Dec of the closed outline; of a point only itself."""
        return self._rim()

    def contains(self, places: Places) -> NDArray[np.bool_]:
        """(n,) for RA, Dec of shape (n, 2); False where these are NaN."""
        return self._contains(places)

    @abstractmethod
    def _rim(self) -> Places: ...

    @abstractmethod
    def _contains(self, places: Places) -> NDArray[np.bool_]: ...


@dataclass(frozen=True, slots=True)
class Centred(SkyRegion):
    """A region around RA, Dec: round, unless told otherwise."""

    ra: float
    dec: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.ra, self._tilt]).all() and abs(self.dec) <= 90.0):
            raise RequestError(f"RA {self.ra:g}°, Dec {self.dec:g}° is no place on the sky: correct the region.")
        if not all(0.0 < axis < 90.0 for axis in self._half_axes):
            raise RequestError(
                f"The region at RA {self.ra:g}°, Dec {self.dec:g}° must reach more than 0° and less than 90° from its centre."
            )

    @property
    def _half_axes(self) -> tuple[float, ...]:
        return ()

    @property
    def _tilt(self) -> float:
        return 0.0

    def _rim(self) -> Places:
        return self._placed(np.stack([np.cos(_TURN), np.sin(_TURN)], 1))

    def _contains(self, places: Places) -> NDArray[np.bool_]:
        return np.asarray(np.hypot(*self._parts(places).T) <= 1.0 + 1e-9)

    @property
    def _axes(self) -> Places:
        """(3, 3) unit vectors: along, across, and to the centre. Along is west where the tilt is 0, and turns over north."""
        ra, dec, tilt = np.radians([self.ra, self.dec, self._tilt])
        west, north = (
            np.array([np.sin(ra), -np.cos(ra), 0.0]),
            np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)]),
        )
        along, across = np.cos(tilt) * west + np.sin(tilt) * north, np.cos(tilt) * north - np.sin(tilt) * west
        return np.stack([along, across, _vectors(np.array([[self.ra, self.dec]]))[0]])

    def _placed(self, parts: Places) -> Places:
        """RA, Dec of points given in half axes along and across."""
        flat = np.radians(parts * self._half_axes)
        distance = np.hypot(*flat.T)[:, None]
        return _places(np.hstack([flat * np.sinc(distance / np.pi), np.cos(distance)]) @ self._axes)

    def _parts(self, places: Places) -> Places:
        """The way back."""
        x, y, z = self._axes @ _vectors(places).T
        sine = np.hypot(x, y)
        stretch = np.degrees(np.arctan2(sine, z)) / np.maximum(sine, 1e-300)
        return np.stack([x * stretch, y * stretch], 1) / self._half_axes


@dataclass(frozen=True, slots=True)
class Point(Centred):
    """A place; it has no area."""

    def _rim(self) -> Places:
        return np.array([[self.ra, self.dec]])

    def _contains(self, places: Places) -> NDArray[np.bool_]:
        return np.zeros(len(places), dtype=bool)


@dataclass(frozen=True, slots=True)
class Circle(Centred):
    """All within `radius`."""

    radius: float

    @property
    def _half_axes(self) -> tuple[float, ...]:
        return self.radius, self.radius


@dataclass(frozen=True, slots=True)
class Ellipse(Centred):
    """`width` and `height` are whole axes; `angle` turns the first of them from west over north."""

    width: float
    height: float
    angle: float = 0.0

    @property
    def _half_axes(self) -> tuple[float, ...]:
        return self.width / 2.0, self.height / 2.0

    @property
    def _tilt(self) -> float:
        return self.angle


@dataclass(frozen=True, slots=True)
class Box(Ellipse):
    """Sides of length `width` and `height`."""

    def _rim(self) -> Places:
        return self._placed(_SQUARE)

    def _contains(self, places: Places) -> NDArray[np.bool_]:
        return np.asarray(np.abs(self._parts(places)).max(axis=1) <= 1.0 + 1e-9)


@dataclass(frozen=True, slots=True)
class Polygon(SkyRegion):
    """At least three corners (RA, Dec), all within 90 degrees of their middle."""

    corners: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        corners = np.array(self.corners, dtype=float).reshape(-1, 2)
        if len(corners) < 3 or not np.isfinite(corners).all() or np.abs(corners[:, 1]).max() > 90.0:
            raise RequestError("A polygon needs three corners or more, each with an RA and a Dec that are on the sky.")
        if not np.isfinite(self._flat(corners)).all():
            raise RequestError("A polygon has to fit on one half of the sky: make it smaller.")

    def _rim(self) -> Places:
        corners = self._flat(np.array(self.corners))
        sides = []
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            points = int(np.clip(np.hypot(*(end - start)) * 60.0, 1, 16))  # about one a degree
            sides.append(start + np.linspace(0.0, 1.0, points, endpoint=False)[:, None] * (end - start))
        return _places(np.vstack([*sides, corners[:1]]) @ self._axes + self._middle)

    def _contains(self, places: Places) -> NDArray[np.bool_]:
        x, y = self._flat(places).T
        corners = self._flat(np.array(self.corners))
        within = np.zeros(len(places), dtype=bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y0 != y1:
                within ^= ((y0 > y) != (y1 > y)) & (x < x0 + (x1 - x0) * (y - y0) / (y1 - y0))
        return within

    @property
    def _middle(self) -> Places:
        """(3,) unit vector."""
        total = _vectors(np.array(self.corners)).sum(axis=0)
        return total / max(float(np.linalg.norm(total)), 1e-12)

    @property
    def _axes(self) -> Places:
        """(2, 3) unit vectors square to the middle and to each other."""
        return np.linalg.svd(self._middle[None])[2][1:]

    def _flat(self, places: Places) -> Places:
        """(n, 2) in the gnomonic projection, in which great circles are straight; NaN for the other half of the sky."""
        vectors = _vectors(places)
        depth = vectors @ self._middle
        return vectors @ self._axes.T / np.where(depth > 1e-6, depth, np.nan)[:, None]


def _vectors(places: Places) -> Places:
    """(n, 3) unit vectors."""
    ra, dec = np.radians(places).T
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], 1)


def _places(vectors: Places) -> Places:
    """(n, 2) RA, Dec."""
    x, y, z = vectors.T
    return np.degrees(np.stack([np.arctan2(y, x) % (2.0 * np.pi), np.arctan2(z, np.hypot(x, y))], 1))
