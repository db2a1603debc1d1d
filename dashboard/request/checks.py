"""What is wrong with a request as a whole, found before anything is looked up or sent."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from dashboard.errors import RequestError
from dashboard.hosts import SIMULATED
from dashboard.request.catalog_address import catalog_address
from dashboard.request.catalogue_choice import choose
from dashboard.request.coordinates import read_coordinates
from dashboard.request.general import ENERGY_RANGE
from dashboard.request.request import Request
from dashboard.request.spectrum import GROUPING_RANGE

OSA_VERSIONS = ("OSA10.2", "OSA11.2")
NEAR_REAL_TIME = ".000"
OSA_MODIFIERS = ("fullbkg", "jemxnrt", "rmfoffsetv1")

_OSA = re.compile(r"(?P<base>OSA\d+\.\d+)(?P<sub>-[A-Za-z0-9][\w.]*(?:-[\w.]+)*)?(?P<modifiers>(--[a-z0-9]+)*)")


def problems(
    request: Request, *, local_files: bool = True, catalog_hosts: Collection[str] | None = None, hosts: Collection[str] | None = None
) -> list[RequestError]:
    """Every reason not to run the request, each with the name of its field.

    Parameters
    ----------
    request
        The request.
    local_files
        Whether `isdc_cat_url` and `api_catalog_file` may name files of this machine: yes for command line and notebook, no for a page.
    catalog_hosts
        `Settings.catalog_hosts`, from which `isdc_cat_url` may be fetched; None where that is judged elsewhere.
    hosts
        Names that `host_type` may have; None where that is judged elsewhere.
    """
    found: list[RequestError] = []
    rules = (
        *(_selection, _data_version, _position, _energies, _osa_version, _n_scw_image, _grouping),
        lambda r: _reference_catalog(r, local_files, catalog_hosts),
        lambda r: _api_catalog(r, local_files),
        _catalogue_choice,
        lambda r: _host_type(r, hosts),
        _scw_archive,
    )
    for rule in rules:
        try:
            found.extend(rule(request))
        except RequestError as error:
            found.append(error)
    return list({(error.field, error.sentence): error for error in found}.values())


def check(
    request: Request, *, local_files: bool = True, catalog_hosts: Collection[str] | None = None, hosts: Collection[str] | None = None
) -> None:
    """Raise the first of `problems`, if any."""
    for problem in problems(request, local_files=local_files, catalog_hosts=catalog_hosts, hosts=hosts):
        raise problem


def _selection(request: Request) -> Iterator[RequestError]:
    given = [name for name in ("revolutions", "observations", "scw_list") if getattr(request, name)]
    if len(given) > 1:
        what = f"Both {' and '.join(given)}" if len(given) == 2 else "All of revolutions, observations and scw_list"
        yield RequestError(f"{what} are given: keep one of them.", given[-1])
    for revolution in request.revolutions:
        if not 1 <= revolution <= 9999:
            yield RequestError(f"revolutions holds {revolution}: revolutions count from 1 to 9999.", "revolutions")
    if request.revolutions or request.scw_ids or request.observation_ids:
        return
    for span in request.times:
        if span.reversed:
            yield RequestError(f"T2 ({span.stop.value}) is not after T1 ({span.start.value}): swap them or correct one.", "T2")


def _data_version(request: Request) -> Iterator[RequestError]:
    """Near-real-time science windows are version 000, consolidated ones never; which is analysed is up to data_version alone."""
    near = request.data_version == "NRT"
    for scw in request.scw_list:
        if len(scw) > 12 and scw.endswith(NEAR_REAL_TIME) != near:
            kind, other = ("consolidated", "CONS") if near else ("near-real-time", "NRT")
            yield RequestError(
                f"scw_list holds {scw[:60]}, which is {kind}, but data_version is {request.data_version}: "
                f"set it to {other}, or leave out the versions.",
                "scw_list",
            )
            return


def _position(request: Request) -> Iterator[RequestError]:
    read_coordinates(request.src_name)
    if request.position is None and not request.src_name.strip():
        yield RequestError(
            "Neither a name nor a position is given: set src_name, or RA and DEC (with zero_position for a true (0, 0)).", "src_name"
        )
    if request.zero_position and (request.RA, request.DEC) != (0, 0):
        yield RequestError("zero_position is set, but RA and DEC are not both 0: unset it.", "zero_position")


def _energies(request: Request) -> Iterator[RequestError]:
    if request.bands and (request.E1_keV is not None or request.E2_keV is not None):
        yield RequestError("Both bands and E1_keV or E2_keV are given: keep one way.", "bands")
    both = len({ENERGY_RANGE[instrument] for instrument in request.instruments}) > 1
    for instrument in request.instruments:
        lowest, highest = ENERGY_RANGE[instrument]
        bands = request.bands_for(instrument)
        for e1, e2 in bands:
            if e1 >= e2:
                field = "bands" if request.bands else "E2_keV" if request.E1_keV is None else "E1_keV"
                yield RequestError(f"The band {e1:g}-{e2:g} keV is empty: E1_keV must be below E2_keV.", field)
            elif e1 < lowest or e2 > highest:
                field = "bands" if request.bands else "E1_keV" if e1 < lowest else "E2_keV"
                hint = "; left empty, each instrument has its own band" if both else ""
                yield RequestError(
                    f"The band {e1:g}-{e2:g} keV leaves the {lowest:g}-{highest:g} keV that {instrument} can be asked for{hint}.", field
                )
        if len(set(bands)) < len(bands):
            yield RequestError("bands holds the same band twice after rounding to 0.5 keV: keep one.", "bands")


def _osa_version(request: Request) -> Iterator[RequestError]:
    """Grammar BASE[-SUB][--modifier...], modifiers sorted, each once; JEM-X takes a bare BASE.

    SUB may hold single dashes (OSA11.2-dev210827.0528-37487); which there are only the dispatcher knows. So split_osa_version of its
    plugin for INTEGRAL (osa_common_pars.py).
    """
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


def _grouping(request: Request) -> Iterator[RequestError]:
    low, high, bins = request.grouping
    lowest, highest = GROUPING_RANGE
    if (low, high, bins) == (0, 0, 0) or "isgri" not in request.instruments or "spectrum" not in request.products:
        return
    if bins == 0:
        yield RequestError(
            f"isgri_grouping_factor is 0 for {low:g}-{high:g} keV: give the number of bins, negative for bins of equal width in the "
            "logarithm, or set all three to 0 for no grouping.",
            "isgri_grouping_factor",
        )
    elif low >= high:
        yield RequestError(
            f"The grouping {low:g}-{high:g} keV is empty: isgri_grouping_max_energy must be above isgri_grouping_min_energy.",
            "isgri_grouping_max_energy",
        )
    elif low < lowest or high > highest:
        yield RequestError(
            f"The grouping {low:g}-{high:g} keV leaves ISGRI's channels, {lowest:g}-{highest:g} keV.",
            "isgri_grouping_min_energy" if low < lowest else "isgri_grouping_max_energy",
        )


def _reference_catalog(request: Request, local_files: bool, catalog_hosts: Collection[str] | None) -> Iterator[RequestError]:
    url = request.isdc_cat_url.strip()
    if "://" in url:
        if catalog_hosts is not None:
            catalog_address(url, catalog_hosts)
    elif url and not local_files:
        yield RequestError("isdc_cat_url names a file of the server, which a page may not read: leave it empty.", "isdc_cat_url")
    elif url and not _is_file(url):
        yield RequestError(f"isdc_cat_url names {url[:200]!r}, and there is no such file.", "isdc_cat_url")


def _api_catalog(request: Request, local_files: bool) -> Iterator[RequestError]:
    """What can be seen of it at a glance; it is read in full for the plan."""
    text = request.api_catalog_file.strip()
    if text.startswith("{"):
        try:
            fits = "cat_column_names" in json.loads(text)
        except (ValueError, RecursionError):
            fits = False
        if not fits:
            yield RequestError("api_catalog_file is no API catalogue: it must be JSON with cat_column_names.", "api_catalog_file")
    elif text and not local_files:
        yield RequestError(
            "api_catalog_file must be the catalogue's JSON itself here, beginning with a brace: a page may not read the server's files.",
            "api_catalog_file",
        )
    elif text and not _is_file(text):
        yield RequestError(
            f"api_catalog_file names {text[:200]!r}, and there is no such file; the JSON itself would begin with a brace.",
            "api_catalog_file",
        )


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, RuntimeError):
        return False  # too long a name, or the home of nobody


def _host_type(request: Request, hosts: Collection[str] | None) -> Iterator[RequestError]:
    if hosts is not None and request.host_type not in hosts:
        yield RequestError(f"host_type {request.host_type[:60]!r} is not offered: choose one of {', '.join(hosts)}.", "host_type")


def _scw_archive(request: Request) -> Iterator[RequestError]:
    if request.host_type == SIMULATED and request.scw_archive in ("isla", "heasarc"):
        yield RequestError(
            f"scw_archive is {request.scw_archive}, which lists the real sky: the simulated observatory has a list of its own, "
            "choose auto or timesystem.",
            "scw_archive",
        )


def _catalogue_choice(request: Request) -> Iterator[RequestError]:
    """Instruments and products as such, and the choice of a catalogue for what is extracted with one."""
    if request.instruments and set(request.products) - {"mosaic"}:
        choose(request.use_default_catalog, request.make_image, request.api_catalog_file)
    yield from ()
