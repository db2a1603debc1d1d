"""Regions of a map: to and from DS9's text, the pixels inside, and what the map says there."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray
from regions import CircleSkyRegion, EllipseSkyRegion, PixelRegion, PointSkyRegion, PolygonSkyRegion, RectangleSkyRegion, Regions
from regions.io.ds9.core import DS9ParserError

from dashboard.errors import RequestError
from dashboard.products.mosaic import Mosaic
from dashboard.products.sky_shapes import Box, Centred, Circle, Ellipse, Point, Polygon, SkyRegion

MOST_TEXT = 100_000
"""Characters of a file that is read: 3000 regions take about 3 s."""
MOST_NOTES = 20
HOW = "Save them in DS9 as FK5 or galactic."
UNREADABLE = (DS9ParserError, ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What the library raises for numbers that are missing or impossible."""


def read_regions(text: str, wcs: WCS | None = None) -> tuple[tuple[SkyRegion, ...], tuple[str, ...]]:
    """Regions of a DS9 file in any of its celestial frames, and sentences on what was left out.

    Parameters
    ----------
    wcs
        Of the map on which regions in image coordinates were drawn.

    Raises
    ------
    RequestError
        When nothing can be read, or when places are pixels and no map is given.
    """
    if len(text) > MOST_TEXT:
        raise RequestError(f"The text has {len(text)} characters, more than the {MOST_TEXT} that are read: split the file.")
    text = re.sub(r"(?im)(^|;)(\s*)physical(?=\s*(;|$))", r"\1\2image", text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            shapes = list(Regions.parse(text, format="ds9"))
        except UNREADABLE as error:
            raise RequestError(f"The line {_culprit(text)!r} is no region that can be read: correct it or take it out.") from error
    notes = dict.fromkeys(f"Left out: {_brief(str(w.message))}." for w in caught if "unsupported" not in str(w.message))
    regions = []
    for shape in shapes:
        if isinstance(shape, PixelRegion) and wcs is None:
            raise RequestError(f"The regions are in pixels of an image, not on the sky. {HOW}")
        kind = re.sub("(Sky|Pixel)Region$", "", type(shape).__name__)
        if shape.meta.get("include", 1) and kind in {"Point", "Circle", "Ellipse", "Rectangle", "Polygon"}:
            regions.append(_region(shape, wcs))
        else:
            notes[f"Left out: {'the shape' if shape.meta.get('include', 1) else 'an excluded'} {kind.lower()}."] = None
    if not regions:
        raise RequestError(" ".join(["No region could be read.", *list(notes)[:1], HOW]))
    return tuple(regions), tuple(notes)[:MOST_NOTES]


def _culprit(text: str) -> str:
    """The first line that cannot be read by itself."""
    for line in text.splitlines():
        try:
            Regions.parse(f"fk5\n{line}", format="ds9")
        except UNREADABLE:
            return line.strip()[:100]
    return text.strip()[:100]


def _brief(message: str) -> str:
    return re.sub(r",? skipping$", "", " ".join(message.split()).rstrip("."))[:200]


def _region(shape: Any, wcs: WCS | None) -> SkyRegion:
    """One shape of the library as ours."""
    visual, of_map = shape.visual, isinstance(shape, PixelRegion)
    style: dict[str, Any] = {
        "text": str(shape.meta.get("text", "")),  # the library makes a number of a label that looks like one
        "colour": str(visual.get("edgecolor", visual.get("color", "green"))),
        "dashed": visual.get("linestyle", "solid") != "solid",
    }
    shape = shape.to_sky(wcs) if of_map else shape
    places = shape.vertices if isinstance(shape, PolygonSkyRegion) else shape.center
    as_it_is = of_map or places.frame.name == "fk5"  # a map's own RA and Dec are taken for FK5 everywhere
    fk5 = places if as_it_is else places.transform_to("fk5")
    ra, dec = fk5.spherical.lon.deg.tolist(), fk5.spherical.lat.deg.tolist()
    match shape:
        case PolygonSkyRegion():
            return Polygon(tuple(zip(ra, dec, strict=True)), **style)
        case PointSkyRegion():
            return Point(ra, dec, **style)
        case CircleSkyRegion():
            return Circle(ra, dec, float(shape.radius.to_value("deg")), **style)
    turn = 0.0
    if not as_it_is:
        north = places.directional_offset_by(0.0 * u.deg, 1.0 * u.arcmin)
        turn = float(fk5.position_angle(north.transform_to("fk5")).deg)
    width, height, angle = (float(value.to_value("deg")) for value in (shape.width, shape.height, shape.angle))
    return (Box if isinstance(shape, RectangleSkyRegion) else Ellipse)(ra, dec, width, height, angle + turn, **style)


def write_regions(regions: Iterable[SkyRegion], precision: int = 6) -> str:
    """A DS9 file; `precision` is the number of decimals of degrees. Braces in labels become parentheses: they would end the label."""
    return str(Regions([_shape(region) for region in regions]).serialize(format="ds9", precision=precision))


def _shape(region: SkyRegion) -> Any:
    text = " ".join(region.text.split()).translate(str.maketrans("{}", "()"))
    style: dict[str, Any] = {"meta": {"text": text} if text else {}, "visual": {"color": region.colour, "dash": int(region.dashed)}}
    if isinstance(region, Polygon):
        return PolygonSkyRegion(SkyCoord(region.corners, unit="deg", frame="fk5"), **style)
    assert isinstance(region, Centred)
    centre = SkyCoord(region.ra, region.dec, unit="deg", frame="fk5")
    match region:
        case Circle():
            return CircleSkyRegion(centre, region.radius * u.deg, **style)
        case Ellipse():
            kind = RectangleSkyRegion if isinstance(region, Box) else EllipseSkyRegion
            return kind(centre, region.width * u.deg, region.height * u.deg, region.angle * u.deg, **style)
    return PointSkyRegion(centre, meta=style["meta"], visual={"color": region.colour})


def inside(region: SkyRegion, wcs: WCS, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of a map of `shape` (ny, nx) whose middle is inside; of a point the pixel that holds it."""
    mask = np.zeros(shape, dtype=bool)
    rim = np.asarray(wcs.wcs_world2pix(region.rim(), 0))
    if isinstance(region, Point):
        x, y = np.rint(np.nan_to_num(rim[0], nan=-1.0)).astype(int)
        if 0 <= x < shape[1] and 0 <= y < shape[0]:
            mask[y, x] = True
        return mask
    low, high = np.array([0, 0]), np.array(shape[::-1])
    if wcs.wcs.theta0 == 90.0 and np.isfinite(rim).all():  # zenithal: what the rim encloses on the sky it encloses on the map
        low, high = (np.clip(end, low, high).astype(int) for end in (np.floor(rim.min(axis=0)), np.ceil(rim.max(axis=0)) + 1))
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    places = np.stack([x.ravel(), y.ravel()], 1)
    if len(places):
        mask[y, x] = region.contains(np.asarray(wcs.wcs_pix2world(places, 0))).reshape(x.shape)
    return mask


@dataclass(frozen=True, slots=True)
class RegionNumbers:
    """What a mosaic says inside a region. There is no sum: a coded-mask map holds in each pixel the flux a point source there would
    have, not the light of that pixel; the flux of a source is that of its peak, from a fit of the point spread function.

    Attributes
    ----------
    pixels
        Exposed pixels inside; without any the other numbers are NaN.
    exposure
        Mean, effective seconds; NaN for a significance-only map.
    significance, ra, dec
        Of the most significant pixel: sigma, and its middle in degrees.
    """

    pixels: int
    exposure: float = float("nan")
    significance: float = float("nan")
    ra: float = float("nan")
    dec: float = float("nan")


def region_numbers(mosaic: Mosaic, mask: NDArray[np.bool_]) -> RegionNumbers:
    """The numbers of the pixels in `mask` (ny, nx)."""
    rows, columns = np.nonzero(mask & mosaic.valid)
    if rows.size == 0:
        return RegionNumbers(0)
    significance = mosaic.significance[rows, columns]
    best = int(significance.argmax())
    ra, dec = mosaic.wcs.wcs_pix2world(columns[best], rows[best], 0)
    exposure = float("nan") if mosaic.exposure is None else float(mosaic.exposure[rows, columns].mean(dtype=float))
    return RegionNumbers(rows.size, exposure, float(significance[best]), float(ra), float(dec))
