"""The grid a sum of mosaics lives on: fixed by the pointings, before any batch arrives.

Every batch comes on a grid of its own, so the grid of the first one to arrive would decide which sky is kept. The
pointings are known beforehand: their fields of view, square and rolled or round, decide instead. Projections after
Calabretta & Greisen 2002, A&A 395, 1077: TAN for fields that every viewer should open, ZEA (equal area) for wider ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray

from dashboard.errors import ProductError
from dashboard.products.instrument import ISGRI

TAN_ACROSS = 60.0
"""Degrees; wider fields are laid out in ZEA."""
MOST_ACROSS = 180.0
"""Degrees; beyond a hemisphere ZEA's pixels are longer than a point source is wide."""
MOST_PIXELS = 4096
"""Pixels a side; a sum of this size holds 0.6 GB."""
MARGIN = 4
"""Pixels kept around the fields of view, so that a source on the rim keeps its wings."""


@dataclass(frozen=True)
class Grid:
    """Pixels on the sky, north up, east (growing RA) to the left.

    Attributes
    ----------
    projection
        "TAN" or "ZEA".
    crval
        RA, Dec of the reference point in degrees, FK5.
    pixel
        Side of a pixel at the reference point, degrees.
    shape
        (ny, nx).
    crpix
        (x, y) of the reference point, counted from 1.
    """

    projection: str
    crval: tuple[float, float]
    pixel: float
    shape: tuple[int, int]
    crpix: tuple[float, float]

    def header(self) -> dict[str, str | float]:
        """FITS cards of the coordinates."""
        return {
            "CTYPE1": f"RA---{self.projection}",
            "CTYPE2": f"DEC--{self.projection}",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRVAL1": self.crval[0],
            "CRVAL2": self.crval[1],
            "CRPIX1": self.crpix[0],
            "CRPIX2": self.crpix[1],
            "CD1_1": -self.pixel,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": self.pixel,
            "LONPOLE": 180.0,
            "RADESYS": "FK5",
            "EQUINOX": 2000.0,
        }

    @property
    def wcs(self) -> WCS:
        """A new WCS of these pixels."""
        return WCS(fits.Header(self.header()), naxis=2)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Grid:
        """The grid whose `to_dict` gave these fields, also after a way through JSON."""
        (ra, dec), (ny, nx), (x, y) = fields["crval"], fields["shape"], fields["crpix"]
        return cls(str(fields["projection"]), (float(ra), float(dec)), float(fields["pixel"]), (int(ny), int(nx)), (float(x), float(y)))


def output_grid(
    ra_scx: ArrayLike,
    dec_scx: ArrayLike,
    ra_scz: ArrayLike,
    dec_scz: ArrayLike,
    half_field: float = ISGRI.half_field,
    pixel: float = ISGRI.pixel,
    circle: bool = False,
) -> Grid:
    """The smallest grid that holds the fields of view of all pointings.

    The reference point is the mean direction of the pointings, rounded to 1e-4 degrees; CRPIX are whole numbers.

    Parameters
    ----------
    ra_scx, dec_scx
        (n,); telescope axes, degrees.
    ra_scz, dec_scz
        (n,); spacecraft Z axes, degrees: they fix the roll.
    half_field
        Degrees from the axis to the side of the square field of view, or the radius of the round one.
    pixel
        Degrees.
    circle
        The field of view is round: the roll does not matter.

    Raises
    ------
    ProductError
        Without pointings, beyond a hemisphere, or beyond 4096 pixels a side.
    """
    x, z = _directions(ra_scx, dec_scx), _directions(ra_scz, dec_scz)
    if not len(x) or not np.isfinite(x).all() or not np.isfinite(z).all():
        raise ProductError("Without the directions of the science windows no sky grid can be laid out; select some that have them.")
    mean = x.mean(axis=0)
    ra = round(math.degrees(math.atan2(mean[1], mean[0])) % 360, 4) % 360
    dec = round(math.degrees(math.atan2(mean[2], math.hypot(mean[0], mean[1]))), 4)
    centre = _directions([ra], [dec])[0]
    across = 2 * (math.degrees(math.acos(np.clip((x @ centre).min(), -1, 1))) + half_field)
    if across > MOST_ACROSS:
        raise ProductError(
            f"The science windows spread over {min(across, 360.0):.0f} degrees of sky and one mosaic holds at most {MOST_ACROSS:.0f}. "
            "Select a smaller field."
        )
    projection = "TAN" if across <= TAN_ACROSS else "ZEA"
    east, north = _rim(x, z, centre, _outline(half_field, circle), projection)
    (left, right), (low, high) = (
        (math.floor(side.min() / pixel) - MARGIN, math.ceil(side.max() / pixel) + MARGIN) for side in (-east, north)
    )
    shape = (high - low + 1, right - left + 1)
    if max(shape) > MOST_PIXELS:
        raise ProductError(
            f"The mosaic of these science windows would have {shape[1]} x {shape[0]} pixels; "
            f"at most {MOST_PIXELS} a side are allowed. Select a smaller field, or ask for its parts as runs of their own."
        )
    return Grid(projection, (ra, dec), pixel, shape, (float(1 - left), float(1 - low)))


def _directions(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """(n, 3) unit vectors of positions in degrees."""
    a, d = np.radians(np.asarray(ra, dtype=float)), np.radians(np.asarray(dec, dtype=float))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def _outline(half_field: float, circle: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tangents of the angles along Y and Z from the axis to points around a field of view."""
    reach = math.tan(math.radians(half_field))
    if circle:
        turn = np.radians(np.arange(0, 360, 5))
        # Chords between the points must not cut into the circle.
        return reach / math.cos(math.radians(2.5)) * np.cos(turn), reach / math.cos(math.radians(2.5)) * np.sin(turn)
    side = reach * np.linspace(-1, 1, 9)[:-1]
    edge = np.full_like(side, reach)
    return np.concatenate([side, edge, -side, -edge]), np.concatenate([-edge, side, edge, -side])


def _rim(
    x: NDArray[np.float64],
    z: NDArray[np.float64],
    centre: NDArray[np.float64],
    outline: tuple[NDArray[np.float64], NDArray[np.float64]],
    projection: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees to the east and north in the projection of the outlines of all fields of view."""
    z = z - (x * z).sum(axis=1, keepdims=True) * x
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    along_y, along_z = outline
    east = np.array([-centre[1], centre[0], 0.0])
    # On the pole itself the rounded reference point still has a right ascension; its cosine is 6e-17, not 0.
    east /= np.linalg.norm(east)
    frame = np.stack([centre, east, np.cross(centre, east)], axis=1)
    to_axis, to_y, to_z = x @ frame, np.cross(z, x) @ frame, z @ frame
    towards, e, n = (to_axis[:, [i]] + to_y[:, [i]] * along_y + to_z[:, [i]] * along_z for i in range(3))
    scale = 1 / towards
    if projection == "ZEA":
        length = np.sqrt(towards**2 + e**2 + n**2)
        scale = np.sqrt(2 / (1 + towards / length)) / length
    return np.degrees(e * scale), np.degrees(n * scale)
