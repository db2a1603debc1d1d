"""What ESA's ISLA has ready-made of the target, for a first look while a run works: never on an axis with the run's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any, Final

import panel as pn

from components.chart import Chart
from components.choices import Chips, Menu
from components.elements import spectrum as spectrum_element
from components.elements.light_curve import drawn_rows
from components.elements.ready_made import LAYERS, ready_columns, ready_picture, ready_spectrum_picture
from components.elements.spectrum import LIMIT_SIGMA, spectrum_columns
from components.job_words import INSTRUMENTS
from components.pane_turn import PaneTurn
from components.spectra import TOOLTIPS as SPECTRUM_TOOLTIPS
from components.words import Words
from dashboard.archive.ready_made import ReadyEpoch, ReadyLightCurve, ReadyMosaic, ReadyOffer
from dashboard.plan.plan import exposure_text
from dashboard.ready_board import Answer, BinnedSpectrum, ReadyAim, ready_aim, ready_board
from dashboard.request.times import TimePoint
from dashboard.session import Session

HEAD: Final = (
    '<h2>Ready-made at ESA (ISLA) <b class="tag">NOT THIS RUN\'S</b></h2><p class="quiet">Made by ESA with bands, settings and software of '
    "its own: for a first look, not to be mixed with what is computed here.</p>"
)
NOTHING: Final = "The target has no position yet: name a source that is found, or give RA and DEC."
ASKING: Final = "ISLA is asked, and has 50 s."
NAMES: Final = {"isgri": "ISGRI", "jemx": "JEM-X"}
TOOLTIPS: Final = [("MJD (TT)", "@x{0.000}"), ("UTC", "@utc{%F %H:%M}"), ("ISLA's rate", "@y{0.000} ± @error{0.000}")]
HEIGHT: Final = 190

LightCurves = tuple[ReadyLightCurve, ...]
Spectra = tuple[BinnedSpectrum, ...]


class ReadyMadeView(pn.viewable.Viewer):
    """A panel that is opened from the header; ISLA is asked only while it is open."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._board = ready_board(session.settings)
        self._aim: ReadyAim | None = None
        self._offer: ReadyOffer | None = None
        self._listed: object = None
        self._seen: tuple[Any, ...] | None = None
        self._looked_for: dict[tuple[str, str], Answer[tuple[ReadyMosaic, ...]]] = {}
        self._source, self._links, self._told = Words(""), Words("", "ready-mosaics"), Words("", "ready-told")
        self._instrument = Chips(options={}, label="", css_classes=["chips"], visible=False)
        self._epoch = Menu(options={}, label="Epoch", css_classes=["menu"], width=270, visible=False)
        self._bands = pn.Row(css_classes=["drawer-bar"], margin=0)
        self._curve, self._spectrum = _Figure(), _Figure()
        bar = pn.Row(self._instrument, self._epoch, css_classes=["drawer-bar"], margin=0)
        parts = (Words(HEAD), self._source, bar, self._curve.box, self._spectrum.box, self._bands, self._links, self._told)
        self._column = pn.Column(*parts, css_classes=["drawer", "runs", "ready"], margin=0, sizing_mode="stretch_width")
        self.follow = PaneTurn(self.refresh, self._builds)
        session.param.watch(lambda *_: self.follow() if self._column.visible else None, "beat")
        for choice in (self._instrument, self._epoch):
            choice.param.watch(self.follow, "value")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _builds(self) -> bool:
        """Whether figures or buttons may be new in the next refresh."""
        chosen = (self._offer, self._instrument.value) == self._listed and self._seen is not None and self._seen[0] is self._epoch.value
        return not (chosen and self._curve.drawn and self._spectrum.drawn)

    def refresh(self) -> None:
        """Show what is known by now."""
        aim = self._aim = ready_aim(self._session)
        asked: Answer[ReadyOffer] | None = None if aim is None else self._board.offer(aim)
        offer = asked.value if asked else None
        if offer is not self._offer:
            self._offer, self._looked_for = offer, {}
            self._offer_instruments()
        if aim is None or asked is None or offer is None:
            self._source.value = _said(NOTHING if asked is None else asked.problem or ASKING)
            return
        if (offer, self._instrument.value) != self._listed:
            self._listed = (offer, self._instrument.value)
            self._offer_epochs(aim, offer)
        epoch: ReadyEpoch | None = self._epoch.value
        if epoch is None:
            return
        source_id = offer.source.source_id
        curves, spectra = self._board.light_curves(aim.host, source_id, epoch), self._board.spectra(aim.host, source_id, epoch)
        answers: list[Answer[Any]] = [curves, spectra, *self._looked_for.values()]
        seen = [(answer, answer.value, answer.problem) for answer in answers]
        if (epoch, aim.span, seen) != self._seen:
            if self._seen is None or epoch != self._seen[0]:
                self._offer_bands(epoch)
            self._seen = (epoch, aim.span, seen)
            self._draw_curves(curves, aim)
            self._draw_spectra(spectra)
            self._links.value = self._mosaic_rows(epoch)
            self._told.value = self._status(curves.value or (), spectra.value or ())

    def _offer_instruments(self) -> None:
        """Offer the instruments there are; nothing of another target stays."""
        self._curve.clear()
        self._spectrum.clear()
        self._seen, self._listed, self._bands[:] = None, None, []
        self._epoch.visible = False
        self._links.value = self._told.value = ""
        self._source.value = _source_line(self._offer) if self._offer else ""
        names = self._offer.instruments if self._offer else ()
        chosen = self._instrument.value if self._instrument.value in names else next(iter(names), None)
        self._instrument.param.update(options={NAMES[name]: name for name in names}, value=chosen, visible=bool(names))

    def _offer_epochs(self, aim: ReadyAim, offer: ReadyOffer) -> None:
        """Offer the instrument's epochs, the newest first, the one nearest to the run chosen."""
        epochs = offer.of(self._instrument.value)
        options = {f"rev {epoch.epoch.replace('_', ', observation ')}": epoch for epoch in reversed(epochs)}
        self._epoch.param.update(options=options, value=aim.nearest(epochs) if epochs else None, visible=bool(epochs))

    def _draw_curves(self, answer: Answer[LightCurves], aim: ReadyAim) -> None:
        curves = answer.value or ()
        series: dict[str, Any] = {}
        for curve in curves:
            name = _curve_name(curve)
            if len(curve):
                series[f"{name}, {curve.file}" if name in series else name] = ready_columns(curve)
        if not series:
            self._curve.say(answer.problem or ("ISLA has no light curve." if answer.value is not None else f"Light curve: {ASKING}"))
            return
        unit = " or ".join(dict.fromkeys(curve.unit for curve in curves if len(curve)))
        self._curve.draw("ISLA's light curve", ready_picture, series, LAYERS, TOOLTIPS, unit)
        self._curve.follow(aim.span)

    def _draw_spectra(self, answer: Answer[Spectra]) -> None:
        parts: dict[str, list[Any]] = {}
        for each in answer.value or ():
            parts.setdefault(INSTRUMENTS[each.instrument], []).append(each.bins)
        if not parts:
            none = "ISLA has no spectrum of this epoch."
            self._spectrum.say(answer.problem or (none if answer.value is not None else f"Spectrum: {ASKING}"))
            return
        series = {label: spectrum_columns(bins) for label, bins in parts.items()}
        self._spectrum.draw("ISLA's spectrum", ready_spectrum_picture, series, spectrum_element.LAYERS, SPECTRUM_TOOLTIPS)

    def _look_for(self, band: tuple[str, str], *_: Any) -> None:
        """Ask where the mosaics of the chosen epoch in a band are."""
        epoch: ReadyEpoch | None = self._epoch.value
        if self._aim is not None and epoch is not None:
            self._looked_for[epoch.epoch, band[1]] = self._board.mosaics(self._aim.host, epoch, band[1])
            self.follow()

    def _offer_bands(self, epoch: ReadyEpoch) -> None:
        """A button a band in which the epoch may have mosaics."""
        buttons = []
        for band in epoch.bands:
            button = pn.widgets.Button(label=_band_name(band[0]), css_classes=["chip"], margin=0)
            button.on_click(partial(self._look_for, band))
            buttons.append(button)
        self._bands[:] = [Words("Find mosaics of this epoch in", "pane-title", "quiet"), *buttons] if buttons else []

    def _mosaic_rows(self, epoch: ReadyEpoch) -> str:
        """HTML: a row a mosaic that was looked for; the browser fetches it from ESA when it is clicked."""
        rows = []
        for name, oid in epoch.bands:
            answer = self._looked_for.get((epoch.epoch, oid))
            if answer is None:
                continue
            links = "<br>".join(
                f'<a href="{escape(each.url)}" target="_blank" rel="noopener noreferrer">{escape(each.file)}</a>'
                for each in answer.value or ()
            )
            word = links or (escape(answer.problem) if answer.problem else "none" if answer.value is not None else f"{ASKING}")
            rows.append(f'<tr><td class="number">{escape(_band_name(name))}</td><td>{word}</td></tr>')
        return f'<table class="plain"><tr><th>band</th><th>mosaics at ESA (FITS, tar)</th></tr>{"".join(rows)}</table>' if rows else ""

    def _status(self, curves: LightCurves, spectra: Spectra) -> str:
        """Whose answers these are, and what they are in."""
        words = [*map(_curve_words, curves), *map(_spectrum_words, spectra)]
        if self._offer is not None:
            words.append(f"{escape(self._offer.address)}, asked {self._offer.asked} UTC")
        run = self._session.look
        if self._aim is not None and self._aim.span is not None:
            whose = f"this run ({escape(str(run.plan.request['osa_version']))})" if run else "the request"
            words.append(f"band in the light curve: the time of {whose}")
        return f'<p class="quiet">{"<br>".join(words)}</p>'


class _Figure:
    """A place for one figure, or for the sentence why there is none."""

    def __init__(self) -> None:
        self.box = pn.Column(margin=0, sizing_mode="stretch_width", visible=False)
        self._chart: Chart | None = None
        self._sentence = ""

    @property
    def drawn(self) -> bool:
        """Whether there is a figure."""
        return self._chart is not None

    def draw(self, name: str, picture: Any, series: Mapping[str, Any], layers: Sequence[str], tooltips: Any, *options: str) -> None:
        """Show these columns; the arguments after `name` are those of `Chart`."""
        if self._chart is None or self._chart.labels != tuple(series):
            self._chart = Chart(picture, series, layers, tooltips, *options, utc="datetime")
            plot = self._chart.plot
            plot.update(
                height=HEIGHT, sizing_mode="stretch_width", html_attributes={"role": "img", "aria-label": f"{name}: {', '.join(series)}"}
            )
            self._show(pn.pane.Bokeh(plot, sizing_mode="stretch_width", height=HEIGHT))
        else:
            self._chart.draw(series)

    def follow(self, span: tuple[float, float] | None) -> None:
        """Show a range of the x axis as a band."""
        if self._chart is not None:
            self._chart.follow(span)

    def say(self, sentence: str) -> None:
        """Show words in place of a figure."""
        if self._chart is not None or sentence != self._sentence:
            self._chart, self._sentence = None, sentence
            self._show(Words(_said(sentence)))

    def clear(self) -> None:
        """Show nothing."""
        self._chart, self._sentence = None, ""
        self._show()

    def _show(self, *content: Any) -> None:
        self.box[:] = list(content)
        self.box.visible = bool(content)


def _said(sentence: str) -> str:
    return f'<p class="quiet" role="status">{escape(sentence)}</p>'


def _source_line(offer: ReadyOffer) -> str:
    """The source as ISLA calls it, where, and how much there is of it."""
    source = offer.source
    counts = ", ".join(f"{NAMES[name]} {len(offer.of(name))} epochs" for name in offer.instruments) or "nothing of ISGRI or JEM-X"
    others = f" Also within 3': {escape(', '.join(source.others))}." if source.others else ""
    return (
        f"<p><b>{escape(source.name)}</b> <small>{escape(source.source_id)}</small>, {source.apart_arcmin:.1f}' from the target: {counts}."
        f"{others}</p>"
    )


def _band_name(name: str) -> str:
    """Of 28_40, 28–40 keV; other names as they are."""
    edges = name.split("_")
    return "–".join(str(int(edge)) for edge in edges) + " keV" if len(edges) == 2 and all(edge.isdecimal() for edge in edges) else name


def _curve_name(curve: ReadyLightCurve) -> str:
    return INSTRUMENTS[curve.instrument] + (f" {curve.band[0]:g}–{curve.band[1]:g} keV" if curve.band else " (band not told)")


def _curve_words(curve: ReadyLightCurve) -> str:
    drawn = len(drawn_rows(curve))
    count = f"{drawn} of {len(curve)} points drawn" if drawn < len(curve) else f"{len(curve)} points"
    return f"{escape(_curve_name(curve))}: {count}, {escape(curve.unit)}, times to {curve.precision_s:.0f} s, {escape(curve.software)}"


def _spectrum_words(spectrum: BinnedSpectrum) -> str:
    begun = f" from {TimePoint('mjd', spectrum.start).isot[:16]} UTC" if spectrum.start == spectrum.start else ""
    rate, error = spectrum.bins.density
    limits = f", ▼ {LIMIT_SIGMA:g} σ upper limits" if (rate < LIMIT_SIGMA * error).any() else ""
    return f"{INSTRUMENTS[spectrum.instrument]} spectrum: {exposure_text(spectrum.exposure)}{begun}, {escape(spectrum.software)}{limits}"
