"""The road as page, notebook and command line walk it: from a request to a plan."""

from __future__ import annotations

from dataclasses import replace

from dashboard.archive.catalog_file import catalog_from_file
from dashboard.archive.default_catalog import default_catalog
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import resolve
from dashboard.archive.selection import find_pointings
from dashboard.hosts import Host
from dashboard.identity import Identity
from dashboard.plan.making import make_plan
from dashboard.plan.plan import Plan
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
    if host.timesystem_fallback and plan.pointings.origin == host.timesystem_fallback:
        told = f"The timesystem of {host.name} did not answer: the science windows are those of {plan.pointings.origin}."
        plan = replace(plan, notices=(*plan.notices, told))
    refuse_too_wide(plan)
    return plan


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
