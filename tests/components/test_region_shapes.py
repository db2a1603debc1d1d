from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from components.elements.region_shapes import outlines, region_from_pixels
from dashboard.errors import RequestError
from dashboard.products.sky_shapes import Box, Circle, Ellipse, Point, Polygon


def sky(ra: float, dec: float, size: int = 400, pixel: float = 0.1, projection: str = "TAN") -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [ra, dec], [size / 2 + 0.5] * 2, [-pixel, pixel]
    return wcs


@pytest.mark.parametrize(("ra", "dec"), [(83.6, 22.0), (0.02, -10.0), (120.0, 90.0), (200.0, 89.5), (40.0, -89.7)])
@pytest.mark.parametrize("projection", ["TAN", "ZEA"])
def test_a_circle_keeps_its_distance_on_the_sky(ra: float, dec: float, projection: str) -> None:
    wcs = sky(ra + 3.0, max(dec - 5.0, -90.0), projection=projection)
    columns = outlines([Circle(ra, dec, 2.5, text="here", colour="red")], wcs)
    rim = np.stack([columns["xs"][0], columns["ys"][0]], 1)
    apart = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(wcs.wcs_pix2world(rim, 0), unit="deg")).deg
    np.testing.assert_allclose(apart, 2.5, atol=1e-6)
    assert len(rim) == 65
    np.testing.assert_allclose(rim[0], rim[-1], atol=1e-6)
    assert np.hypot(*np.diff(rim, axis=0).T).max() < 4.0, "no jump"
    assert (columns["text"], columns["colour"], columns["number"], columns["size"]) == (["here"], ["red"], [0], [0])
    assert columns["y"][0] == rim[:, 1].max()


def test_directions_on_the_map() -> None:
    wcs = sky(83.6, 0.0)
    for region in (Ellipse(83.6, 0.0, 6.0, 2.0, 90.0), Box(83.6, 0.0, 6.0, 2.0, 90.0)):
        columns = outlines([region], wcs)
        assert np.ptp(columns["xs"][0]) == pytest.approx(20, rel=0.01), "the height lies along RA"
        assert np.ptp(columns["ys"][0]) == pytest.approx(60, rel=0.01), "the width along Dec"
    up_left = outlines([Ellipse(83.6, 0.0, 6.0, 0.1, 120.0)], wcs)
    tip = int(np.argmax(up_left["ys"][0]))
    assert up_left["xs"][0][tip] < 199.5, "from west over north to east"


def test_sides_of_a_polygon_are_great_circles() -> None:
    corners = ((355.0, -5.0), (5.0, -5.0), (5.0, 8.0), (355.0, 8.0))
    columns = outlines([Polygon(corners)], sky(0.0, 0.0))
    x, y = columns["xs"][0], columns["ys"][0]
    expected = sky(0.0, 0.0).wcs_world2pix(corners, 0)
    assert (np.ptp(x), np.ptp(y)) == pytest.approx(tuple(np.ptp(expected, axis=0)), abs=1e-6)
    for start, end in zip(expected, np.roll(expected, -1, axis=0), strict=True):
        length = np.hypot(*(end - start))
        off = np.abs((x - start[0]) * (end - start)[1] - (y - start[1]) * (end - start)[0]) / length
        assert (off < 1e-6).sum() > 5, "straight in TAN"


def test_what_lies_behind_the_projection_is_left_out() -> None:
    wcs = sky(83.6, 0.0)
    columns = outlines([Circle(263.6, 0.0, 5.0), Circle(83.6, 0.0, 1.0), Point(263.6, 0.0), Circle(173.6, 0.0, 5.0), Point(84.0, 1.0)], wcs)
    assert columns["number"] == [1, 3, 4]
    assert np.isfinite(columns["xs"][0]).all()
    beyond = np.isnan(columns["xs"][1])
    assert 20 < beyond.sum() < 45, "half of it"
    np.testing.assert_array_equal(beyond, np.isnan(columns["ys"][1]))
    assert np.isfinite([*columns["x"], *columns["y"]]).all()
    assert columns["size"][2] > 0
    assert (columns["x"][2], columns["y"][2]) == pytest.approx(wcs.wcs_world2pix([[84.0, 1.0]], 0)[0])


def test_ds9_green_is_the_bright_one() -> None:
    assert outlines([Point(83.6, 0.0), Point(83.6, 0.0, colour="#123456")], sky(83.6, 0.0))["colour"] == ["lime", "#123456"]


def test_no_regions_are_empty_columns() -> None:
    assert set(map(len, outlines([], sky(83.6, 0.0)).values())) == {0}


@pytest.mark.parametrize(("ra", "dec"), [(83.6, 22.0), (0.0, -45.0), (120.0, 88.0)])
@pytest.mark.parametrize("projection", ["TAN", "ZEA"])
def test_what_is_drawn_comes_back(ra: float, dec: float, projection: str) -> None:
    wcs = sky(ra, dec, projection=projection)
    circle = region_from_pixels("circle", [150.0, 180.0], [260.0, 260.0], wcs)
    assert isinstance(circle, Circle)
    ends = SkyCoord(wcs.wcs_pix2world([[150.0, 260.0], [180.0, 260.0]], 0), unit="deg")
    assert circle.radius == pytest.approx(ends[0].separation(ends[1]).deg)
    assert (circle.ra, circle.dec) == pytest.approx((ends[0].ra.deg, ends[0].dec.deg))

    box = region_from_pixels("box", [270.0, 250.0], [230.0, 290.0], wcs)
    assert isinstance(box, Box)
    shape = outlines([box], wcs)
    for columns, (low, high) in ((shape["xs"][0], (250, 270)), (shape["ys"][0], (230, 290))):
        assert (columns.min(), columns.max()) == pytest.approx((low, high), abs=0.6), "within 1 % of its size"

    polygon = region_from_pixels("polygon", [10.0, 60.0, 30.0], [20.0, 30.0, 90.0], wcs)
    assert isinstance(polygon, Polygon)
    np.testing.assert_allclose(wcs.wcs_world2pix(polygon.corners, 0), [[10, 20], [60, 30], [30, 90]], atol=1e-6)

    point = region_from_pixels("point", [33.0], [44.0], wcs)
    assert isinstance(point, Point)
    np.testing.assert_allclose(wcs.wcs_world2pix(point.ra, point.dec, 0), [33, 44], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "xs", "ys", "words"),
    [
        ("circle", [100.0], [100.0], "2 places"),
        ("circle", [100.0, 100.0], [100.0, 100.0], "more than 0°"),
        ("polygon", [100.0, 110.0], [100.0, 120.0], "3 places"),
        ("star", [100.0], [100.0], "cannot be a star"),
        ("circle", [100.0, 5000.0], [100.0, 100.0], "leaves the sky"),
        ("box", [], [], "2 places"),
    ],
)
def test_what_is_no_region_is_refused(kind: str, xs: list[float], ys: list[float], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        region_from_pixels(kind, xs, ys, sky(83.6, 0.0, projection="ZEA"))
