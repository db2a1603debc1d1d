"""Coordinates in any usual form are the position they say; a name is never taken for coordinates, nonsense never for either."""

from __future__ import annotations

import math
import re

import pytest
from astropy.coordinates import SkyCoord
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.archive.reference_catalog import reference_catalog
from dashboard.errors import RequestError
from dashboard.request.checks import problems
from dashboard.request.coordinates import LONGEST, position_name, read_coordinates
from dashboard.request.request import Request

CRAB = (83.63308, 22.01450)
"""Simbad: 05 34 31.94 +22 00 52.2, l 184.5575 b -5.7843."""
ARCSEC = 1 / 3600


def apart(one: tuple[float, float] | None, two: tuple[float, float]) -> float:
    """Degrees."""
    assert one is not None
    return float(SkyCoord(*one, unit="deg", frame="fk5").separation(SkyCoord(*two, unit="deg", frame="fk5")).deg)


@pytest.mark.parametrize(
    "text",
    [
        *("05 34 31.94 +22 00 52.2", "05 34 31.94 22 00 52.2", "5 34 31.94, +22 0 52.2", "  05 34 31.94   + 22 00 52.2 "),
        *("05 34 31.94+22 00 52.2",),
        *("05:34:31.94 +22:00:52.2", "05:34:31.94+22:00:52.2", "5:34:31.94,22:0:52.2", "J2000 05:34:31.94 +22:00:52.2"),
        *("05h34m31.94s +22d00m52.2s", "05h34m31.94s+22d00m52.2s", "5h 34m 31.94s, 22d 0m 52.2s", "05H34M31.94S +22D00M52.2S"),
        *("05h34m31.94s +22°00′52.2″", "05h34m31.94s +22d00'52.2\"", "05ʰ34ᵐ31.94ˢ +22°00'52.2''"),
        *("83.63308 22.01450", "83.63308 +22.0145", "83.63308, 22.0145", "83.63308;22.0145", "83.63308+22.0145"),
        *("83.63308° +22.0145°", "83.63308d 22.0145d"),
        *("RA=83.63308 Dec=22.0145", "ra: 83.63308, dec: 22.0145", "RA 05:34:31.94 DE +22:00:52.2", "RA=05h34m31.94s Dec=22d00m52.2s"),
        *("RA = 05 34 31.94, Dec = +22 00 52.2", "icrs 83.63308 22.0145", "FK5 83.63308 22.0145", "83.63308 22.0145 (J2000)"),
        *("fk5; 83.63308,22.0145",),
    ],
)  # fmt: skip
def test_equatorial_forms_are_the_crab(text: str) -> None:
    assert apart(read_coordinates(text), CRAB) < 0.1 * ARCSEC


@pytest.mark.parametrize(
    "text",
    [
        *("l=184.5574 b=-5.7844", "l=184.5574, b=-5.7844", "l = 184.5574° b = -5.7844°", "ℓ=184.5574 b=−5.7844"),
        *("L 184.5574 B -5.7844", "lon=184.5574 lat=-5.7844"),
        *("gal 184.5574 -5.7844", "galactic 184.5574 -5.7844", "184.5574 -5.7844 gal", "Galactic: 184.5574, -5.7844"),
        *("gal l=184.5574 b=-5.7844", "l=-175.4426 b=-5.7844"),
        *("G184.5574-5.7844", "G 184.5574-5.7844", "gal 184d33m26.6s -5d47m3.8s", "gal 184 33 26.6 -5 47 3.8"),
    ],
)  # fmt: skip
def test_galactic_forms_are_the_crab(text: str) -> None:
    assert apart(read_coordinates(text), CRAB) < 0.5 * ARCSEC


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("l=0 b=0", (266.40500, -28.93617)),
        ("B1950 12 49 00 +27 24 00", (192.85948, 27.12825)),
        ("12:49:00 +27:24:00 FK4", (192.85948, 27.12825)),
        ("17 45.5 -28 30", (266.375, -28.5)),
        ("17h45.5m -28d30m", (266.375, -28.5)),
        ("17:45 -0:30", (266.25, -0.5)),
        ("17 45 40 -00 00 36", (266.416667, -0.01)),
        ("5.5h -22.25d", (82.5, -22.25)),
        ("83 -22", (83.0, -22.0)),
        ("0 0", (0.0, 0.0)),
        ("0, -90", (0.0, -90.0)),
        ("360 0", (0.0, 0.0)),
        ("23 59 59.99 +89 59 59.9", (359.99996, 89.99997)),
    ],
)
def test_known_places(text: str, position: tuple[float, float]) -> None:
    """The centre of the Galaxy and its pole, which IAU defined in B1950; signs of small declinations, edges."""
    assert apart(read_coordinates(text), position) < 0.2 * ARCSEC


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("05 34 99 +22 00 52", "RA has 99 seconds"),
        ("05 60 31 +22 00 52", "RA has 60 minutes"),
        ("05 34 31 +22 61 52", "Dec has 61 minutes"),
        ("25:34:31 +22:00:52", "RA has 25 hours"),
        ("05 34 31 +92 00 52", "Dec would be 92.0144 deg"),
        ("400.5 20", "RA would be 400.5 deg, and lies between 0 and 360"),
        ("-10 20", "RA would be -10 deg"),
        ("20 -90.5", "Dec would be -90.5 deg"),
        ("l=20 b=100", "b would be 100 deg"),
        ("gal 361 0", "l would be 361 deg"),
        ("gal 5h0m 2d", "l is given in degrees, not in hours"),
        ("RA=5h Dec=22h", "Dec is given in degrees, not in hours"),
        ("gal RA=83.6 Dec=22", "it names two frames"),
        ("fk5 l=83.6 b=22", "it names two frames"),
        ("83.633", "one number makes no position"),
        ("05 34 31 +22 00", "its 5 numbers make no position"),
        ("1 2 3", "its 3 numbers make no position"),
        ("05h34m31s", "its 3 numbers make no position"),
        ("05h34m31s north", "its 3 numbers make no position"),
        ("83.633 / 22", ""),
        ("05:34:31:12 +22:00", "its 6 numbers make no position"),
        ("1.2.3 4", "numbers make no position"),
    ],
)
def test_nonsense_is_told_at_the_source_field(text: str, words: str) -> None:
    if not words:
        assert read_coordinates(text) is None
        return
    with pytest.raises(RequestError, match=re.escape(words)) as caught:
        read_coordinates(text)
    assert repr(text) in caught.value.sentence
    for request in (Request(src_name=text), Request(src_name=text, RA=83.6, DEC=22.0)):
        assert [(error.field, error.sentence) for error in problems(request)] == [("src_name", caught.value.sentence)]


NAMES = (
    *("4U 1700-377", "1E 1740.7-2942", "3C 273", "GX 354-0", "IGR J17091-3624", "1A 0535+262", "1H 1743-322", "1M 1716-315"),
    *("2S 0114+650",),
    *("1ES 1959+650", "0535+262", "1700-37", "1740.7-2942", "053431.9+220052", "J0534+2200", "PSR B0531+21", "G21.5-0.9", "G 1.9+0.3"),
    *("SNR G021.5-00.9", "L 98-59 b", "HD 34921", "M 1", "1FGL J0534.5+2200", "2MASS J05343194+2200522", "RA", "Dec", "gal", "ICRS"),
    *("GRB 090618",),
    *("6C 1200+60", "1 Cas", "61 Cyg", "47 Tuc", "30 Dor", "1D", "5 h", "H 1705-250", "LMC X-1", "H1417-624", "4U1626-67", "", " "),
    *("-", "+", "B 1950"),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_look_like_numbers_stay_names(name: str) -> None:
    assert read_coordinates(name) is None


def test_no_name_of_the_catalogue_is_read_as_coordinates() -> None:
    names = reference_catalog().names
    assert len(names) > 50
    for name in names:
        for written in (
            name,
            name.lower(),
            name.upper(),
            name.replace(" ", ""),
            f"  {name} ",
            name.replace("-", "−"),
            name.replace(" ", "  "),
        ):
            assert read_coordinates(written) is None, written


CATALOGUES = st.sampled_from(
    ("4U", "1E", "3C", "1A", "1H", "2S", "1M", "GX", "IGR J", "SWIFT J", "MAXI J", "XTE J", "PKS", "QSO B", "H", "GS", "1RXS J", "4C")
)


@given(
    CATALOGUES,
    st.sampled_from(("", " ")),
    st.from_regex(r"[0-9]{2,6}(\.[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"([+-][0-9]{1,6}(\.[0-9])?)?", fullmatch=True),
)
def test_no_name_in_the_manner_of_a_catalogue_is_read_as_coordinates(prefix: str, blank: str, first: str, second: str) -> None:
    assert read_coordinates(f"{prefix}{blank}{first}{second}") is None


POSITIONS = st.tuples(st.floats(0, 359.9999), st.floats(-89.9999, 89.9999))


@given(POSITIONS)
@example((0.0, -0.0))
@example((359.9999, 0.00001))
def test_what_is_written_is_what_is_read(position: tuple[float, float]) -> None:
    place = SkyCoord(*position, unit="deg", frame="fk5")
    l, b = place.galactic.l.deg, place.galactic.b.deg  # noqa: E741
    written = {
        place.to_string("hmsdms", precision=3),
        place.to_string("hmsdms", sep=":", precision=3),
        place.to_string("hmsdms", sep=" ", precision=3),
        f"{position[0]:.6f} {position[1]:+.6f}",
        f"{position[0]:.6f}, {position[1]:.6f}",
        f"{position[0]:.6f}{position[1]:+.6f}",
        f"l={l:.6f} b={b:.6f}",
        f"G{l:.6f}{b:+.6f}",
        f"gal {l:.6f} {b:.6f}",
    }
    for text in written:
        assert apart(read_coordinates(text), position) < 0.05 * ARCSEC, text


@given(POSITIONS)
def test_the_name_of_a_position_is_that_position(position: tuple[float, float]) -> None:
    """Else a name that a run was given could not be asked for again."""
    read = read_coordinates(position_name(*position))
    assert apart(read, position) < 0.3 * ARCSEC
    assert read is not None
    assert position_name(*read) == position_name(*position)


@given(st.one_of(st.text(max_size=40), st.text(alphabet="0123456789 .,:;+-hdms'\"°lbGRA=", max_size=40)))
@example("5" * (LONGEST + 1))
@example("٣٤ ٣٤")
@example("1" * 60 + " 2")
def test_any_text_is_a_position_on_the_sky_or_a_name_or_a_sentence(text: str) -> None:
    refused = problems(Request(src_name=text, RA=83.6, DEC=22.0))
    if refused:
        assert [(error.field, error.sentence[-1]) for error in refused] == [("src_name", ".")]
    elif (read := read_coordinates(text)) is not None:
        assert 0 <= read[0] <= 360
        assert -90 <= read[1] <= 90
        assert all(map(math.isfinite, read))


def test_coordinates_for_a_name_are_the_position_of_the_request_unless_it_has_one() -> None:
    assert Request(src_name="83.633 22.0145").position == (83.633, 22.0145)
    assert Request(src_name="0 0").position == (0.0, 0.0)
    assert Request(src_name="83.633 22.0145", RA=10.0, DEC=-5.0).position == (10.0, -5.0)
    assert Request(src_name="83.633 22.0145", zero_position=True).position == (0.0, 0.0)
    assert Request(src_name="Crab").position is None
    assert problems(Request(src_name="05 34 31.9 +22 00 52")) == []
