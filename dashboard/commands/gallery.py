"""gallery: look at what would be published, publish it, and see what the gallery has of a source."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.commands.asking import add_token_option, standing
from dashboard.commands.exit_codes import OK
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.gallery.draft import Draft
    from dashboard.plan.plan import Plan
    from dashboard.runs.store import RunStore


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    acts = commands.add_parser("gallery", help="publish a run in MMODA's gallery, or search it").add_subparsers(dest="what", required=True)
    preview = acts.add_parser("preview", help="show exactly what would be published; nothing is sent")
    publish = acts.add_parser("publish", help="publish products of a run, or update them; shows them and asks first")
    for command in (preview, publish):
        command.add_argument("run_id")
        command.add_argument("--job", type=int, help="only this one, by its number in runs show; all when not given")
        command.add_argument("--source", nargs="+", default=[], help="of spectra and light curves; the target when not given")
    preview.add_argument("--out", type=Path, help="keep the files in this folder, to look at them")
    preview.set_defaults(act=_preview)
    publish.add_argument("--yes", action="store_true", help="do not ask; for requests that set upload_to_gallery")
    add_token_option(publish)
    publish.set_defaults(act=_publish)
    search = acts.add_parser("search", help="what the gallery has of a source")
    search.add_argument("source")
    search.add_argument("--host", default="production", help="host_type (default: production)")
    search.add_argument("--json", action="store_true", help="answer in JSON")
    search.set_defaults(act=_search)


def _preview(options: argparse.Namespace) -> int:
    with _drafts(options, options.out) as (_, store, _, drafts):
        _show(store, drafts)
    if options.out:
        print(f"The files are in {options.out}. Nothing was sent.")
    return OK


def _publish(options: argparse.Namespace) -> int:
    from dashboard.dispatcher.gallery import GalleryDoor
    from dashboard.gallery.publishing import only_by_hand, publish, refuse_without_role
    from dashboard.runs.process import host_for

    with _drafts(options) as (settings, store, plan, drafts):
        token = standing(settings, plan.host, options).token
        host = settings.hosts[plan.host]
        refuse_without_role(host, token)
        reason = only_by_hand(plan)
        if options.yes and reason:
            raise RequestError(f"{reason}: publish without --yes, look at the preview and answer.")
        if not options.yes and not sys.stdin.isatty():
            raise RequestError("Nobody can be asked whether this is to be published: answer at a terminal, or add --yes.")
        _show(store, drafts)
        if not options.yes and input(f"Publish {len(drafts)} in the gallery of {host.name}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was published.")
            return OK
        door = GalleryDoor(host_for(settings, plan.host), token)
        for draft in drafts:
            publication, updated = publish(store, draft, door)
            print(f"{'Updated' if updated else 'Published'}: {publication.title}, {publication.link or 'the gallery tells no link'}")
    return OK


def _search(options: argparse.Namespace) -> int:
    from dashboard.archive.gallery_list import gallery_products

    settings = Settings.from_environment()
    if options.host not in settings.hosts:
        raise RequestError(f"There is no host {options.host[:60]!r}: choose one of {', '.join(settings.hosts)}.")
    found = gallery_products(options.source, settings.hosts[options.host])
    if options.json:
        print(json.dumps([{"title": product.title, **product.facts} for product in found], indent=1))
        return OK
    for product in found:
        print(product.title)
        for name, words in product.facts.items():
            print(f"  {name}: {words}")
    if not found:
        print(f"The gallery of {options.host} has nothing of {options.source!r}.")
    return OK


@contextmanager
def _drafts(options: argparse.Namespace, folder: Path | None = None) -> Iterator[tuple[Settings, RunStore, Plan, tuple[Draft, ...]]]:
    """What the run has to publish; its files are there inside, and afterwards only when a folder is named."""
    from dashboard.gallery.publishing import drafts_of
    from dashboard.runs.store import RunStore

    settings = Settings.from_environment()
    store = RunStore(settings, Identity().user)
    plan, state = store.plan(options.run_id), store.state(options.run_id)
    with tempfile.TemporaryDirectory() as place:
        yield settings, store, plan, drafts_of(settings, plan, state, folder or Path(place), job=options.job, sources=options.source)


def _show(store: RunStore, drafts: tuple[Draft, ...]) -> None:
    for draft in drafts:
        print("\n".join(draft.preview()))
        for known in store.publications(draft.run_id):
            if known.product_id == draft.product_id:
                print(f"  It is there already and would be updated: {known.line(draft.sum_version)}")
