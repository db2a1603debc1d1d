"""The gallery: what of the watched run would be published, publishing it, and what is there of a source."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any, Final

import panel as pn

from components.chips import Chips
from components.gallery_search import GallerySearch
from components.gallery_words import elsewhere_lines, offer_body, offer_state, publish_label
from components.pane_turn import building
from components.turn import in_turn
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.gallery_desk import GalleryDesk, Offer, Preview, extracted_names, may_be_published, preview_key
from dashboard.plan.plan import Plan
from dashboard.plan.roles import GALLERY
from dashboard.session import Session
from dashboard.watcher import Look

NO_RUN: Final = "A run that has ended is published from here: open one, or look up what others have published."


class GalleryView(pn.viewable.Viewer):
    """A panel that is opened from the header; pictures are drawn only while it is open."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._search = session, GallerySearch(session)
        self._desk = GalleryDesk(session.settings, session.own, session.account)
        self._preview: Preview | None = None
        self._cards: dict[Offer, tuple[pn.widgets.CheckBoxGroup, Words]] = {}
        self._wanted: dict[str, bool] = {}
        self._at_once, self._run_id = False, ""
        self._drawn: object = None
        self._head, self._told = Words("", "gallery-head"), Words("")
        self._sources = Chips("Spectra and light curves of", {}, (), lambda _: self.refresh())
        self._products = pn.Column(css_classes=["offers"], margin=0, sizing_mode="stretch_width")
        self._publish = pn.widgets.Button(label="Publish", css_classes=["act", "primary", "small"], margin=0, visible=False)
        self._publish.on_click(self._clicked)
        self._bar = pn.Row(self._publish, self._told, css_classes=["drawer-bar", "offers-bar"], margin=0)
        parts = (self._head, self._sources, self._products, self._bar, self._search)
        self._column = pn.Column(*parts, css_classes=["drawer", "gallery"], margin=0, sizing_mode="stretch_width")
        session.param.watch(self.refresh, "beat")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def publish_all(self) -> None:
        """Publish what is new as soon as it is drawn: for runs whose request allows it without a look."""
        look = self._session.look
        self._at_once = look is not None and may_be_published(look.plan)
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Ask for what is not drawn yet, show what is."""
        if not self._column.visible:
            return
        self._search.refresh()
        look = self._session.look
        refusal = NO_RUN if look is None else self._desk.refusal(look)
        if not (self._preview and self._preview.sending):
            self._preview = None if refusal or look is None else self._newest(look)
        lack = self._desk.lack(look.state.host) if look and not refusal else ""
        preview = self._preview
        complete = preview is not None and preview.ready and not preview.sending  # before it is shown: meanwhile it grows
        state = (refusal, lack, preview, preview and preview.progress, tuple(self._chosen))
        if state != self._drawn:
            with building() if preview and preview.offers != tuple(self._cards) else pn.io.hold():
                self._show(refusal, lack)
            self._drawn = (*state[:-1], tuple(self._chosen))
        if complete and self._at_once:
            self._at_once = False
            self._begin(lack)

    def _newest(self, look: Look) -> Preview:
        """The preview of the run as it is, and of the sources that are chosen: the target, until others are."""
        if self._run_id != look.state.run_id:
            names = extracted_names(look)
            self._run_id, self._wanted = look.state.run_id, {}
            target = [name for name in names if name == look.plan.target.name]
            self._sources.param.update(options={name: name for name in names}, value=target)
        if self._preview is not None and self._preview.key == preview_key(look, self._sources.value):
            return self._preview
        return self._desk.preview(look, self._sources.value)

    def _show(self, refusal: str, lack: str) -> None:
        preview = self._preview
        decided = preview is not None and self._session.settings.hosts[preview.run.host].check_roles
        self._head.value = _head(preview, refusal, lack, decided)
        self._products.visible = self._bar.visible = preview is not None
        self._sources.visible = preview is not None and bool(self._sources.options)
        offers = preview.offers if preview else ()
        if offers != tuple(self._cards):
            self._lay(offers)
        for offer, (_, words) in self._cards.items():
            if words.value != (told := offer_state(offer)):
                words.value = told
        chosen = self._chosen
        self._publish.visible = bool(preview and preview.ready and not preview.sending and chosen and not lack)
        if chosen:
            self._publish.label = publish_label(chosen)

    def _lay(self, offers: Sequence[Offer]) -> None:
        """A card a product; whoever has ticked or unticked one finds it so again."""
        before, self._told.value = self._cards, ""
        cards: list[Any] = []
        self._cards = {}
        for offer in offers:
            if offer in before:
                self._cards[offer] = before[offer]
            else:
                title, wanted = offer.draft.title, self._wanted.get(offer.draft.product_id, offer.suggested)
                box = pn.widgets.CheckBoxGroup(options=[title], value=[title] * wanted, css_classes=["offer-title"], margin=0)
                box.param.watch(partial(self._ticked, offer), "value")  # a Checkbox is read aloud without its name
                self._cards[offer] = box, Words(offer_state(offer), "offer-state")
            cards.append(pn.Row(*self._cards[offer], css_classes=["drawer-bar"], margin=0))
            cards.append(Words(offer_body(offer), "offer-body"))
        self._products[:] = cards

    def _ticked(self, offer: Offer, event: Any) -> None:
        self._wanted[offer.draft.product_id] = bool(event.new)
        self.refresh()

    @property
    def _chosen(self) -> list[Offer]:
        return [offer for offer, (box, _) in self._cards.items() if box.value]

    async def _clicked(self, *_: Any) -> None:
        await self._send(self._chosen)

    def _begin(self, lack: str) -> None:
        if not (offers := self._chosen):
            self._told.value = '<p class="quiet" role="status">Nothing new: all of it stands in the gallery as it is now.</p>'
        elif not lack:
            pn.state.execute(partial(self._send, offers))

    async def _send(self, offers: list[Offer]) -> None:
        preview = self._preview
        if preview is None or preview.sending or not offers:
            return
        preview.sending = True  # before another click
        self._told.value = f'<p class="quiet" role="status">Publishing {len(offers)} …</p>'
        told = ""
        try:
            await asyncio.to_thread(self._desk.send, preview, offers)
        except DashboardError as error:
            told = f'<p class="bad" role="alert">{escape(error.sentence)}</p>'

        def show() -> None:
            self._told.value = told or _outcome(offers)
            for offer in offers:
                if offer in self._cards and offer.current:
                    self._cards[offer][0].value = []
                    self._wanted.pop(offer.draft.product_id, None)  # when the run has changed it is suggested again
            self.refresh()

        in_turn(show)


def _outcome(offers: Sequence[Offer]) -> str:
    done = sum(offer.state in ("published", "updated") for offer in offers)
    left = "" if done == len(offers) else " What was published stays; publish the rest again."
    return f'<p class="{"warn" if left else "ok"}" role="status">{done} of {len(offers)} published.{left}</p>'


def _head(preview: Preview | None, refusal: str, lack: str, decided: bool) -> str:
    """HTML over the products: why there are none, or what holds of them all; `decided`: the role is checked before anything is sent."""
    lines = ["<h2>Publish in the gallery</h2>"]
    if preview is None:
        return "".join((*lines, f'<p class="quiet">{escape(refusal)}</p>'))
    host = escape(preview.run.host)
    lines.append(
        f'<p class="quiet">What stands here goes to the gallery of {host}, for everybody to see; nothing else, and not by itself.</p>'
    )
    lines.append(_leave(preview.plan))
    may = f'<p class="ok">✓ your token has the role {GALLERY}</p>' if decided else f'<p class="quiet">{host} decides on roles.</p>'
    lines.append(f'<p class="warn">▲ {escape(lack)}</p>' if lack else may)
    lines += [f'<p class="warn">▲ {escape(problem)}</p>' for problem in preview.problems]
    if not preview.ready:
        lines.append(f'<p class="quiet" role="status">drawing {preview.done + 1} of {preview.total} …</p>')
    elif not preview.offers and not preview.problems:
        lines.append('<p class="quiet">Choose the sources to publish spectra and light curves of.</p>')
    lines.append(elsewhere_lines(preview.publications, preview.offers))
    return "".join(lines)


def _leave(plan: Plan) -> str:
    """A warning for private data, and what the request allows."""
    if plan.request["integral_data_rights"] != "public":
        return '<p class="warn">▲ The run holds private data, and the gallery is public: publish only what you may.</p>'
    return (
        '<p class="quiet">The request sets upload_to_gallery: it may be published without a look, too.</p>'
        if may_be_published(plan)
        else ""
    )
