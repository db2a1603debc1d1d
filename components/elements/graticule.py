"""Lines of constant longitude and latitude, with their labels, in pixel coordinates of a map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

FRAMES = ("fk5", "galactic")
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 45.0, 90.0)
"""Degrees between lines; each divides the circle."""
POINTS = 241
"""Points of a line before it is cut to the window."""
ROOM = (0.09, 0.04)
"""Width and height of a label, as parts of the window's."""

Points = NDArray[np.float64]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Graticule:
    """A coordinate grid.

    Attributes
    ----------
    lines
        Each (n, 2): x, y in 0-based pixels, inside the window.
    names
        Of each line: "83.5°" (RA or l) or "+22°" (Dec or b). A line that leaves the window and comes back has several pieces.
    labels
        (x, y, text), to be written to the right of and above the point: at most one a name, where the line enters the window from
        below (RA, l) or from the left (Dec, b); where a pole is seen, as far from it as meridians go. What finds no room is left out.
    """

    lines: tuple[Points, ...] = ()
    names: tuple[str, ...] = ()
    labels: tuple[tuple[float, float, str], ...] = ()


def graticule(wcs: WCS, shape: tuple[int, int], lines: int = 6, frame: str = "fk5", window: Bounds | None = None) -> Graticule:
    """About `lines` lines in each coordinate over what is seen of a map, and twice as many meridians around a pole.

    Parameters
    ----------
    wcs
        Equatorial, FK5.
    shape
        (ny, nx) of the map.
    frame
        "fk5" or "galactic".
    window
        x0, x1, y0, y1 that is looked at, in pixels; without it the whole map. Beyond the map there are no lines.
    """
    ny, nx = shape
    x0, x1, y0, y1 = window or (-0.5, nx - 0.5, -0.5, ny - 0.5)
    bounds = max(x0, -0.5), min(x1, nx - 0.5), max(y0, -0.5), min(y1, ny - 0.5)
    seen = _seen(wcs, bounds, frame)
    if seen is None:
        return Graticule()
    west, east, south, north, pole = seen
    lon_step, lat_step = _step(min(east - west, 180.0), lines), _step(north - south, lines)
    lons, lats = _multiples(lon_step, west, east - 1e-9), _multiples(lat_step, max(south, -89.995), min(north, 89.995))
    world = np.empty((len(lats) + len(lons), POINTS, 2))
    world[: len(lats), :, 0], world[: len(lats), :, 1] = np.linspace(west, east, POINTS), lats[:, None]
    world[len(lats) :, :, 0], world[len(lats) :, :, 1] = lons[:, None], np.linspace(south, north, POINTS)
    points = np.asarray(wcs.wcs_world2pix(_equatorial(world.reshape(-1, 2), frame), 0)).reshape(world.shape)
    texts = [f"{lat:+.{_digits(lat_step)}f}°" for lat in lats] + [f"{lon % 360:.{_digits(lon_step)}f}°" for lon in lons]
    drawn = [(piece, text) for line, text in zip(points, texts, strict=True) for piece in _pieces(line, bounds)]
    return Graticule(tuple(piece for piece, _ in drawn), tuple(text for _, text in drawn), _labels(drawn, bounds, pole))


def _seen(wcs: WCS, bounds: Bounds, frame: str) -> tuple[float, float, float, float, Points | None] | None:
    """Ends in longitude (unwrapped) and latitude, and the pixel of a pole that is inside; None where there is no sky."""
    x0, x1, y0, y1 = bounds
    if x0 >= x1 or y0 >= y1:
        return None
    x, y = np.meshgrid(np.linspace(x0, x1, 33), np.linspace(y0, y1, 33))
    pixels = np.stack([x.ravel(), y.ravel()], 1)
    sky = np.asarray(wcs.wcs_pix2world(pixels, 0))
    finite = np.isfinite(sky).all(axis=1)
    if not finite.any():
        return None
    lon, lat = (_rotated(sky[finite], _to_galactic()) if frame == "galactic" else sky[finite]).T
    middle = lon[np.argmin(np.hypot(*(pixels[finite] - pixels.mean(axis=0)).T))]
    offsets = (lon - middle + 180.0) % 360.0 - 180.0
    poles = np.array([[middle, -90.0], [middle, 90.0]])
    places = np.asarray(wcs.wcs_world2pix(_equatorial(poles, frame), 0))
    inside = _inside(places, bounds)
    if inside.any():
        offsets, lat = np.array([-180.0, 180.0]), np.append(lat, poles[inside, 1])
    pole = places[inside][-1] if inside.any() else None
    return float(middle + offsets.min()), float(middle + offsets.max()), float(lat.min()), float(lat.max()), pole


def _step(extent: float, lines: int) -> float:
    return min(STEPS, key=lambda step: abs(math.log(extent / step / (1.1 * lines))))


def _multiples(step: float, low: float, high: float) -> Points:
    return np.round(np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1) * step, 2)


def _digits(step: float) -> int:
    return 0 if step >= 1 else 1 if step >= 0.1 else 2


def _inside(points: Points, bounds: Bounds) -> NDArray[np.bool_]:
    """False for what lies behind the projection, too."""
    (x, y), (x0, x1, y0, y1) = np.moveaxis(points, -1, 0), bounds
    return np.asarray((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))


def _pieces(line: Points, bounds: Bounds) -> list[Points]:
    """Runs of points inside the window, broken where the projection tears the sky."""
    inside = _inside(line, bounds)
    leap = np.abs(np.diff(line, axis=0)).max(axis=1) > 0.2 * max(bounds[1] - bounds[0], bounds[3] - bounds[2])
    edges = np.flatnonzero(np.diff(inside) | leap) + 1
    return [run for run, keep in zip(np.split(line, edges), np.split(inside, edges), strict=True) if len(run) > 1 and keep[0]]


def _labels(drawn: list[tuple[Points, str]], bounds: Bounds, pole: Points | None) -> tuple[tuple[float, float, str], ...]:
    x0, x1, y0, y1 = bounds
    room = np.array([ROOM[0] * (x1 - x0), ROOM[1] * (y1 - y0)])
    labels: dict[str, Points] = {}
    for text in dict.fromkeys(text for _, text in drawn):
        line = np.concatenate([piece for piece, name in drawn if name == text])
        line = line[_inside(line, (x0, x1 - room[0], y0, y1 - room[1]))]
        outwards = line[:, 0] if text[0] in "+-" else line[:, 1] if pole is None else -np.hypot(*(line - pole).T)
        if len(line) and all((np.abs(line[outwards.argmin()] - other) > room).any() for other in labels.values()):
            labels[text] = line[outwards.argmin()]
    return tuple((float(x), float(y), text) for text, (x, y) in labels.items())


@lru_cache(maxsize=1)
def _to_galactic() -> Points:
    """(3, 3): turns unit vectors from FK5."""
    return np.asarray(SkyCoord(*np.eye(3), representation_type="cartesian", frame="fk5").galactic.cartesian.xyz.value)


def _equatorial(places: Points, frame: str) -> Points:
    return _rotated(places, _to_galactic().T) if frame == "galactic" else places


def _rotated(places: Points, matrix: Points) -> Points:
    """(n, 2) longitude and latitude in degrees, in the frame `matrix` turns to."""
    lon, lat = np.radians(places).T
    x, y, z = matrix @ np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return np.degrees(np.stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))], 1))
