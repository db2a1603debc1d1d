"""What a user does with runs on the page. Every method blocks, and raises a DashboardError whose sentence says what is wrong."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from dashboard.account import Account, Standing
from dashboard.identity import Identity
from dashboard.plan.plan import Plan
from dashboard.plan.replanning import SELECTION, put_back, without
from dashboard.products.catalog import SourceCatalog
from dashboard.request.request import Request
from dashboard.road import extended, prepare
from dashboard.runs.capacity import refuse_without_room
from dashboard.runs.links import Link
from dashboard.runs.process import ensure_worker
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import Event
from dashboard.runs.store import RunStore
from dashboard.runs.vault import Vault
from dashboard.settings import Settings
from dashboard.view import View

MOST = 40
"""Runs that are listed on the page."""


class RunActs:
    """Acts on the runs of one user.

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

    def take_token(self, user: str, host: str, text: str) -> None:
        """Use a token of the user's for a host, also for what runs there; "" for none.

        Raises
        ------
        NotAuthorized
            When it is no token.
        TokenExpired
            When it is too old.
        """
        self._account.take(host, text)
        Vault(self._settings).replace(user, host, text)

    def plan(self, request: Request, identity: Identity) -> Plan:
        """What such a request would ask, with the roles that the user has."""
        return prepare(self._settings, request, replace(identity, roles=self._account.at(request.host_type).roles))

    def start(self, plan: Plan, identity: Identity) -> str:
        """Hand a plan to the store, see that a worker is there, and return the run's id.

        Raises
        ------
        NotAuthorized, TokenExpired
            When the host would refuse it.
        StorageFull
            When there is no room for what it would bring.
        """
        standing = self._ready(plan)
        run_id = self._store.start(plan, replace(identity, roles=standing.roles), token=standing.token)
        ensure_worker(self._settings)
        return run_id

    def go_on(self, run: RunState, number: int, catalog: SourceCatalog) -> None:
        """Ask what waits for the catalogue of the image of job `number`."""
        self._store.go_on(run.run_id, number, catalog, self._account.at(run.host).token)
        ensure_worker(self._settings)

    def runs(self) -> tuple[RunState, ...]:
        """The newest runs, and one more where there are more than `MOST`."""
        return self._store.list_runs(most=MOST + 1)

    def history(self, run_id: str, batch_id: str = "") -> tuple[Event, ...]:
        """What happened to a run, or to a batch."""
        return self._store.history(batch_id=batch_id) if batch_id else self._store.history(run_id=run_id)

    def cancel(self, run: RunState) -> str:
        """End a run; what that means, honestly."""
        self._store.cancel(run.run_id)
        told = [event.detail for event in self._store.history(run_id=run.run_id) if event.what == "cancelled"]
        return told[-1] if told else ""

    def retry(self, run: RunState, batch_ids: Collection[str] | None = None) -> int:
        """Ask failed and cancelled batches again, all or these."""
        number = self._store.retry_failed(run.run_id, self._account.at(run.host).token, batch_ids)
        ensure_worker(self._settings)
        return number

    def exclude(self, run: RunState, batch_ids: Collection[str], excluded: bool) -> int:
        """Leave batches out of the sums, or put them back."""
        number = self._store.exclude(run.run_id, batch_ids, excluded)
        ensure_worker(self._settings)
        return number

    def exclude_scw(self, run: RunState, swids: Collection[str], excluded: bool) -> int:
        """Take science windows out, or put them back; how many batches are asked again."""
        plan = self._store.plan(run.run_id)
        return self._revise(run, without(plan, swids) if excluded else put_back(plan, swids), f"{len(swids)} ScW")

    def extension(self, run: RunState, request: Request) -> Plan:
        """The run's plan with the selection of the request, of which nothing is asked yet."""
        selection = {name: value for name, value in request.to_dict().items() if name in SELECTION}
        return extended(self._settings, self._store.plan(run.run_id), **selection)

    def extend(self, run: RunState, plan: Plan) -> int:
        """Go on with such a plan; how many batches are new."""
        request = Request.from_dict(plan.request)
        listed = request.selected_by
        what = f"{len(getattr(request, listed))} {listed}" if listed else f"{request.T1} to {request.T2}"
        return self._revise(run, plan, f"extended: {what}")

    def _revise(self, run: RunState, plan: Plan, what: str) -> int:
        number = self._store.revise(run.run_id, plan, what, self._ready(plan).token)
        ensure_worker(self._settings)
        return number

    def _ready(self, plan: Plan) -> Standing:
        """As whom the plan's host is asked, when host and store would take it."""
        standing = self._account.at(plan.host)
        standing.refuse(plan, self._settings.hosts[plan.host])
        refuse_without_room(self._settings, plan, self._store.done_batches([batch.batch_id for batch in plan.batches]))
        return standing

    def rename(self, run: RunState, name: str) -> None:
        """Call it otherwise."""
        self._store.rename(run.run_id, name)

    def pin(self, run: RunState, pinned: bool) -> None:
        """Keep it from retention, or give it free."""
        self._store.pin(run.run_id, pinned)

    def tell(self, run: RunState, address: str) -> None:
        """Whom to tell its end by e-mail; "" for nobody."""
        self._store.tell(run.run_id, address)

    def share(self, run: RunState, days: float | None, view: View, name: str = "") -> str:
        """Make a link to a run that lasts so many days, None for ever; its secret."""
        return self._store.share(run.run_id, None if days is None else time.time() + days * 86400.0, view.to_json(), name)

    def links(self, run: RunState) -> tuple[Link, ...]:
        """The links to a run, the newest first."""
        return self._store.links(run.run_id)

    def revoke(self, link: Link) -> None:
        """End a link."""
        self._store.revoke(link.link_id)

    def delete(self, run_id: str) -> int:
        """Forget a run and remove its files; the bytes this frees."""
        return self._store.delete(run_id)


def extends(plan: Plan, request: Request) -> bool:
    """Whether a request asks for what the plan asks, of other science windows: then its run can be extended."""
    now, before = request.to_dict(), Request.from_dict(plan.request).to_dict()  # a stored plan may lack what later versions ask
    differing = {key for key in {*now, *before} if now.get(key) != before.get(key)}
    return bool(differing) and differing <= SELECTION
