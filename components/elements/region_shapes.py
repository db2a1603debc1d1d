"""Regions as outlines in the pixels of a map, and what is drawn on a map as regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.coordinates import angular_separation, position_angle
from astropy.wcs import WCS
from numpy.typing import NDArray

from dashboard.errors import RequestError
from dashboard.products.sky_shapes import Box, Circle, Point, Polygon, SkyRegion

BRIGHT = {"green": "lime"}
"""DS9's green is the bright one; a browser's is not."""
MARKER = 9
"""Size of a point's marker on the screen; other regions have none."""


def outlines(regions: Sequence[SkyRegion], wcs: WCS) -> dict[str, list[Any]]:
    """Columns of a Bokeh source, one row a region, in 0-based pixels.

    xs, ys are the closed outline (arrays; NaN where it runs behind the projection), x, y the place of the label: a point itself, or
    the top of the outline. `size` is that of a marker at x, y, `number` counts the regions as given: those wholly behind have no row.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("xs", "ys", "colour", "text", "x", "y", "size", "number")}
    for number, region in enumerate(regions):
        rim = np.asarray(wcs.wcs_world2pix(region.rim(), 0))
        rim[~np.isfinite(rim).all(axis=1)] = np.nan
        if np.isnan(rim).all():
            continue
        x, y = rim[np.nanargmax(rim[:, 1])].tolist()
        colour, size = BRIGHT.get(region.colour, region.colour), MARKER * isinstance(region, Point)
        for name, value in zip(columns, (*rim.T.copy(), colour, region.text, x, y, size, number), strict=True):
            columns[name].append(value)
    return columns


def region_from_pixels(kind: str, xs: Sequence[float], ys: Sequence[float], wcs: WCS) -> SkyRegion:
    """What was drawn, as a region.

    Parameters
    ----------
    kind
        "point", "circle" (its middle and a place on its rim), "box" (two opposite corners) or "polygon" (its corners).
    xs, ys
        0-based pixels.

    Raises
    ------
    RequestError
        When it has no size, too few places, or leaves the sky.
    """
    needed = {"point": 1, "circle": 2, "box": 2, "polygon": 3}
    places = np.stack([xs, ys], 1).astype(float)
    if kind not in needed:
        raise RequestError(f"A region cannot be a {kind}: draw one of {', '.join(needed)}.")
    if len(places) < needed[kind]:
        raise RequestError(f"A {kind} needs {needed[kind]} places, {len(places)} are drawn: draw it again.")
    if kind == "box":
        places = _cross(places)
    sky = np.asarray(wcs.wcs_pix2world(places, 0))
    if not np.isfinite(sky).all():
        raise RequestError("The region leaves the sky of this map: draw it where the map has coordinates.")
    (ra, dec), (lon, lat) = sky[0].tolist(), np.radians(sky).T
    if kind == "point":
        return Point(ra, dec)
    if kind == "polygon":
        return Polygon(tuple((ra, dec) for ra, dec in sky.tolist()))
    reach = np.degrees(angular_separation(lon[0], lat[0], lon[1:], lat[1:]))
    if kind == "circle":
        return Circle(ra, dec, float(reach[0]))
    tilt = float(position_angle(lon[0], lat[0], lon[1], lat[1]).deg) + 90.0
    return Box(ra, dec, float(reach[0] + reach[1]), float(reach[2] + reach[3]), tilt % 360.0)


def _cross(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(5, 2): middle of a rectangle, and those of its right, left, upper and lower side."""
    (left, low), (right, high) = corners[:2].min(axis=0), corners[:2].max(axis=0)
    x, y = corners[:2].mean(axis=0)
    return np.array([(x, y), (right, y), (left, y), (x, high), (x, low)])
