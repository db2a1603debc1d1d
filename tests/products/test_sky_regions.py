from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import RequestError
from dashboard.products.mosaic import Mosaic
from dashboard.products.sky_regions import inside, read_regions, region_numbers, write_regions
from dashboard.products.sky_shapes import Box, Circle, Ellipse, Point, Polygon, SkyRegion


def looks_like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


STYLE: dict[str, Any] = {
    "text": st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="{}"), max_size=20).filter(
        lambda text: text == "" or not looks_like_a_number(text)
    ),
    "colour": st.sampled_from(("green", "red", "#12ab3f")),
    "dashed": st.booleans(),
}
RA, DEC, SIZE = st.floats(0, 359.9999), st.floats(-90, 90), st.floats(1e-3, 60)
REGIONS = st.one_of(
    st.builds(Point, RA, DEC, text=STYLE["text"], colour=STYLE["colour"]),
    st.builds(Circle, RA, DEC, SIZE, **STYLE),
    st.builds(Ellipse, RA, DEC, SIZE, SIZE, st.floats(0, 359.9), **STYLE),
    st.builds(Box, RA, DEC, SIZE, SIZE, st.floats(0, 359.9), **STYLE),
    st.builds(
        lambda ra, dec, size, **style: Polygon(tuple(map(tuple, Circle(ra, dec, size).rim()[:-1:16].tolist())), **style),
        RA,
        st.floats(-89, 89),
        SIZE,
        **STYLE,
    ),
)


def sky(ra: float, dec: float, size: int = 200, pixel: float = 0.1, projection: str = "TAN") -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [ra, dec], [size / 2 + 0.5] * 2, [-pixel, pixel]
    return wcs


def numbers(region: SkyRegion) -> list[float]:
    values = [getattr(region, name) for name in ("ra", "dec", "radius", "width", "height", "angle") if hasattr(region, name)]
    return [*values, *np.ravel(getattr(region, "corners", ()))]


@settings(max_examples=60, deadline=None)
@given(st.lists(REGIONS, min_size=1, max_size=4))
def test_what_is_written_is_read_again(regions: list[SkyRegion]) -> None:
    back, notes = read_regions(write_regions(regions))
    assert not notes
    for mine, theirs in zip(regions, back, strict=True):
        assert type(mine) is type(theirs)
        np.testing.assert_allclose((np.array(numbers(mine)) - numbers(theirs) + 180) % 360 - 180, 0, atol=1.1e-6)
        assert (mine.text, mine.colour, mine.dashed) == (theirs.text, theirs.colour, theirs.dashed)


def test_braces_and_lines_of_a_label_do_not_break_the_file() -> None:
    regions, notes = read_regions(write_regions([Circle(1, 2, 3, text="a {b}\ncircle(4,5,6)"), Point(7, 8)]))
    assert [region.text for region in regions] == ["a (b) circle(4,5,6)", ""]
    assert not notes


def test_a_file_from_ds9() -> None:
    regions, notes = read_regions("""# Region file format: DS9 version 4.1
global color=green dashlist=8 3 width=1 font="helvetica 10 normal roman" select=1 dash=0 fixed=0 edit=1 move=1
icrs
circle(5:34:31.94,+22:00:52.2,180.0") # text={Crab}
point(84,21) # point=x color=#ff0000
box(83,22,1.0',0.5',20) # dash=1
fk5;polygon(83,22,84,22,84,23)
annulus(83,22,1',2')
-circle(83,22,3')
blob(1,2,3)
""")
    crab, point, box, polygon = regions
    assert isinstance(crab, Circle)
    assert (crab.ra, crab.dec) == pytest.approx((83.63308, 22.01450), abs=2e-5)
    assert crab.radius == pytest.approx(0.05)
    assert crab.text == "Crab"
    assert (type(point), point.colour) == (Point, "#ff0000")
    assert isinstance(box, Box)
    assert (box.width, box.height, box.angle) == pytest.approx((1 / 60, 0.5 / 60, 20), abs=1e-5)
    assert [box.dashed, polygon.dashed] == [True, False]
    assert isinstance(polygon, Polygon)
    assert np.ravel(polygon.corners) == pytest.approx([83, 22, 84, 22, 84, 23])
    assert [word for word, note in zip(("blob", "annulus", "excluded circle"), notes, strict=True) if word in note] == [
        "blob",
        "annulus",
        "excluded circle",
    ]


def test_galactic_regions_turn_with_their_frame() -> None:
    (box,), _ = read_regions("galactic\nbox(30,60,8,2,15)")
    assert isinstance(box, Box)
    corner = SkyCoord(box.rim()[:, 0], box.rim()[:, 1], unit="deg", frame="fk5").galactic
    np.testing.assert_allclose(np.stack([corner.l.deg, corner.b.deg], 1), Box(30, 60, 8, 2, 15).rim(), atol=1e-6)


def test_pixels_of_an_image_need_its_map() -> None:
    wcs = sky(83.6, 22.0)
    for frame in ("image", "physical", "IMAGE"):
        text = f"{frame}\ncircle(101,51,10)\nbox(101,51,20,10,0)"
        with pytest.raises(RequestError, match="pixels of an image"):
            read_regions(text)
        (circle, box), _ = read_regions(text, wcs)
        assert isinstance(circle, Circle)
        assert isinstance(box, Box)
        assert wcs.wcs_world2pix(circle.ra, circle.dec, 0) == pytest.approx([100, 50], abs=1e-6)
        assert circle.radius == pytest.approx(1.0, rel=0.02)
        assert (box.width, box.height) == pytest.approx((2.0, 1.0), rel=0.02)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No region"),
        ("hello world", "hello"),
        ("fk5\ncircle(83,22", r"circle\(83,22"),
        ("fk5\ncircle(83,22,1)\ncircle(83,95,1)", r"circle\(83,95,1\)"),
        ("circle(10,10,3)", "frame"),
        ("fk5;circle(1,2,-3)", r"circle\(1,2,-3\)"),
        ("fk5;circle(nan,2,3)", "no place on the sky"),
        ("fk5;circle(1,2,120)", "less than 90°"),
        ("fk5;polygon(1,2,3,4,5)", "polygon"),
        ("fk5;polygon(0,0,120,0,240,0)", "one half of the sky"),
        ('global font="helvetica big normal roman"\nfk5;circle(1,2,3)', "no region"),
        ("\x00\x01", "no region"),
        ("SIMPLE  =                    T / FITS", "No region"),
        ("fk5\n" + "x" * 200_000, "split the file"),
    ],
)
def test_what_is_no_region_file_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as refused:
        read_regions(text)
    assert len(str(refused.value)) < 400


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.from_regex(
        r"(fk5|image|galactic)[;\n](circle|box|ellipse|polygon|point|text)\([0-9a-z,.:' \"-]{0,20}\)?( #.{0,20})?", fullmatch=True
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        regions, _ = read_regions(text)
    except RequestError:
        return
    assert all(np.isfinite(region.rim()).all() for region in regions)


@pytest.mark.parametrize(("ra", "dec"), [(83.6, 22.0), (0.02, -10.0), (120.0, 90.0), (40.0, -89.7)])
@pytest.mark.parametrize("projection", ["TAN", "ZEA", "AIT"])
def test_the_pixels_of_a_circle_are_those_within_its_radius(ra: float, dec: float, projection: str) -> None:
    wcs = sky(ra + 1.0, dec - 0.3, projection=projection) if projection != "AIT" else sky(0.0, 0.0, 400, 1.0, "AIT")
    shape = (200, 200) if projection != "AIT" else (400, 400)
    radius = 2.5 if projection != "AIT" else 12.0
    y, x = np.indices(shape)
    places = np.nan_to_num(wcs.wcs_pix2world(np.stack([x.ravel(), y.ravel()], 1), 0), nan=0.0)
    apart = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(places, unit="deg")).deg.reshape(shape)
    apart[~np.isfinite(wcs.wcs_pix2world(np.stack([x.ravel(), y.ravel()], 1), 0)).all(axis=1).reshape(shape)] = np.inf
    mask = inside(Circle(ra, dec, radius), wcs, shape)
    clear = np.abs(apart - radius) > 1e-6
    np.testing.assert_array_equal(mask[clear], (apart < radius)[clear])
    assert mask.sum() > 100


def test_areas_and_orientations() -> None:
    wcs = sky(83.6, 22.0)
    cell = 0.1**2
    for region, area in (
        (Circle(83.6, 22.0, 4.0), np.pi * 16),
        (Ellipse(83.6, 22.0, 8.0, 4.0, 30.0), np.pi * 8),
        (Box(83.6, 22.0, 8.0, 4.0, 30.0), 32.0),
    ):
        mask = inside(region, wcs, (200, 200))
        assert mask.sum() * cell == pytest.approx(area, rel=0.02)
        if not isinstance(region, Circle):
            y, x = np.nonzero(mask)
            major = np.linalg.eigh(np.cov(x, y))[1][:, 1]
            assert np.degrees(np.arctan2(major[1], major[0])) % 180 == pytest.approx(30, abs=1), "counted from west over north"
    corners = wcs.wcs_pix2world([[50.2, 50.2], [150.2, 50.2], [150.2, 120.2], [100.2, 70.2], [50.2, 120.2]], 0)
    mask = inside(Polygon(tuple(map(tuple, corners.tolist()))), wcs, (200, 200))
    assert mask.sum() == pytest.approx(100 * 70 - 50 * 50, rel=0.01)
    assert mask[60, 60]
    assert not mask[110, 100], "the notch"


def test_a_point_has_one_pixel_and_what_is_off_the_map_none() -> None:
    wcs = sky(83.6, 22.0)
    place = wcs.wcs_pix2world(17.3, 120.4, 0)
    assert np.argwhere(inside(Point(*map(float, place)), wcs, (200, 200))).tolist() == [[120, 17]]
    for region in (Point(263.6, -22.0), Circle(263.6, -22.0, 3.0), Circle(120.0, 22.0, 3.0), Point(120.0, 22.0)):
        assert not inside(region, wcs, (200, 200)).any()


def test_the_numbers_of_a_region() -> None:
    wcs = sky(83.6, 22.0)
    significance, exposure = np.zeros((200, 200)), np.full((200, 200), 1000.0)
    significance[105, 92], significance[20, 20] = 12.0, 50.0
    exposure[:, 100:] = 3000.0
    significance[100:, 100:] = np.nan
    mosaic = Mosaic(significance, significance, significance, exposure, wcs)
    mask = np.zeros((200, 200), dtype=bool)
    mask[90:110, 90:110] = True
    told = region_numbers(mosaic, mask)
    assert told.pixels == 300, "unexposed pixels do not count"
    assert told.exposure == pytest.approx((200 * 1000 + 100 * 3000) / 300)
    assert told.significance == 12.0
    assert (told.ra, told.dec) == pytest.approx(wcs.wcs_pix2world([[92, 105]], 0)[0])
    assert region_numbers(mosaic, np.zeros((200, 200), dtype=bool)).pixels == 0
    assert np.isnan(region_numbers(Mosaic(None, None, significance, None, wcs), mask).exposure)
