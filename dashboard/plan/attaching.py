"""A plan whose one batch is a job that a dispatcher has already, so that asking for it hands that job over.

A dispatcher tells jobs apart by all their parameters (`dashboard.dispatcher.job_identity`), also by those that change nothing beside a
list of science windows: name, position and interval. They are therefore sent back as they were recorded, and
stand in the batch's parameters, where a batch of our own has none of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target
from dashboard.errors import ProductError, RequestError
from dashboard.identity import Identity
from dashboard.plan.batch import Batch
from dashboard.plan.job import Job
from dashboard.plan.making import PRODUCT_TYPES
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog
from dashboard.products.catalog_api import catalog_from_api
from dashboard.request.coordinates import position_name
from dashboard.request.request import Request

PRODUCTS: Final = {f"{kind}_{query}": product for product, query in PRODUCT_TYPES.items() for kind in ("isgri", "jemx")}
ADDED_BY_US: Final = {"query_type": "Real"}
"""What the client sends with every query."""
UPLOADED: Final = {"user_catalog": "catalogue", "user_catalog_file": "catalogue", "user_scw_list_file": "list of science windows"}
DEFAULT_SOURCE: Final = "1E 1740.7-2942"
DEFAULT_POSITION: Final = (265.97845833, -29.74516667)
"""What a dispatcher records where none is sent."""
_DROPPED: Final = frozenset({"use_scws", *ADDED_BY_US, *UPLOADED})


def sent_again(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the batch that is the job with these recorded parameters.

    Raises
    ------
    RequestError
        When no query of ours can be that job; the sentence says why.
    """
    if not parameters:
        raise _never("its parameters are not told", "they may have been cleared on the host")
    product = parameters.get("product_type")
    if parameters.get("instrument") not in ("isgri", "jemx") or product not in PRODUCTS:
        raise _never(f"it is a product of another kind ({str(product)[:40]})", "images, spectra and light curves of ISGRI and JEM-X can be")
    if parameters.get("query_type", "Real") != "Real":
        raise _never("it asked for canned data (query_type Dummy)", "only what was computed from data can be")
    if str(parameters.get("return_progress", "")) == "True":
        raise _never("it asked for a product of its progress", "start a run with its science windows instead")
    for name, what in UPLOADED.items():
        if parameters.get(name):
            raise _never(f"it was sent with a file, its {what}, which the host does not give back", "start a run with that file instead")
    kept = {name: value for name, value in parameters.items() if name not in _DROPPED and value is not None}
    for name, value in kept.items():
        if not _plain(value) and name != "selected_catalog":
            raise _never(f"its parameter {name} cannot be sent as it was", "start a run with what matters of it instead")
    scw = kept.get("scw_list")
    kept["scw_list"] = [part.strip() for part in scw.split(",")] if isinstance(scw, str) else list(scw or [])
    if not any(kept["scw_list"]):
        raise _never(
            "it was sent without a list of science windows, so the host chose them", "start a run with its T1, T2 and radius instead"
        )
    if "E1_keV" not in kept and PRODUCTS[product] != "spectrum":
        raise _never("its energies are not told", "start a run with its science windows instead")
    return kept


def request_of(sent: Mapping[str, Any], host: str) -> Request:
    """The request that a batch with these parameters (`sent_again`) answers.

    Raises
    ------
    RequestError
        When a value is none that a request can have.
    """
    product, scw = PRODUCTS[sent["product_type"]], sent["scw_list"]
    near = [str(item).endswith(".000") for item in scw]
    if any(near) and not all(near):
        raise _never("it mixes consolidated and near-real-time science windows", "start one run of each instead")
    instrument = "isgri" if sent["instrument"] == "isgri" else f"jemx{int(sent.get('jemx_num', 2))}"
    values: dict[str, Any] = {
        "host_type": host,
        "instrument": instrument,
        "product": product,
        "scw_list": [str(item) for item in scw],
        "s_max": max(len(scw), 1),
        "data_version": "NRT" if all(near) else "CONS",
        **{name: sent[name] for name in ("osa_version", "integral_data_rights") if name in sent},
    }
    if product != "spectrum":
        values |= {name: _number(sent, name) for name in ("E1_keV", "E2_keV")}
    if product == "lightcurve" and "time_bin" in sent:
        values["lc_time_bin"] = _number(sent, "time_bin")
    if product != "mosaic":
        catalog = sent.get("selected_catalog") or ""
        text = catalog if isinstance(catalog, str) else json.dumps(catalog)
        values |= {"api_catalog_file": text, "use_default_catalog": not text}
    name, position = source_of(sent)
    values["src_name"] = name
    if position is not None:
        values |= {"RA": position[0], "DEC": position[1], "zero_position": position == (0.0, 0.0)}
    return Request.from_dict(values)


def source_of(sent: Mapping[str, Any]) -> tuple[str, tuple[float, float] | None]:
    """Name ("" for none) and position (RA, Dec in degrees) that were meant; what a dispatcher fills in means nothing."""
    name = str(sent.get("src_name") or "").strip()
    position = (_number(sent, "RA"), _number(sent, "DEC")) if {"RA", "DEC"} <= sent.keys() else DEFAULT_POSITION
    named, placed = name not in ("", DEFAULT_SOURCE), not all(map(math.isclose, position, DEFAULT_POSITION))
    return (name if named else ""), (position if placed else None)


def middle_of(pointings: Pointings) -> Target:
    """The middle of the pointings, for a job that says nothing of its source."""
    ra, dec = np.radians(pointings.ra_scx), np.radians(pointings.dec_scx)
    x, y, z = (float(np.mean(axis)) for axis in (np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)))
    position = round(math.degrees(math.atan2(y, x)) % 360, 4), round(math.degrees(math.atan2(z, math.hypot(x, y))), 4)
    return Target(
        position_name(*position),
        *position,
        "middle of its pointings",
        ("The job names no source: the middle of its pointings stands for it.",),
    )


def attached_plan(
    request: Request, sent: Mapping[str, Any], target: Target, pointings: Pointings, identity: Identity, catalog: SourceCatalog, note: str
) -> Plan:
    """The plan of the run of a job.

    The batch is its user's own: it is asked with that user's token alone, for a job is one user's.

    Parameters
    ----------
    request, sent
        Of the job, as `request_of` and `sent_again` give them.
    target, pointings
        Of the request.
    identity
        Whose job.
    catalog
        Names of the sources of the sky.
    note
        What is to be said of the job.
    """
    (instrument,), (product,) = request.instruments, request.products
    band = None if product == "spectrum" else (_number(sent, "E1_keV"), _number(sent, "E2_keV"))
    start, stop = float(pointings.tstart[0]), float(pointings.tstop[-1])
    batch = Batch(request.host_type, dict(sent), identity.user, float(pointings.telapse.sum()), start, stop)
    return Plan(
        request=request.to_dict(),
        target=target,
        pointings=pointings,
        batches=(batch,),
        jobs=(Job(instrument, product, band, (batch.batch_id,)),),
        notices=tuple(filter(None, (note, *target.notes))),
        catalog=catalog,
        lists={} if product == "mosaic" else {instrument: _sources(sent.get("selected_catalog"))},
    )


def _sources(sent: Any) -> SourceCatalog:
    """The sources that spectra and light curves were extracted for; none where the dispatcher took its own list."""
    if not sent:
        return SourceCatalog()
    try:
        document = json.loads(sent) if isinstance(sent, str) else sent
        return catalog_from_api(document)
    except (ValueError, RecursionError, AttributeError, ProductError):
        raise _never("its catalogue cannot be read", "start a run with a catalogue of your own instead") from None


def _number(sent: Mapping[str, Any], name: str) -> float:
    try:
        number = float(sent[name])
    except (KeyError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise _never(f"its {name} is no number", "start a run with what matters of it instead")
    return number


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str | int | float) for item in value)
    return isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value))


def _never(why: str, instead: str) -> RequestError:
    return RequestError(f"The job cannot be attached: {why}; {instead}.")
