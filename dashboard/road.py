"""The road as page, notebook and command line walk it: from a request to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard.archive.archives import remarks
from dashboard.archive.catalog_file import catalog_from_file
from dashboard.archive.default_catalog import default_catalog
from dashboard.archive.pointings import Pointings
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import resolve
from dashboard.archive.selection import find_pointings
from dashboard.errors import RequestError
from dashboard.hosts import Host
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
from dashboard.plan.replanning import replanned
from dashboard.products.catalog import SourceCatalog
from dashboard.request.catalogue_choice import choose
from dashboard.request.checks import check
from dashboard.request.request import Request
from dashboard.runs.field import refuse_too_wide
from dashboard.runs.process import host_for
from dashboard.settings import Settings


def prepare(settings: Settings, request: Request, identity: Identity) -> Plan:
    """Check the request, resolve its name, select science windows and cut them into batches.

    Raises
    ------
    DashboardError
        The first thing that is wrong, with its sentence.
    """
    check(request, local_files=identity.origin != "page", catalog_hosts=settings.catalog_hosts, hosts=settings.hosts)
    reference = reference_catalog(request.isdc_cat_url, settings.catalog_hosts)
    host = host_for(settings, request.host_type)
    target = resolve(request, host)
    sources = extraction_sources(request, host, local_files=identity.origin != "page")
    pointings = find_pointings(request, target, host)
    plan = make_plan(request, target, pointings, identity, sources, reference)
    refuse_too_wide(plan)
    return _with_remarks(plan, pointings, host, request)


def extended(settings: Settings, plan: Plan, **selection: Any) -> Plan:
    """The plan of a run for other science windows, as the archive has them now; see `dashboard.plan.replanning.replanned`.

    Parameters
    ----------
    settings, plan
        Where it is computed, and what is so far.
    **selection
        T1, T2, radius, revolutions, observations, scw_list or scw_archive, as in a request; the rest is as it was.

    Raises
    ------
    DashboardError
        The first thing that is wrong, with its sentence.
    """
    request = Request.from_dict({**plan.request, **selection})
    check(request, hosts=settings.hosts)
    if request.selected_by and {"T1", "T2"} & {name for name, value in selection.items() if value != plan.request[name]}:
        raise RequestError(f"The run is made of its {request.selected_by}, not of an interval: change that list.", "T2")
    host = host_for(settings, plan.host)
    pointings = find_pointings(request, plan.target, host)
    longer = replanned(plan, request, pointings)
    refuse_too_wide(longer)
    return _with_remarks(longer, pointings, host, request)


def _with_remarks(plan: Plan, pointings: Mapping[str, Pointings], host: Host, request: Request) -> Plan:
    """The plan with what is to be said of the archive that gave its science windows."""
    told = remarks(pointings.values(), host, request.scw_archive, request.integral_data_rights == "public")
    return replace(plan, notices=tuple(dict.fromkeys((*plan.notices, *told))))


def extraction_sources(request: Request, host: Host, *, local_files: bool) -> SourceCatalog | None:
    """The sources spectra and light curves are extracted for; None when an image is to be made for them, or none are asked.

    Raises
    ------
    RequestError, ProductError
        When api_catalog_file cannot be read, or nothing is chosen.
    ArchiveUnavailable
        When the default catalogue cannot be fetched.
    """
    if set(request.products) <= {"mosaic"}:
        return None
    match choose(request.use_default_catalog, request.make_image, request.api_catalog_file):
        case "default":
            return default_catalog(host)
        case "file":
            return catalog_from_file(request.api_catalog_file, local_files)
    return None
