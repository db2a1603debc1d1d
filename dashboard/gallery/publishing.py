"""Which drafts a run has, who may publish them, and publishing one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from dashboard.dispatcher.gallery import GalleryDoor
from dashboard.dispatcher.token import inspect
from dashboard.errors import NotAuthorized, ProductError, RequestError, StorageFull, TokenExpired
from dashboard.gallery.draft import Draft, refuse_simulated
from dashboard.gallery.drafting import Sum, chosen, image_draft, light_curve_draft, spectrum_draft
from dashboard.hosts import Host
from dashboard.plan.plan import Plan
from dashboard.plan.roles import GALLERY
from dashboard.products.disk import is_full
from dashboard.products.mosaic import Provenance
from dashboard.runs.publication import Publication
from dashboard.runs.results import load_light_curves, load_mosaic, load_sources, load_spectra
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

_NOTHING: Final = "{} has no product yet: there is nothing to publish."


def refuse_unready(plan: Plan, state: RunState) -> None:
    """Raise RequestError for a run of which nothing can be published now: simulated, under way, or without a product."""
    refuse_simulated(plan, Provenance())
    if not state.finished:
        raise RequestError(f"{state.name} is still {state.state}: publish it when it has ended, or cancel what is left.")
    if not any(state.sums):
        raise RequestError(_NOTHING.format(state.name))


def drafts_of(
    settings: Settings, plan: Plan, state: RunState, folder: Path, *, job: int | None = None, sources: Sequence[str] = ()
) -> tuple[Draft, ...]:
    """What would be published of a run, with the files in `folder`.

    Parameters
    ----------
    settings, plan, state
        The run.
    folder
        For the files; one of an earlier look at the same sum is written anew.
    job
        Only this one of the plan; all that were asked for when None. Images made for their catalogue alone need to be named.
    sources
        Of spectra and light curves; the target when none is given.

    Raises
    ------
    RequestError
        For a simulated run, one that is still under way or has nothing yet, or a source it has nothing of.
    ProductError
        When a product cannot be read or described, or the folder cannot be written.
    StorageFull
        When no space is left for the files.
    """
    refuse_unready(plan, state)
    if job is not None and not 0 <= job < len(plan.jobs):
        raise RequestError(f"There is no job {job}: the run has jobs 0 to {len(plan.jobs) - 1}.")
    numbers = [number for number, each in enumerate(plan.jobs) if number == job or (job is None and not each.for_catalogue)]
    ready = [number for number in numbers if state.sums[number]]
    if not ready:
        raise RequestError(_NOTHING.format(state.name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(draft for number in ready for draft in _of_job(settings, plan, state, number, folder, sources))
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"No space is left in {folder}: free some, then look again; nothing was sent.") from error
        raise ProductError(f"{folder} cannot be written: {error.strerror or error}. Choose another folder; nothing was sent.") from error


def _of_job(settings: Settings, plan: Plan, state: RunState, number: int, folder: Path, sources: Sequence[str]) -> Iterator[Draft]:
    of = Sum(state.run_id, plan, number, state.sums[number])
    match plan.jobs[number].product:
        case "mosaic":
            yield image_draft(of, load_mosaic(settings, state, number), load_sources(settings, state, number), folder)
        case "spectrum":
            spectra = load_spectra(settings, state, number)
            for name in chosen(sources, plan.target.name, spectra.sources):
                yield from (spectrum_draft(of, spectrum, folder) for spectrum in spectra.of(name))
        case _:
            curves = load_light_curves(settings, state, number)
            names = chosen(sources, plan.target.name, curves.sources)
            yield from (light_curve_draft(of, curve, folder) for curve in curves.curves if curve.source in names)


def only_by_hand(plan: Plan) -> str:
    """Why nothing of the run may be published unless somebody has looked at it and said yes; "" when that is not so."""
    if not plan.request["upload_to_gallery"]:
        return "The request does not set upload_to_gallery"
    if plan.request["integral_data_rights"] != "public":
        return "The run holds private data, and the gallery is public"
    return ""


def refuse_without_role(host: Host, token: str) -> None:
    """Raise when the dispatcher would refuse, so that nothing is sent in vain.

    Raises
    ------
    TokenExpired
        When the token is too old.
    NotAuthorized
        Without a token, or when it lacks the role; with `check_roles` off the dispatcher decides on roles.
    """
    way = f"give a token that has the role {GALLERY!r}, which MMODA's support grants"
    if not token:
        raise NotAuthorized(f"Nothing is published in the gallery of {host.name} without a token: {way}.")
    facts = inspect(token)
    if facts.expired:
        raise TokenExpired(f"The token for {host.name} has expired: get a new one from the MMODA page, then publish again.")
    if host.check_roles and GALLERY not in facts.roles:
        raise NotAuthorized(f"The gallery of {host.name} would refuse this: your token lacks the role {GALLERY!r}; {way}.")


def publish(store: RunStore, draft: Draft, door: GalleryDoor) -> tuple[Publication, bool]:
    """Send a draft and remember where it stands; whether that updated an earlier one.

    Raises
    ------
    DispatcherError
        When it was not taken, see `GalleryDoor.post`.
    RunError
        When it was taken and could not be noted.
    """
    refuse_without_role(door.host, door.token)
    posted = door.post(draft.fields, [(file.part, file.path) for file in draft.files])
    before = {known.product_id: known for known in store.publications(draft.run_id)}.get(draft.product_id)
    publication = Publication(
        product_id=draft.product_id,
        host=door.host.name,
        job=draft.job,
        source=draft.source,
        title=draft.title,
        link=posted.link or (before.link if before else ""),
        sum_version=draft.sum_version,
        published=time.time(),
    )
    store.published(draft.run_id, publication)
    return publication, posted.updated or before is not None
