"""What is wrong with a request as a whole, found before anything is looked up or sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from dashboard.errors import RequestError
from dashboard.request.general import ENERGY_RANGE
from dashboard.request.request import Request, rounded_energy
from dashboard.request.times import MISSION, TimePoint

OSA_VERSIONS = ("OSA10.2", "OSA11.2")
OSA_MODIFIERS = ("fullbkg", "jemxnrt", "rmfoffsetv1")
LAST_REVOLUTION_OF_OSA10 = 1626
LAST_DAY_OF_OSA10 = 5838.0864  # IJD, 2015-12-26, in revolution 1626

_OSA = re.compile(r"(?P<base>OSA\d+\.\d+)(?P<sub>-[A-Za-z0-9][\w.]*)?(?P<modifiers>(--[a-z0-9]+)*)")


def problems(request: Request, *, local_files: bool = True) -> list[RequestError]:
    """Every reason not to run the request, each with the name of its field.

    Parameters
    ----------
    request
        The request.
    local_files
        Whether `isdc_cat_url` may name a file of this machine: yes for command line and notebook, no for a page.
    """
    found: list[RequestError] = []
    for rule in (_selection, _position, _energies, _osa_version, _n_scw_image, lambda r: _catalog(r, local_files), _offered):
        try:
            found.extend(rule(request))
        except RequestError as error:
            found.append(error)
    return list({(error.field, error.sentence): error for error in found}.values())


def check(request: Request, *, local_files: bool = True) -> None:
    """Raise the first of `problems`, if any."""
    for problem in problems(request, local_files=local_files):
        raise problem


def notices(request: Request) -> tuple[str, ...]:
    """Sentences the user should read although the request can run."""
    rules: tuple[Callable[[Request], Iterator[str]], ...] = (_rounding, _old_calibration, _outside_mission, _wide, _low_threshold, _unused)
    found: list[str] = []
    for rule in rules:
        try:
            found.extend(rule(request))
        except RequestError:
            continue  # `problems` reports it
    return tuple(found)


def _selection(request: Request) -> Iterator[RequestError]:
    if request.revolutions and request.scw_list:
        yield RequestError("Both revolutions and scw_list are given: keep one of them.", "scw_list")
    for revolution in request.revolutions:
        if not 1 <= revolution <= 9999:
            yield RequestError(f"revolutions holds {revolution}: revolutions count from 1 to 9999.", "revolutions")
    if request.revolutions or request.scw_ids:
        return
    for span in request.times:
        if span.reversed:
            yield RequestError(f"T2 ({span.stop.value}) is not after T1 ({span.start.value}): swap them or correct one.", "T2")


def _position(request: Request) -> Iterator[RequestError]:
    if request.position is None and not request.src_name.strip():
        yield RequestError(
            "Neither a name nor a position is given: set src_name, or RA and DEC (with zero_position for a true (0, 0)).", "src_name"
        )
    if request.zero_position and (request.RA, request.DEC) != (0, 0):
        yield RequestError("zero_position is set, but RA and DEC are not both 0: unset it.", "zero_position")


def _energies(request: Request) -> Iterator[RequestError]:
    if request.bands and (request.E1_keV is not None or request.E2_keV is not None):
        yield RequestError("Both bands and E1_keV or E2_keV are given: keep one way.", "bands")
    for instrument in request.instruments:
        lowest, highest = ENERGY_RANGE[instrument]
        bands = request.bands_for(instrument)
        for e1, e2 in bands:
            field = "bands" if request.bands else "E1_keV"
            if e1 >= e2:
                yield RequestError(f"The band {e1:g}-{e2:g} keV is empty: E1_keV must be below E2_keV.", field)
            elif e1 < lowest or e2 > highest:
                yield RequestError(
                    f"The band {e1:g}-{e2:g} keV leaves the {lowest:g}-{highest:g} keV that {instrument} can be asked for.", field
                )
        if len(set(bands)) < len(bands):
            yield RequestError("bands holds the same band twice after rounding to 0.5 keV: keep one.", "bands")


def _osa_version(request: Request) -> Iterator[RequestError]:
    """Grammar BASE[-SUB][--modifier...], modifiers sorted, each once; JEM-X takes a bare BASE."""
    version = request.osa_version
    match = _OSA.fullmatch(version)
    if not match or match["base"] not in OSA_VERSIONS:
        hint = "use OSA11.2" if version.startswith("OSA11") else "use OSA11.2, or OSA10.2 for data before 2016"
        yield RequestError(f"osa_version {version[:60]!r} is not offered: {hint}.", "osa_version")
        return
    modifiers = [word for word in match["modifiers"].split("--") if word]
    if unknown := [word for word in modifiers if word not in OSA_MODIFIERS]:
        yield RequestError(f"osa_version has the unknown modifier {unknown[0]!r}: known are {', '.join(OSA_MODIFIERS)}.", "osa_version")
    elif modifiers != sorted(set(modifiers)):
        yield RequestError(f"The modifiers of osa_version {version!r} must be in alphabetical order, each once.", "osa_version")
    if version not in OSA_VERSIONS and any(name.startswith("jemx") for name in request.instruments):
        yield RequestError(f"JEM-X takes exactly OSA10.2 or OSA11.2, not {version!r}.", "osa_version")


def _n_scw_image(request: Request) -> Iterator[RequestError]:
    n = request.n_scw_image
    if 0 <= n < 1 or (n >= 1 and n != int(n)):
        yield RequestError(
            f"n_scw_image is {n:g}; give -1 for all, a fraction as a number between -1 and 0, or a whole number of science windows.",
            "n_scw_image",
        )


def _catalog(request: Request, local_files: bool) -> Iterator[RequestError]:
    url = request.isdc_cat_url
    if not url:
        return
    if "://" in url:
        yield RequestError(
            "isdc_cat_url is a web address, which this installation does not fetch: download the catalogue and give its path.",
            "isdc_cat_url",
        )
    elif not local_files:
        yield RequestError("isdc_cat_url names a file of the server, which a page may not read: leave it empty.", "isdc_cat_url")
    elif not Path(url).expanduser().is_file():
        yield RequestError(f"isdc_cat_url names {url!r}, and there is no such file.", "isdc_cat_url")


def _offered(request: Request) -> Iterator[RequestError]:
    for instrument in request.instruments:
        if instrument != "isgri":
            yield RequestError(f"Only ISGRI mosaics are offered so far, not {instrument}: set instrument to isgri.", "instrument")
    for product in request.products:
        if product != "mosaic":
            yield RequestError(f"Only ISGRI mosaics are offered so far, not a {product}: set product to mosaic.", "product")


def _rounding(request: Request) -> Iterator[str]:
    given = [edge for band in request.bands for edge in band] or [e for e in (request.E1_keV, request.E2_keV) if e is not None]
    if moved := [f"{edge:g} to {rounded_energy(edge):g}" for edge in given if rounded_energy(edge) != edge]:
        yield f"Energies are rounded to 0.5 keV, the backend's step: {', '.join(moved)} keV."


def _old_calibration(request: Request) -> Iterator[str]:
    if request.osa_version.startswith("OSA10.2") and _reaches(request, LAST_REVOLUTION_OF_OSA10, LAST_DAY_OF_OSA10):
        yield f"OSA10.2 is not calibrated beyond revolution {LAST_REVOLUTION_OF_OSA10} (2015-12-26): use OSA11.2."


def _reaches(request: Request, revolution: int, ijd: float) -> bool:
    """Whether the selection goes beyond a revolution, or a day where times are given as such."""
    if request.revolutions or request.scw_list:
        return any(r > revolution for r in (*request.revolutions, *(int(scw[:4]) for scw in request.scw_ids)))
    stops = [span.stop for span in request.times]
    return any(float(stop.value) > revolution if stop.kind == "rev" else stop.ijd > ijd for stop in stops)


def _outside_mission(request: Request) -> Iterator[str]:
    if request.revolutions or request.scw_list:
        return
    first, last = (TimePoint("utc", edge).ijd for edge in MISSION)
    for span in request.times:
        edges = [point.ijd for point in (span.start, span.stop) if point.kind != "rev"]
        if any(not first <= edge <= last for edge in edges):
            yield f"{span.start.value} to {span.stop.value} reaches beyond INTEGRAL's observations, {MISSION[0]} to {MISSION[1]}."


def _wide(request: Request) -> Iterator[str]:
    if "isgri" in request.instruments and request.radius_for("isgri") > 15 and not request.scw_list:
        yield f"radius is {request.radius_for('isgri'):g} deg: ISGRI sees nothing of a source beyond about 15 deg from its axis."


def _low_threshold(request: Request) -> Iterator[str]:
    if request.detection_threshold < 5:
        yield f"detection_threshold is {request.detection_threshold:g}: below 5 sigma a large mosaic shows false peaks."


def _unused(request: Request) -> Iterator[str]:
    if request.jemx_unit and not any(name.startswith("jemx") for name in request.instruments):
        yield "jemx_unit has no effect: no JEM-X unit is asked for."
    if request.n_scw_image > -1:
        yield "n_scw_image leaves science windows out of the mosaic: -1 takes all."
    changed = [name for name in ("T1", "T2") if getattr(request, name) != request.param[name].default]
    if changed and (request.revolutions or request.scw_list):
        yield f"{' and '.join(changed)} not used: {'revolutions' if request.revolutions else 'scw_list'} selects the science windows."
