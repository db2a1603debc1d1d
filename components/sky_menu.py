"""What is rarely changed about the sky: limits, colour map, grid, what lies over it, several bands, ruler and regions."""

from __future__ import annotations

from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import panel as pn

from components.chips import Chips
from components.choices import Chips as Switches
from components.choices import Menu
from components.fields import NumberInput
from components.words import Words
from dashboard.errors import DashboardError
from dashboard.plan.plan import exposure_text
from dashboard.products.sky_regions import RegionNumbers, inside, read_regions, region_numbers, write_regions
from dashboard.session import Session
from dashboard.sky_look import ARRANGEMENTS, GRIDS, LIMITS, STRETCHES, TOOLS

if TYPE_CHECKING:
    from components.sky import SkyView


OVER = ("names", "catalogue", "pointings")


class SkyMenu(pn.viewable.Viewer):
    """A drawer over the map. Built when it is first opened."""

    def __init__(self, session: Session, sky: SkyView, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._sky, self._look = session, sky, sky.look
        look = self._look.param
        self._shown = (0.0, 0.0)
        plain: dict[str, Any] = {"margin": 0, "description": None}
        stretch = Menu.from_param(look.stretch, label="Stretch", options=list(STRETCHES), **plain)
        limits = Menu.from_param(look.limits, label="Limits", options=LIMITS, **plain)
        self._low = NumberInput(label="Lowest", value=None, start=None, end=None, width=86, margin=0)
        self._high = NumberInput(label="Highest", value=None, start=None, end=None, width=86, margin=0)
        self._lock = pn.widgets.Toggle(label="Lock limits", css_classes=["chip"], margin=0, align="end")
        colours = Menu.from_param(look.colours, label="Colour map", **plain)
        grid = Menu.from_param(look.grid, label="Grid", options=GRIDS, **plain)
        bands = Menu.from_param(look.arrangement, label="Bands", options=list(ARRANGEMENTS), **plain)
        marks = Chips("Over the map", {name: name for name in OVER}, [name for name in OVER if getattr(self._look, name)], self._lay)
        tools = Switches.from_param(look.tool, options=list(TOOLS), label="", css_classes=["chips"], margin=0)
        self._read = pn.widgets.FileInput(accept=".reg", css_classes=["region-file"], margin=0)
        write = pn.widgets.FileDownload(
            callback=self._written, filename="regions.reg", label="Write regions", css_classes=["chip"], button_type="default", margin=0
        )
        clear = pn.widgets.Button(label="Clear", css_classes=["chip"], margin=0)
        self._told = Words("", "quiet")
        self._column = pn.Column(
            pn.Row(limits, self._low, self._high, self._lock, css_classes=["pair"], margin=0),
            pn.Row(stretch, colours, css_classes=["pair"], margin=0),
            pn.Row(grid, bands, css_classes=["pair"], margin=0),
            marks,
            Words("<b>A drag on the map</b>", margin=0),
            tools,
            pn.Row(self._read, write, clear, css_classes=["pair"], margin=0),
            self._told,
            css_classes=["drawer", "sky-menu"],
            margin=0,
        )
        self._lock.param.watch(self._toggle_lock, "value")
        for field in (self._low, self._high):
            field.param.watch(self._set_limits, "value")
        self._read.param.watch(self._take_file, "value")
        clear.on_click(self._clear)
        self._look.param.watch(self._show_limits, ["plane", "locked", "stretch", "limits"])
        self._look.param.watch(self._tell_regions, "regions")
        session.param.watch(self._show_limits, "product_version")
        self._show_limits()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _show_limits(self, *_: Any) -> None:
        scale = self._sky.scale()
        locked = self._look.plane in self._look.locked
        self._lock.param.update(value=locked, label="🔒 locked" if locked else "Lock limits")
        if scale is not None:
            self._shown = (float(f"{scale.low:.4g}"), float(f"{scale.high:.4g}"))
            self._low.value, self._high.value = self._shown

    def _toggle_lock(self, event: Any) -> None:
        locked = self._look.plane in self._look.locked
        scale = self._sky.scale()
        if event.new and not locked and scale is not None:
            self._look.lock(scale.low, scale.high)
        elif locked and not event.new:
            self._look.unlock()

    def _set_limits(self, event: Any) -> None:
        """What is typed is locked."""
        low, high = self._low.value, self._high.value
        if low is None or high is None or event.new == self._shown[event.obj is self._high]:
            return
        if low >= high:
            self._told.value = f'<span class="bad" role="alert">Lowest ({low:g}) must be below highest ({high:g}).</span>'
            return
        self._told.value = ""
        self._look.lock(low, high)

    def _take_file(self, event: Any) -> None:
        """Show the regions of a DS9 file."""
        mosaic = self._session.mosaic
        if not event.new:
            return
        try:
            regions, notes = read_regions(event.new.decode(errors="replace"), mosaic.wcs if mosaic else None)
        except DashboardError as error:
            self._told.value = f'<span class="bad" role="alert">{escape(error.sentence)}</span>'
            return
        self._look.regions = (*self._look.regions, *regions)
        if notes:
            self._told.value = escape(" ".join(notes))

    def _lay(self, names: list[str]) -> None:
        self._look.param.update(**{name: name in names for name in OVER})

    def _clear(self, _: Any) -> None:
        self._look.regions = ()

    def _written(self) -> StringIO:
        return StringIO(write_regions(self._look.regions))

    def _tell_regions(self, *_: Any) -> None:
        """Numbers of the newest region."""
        mosaic, regions = self._session.mosaic, self._look.regions
        if mosaic is None or not regions:
            self._told.value = ""
            return
        numbers = region_numbers(mosaic, inside(regions[-1], mosaic.wcs, mosaic.shape))
        self._told.value = f"{len(regions)} region{'s' * (len(regions) > 1)}; the last: {_words(numbers)}"


def _words(numbers: RegionNumbers) -> str:
    if not numbers.pixels:
        return "no exposed pixel inside"
    return (
        f"at most {numbers.significance:.1f} σ (unscaled) at RA {numbers.ra:.3f} Dec {numbers.dec:+.3f}, "
        f"{exposure_text(numbers.exposure)} on average, {numbers.pixels} pixels"
    )
