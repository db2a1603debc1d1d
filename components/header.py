"""The header: what is looked at, its files, light or dark."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
from bokeh.models import CustomJS
from bokeh.models.widgets.markups import Div

from components.drawers import Drawers
from components.entrance import way_out
from components.files import FilesView
from components.gallery import GalleryView
from components.hosts import MARKS, HostsView
from components.load import LoadView
from components.page_keys import page_keys
from components.ready_made import ReadyMadeView
from components.runs import RunsView
from components.share import ShareView
from components.sky import SkyView
from components.words import Words
from dashboard.load import administers
from dashboard.ready_board import real_host
from dashboard.session import Session

RING = """
if (window.Notification && Notification.permission == "granted" && localStorage.getItem("integral-notify") == "yes")
  new Notification("INTEGRAL", {body: JSON.parse(cb_obj.styles["--news"])})
"""


DRAWERS = HOSTS, RUNS, GALLERY, ISLA = ("hosts", "runs", "gallery", "isla")
SHARE, LOAD = "share", "load"


def user_words(user: str, way_out: str) -> str:
    """HTML: who has logged in, and how he leaves; "" where there are no users."""
    leave = f' <a href="{escape(way_out)}">log out</a>' if way_out else ""
    return f'<span title="{escape(user)}">{escape(user)}</span>{leave}' if user else ""


class HeaderView(pn.viewable.Viewer):
    """One line over everything."""

    def __init__(self, session: Session, sky: SkyView, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._title = Words("", "title")
        self._host = pn.widgets.Button(label="Host", css_classes=["act", "host"], margin=0)
        self._host.on_click(self._toggle_hosts)
        self._list = pn.widgets.Button(label="Runs", css_classes=["act", "host"], margin=0)
        self._list.on_click(self._toggle_runs)
        self._shared = pn.widgets.Button(label="Gallery", css_classes=["act", "host"], margin=0)
        self._shared.on_click(self._toggle_gallery)
        self._share = pn.widgets.Button(label="Share", css_classes=["act", "host"], margin=0)
        self._share.on_click(self._toggle_share)
        self._ready: pn.widgets.Button | None = None
        self._bell = Div(css_classes=["bell"], visible=False)
        self._bell.js_on_change("styles", CustomJS(code=RING))  # a link of Panel's costs walks through the page at every change
        acts: list[Any] = [FilesView(session), self._share, self._shared, self._list, self._host, page_keys("page")]
        if administers(session.settings, session.identity):
            load = pn.widgets.Button(label="Load", css_classes=["act", "host"], margin=0)
            load.on_click(self._toggle_load)
            acts.insert(-1, load)
        if not session.settings.single_user:
            acts.append(Words(user_words(session.identity.user, way_out()), "user"))
        self._row = pn.Row(self._title, *acts, self._bell, css_classes=["header"], margin=0)
        views: tuple[Callable[[Session], pn.viewable.Viewer], ...] = (HostsView, RunsView, GalleryView, ReadyMadeView)
        makers: dict[str, Callable[[], pn.viewable.Viewer]] = {
            name: partial(view, session) for name, view in zip(DRAWERS, views, strict=True)
        }
        makers |= {SHARE: lambda: ShareView(session, sky), LOAD: partial(LoadView, session)}
        self._drawers = Drawers(self._row, makers)
        session.param.watch(self._publish_all, "gallery_wished")
        session.param.watch(self._ring, "run")
        session.param.watch(lambda *_: self.refresh(), "run")
        session.param.watch(self._name_host, ["hosts", "plan"])
        session.request.param.watch(self._name_host, "host_type")
        session.request.param.watch(self._offer_ready, "host_type")
        session.param.watch(self._offer_ready, "run")
        self._name_host()
        self.refresh()
        self._offer_ready()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def _name_host(self, *_: Any) -> None:
        """The chosen host, how it is, and as whom it is asked."""
        session, name = self._session, self._session.request.host_type
        look = session.hosts.get(name)
        mark = MARKS[look.word][1] if look else MARKS["asking"][1]
        facts = session.standing.facts
        who = "anonymous" if facts is None else "token expired" if facts.expired else facts.name or "with token"
        label = f"{mark} {name} · {who}"
        if self._host.label != label:
            self._host.label = label

    def _offer_ready(self, *_: Any) -> None:
        """A button for what ISLA has ready-made, where archives of the real sky may be asked."""
        offered = real_host(self._session) is not None
        if offered and self._ready is None:
            self._ready = pn.widgets.Button(label="ISLA", css_classes=["act", "host"], margin=0)
            self._ready.on_click(self._toggle_ready)
            self._row.insert(self._row.objects.index(self._list), self._ready)
        if self._ready is not None:
            self._ready.visible = offered
        if not offered and self._drawers.opened == ISLA:
            self._toggle(ISLA)

    def _toggle(self, name: str) -> pn.viewable.Viewer | None:
        """Open or close a drawer; the one that is open now."""
        drawer = self._drawers.toggle(name)
        self._session.comparing = self._drawers.opened == HOSTS
        return drawer

    def _toggle_hosts(self, *_: Any) -> None:
        self._toggle(HOSTS)

    async def _toggle_runs(self, *_: Any) -> None:
        drawer = self._toggle(RUNS)
        if isinstance(drawer, RunsView):
            await drawer.refresh()

    async def _toggle_share(self, *_: Any) -> None:
        drawer = self._toggle(SHARE)
        if isinstance(drawer, ShareView):
            await drawer.refresh()

    async def _toggle_load(self, *_: Any) -> None:
        drawer = self._toggle(LOAD)
        if isinstance(drawer, LoadView):
            await drawer.refresh()

    def _toggle_gallery(self, *_: Any) -> None:
        """What would be published is drawn while it is open."""
        drawer = self._toggle(GALLERY)
        if isinstance(drawer, GalleryView):
            drawer.refresh()

    def _toggle_ready(self, *_: Any) -> None:
        """ISLA is asked while it is open."""
        drawer = self._toggle(ISLA)
        if isinstance(drawer, ReadyMadeView):
            drawer.follow()

    def _publish_all(self, *_: Any) -> None:
        """Open the gallery, and publish there."""
        drawer = self._drawers.open(GALLERY)
        self._session.comparing = False
        if isinstance(drawer, GalleryView):
            drawer.refresh()
            drawer.publish_all()

    def _ring(self, event: Any) -> None:
        """A run that ends while it is watched rings in the browsers that want it."""
        before, now = event.old, event.new
        if before and now and before.run_id == now.run_id and before.state != now.state and (now.finished or now.state == "waiting"):
            self._bell.styles = {"--news": json.dumps(f"{now.name}: {now.state}. {now.reason or now.line_of_truth}")}

    def refresh(self) -> None:
        """Name the watched run."""
        run = self._session.run
        promise = "mosaics, spectra and light curves, added up as they arrive"
        told = f"{escape(run.name)} <small>{escape(run.run_id)}</small>" if run else promise
        self._title.value = f"<b>INTEGRAL</b><span>{told}</span>"
