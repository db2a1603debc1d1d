"""The clients' side of the run store: what the owner of a run does with it. Work itself is done by the worker."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa

from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.notices.mail_server import is_address
from dashboard.plan.making import continued
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog
from dashboard.runs.field import refuse_too_wide
from dashboard.runs.links import Link, link_id_of, new_secret
from dashboard.runs.products import ProductStore, batch_file
from dashboard.runs.publication import Publication
from dashboard.runs.rows import add_batches, ask_again, note, note_batches, set_run, touch
from dashboard.runs.run_folder import try_to_write
from dashboard.runs.run_state import ACTIVE_RUN, ENDED_BATCH, IN_FLIGHT, REVIEW
from dashboard.runs.run_view import RunView, plan_of
from dashboard.runs.schema import batches, events, links, plans, publications, run_batches, runs
from dashboard.runs.vault import Vault, release
from dashboard.runs.workflow_records import forget_attempts

LONGEST_NAME = 120

log = logging.getLogger(__name__)


class RunStore(RunView):
    """Runs, and what their owners do with them: start, cancel, retry, extend, exclude, rename, pin, share, delete.

    Every method that is given the id of a run raises RunNotFound when there is no such run, or it is another user's.
    """

    def start(self, plan: Plan, identity: Identity, name: str = "", token: str = "", tell: str = "") -> str:
        """Note a run for the worker and return its id. Batches that are done are reused, those that failed are asked again.

        Parameters
        ----------
        plan, identity
            What is asked, and who asks.
        name
            Of the run; the target's when not given.
        token
            To ask with; kept, sealed, until the run has ended. "" for anonymous, or one that an active run of the user has brought.
        tell
            E-mail address that is told its end, "" for none.

        Raises
        ------
        RequestError
            When the name is too long or the address is none.
        ProductError
            When the science windows do not fit into one mosaic.
        RunError
            When the store cannot be written.
        """
        refuse_too_wide(plan)
        title, address = _name(name or plan.target.name), _address(tell)
        now = time.time()
        run_id = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        with self._database.writing() as connection:
            connection.execute(
                runs.insert().values(
                    run_id=run_id,
                    owner=identity.user,
                    origin=identity.origin,
                    name=title,
                    host=plan.host,
                    request_json=json.dumps(dict(plan.request), sort_keys=True),
                    n_jobs=len(plan.jobs),
                    state="planned",
                    created=now,
                    updated=now,
                    tell=address,
                )
            )
            connection.execute(plans.insert().values(run_id=run_id, plan_json=_text(plan)))
            add_batches(connection, run_id, plan, "started")
            if token:
                Vault(self._settings).keep(connection, identity.user, plan.host, token)
        about = {"run_id": run_id, "host": plan.host, "state": "planned"}
        log.info("Run %s is started: %d batches at %s.", run_id, len(plan.batches), plan.host, extra=about)
        return run_id

    def go_on(self, run_id: str, number: int, catalog: SourceCatalog, token: str = "") -> None:
        """Ask, with this token if there is one, what waited for the catalogue of the image of job `number`.

        A run that no longer waits for it is left alone.
        """
        with self._database.writing() as connection:
            state = self._row(connection, run_id, runs.c.state).state
            before = plan_of(connection, run_id)
            if state in {*ACTIVE_RUN, REVIEW} and any(coming.image == number for coming in before.coming):
                plan = continued(before, number, catalog)
                self._keep_token(connection, run_id, token)
                set_run(connection, run_id, "running", f"a catalogue of {len(catalog)} sources")
                self._revise(connection, run_id, plan)
                add_batches(connection, run_id, plan, "extended")

    def revise(self, run_id: str, plan: Plan, what: str, token: str = "") -> int:
        """Give a run another plan, e.g. for a longer interval: only batches it did not have are asked; their number.

        Batches that the new plan does not have leave the run; their products stay in the store.

        Raises
        ------
        RequestError
            When the run waits for a catalogue, or the plan is for another host.
        ProductError
            When the science windows do not fit into one mosaic.
        """
        refuse_too_wide(plan)
        wanted = {batch.batch_id: position for position, batch in enumerate(plan.batches)}
        with self._database.writing() as connection:
            row = self._row(connection, run_id, runs.c.state, runs.c.host)
            if row.state == REVIEW:
                raise RequestError("The run waits for you to look at its catalogue: go on with it first.")
            if row.host != plan.host:
                raise RequestError(f"The run is of {row.host}, the plan for {plan.host}: start another run.")
            had = set(connection.scalars(sa.select(run_batches.c.batch_id).where(run_batches.c.run_id == run_id)))
            mine = run_batches.c.run_id == run_id
            self._abandon(connection, run_id, had - wanted.keys())
            connection.execute(run_batches.delete().where(mine, run_batches.c.batch_id.in_(had - wanted.keys())))
            for batch_id in had & wanted.keys():
                connection.execute(run_batches.update().where(mine, run_batches.c.batch_id == batch_id).values(position=wanted[batch_id]))
            self._keep_token(connection, run_id, token)
            set_run(connection, run_id, "running", what)
            self._revise(connection, run_id, plan)
            lost = sa.select(batches.c.batch_id).join(run_batches).where(mine, ~run_batches.c.excluded, batches.c.state == "cancelled")
            if cancelled := list(connection.scalars(lost)):
                ask_again(connection, run_id, cancelled)
            add_batches(connection, run_id, plan, "revised")
        return len(wanted.keys() - had)

    def cancel(self, run_id: str) -> None:
        """End a run. What is not done and no other run waits for is asked no more; the dispatcher goes on with what was sent."""
        with self._database.writing() as connection:
            if self._row(connection, run_id, runs.c.state).state not in (*ACTIVE_RUN, REVIEW):
                return
            mine = set(connection.scalars(sa.select(run_batches.c.batch_id).where(run_batches.c.run_id == run_id)))
            ended, sent = self._abandon(connection, run_id, mine)
            told = f"{ended} batches not asked or no longer waited for" + (f", {sent} of them go on at MMODA" if sent else "")
            set_run(connection, run_id, "cancelled", reason=told[0].upper() + told[1:] + ".")
        log.info("Run %s is cancelled: %s.", run_id, told, extra={"run_id": run_id, "state": "cancelled"})
        try_to_write(self._settings, run_id)

    def retry_failed(self, run_id: str, token: str = "", batch_ids: Collection[str] | None = None) -> int:
        """Ask failed and cancelled batches again, with this token if there is one; the number of them.

        Parameters
        ----------
        run_id
            Which run; one without such batches is left as it is.
        token
            To ask with.
        batch_ids
            Those to ask again; all when not given.
        """
        with self._database.writing() as connection:
            state = self._row(connection, run_id, runs.c.state).state
            query = sa.select(batches.c.batch_id).join(run_batches).where(run_batches.c.run_id == run_id, ~run_batches.c.excluded)
            query = query.where(sa.or_(batches.c.state.in_(("failed", "cancelled")), run_batches.c.refusal != ""))
            if batch_ids is not None:
                query = query.where(batches.c.batch_id.in_(list(batch_ids)))
            failed = list(connection.scalars(query))
            if failed:
                ask_again(connection, run_id, failed)
                self._keep_token(connection, run_id, token)
            elif state == "done with failures" and batch_ids is None:
                set_run(connection, run_id, "running", "what is there is added up again")
        return len(failed)

    def exclude(self, run_id: str, batch_ids: Collection[str], excluded: bool = True) -> int:
        """Leave batches out of the run's sums, or put them back; how many were concerned. No product that is there is asked again.

        The sums are made anew from the stored products. A batch that is put back and had failed is asked again.

        Raises
        ------
        RequestError
            When the run waits for a catalogue.
        """
        with self._database.writing() as connection:
            if self._row(connection, run_id, runs.c.state).state == REVIEW:
                raise RequestError("The run waits for you to look at its catalogue: go on with it first.")
            concerned = (run_batches.c.run_id == run_id, run_batches.c.batch_id.in_(list(batch_ids)), run_batches.c.excluded != excluded)
            ids = list(connection.scalars(sa.select(run_batches.c.batch_id).where(*concerned)))
            if not ids:
                return 0
            if excluded:
                self._abandon(connection, run_id, set(ids))
            connection.execute(run_batches.update().where(*concerned).values(excluded=excluded))
            word = "excluded" if excluded else "put back"
            note_batches(connection, word, batch_ids=ids)
            touch(connection, ids)
            set_run(connection, run_id, "running", f"{len(ids)} batches {word}")
            lost = sa.select(batches.c.batch_id).where(batches.c.batch_id.in_(ids), batches.c.state.in_(("failed", "cancelled")))
            again = [] if excluded else list(connection.scalars(lost))
            if again:
                ask_again(connection, run_id, again)
        return len(ids)

    def rename(self, run_id: str, name: str) -> None:
        """Call a run otherwise.

        Raises
        ------
        RequestError
            When the name is empty or too long.
        """
        text = _name(name)
        self._set(run_id, f"renamed to {text}", name=text)

    def pin(self, run_id: str, pinned: bool = True) -> None:
        """Keep a run from being removed by retention, or give it free again."""
        self._set(run_id, "pinned" if pinned else "no longer pinned", pinned=pinned)

    def share(self, run_id: str, expires: float | None = None, view: str = "", name: str = "") -> str:
        """Make a link by which anybody may look at the run; its secret, which is kept nowhere.

        Parameters
        ----------
        run_id
            Which run.
        expires
            Seconds since 1970 (UTC) until which it opens; None: for ever.
        view
            What is to be looked at, see `dashboard.view`.
        name
            For whom; may be empty.

        Raises
        ------
        RequestError
            When the name is too long.
        """
        secret, called = new_secret(), _name(name) if name.strip() else ""
        values = {"link_id": link_id_of(secret), "name": called, "view_json": view, "created": time.time(), "expires": expires}
        with self._database.writing() as connection:
            owner = self._row(connection, run_id, runs.c.owner).owner
            connection.execute(links.insert().values(run_id=run_id, owner=owner, **values))
            note(connection, "shared", f"by a link{f' for {called}' if called else ''}", run_id=run_id)
        return secret

    def links(self, run_id: str) -> tuple[Link, ...]:
        """The links to a run, also those that have ended; the newest first."""
        with self._database.reading() as connection:
            self._row(connection, run_id, runs.c.run_id)
            found = connection.execute(sa.select(links).where(links.c.run_id == run_id).order_by(links.c.created.desc()))
            return tuple(Link.of_row(row) for row in found)

    def revoke(self, link_id: str) -> Link:
        """End a link, given by its id or the beginning of it.

        Raises
        ------
        RequestError
            When the user has no such link, or several that begin alike.
        """
        mine = (links.c.link_id.startswith(link_id, autoescape=True), *self._visible)
        with self._database.writing() as connection:
            found = connection.execute(sa.select(links).join(runs).where(*mine).limit(2)).all()
            if len(found) != 1 or not link_id:
                told = "Several links begin" if len(found) > 1 else "You have no link that begins"
                raise RequestError(f"{told} with {link_id[:64]!r}: see runs links for those there are.")
            link = Link.of_row(found[0])
            if link.revoked is None:
                connection.execute(links.update().where(links.c.link_id == link.link_id).values(revoked=time.time()))
                note(connection, "a link revoked", link.name, run_id=link.run_id)
        return link

    def published(self, run_id: str, publication: Publication) -> None:
        """Remember what stands in the gallery, in the place of what stood there under the same id."""
        values = asdict(publication)
        mine = (publications.c.run_id == run_id, publications.c.product_id == publication.product_id)
        with self._database.writing() as connection:
            self._row(connection, run_id, runs.c.run_id)
            connection.execute(publications.delete().where(*mine))
            connection.execute(publications.insert().values(run_id=run_id, **values))
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(version=runs.c.version + 1))
            note(connection, "in the gallery", f"{publication.title}: {publication.link or publication.product_id}", run_id=run_id)

    def delete(self, run_id: str, only: sa.ColumnElement[bool] | None = None) -> int:
        """Forget a run and remove its files; the bytes that this frees.

        Public batches stay in the store for whoever asks them again, until retention removes them; private ones that no
        other run has are removed. A run that is under way is cancelled first. With `only`, a condition on rows of `runs`,
        none is cancelled, and one of which it does not hold at that moment is left as it is.
        """
        if only is None:
            self.cancel(run_id)
        products = ProductStore(self._settings.storage_url)
        with self._database.reading() as connection:
            self._row(connection, run_id, runs.c.run_id)
            asked = sa.select(batches.c.batch_id, batches.c.attempts).join(run_batches).where(run_batches.c.run_id == run_id)
            ended = asked.where(batches.c.owner != "", batches.c.state.in_(ENDED_BATCH))
            attempts = dict(connection.execute(ended).all())
        forget_attempts(self._settings, attempts)
        with self._database.writing() as connection:
            self._row(connection, run_id, runs.c.run_id)
            if only is not None and connection.scalar(sa.select(runs.c.run_id).where(runs.c.run_id == run_id, only)) is None:
                return 0
            mine = sa.select(run_batches.c.batch_id).where(run_batches.c.run_id == run_id)
            shared = sa.select(run_batches.c.batch_id).where(run_batches.c.run_id != run_id)
            alone = (batches.c.batch_id.in_(mine), batches.c.batch_id.not_in(shared))
            private = list(connection.scalars(sa.select(batches.c.batch_id).where(*alone, batches.c.owner != "")))
            connection.execute(run_batches.delete().where(run_batches.c.run_id == run_id))
            for table in (publications, links, events):
                connection.execute(table.delete().where(table.c.run_id == run_id))
            connection.execute(events.delete().where(events.c.batch_id.in_(private)))
            connection.execute(batches.delete().where(batches.c.batch_id.in_(private)))
            connection.execute(runs.delete().where(runs.c.run_id == run_id))
            release(connection)
        return products.remove_folder(f"runs/{run_id}") + sum(products.remove(batch_file(batch_id)) for batch_id in private)

    def _revise(self, connection: sa.Connection, run_id: str, plan: Plan) -> None:
        values = {
            "request_json": json.dumps(dict(plan.request), sort_keys=True),
            "n_jobs": len(plan.jobs),
            "plan_version": runs.c.plan_version + 1,
        }
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))
        connection.execute(plans.update().where(plans.c.run_id == run_id).values(plan_json=_text(plan)))

    def _abandon(self, connection: sa.Connection, run_id: str, batch_ids: Collection[str]) -> tuple[int, int]:
        """Ask no more what is not done and no other run waits for; how many batches, and how many of them were sent already."""
        others = (
            sa.select(run_batches.c.batch_id)
            .join(runs)
            .where(runs.c.state.in_(ACTIVE_RUN), run_batches.c.run_id != run_id, ~run_batches.c.excluded)
        )
        query = sa.select(batches.c.batch_id, batches.c.state).where(
            batches.c.batch_id.in_(list(batch_ids)), batches.c.state.not_in(ENDED_BATCH), batches.c.batch_id.not_in(others)
        )
        mine = dict(connection.execute(query).all())
        ended = {"state": "cancelled", "due": None, "reason": "Cancelled by the user.", "updated": time.time()}
        connection.execute(batches.update().where(batches.c.batch_id.in_(list(mine))).values(ended))
        sent = [batch_id for batch_id, state in mine.items() if state in IN_FLIGHT]
        note_batches(connection, "cancelled", batch_ids=[batch_id for batch_id in mine if batch_id not in sent])
        note_batches(connection, "cancelled", "It is waited for no longer; MMODA goes on computing it, for it knows no cancelling.", sent)
        touch(connection, list(mine))
        return len(mine), len(sent)

    def tell(self, run_id: str, address: str) -> None:
        """Tell this e-mail address when the run has ended, "" for nobody.

        Raises
        ------
        RequestError
            When it is no address.
        """
        self._set(run_id, "its end will be told" if address else "its end will not be told", tell=_address(address))

    def _keep_token(self, connection: sa.Connection, run_id: str, token: str) -> None:
        if token:
            row = self._row(connection, run_id, runs.c.owner, runs.c.host)
            Vault(self._settings).keep(connection, row.owner, row.host, token)

    def _set(self, run_id: str, what: str, **values: object) -> None:
        with self._database.writing() as connection:
            self._row(connection, run_id, runs.c.run_id)
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(**values, version=runs.c.version + 1))
            note(connection, what, run_id=run_id)
        try_to_write(self._settings, run_id)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME:
        raise RequestError(f"A run's name has between 1 and {LONGEST_NAME} characters.")
    return name


def _address(text: str) -> str:
    if text and not is_address(text):
        raise RequestError(f"{text[:60]!r} is no e-mail address such as ada@example.org.")
    return text


def _text(plan: Plan) -> str:
    return json.dumps(plan.to_dict(), allow_nan=False)
