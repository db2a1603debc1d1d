"""Coordinates written where a name is expected: equatorial or galactic, in degrees or sexagesimal.

Read as coordinates are:

    05 34 31.9 +22 00 52       05:34:31.9 +22:00:52       05h34m31.9s +22d00m52s       5h34.5m, 22°01'
    83.633 22.014              83.633, +22.014            RA=83.633 Dec=22.014         83.633+22.014
    184.56 -5.78 gal           gal 184.56 -5.78           l=184.56 b=-5.78             G184.56-5.78
    B1950 05 31 30 +21 58 54   FK5 83.633 22.014

Names look alike: "1H 1743-322" begins as hours do, "0535+262" is a B1950 position turned name, "G21.5-0.9" a supernova remnant
(named to 0.1 deg, so that G needs two decimals here). What may be a name stays one, and goes to the resolvers.
"""

from __future__ import annotations

import re
from functools import lru_cache

from astropy.coordinates import Angle, SkyCoord

from dashboard.errors import RequestError

FORMS = 'write "05 34 31.9 +22 00 52", "83.633 22.014" (degrees), or "l=184.56 b=-5.78"'
LONGEST = 100  # characters; no coordinates take more

_PLAIN = str.maketrans(
    {"−": "-", "–": "-", "°": "d", "º": "d", "′": "'", "’": "'", "″": '"', "”": '"', "ʰ": "h", "ᵐ": "m", "ˢ": "s", "ℓ": "l"}
)
_FRAMES = {
    "j2000": "fk5",
    "j2000.0": "fk5",
    "icrs": "fk5",
    "fk5": "fk5",
    "b1950": "fk4",
    "fk4": "fk4",
    "gal": "galactic",
    "galactic": "galactic",
}
"""Words for frames. ICRS and FK5 differ by less than 0.1", which no INTEGRAL instrument sees."""
_FRAME = r"j2000(?:\.0)?|icrs|fk5|b1950|fk4|gal(?:actic)?"
_BEFORE = re.compile(rf"({_FRAME})[\s:;,]+", re.IGNORECASE)
_AFTER = re.compile(rf"[\s;,]+\(?({_FRAME})\)?$", re.IGNORECASE)
_LABELLED = re.compile(
    r"(?:(?P<eq>ra)|(?P<gal>lon|l))\s*[=:]?\s*(?P<a>.+?)[\s,;]+(?(eq)(?:dec|de)|(?:b|lat))\s*[=:]?\s*(?P<b>.+)", re.IGNORECASE
)
_G = re.compile(r"G\s?(?P<a>\d{1,3}\.\d{2,})(?P<b>[+-]\d{1,2}\.\d{2,})")

_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_SIGN = r"(?:[+-]\s?)?"
_DEGREES = rf"{_SIGN}{_NUMBER}\s?d?"
_LETTERS = rf"(?:{_NUMBER}\s?{{0}}|\d+\s?{{0}}\s?{_NUMBER}\s?[m']|\d+\s?{{0}}\s?\d+\s?[m']\s?{_NUMBER}\s?[s\"])"
_COLONS = rf"\d+:(?:\d+:)?{_NUMBER}"
_THREE, _TWO = rf"\d+\s\d+\s{_NUMBER}", rf"\d+\s{_NUMBER}"
_BETWEEN = r"(?:\s?[,;]\s?|\s|(?=[+-]))"
_STYLES = tuple(
    re.compile(rf"(?P<a>{a}){between}(?P<b>{b})", re.IGNORECASE)
    for a, between, b in (
        (_DEGREES, r"(?:\s?[,;]\s?|\s)", _DEGREES),
        (rf"{_SIGN}\d+\.\d+", "(?=[+-])", rf"{_SIGN}\d+\.\d+"),
        (_SIGN + _LETTERS.format("[hd]"), _BETWEEN, _SIGN + _LETTERS.format("d")),
        (_SIGN + _COLONS, _BETWEEN, _SIGN + _COLONS),
        (_SIGN + _THREE, _BETWEEN, _SIGN + _THREE),
        (_SIGN + _TWO, _BETWEEN, _SIGN + _TWO),
    )
)
_ANGLE = re.compile("|".join((_DEGREES, *(_SIGN + form for form in (_LETTERS.format("[hd]"), _COLONS, _THREE, _TWO)))), re.IGNORECASE)
_NUMERIC = re.compile(r"[\d\s.,:;+'\"-]*\d[\d\s.,:;+'\"-]*")
_OLD_NAME = re.compile(r"\d{3,6}(?:\.\d+)?[+-]\d{2,6}(?:\.\d+)?")
_HOURS = re.compile(rf"{_SIGN}\d+h\s?\d+(?:\.\d*)?m.*", re.IGNORECASE)


@lru_cache(maxsize=256)
def read_coordinates(text: str) -> tuple[float, float] | None:
    """RA and Dec in degrees (FK5) of a text that is coordinates; None for one that is, or may be, a name.

    Raises
    ------
    RequestError
        For a text that can only be meant as coordinates and is none, with what is wrong.
    """
    plain = " ".join(text.translate(_PLAIN).replace("''", '"').split())
    if len(plain) > LONGEST or not any(character.isdigit() for character in plain):
        return None
    before, after = _BEFORE.match(plain), _AFTER.search(plain)
    pair = plain[before.end() if before else 0 : after.start() if after else None]
    frame = next((_FRAMES[word[1].lower()] for word in (before, after) if word), "")
    if labelled := _LABELLED.fullmatch(pair):
        if all(_ANGLE.fullmatch(labelled[part]) for part in "ab"):
            own = "galactic" if labelled["gal"] else "fk5"
            if frame and (frame == "galactic") != (own == "galactic"):
                raise _wrong(text, f"it names two frames: {FORMS}")
            return _position(text, labelled["a"], labelled["b"], frame or own)
        return None
    if found := _G.fullmatch(pair):
        return _position(text, found["a"], found["b"], "galactic")
    for style in _STYLES:
        if found := style.fullmatch(pair):
            return _position(text, found["a"], found["b"], frame or "fk5")
    if _HOURS.fullmatch(pair) or (_NUMERIC.fullmatch(pair) and not _OLD_NAME.fullmatch(pair)):
        count = len(re.findall(_NUMBER, pair))
        raise _wrong(text, f"{f'its {count} numbers make' if count > 1 else 'one number makes'} no position: {FORMS}")
    return None


def position_name(ra: float, dec: float) -> str:
    """What a position in degrees is called that has no other name; `read_coordinates` reads it."""
    return f"RA {ra:.4f} Dec {dec:+.4f}"


def _position(text: str, a: str, b: str, frame: str) -> tuple[float, float]:
    names = ("l", "b") if frame == "galactic" else ("RA", "Dec")
    hours = frame != "galactic"
    lon, lat = _degrees(text, a, names[0], hours), _degrees(text, b, names[1], False)
    if not (-180 if frame == "galactic" else 0) <= lon <= 360:
        raise _wrong(text, f"{names[0]} would be {lon:g} deg, and lies between 0 and 360")
    if abs(lat) > 90:
        raise _wrong(text, f"{names[1]} would be {lat:g} deg, and lies between -90 and +90")
    place = SkyCoord(lon, lat, unit="deg", frame=frame)
    fk5 = place if frame == "fk5" else place.transform_to("fk5")
    return float(fk5.ra.deg), float(fk5.dec.deg)


def _degrees(text: str, written: str, name: str, hours: bool) -> float:
    """Degrees of one angle; sexagesimal ones without letters are hours where `hours` says so."""
    lower = written.lower()
    values = [float(number) for number in re.findall(_NUMBER, lower)]
    unit = "hourangle" if "h" in lower or (hours and len(values) > 1 and "d" not in lower) else "deg"
    if unit == "hourangle" and name != "RA":
        raise _wrong(text, f"{name} is given in degrees, not in hours")
    if unit == "hourangle" and values[0] >= 24:
        raise _wrong(text, f"{name} has {values[0]:g} hours, and a day has 24; degrees are written with a point, as 83.633 22.014")
    for value, part in zip(values[1:], ("minutes", "seconds"), strict=False):
        if value >= 60:
            raise _wrong(text, f"{name} has {value:g} {part}, and they end below 60")
    magnitude = Angle(values[0] if len(values) == 1 else ":".join(re.findall(_NUMBER, lower)), unit=unit)
    return (-1 if lower.startswith("-") else 1) * float(magnitude.deg)


def _wrong(text: str, what: str) -> RequestError:
    return RequestError(f"{text.strip()[:60]!r} reads like coordinates, but {what}.", "src_name")
