"""From what is selected on the page to what is asked next: values for the request."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from dashboard.errors import RequestError
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog, SourceTable
from dashboard.products.catalog_api import catalog_to_api
from dashboard.products.catalog_edits import listed
from dashboard.products.extraction_list import from_detections
from dashboard.products.instrument import instrument_of
from dashboard.request.link import local_files, values_of
from dashboard.request.request import Request, rounded_energy

LEAST_BAND = 1.0
"""keV; a narrower band is widened around its middle."""


def light_curve_of(plan: Plan, energies: tuple[float, float]) -> dict[str, Any]:
    """A light curve in the selected energies (keV), of the run's time, instruments and catalogue.

    Raises
    ------
    RequestError
        When no instrument of the run sees these energies, or there is no catalogue yet.
    """
    low, high = sorted(rounded_energy(edge) for edge in energies)
    if high - low < LEAST_BAND:
        low, high = rounded_energy((low + high - LEAST_BAND) / 2), rounded_energy((low + high + LEAST_BAND) / 2)
    chosen = {}
    for job in plan.jobs:
        first, last = instrument_of(job.instrument).energies
        if job.product == "spectrum" and job.instrument in plan.lists and max(low, first) < min(high, last):
            chosen[job.instrument] = (max(low, first), min(high, last))
    if not chosen:
        raise RequestError(f"No spectrum of this run holds {low:g}–{high:g} keV: drag over the points of a spectrum.")
    instrument, band = next(iter(chosen.items()))
    return {
        "instrument": instrument,
        "jemx_unit": None,
        "product": "lightcurve",
        "bands": [],
        "E1_keV": band[0],
        "E2_keV": band[1],
        **_same_windows(plan),
        **catalogue_values(plan.lists[instrument], instrument),
    }


def extraction_of(plan: Plan, job: int, table: SourceTable, names: Collection[str]) -> dict[str, Any]:
    """Spectrum and light curve of some sources of a mosaic, in its band.

    All detected sources go along as the sky model, for their neighbours' sake; those not named have FLAG 0.

    Raises
    ------
    RequestError
        When none of them is known.
    """
    image = plan.jobs[job]
    catalog = extraction_catalog(table, image.instrument, names, plan.catalog)
    energies = {"E1_keV": image.band[0], "E2_keV": image.band[1]} if image.band else {}
    products = {"instrument": image.instrument, "jemx_unit": None, "product": ["spectrum", "lightcurve"], "bands": []}
    return {**products, **energies, **_same_windows(plan), **catalogue_values(catalog, image.instrument)}


def extraction_catalog(table: SourceTable, instrument: str, names: Collection[str], known: SourceCatalog) -> SourceCatalog:
    """The detected sources, those named flagged for extraction; a named one that was not detected is added."""
    wanted = [source for source in table.sources if source.name in names]
    if not wanted:
        raise RequestError("Choose sources in the table first: their boxes at the left.")
    model = from_detections(table, instrument, 0.0, include_new=True, known=known)
    places = {(source.ra, source.dec) for source in wanted if source.kind == "new"}
    sources = [replace(s, flag=int(s.name in names or (s.ra, s.dec) in places)) for s in model.sources]
    forced = [listed(source.name, source.ra, source.dec, instrument) for source in wanted if source.kind == "forced"]
    return SourceCatalog((*sources, *forced))


def request_again(plan: Plan) -> dict[str, Any]:
    """The request of a run for another one, with the catalogue it was extracted with where the request alone does not tell it."""
    known = {name: value for name, value in plan.request.items() if name in Request.param}
    named = local_files(Request.from_dict(known))
    known |= dict.fromkeys(named, "")
    if plan.lists and (known.get("make_image") or "api_catalog_file" in named):
        instrument, catalog = next(iter(plan.lists.items()))
        known |= catalogue_values(catalog, instrument)
    return values_of(Request.from_dict(known))


def catalogue_values(catalog: SourceCatalog, instrument: str) -> dict[str, Any]:
    """The request's choice of this catalogue."""
    text = json.dumps(catalog_to_api(catalog, instrument))
    return {"api_catalog_file": text, "use_default_catalog": False, "make_image": False, "review_catalog": False}


def _same_windows(plan: Plan) -> dict[str, Any]:
    selection = ("src_name", "RA", "DEC", "zero_position", "radius", "T1", "T2", "scw_list", "revolutions")
    names = (*selection, "host_type", "osa_version", "data_version", "integral_data_rights", "s_max")
    later = {"scw_archive": "auto", "observations": []}  # a stored plan may lack them
    return {**{name: plan.request.get(name) for name in names}, **{name: plan.request.get(name, usual) for name, usual in later.items()}}
