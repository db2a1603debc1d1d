"""ESA's INTEGRAL Science Legacy Archive, asked for what it has ready-made.

The questions are those of astroquery.esa.integral 0.4.11: TAP for catalogue and epochs, a servlet beside it for what an epoch holds, and
`data` for files. Its class is not used: it logs what fails and returns None, sets no deadline, bounds no size, writes
whatever it is sent to disk, and reads times as local ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
import numpy as np
from astropy.coordinates import angular_separation

from dashboard.archive.fetching import SERVICE_SECONDS, WebService
from dashboard.archive.packed_files import PackedFile, unpacked
from dashboard.archive.pointings import utc_now
from dashboard.archive.ready_made import (
    ReadyEpoch,
    ReadyLightCurve,
    ReadyMosaic,
    ReadyOffer,
    ReadySource,
    ReadySpectrum,
    light_curves_of,
    spectra_of,
)
from dashboard.archive.tap import Columns, TapService
from dashboard.errors import ArchiveError, RequestError, UnknownSource
from dashboard.hosts import Host

NAME: Final = "ESA's ISLA"
MATCH_ARCMIN: Final = 3.0
"""As sources are matched everywhere here."""
LARGEST: Final = 60_000_000
"""Bytes of one answer: a list of mosaics carries their pixels as text, about 20 MB each."""
MOST_A_LIST: Final = 16
"""Files that one epoch may have of a kind."""
_INSTRUMENTS: Final = {"ibis": "isgri", "isgri": "isgri", "jemx": "jemx"}
_OID: Final = re.compile(r"[\w.-]{1,64}")


def isla_of(host: Host, client: httpx.Client | None = None) -> Isla:
    """ISLA as a host's runs may ask it.

    Raises
    ------
    RequestError
        For the simulated host, whose sky is none of ISLA's, and where the deployment keeps other archives out.
    """
    if not host.asks_others:
        reason = "its sky is simulated" if host.simulated else "its deployment asks no other archives"
        raise RequestError(f"ISLA is not asked for {host.name}: {reason}. Choose another host.", "host_type")
    return Isla(host.isla_url, client)


class Isla:
    """Client of the archive.

    Parameters
    ----------
    url
        Address above `/tap` and `/data`.
    client, seconds
        As of `TapService`.
    """

    def __init__(self, url: str, client: httpx.Client | None = None, seconds: float = SERVICE_SECONDS) -> None:
        self._tap = TapService(NAME, f"{url}/tap", client, seconds)
        self._web = WebService(NAME, url, client, seconds, pauses=(0.5,), largest=LARGEST)

    def offer(self, name: str, ra: float, dec: float) -> ReadyOffer:
        """What there is of the source at a place, in degrees: the one of that name, else the nearest.

        Raises
        ------
        UnknownSource
            When ISLA's catalogue has none there.
        ArchiveError
            When ISLA refuses a question.
        ArchiveUnavailable
            When it does not answer, or in another form.
        """
        source = self._source(name, ra, dec)
        instruments = self._tap.query(
            'SELECT i.name AS instrument, b."name" AS band, i.instrument_oid, b.band_oid FROM ila.instrument i '
            "JOIN ila.band b USING(instrument_oid)"
        )
        owned = source.source_id.replace("'", "''")
        epochs = self._tap.query(f"SELECT DISTINCT epoch, instrument_oid, band_oid FROM ila.epoch WHERE source_id = '{owned}'")
        return ReadyOffer(source, self._epochs(instruments, epochs), self._web.url, utc_now())

    def light_curves(self, source_id: str, epoch: ReadyEpoch) -> tuple[ReadyLightCurve, ...]:
        """The mission's light curves of a source, by the instrument of an epoch. Raises as `offer`."""
        asked = {"RETRIEVAL_TYPE": "long_timeseries", "source": source_id, "instrument_oid": epoch.instrument_oid}
        try:
            return light_curves_of(self._files(asked))
        except ValueError as reason:
            raise self._web.malformed(str(reason)) from None

    def spectra(self, source_id: str, epoch: ReadyEpoch) -> tuple[ReadySpectrum, ...]:
        """The spectra of a source in an epoch; none is an answer. Raises as `offer`."""
        listed = self._list("spectra", source=source_id, instrument_oid=epoch.instrument_oid, epoch=epoch.epoch)
        try:
            return tuple(
                spectrum
                for entry in listed
                for spectrum in spectra_of(self._files({"RETRIEVAL_TYPE": "spectras", "spectra_oid": self._oid(entry, "spectraOid")}))
            )
        except ValueError as reason:
            raise self._web.malformed(str(reason)) from None

    def mosaics(self, epoch: ReadyEpoch, band_oid: str) -> tuple[ReadyMosaic, ...]:
        """The mosaics of an epoch in a band, not downloaded; none is an answer. Raises as `offer`."""
        found = []
        for entry in self._list("mosaics", band_oid=band_oid, epoch=epoch.epoch):
            oid = self._oid(entry, "mosaicOid")
            name = str(entry.get("fileName") or f"mosaic {oid}")[:120]
            found.append(ReadyMosaic(name, f"{self._web.url}/data?RETRIEVAL_TYPE=mosaics&mosaic_oid={oid}"))
        return tuple(found)

    def _source(self, name: str, ra: float, dec: float) -> ReadySource:
        circle = f"CIRCLE('ICRS',{ra:.6f},{dec:.6f},{MATCH_ARCMIN / 60:.5f})"
        columns = self._columns(
            self._tap.query(f"SELECT DISTINCT name,ra,dec,source_id FROM ila.v_cat_source WHERE CONTAINS(POINT('ICRS',ra,dec),{circle})=1"),
            "name",
            "ra",
            "dec",
            "source_id",
        )
        found = []
        for its, ra_deg, dec_deg, source_id in zip(*columns, strict=True):
            try:
                apart = angular_separation(*np.radians([ra, dec, float(ra_deg), float(dec_deg)]))
            except (TypeError, ValueError):
                raise self._tap.malformed("has sources without a place") from None
            found.append(ReadySource(str(its), str(source_id), float(ra_deg), float(dec_deg), float(np.degrees(apart) * 60)))
        if not found:
            raise UnknownSource(
                f"ISLA's catalogue has no source within {MATCH_ARCMIN:g}' of {ra:.4f}, {dec:+.4f}: nothing ready-made of it."
            )
        found.sort(key=lambda source: (source.name.casefold() != name.strip().casefold(), source.apart_arcmin))
        first, *others = found
        return ReadySource(
            first.name, first.source_id, first.ra, first.dec, first.apart_arcmin, tuple(dict.fromkeys(other.name for other in others))
        )

    def _epochs(self, instruments: Columns, epochs: Columns) -> tuple[ReadyEpoch, ...]:
        """Of ISGRI and JEM-X. An epoch names its instrument, a band of it, or both; one that names no band may have all of them."""
        names: dict[str, str] = {}
        bands: dict[str, dict[str, str]] = {}
        for name, band, its_oid, band_oid in zip(
            *self._columns(instruments, "instrument", "band", "instrument_oid", "band_oid"), strict=True
        ):
            ours = _INSTRUMENTS.get(re.sub(r"[^a-z]", "", str(name).lower()))
            if ours is not None and its_oid is not None:
                names[_text(its_oid)] = ours
                bands.setdefault(_text(its_oid), {})[_text(band_oid)] = str(band)
        owner = {band_oid: oid for oid, its in bands.items() for band_oid in its}
        found: dict[tuple[str, str], dict[str, str]] = {}
        for epoch, its_oid, band_oid in zip(*self._columns(epochs, "epoch", "instrument_oid", "band_oid"), strict=True):
            oid = _text(its_oid) if its_oid is not None else owner.get(_text(band_oid), "")
            if epoch is not None and oid in names:
                known = found.setdefault((str(epoch), oid), {})
                if band_oid is not None and (band := bands[oid].get(_text(band_oid))) is not None:
                    known[band] = _text(band_oid)
        return tuple(
            ReadyEpoch(names[oid], oid, epoch, tuple(sorted(its.items())) or tuple((band, code) for code, band in bands[oid].items()))
            for (epoch, oid), its in sorted(found.items())
        )

    def _columns(self, table: Columns, *names: str) -> list[Any]:
        if missing := [name for name in names if name not in table]:
            raise self._tap.malformed(f"lacks the columns {', '.join(missing)}")
        return [table[name] for name in names]

    def _list(self, what: str, **asked: str) -> list[Mapping[str, Any]]:
        """What an epoch holds. Pixels come along as numbers and are not kept."""
        response = self._web.get("/tap/sync/", {"PHASE": "RUN", "REQUEST": what, **asked})
        if response.status_code != 200:
            raise self._refused(response)
        try:
            listed = json.loads(response.content, parse_float=lambda _: None)
        except (ValueError, RecursionError):
            raise self._web.malformed("is no JSON") from None
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            raise self._web.malformed(f"is no list of {what}")
        if len(listed) > MOST_A_LIST:
            raise self._web.malformed(f"lists {len(listed)} {what} of one epoch")
        return listed

    def _oid(self, entry: Mapping[str, Any], key: str) -> str:
        text = str(entry.get(key, ""))
        if not _OID.fullmatch(text):
            raise self._web.malformed(f"lacks {key}, so its form has changed")
        return text

    def _files(self, asked: Mapping[str, str]) -> tuple[PackedFile, ...]:
        response = self._web.get("/data", asked)
        if response.status_code != 200:
            raise self._refused(response)
        return unpacked(response.content)

    def _refused(self, response: httpx.Response) -> ArchiveError:
        words = " ".join(re.sub(r"<[^>]*>", " ", response.text[:2000]).split())[:200].rstrip(".") or "it gives no reason"
        return ArchiveError(f"{NAME} ({self._web.url}) refused the question: {words}.")


def _text(oid: Any) -> str:
    """A number at ISLA, whether it comes as a number or as text."""
    return str(int(oid)) if isinstance(oid, float) and oid.is_integer() else str(oid)
