"""Lines of constant right ascension and declination, with their labels, in pixel coordinates of a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

STEPS = (1.0, 2.0, 4.0, 5.0, 10.0, 15.0, 30.0, 45.0)
Line = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Graticule:
    """Attributes
    ----------
    lines
        Each (n, 2): x, y in 0-based pixels.
    labels
        (x, y, text) where a line meets the lower (RA) or left (Dec) border.
    """

    lines: tuple[Line, ...]
    labels: tuple[tuple[float, float, str], ...]


def _inside(points: Line, shape: tuple[int, int]) -> NDArray[np.bool_]:
    ny, nx = shape
    x, y = points.T
    with np.errstate(invalid="ignore"):
        return np.isfinite(x) & (x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)


def _pieces(points: Line, inside: NDArray[np.bool_]) -> list[Line]:
    """Runs of consecutive points inside the map."""
    edges = np.flatnonzero(np.diff(inside.astype(int))) + 1
    return [points[run] for run in np.split(np.arange(len(points)), edges) if len(run) > 1 and inside[run[0]]]


def graticule(wcs: WCS, shape: tuple[int, int], lines: int = 6) -> Graticule:
    """About `lines` lines in each coordinate over a map of `shape` (ny, nx).

    The RA step is widened by 1/cos(Dec) of the centre, so that cells stay about square.
    """
    ny, nx = shape
    border = np.concatenate(
        [np.stack([np.linspace(0, nx - 1, 40), np.full(40, edge)], 1) for edge in (0.0, ny - 1.0)]
        + [np.stack([np.full(40, edge), np.linspace(0, ny - 1, 40)], 1) for edge in (0.0, nx - 1.0)]
    )
    sky = wcs.wcs_pix2world(np.vstack([border, [[nx / 2, ny / 2]]]), 0)
    sky = sky[np.isfinite(sky).all(axis=1)]
    ra0, dec0 = wcs.wcs_pix2world([[nx / 2, ny / 2]], 0)[0]
    decs = np.clip([sky[:, 1].min(), sky[:, 1].max()], -90, 90)
    offsets = (sky[:, 0] - ra0 + 180) % 360 - 180
    poles = [y for y in (-90.0, 90.0) if _inside(wcs.wcs_world2pix([[ra0, y]], 0), shape)[0]]
    if poles:
        offsets, decs = np.array([-180.0, 180.0]), np.array([min(*decs, *poles), max(*decs, *poles)])
    dec_step = next((s for s in STEPS if s >= (decs[1] - decs[0]) / lines), STEPS[-1])
    ra_step = next((s for s in STEPS if s >= dec_step / max(np.cos(np.radians(dec0)), 0.1)), STEPS[-1])
    out: list[Line] = []
    labels: list[tuple[float, float, str]] = []

    def draw(world: Line, text: str, low_end: int) -> None:
        points = np.asarray(wcs.wcs_world2pix(world, 0))
        for piece in _pieces(points, _inside(points, shape)):
            out.append(piece)
            end = piece[np.argmin(piece[:, low_end])]
            labels.append((float(end[0]), float(end[1]), text))

    for dec in np.arange(np.ceil(decs[0] / dec_step) * dec_step, min(decs[1], 89.9) + 1e-9, dec_step):
        ra = ra0 + np.linspace(offsets.min(), offsets.max(), 181)
        draw(np.stack([ra, np.full_like(ra, dec)], 1), f"{dec:+g}°", 0)
    first = np.ceil((ra0 + offsets.min()) / ra_step) * ra_step
    for ra in np.arange(first, ra0 + offsets.max() + 1e-9, ra_step):
        dec = np.linspace(max(decs[0], -89.5), min(decs[1], 89.5), 181)
        draw(np.stack([np.full_like(dec, ra), dec], 1), f"{ra % 360:g}°", 1)
    return Graticule(tuple(out), tuple(labels))
