"""Where a session looks at what of its run would go to the gallery, and sends it.

A preview is drawn in a thread, one product after the other, and seen while it grows; what is sent is what it holds, file by file.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dashboard.account import Account
from dashboard.dispatcher.gallery import GalleryDoor
from dashboard.errors import DashboardError, DispatcherError, ProductError, RequestError, RequestRefused
from dashboard.gallery.draft import Draft
from dashboard.gallery.publishing import drafts_of, only_by_hand, publish, refuse_unready, refuse_without_role
from dashboard.gallery_board import gallery_board
from dashboard.plan.plan import Plan
from dashboard.runs.process import host_for
from dashboard.runs.publication import Publication
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from dashboard.watcher import Look

log = logging.getLogger(__name__)
_drawing: Final = ThreadPoolExecutor(1, "gallery previews")
"""One for the process: matplotlib draws one picture at a time."""


class _Table:
    """What is drawn of a run, with a folder of its own, which goes with the last of what lies on it."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.drawn: dict[tuple[Any, ...], tuple[Offer, ...]] = {}

    @cached_property
    def folder(self) -> Path:
        """For the files; made when it is first needed."""
        try:
            path = Path(tempfile.mkdtemp(prefix="integral-gallery-"))
        except OSError as error:
            raise ProductError(
                f"There is no place for files: {error.strerror or error}. Tell the administrator; nothing was sent."
            ) from error
        weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        return path


class Offer:
    """A product as it would be published, and what has become of it.

    Attributes
    ----------
    draft
        All that is sent.
    picture
        The PNG that is sent.
    by_name
        An image made for its catalogue alone: published only when it is named.
    known
        What stands in the gallery of it already, None for nothing.
    state
        "", "waiting", "sending", "published", "updated" or "failed".
    problem
        Why it failed.
    """

    def __init__(self, draft: Draft, by_name: bool, keeper: object) -> None:
        self.draft, self.by_name = draft, by_name
        self._keeper = keeper  # as long as it is held, the files are there
        self.known: Publication | None = None
        self.picture = next((file.path.read_bytes() for file in draft.files if file.part == "img"), b"")
        self.state, self.problem = "", ""

    @property
    def current(self) -> bool:
        """Whether the gallery has just this."""
        return self.known is not None and self.known.sum_version == self.draft.sum_version

    @property
    def suggested(self) -> bool:
        """Whether it is published unless its owner says otherwise."""
        return not (self.by_name or self.current)


class Preview:
    """What of a run may be published, as far as it is drawn.

    Attributes
    ----------
    key
        Of the run, its sums and the chosen sources.
    plan, run
        Of what.
    sources
        Number of each job that has something to the sources of which it is shown; none for images.
    total, done
        Jobs to draw, and jobs drawn.
    offers
        In the order of the plan.
    publications
        What of the run stands in the gallery.
    problems
        Sentences about what cannot be published.
    sending
        Products are on their way.
    """

    def __init__(self, look: Look, sources: Sequence[str]) -> None:
        self.key, self.plan, self.run = preview_key(look, sources), look.plan, look.state
        found = {number: findings.product for number, findings in enumerate(look.findings) if findings is not None}
        self.sources = {
            number: () if look.jobs[number].product == "mosaic" else tuple(name for name in sources if name in product.sources)
            for number, product in found.items()
        }
        self.total, self.done = len(self.sources), 0
        self.offers: tuple[Offer, ...] = ()
        self.publications: tuple[Publication, ...] = ()
        self.problems: tuple[str, ...] = ()
        self.sending = False

    @property
    def ready(self) -> bool:
        """All is drawn."""
        return self.done == self.total

    @property
    def progress(self) -> tuple[Any, ...]:
        """Differs when there is news."""
        return self.done, self.problems, self.publications, self.sending, tuple((o.state, o.problem, o.current) for o in self.offers)


class GalleryDesk:
    """Previews of a session's runs, and publishing from them.

    Parameters
    ----------
    settings
        Of the deployment.
    store
        As the user sees it.
    account
        The user's tokens.
    """

    def __init__(self, settings: Settings, store: RunStore, account: Account) -> None:
        self._settings, self._store, self._account = settings, store, account
        self._table = _Table("")

    def refusal(self, look: Look) -> str:
        """Why nothing of the run is published now, "" when something may be."""
        try:
            refuse_unready(look.plan, look.state)
        except RequestError as error:
            return error.sentence
        if look.state.host not in self._settings.hosts:
            return f"The host {look.state.host} is not offered here any more: its gallery cannot be reached."
        return ""

    def lack(self, host: str) -> str:
        """Why this user publishes nothing at a host, and what to do; "" when nothing is in the way."""
        try:
            refuse_without_role(self._settings.hosts[host], self._account.at(host).token)
        except DispatcherError as error:
            return error.sentence
        return ""

    def preview(self, look: Look, sources: Sequence[str]) -> Preview:
        """Begin to draw what would be published, of spectra and light curves those of `sources`; does not wait."""
        preview = Preview(look, sources)
        if self._table.run_id != look.state.run_id:
            self._table = _Table(look.state.run_id)
        _drawing.submit(self._draw, weakref.ref(preview), self._table)
        return preview

    def _draw(self, wanted: weakref.ref[Preview], table: _Table) -> None:
        try:
            if (preview := wanted()) is None:
                return
            preview.publications = self._store.publications(preview.run.run_id)
            for number in preview.sources:
                try:
                    preview.offers += self._offers(preview, number, table)
                except DashboardError as error:
                    preview.problems = tuple(dict.fromkeys((*preview.problems, error.sentence)))
                preview.done += 1
        except Exception as error:
            log.exception("A preview for the gallery failed")
            if (preview := wanted()) is not None:
                reason = error.sentence if isinstance(error, DashboardError) else f"An unexpected error ({type(error).__name__})"
                preview.problems = (*preview.problems, f"{reason}: the products cannot be shown.")
                preview.done = preview.total

    def _offers(self, preview: Preview, number: int, table: _Table) -> tuple[Offer, ...]:
        job, run, names = preview.plan.jobs[number], preview.run, preview.sources[number]
        if job.product != "mosaic" and not names:
            return ()
        key = (run.plan_version, number, run.sums[number], names)
        if key not in table.drawn:
            drafts = drafts_of(self._settings, preview.plan, run, table.folder, job=number, sources=names)
            table.drawn[key] = tuple(Offer(draft, job.for_catalogue, table) for draft in drafts)
        known = {publication.product_id: publication for publication in preview.publications}
        for offer in table.drawn[key]:
            offer.known = known.get(offer.draft.product_id)
        return table.drawn[key]

    def send(self, preview: Preview, offers: Collection[Offer]) -> None:
        """Blocking: publish these, one after the other; each offer tells how far it is.

        What the gallery refuses of one product stops no other; where it does not answer, or the token is not taken, the rest stays.

        Raises
        ------
        RequestError
            When the run has changed since it was shown.
        NotAuthorized, TokenExpired
            When the role is missing; nothing was sent.
        """
        host, token = preview.run.host, self._account.at(preview.run.host).token
        preview.sending = True
        try:
            refuse_without_role(self._settings.hosts[host], token)
            if self._store.state(preview.run.run_id).sums != preview.run.sums:
                raise RequestError(f"{preview.run.name} has changed since this was shown: look at it again. Nothing was sent.")
            door = GalleryDoor(host_for(self._settings, host), token)
            for offer in offers:
                offer.state, offer.problem = "waiting", ""
            for offer in offers:
                offer.state = "sending"
                if not self._send_one(preview, offer, door):
                    break
            gallery_board(self._settings).forget(host)
        finally:
            for offer in offers:
                offer.state = "" if offer.state == "waiting" else offer.state
            preview.sending = False

    def _send_one(self, preview: Preview, offer: Offer, door: GalleryDoor) -> bool:
        """Whether the next may follow."""
        try:
            publication, updated = publish(self._store, offer.draft, door)
        except DashboardError as error:
            offer.state, offer.problem = "failed", error.sentence
            return isinstance(error, RequestRefused)
        except Exception as error:
            log.exception("Publishing from run %s failed", preview.run.run_id)
            offer.state, offer.problem = (
                "failed",
                f"An unexpected error ({type(error).__name__}) ended this: report it with the page's log.",
            )
            return False
        others = (known for known in preview.publications if known.product_id != publication.product_id)
        offer.known, preview.publications = publication, (*others, publication)
        offer.state = "updated" if updated else "published"
        return True


def preview_key(look: Look, sources: Sequence[str]) -> tuple[Any, ...]:
    """Differs when a preview would."""
    return look.state.run_id, look.state.plan_version, look.state.sums, tuple(sources)


def extracted_names(look: Look) -> tuple[str, ...]:
    """Sources of which the run has spectra or light curves, the target first."""
    jobs = zip(look.jobs, look.findings, strict=True)
    names = dict.fromkeys(name for job, found in jobs if job.product != "mosaic" and found is not None for name in found.product.sources)
    return tuple(sorted(names, key=lambda name: (name != look.plan.target.name, name.casefold())))


def may_be_published(plan: Plan) -> bool:
    """Whether one click publishes the run, without a look: its request says so, and nothing private or simulated is in it."""
    return not (plan.simulated or only_by_hand(plan))


def permission(plan: Plan) -> str:
    """What upload_to_gallery of the request means for the run, "" where it is not set."""
    if not plan.request["upload_to_gallery"]:
        return ""
    if plan.simulated:
        return "upload_to_gallery: what is simulated is never published"
    if may_be_published(plan):
        return "upload_to_gallery: may be published without another look; nothing is sent by itself"
    return "upload_to_gallery: private data are published only after a look"
