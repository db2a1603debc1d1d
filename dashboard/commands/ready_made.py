"""archive ready: what ESA's ISLA has ready-made of a source."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.commands.exit_codes import OK
from dashboard.errors import ProductError, RequestError
from dashboard.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboard.archive.isla import Isla
    from dashboard.archive.ready_made import ReadyEpoch, ReadyLightCurve, ReadyOffer, ReadySpectrum


def add_to(acts: Any) -> None:
    """Add this command to those of `archive`."""
    ready = acts.add_parser("ready", help="what ESA's ISLA has ready-made of a source")
    ready.add_argument("source", help="its name, or coordinates as src_name takes them")
    ready.add_argument("--host", default="production", help="host_type whose resolver and ISLA are asked (default: production)")
    ready.add_argument("--epoch", nargs="+", default=[], help="of spectra and mosaics (default: the newest of each instrument)")
    ready.add_argument("--mosaics", action="store_true", help="list the addresses of the mosaics of these epochs, too")
    ready.add_argument("--out", type=Path, help="write light curves (ECSV) and spectra with responses (FITS, as ISLA sends them) here")
    ready.add_argument("--json", action="store_true", help="answer in JSON")
    ready.set_defaults(act=_ready)


def _ready(options: argparse.Namespace) -> int:
    from dashboard.archive.isla import isla_of
    from dashboard.archive.resolver import resolve
    from dashboard.request.request import Request

    settings = Settings.from_environment()
    if options.host not in settings.hosts:
        raise RequestError(f"There is no host {options.host[:60]!r}: choose one of {', '.join(settings.hosts)}.")
    host = settings.hosts[options.host]
    isla = isla_of(host)
    target = resolve(Request(src_name=options.source, host_type=options.host), host)
    offer = isla.offer(target.name, target.ra, target.dec)
    chosen = _chosen(offer, options.epoch)
    links = [
        (epoch, band, mosaic) for epoch in chosen if options.mosaics for band, oid in epoch.bands for mosaic in isla.mosaics(epoch, oid)
    ]
    written = _written(isla, offer, chosen, options.out) if options.out else []
    if options.json:
        print(
            json.dumps({**_facts(offer), "mosaics": [{"band": b, "file": m.file, "url": m.url} for _, b, m in links], "written": written})
        )
        return OK
    source = offer.source
    print(f"{source.name} ({source.source_id}), {source.apart_arcmin:.1f}' from {target.name}; ready-made at ISLA, not computed here")
    for instrument in offer.instruments:
        epochs = offer.of(instrument)
        bands = ", ".join(dict.fromkeys(band for epoch in epochs for band, _ in epoch.bands))
        print(f"  {instrument:<6} {len(epochs):>5} epochs, {epochs[0].epoch} to {epochs[-1].epoch}; bands {bands or 'not told'}")
    for _, band, mosaic in links:
        print(f"  mosaic {band:<8} {mosaic.file}  {mosaic.url}")
    for name in written:
        print(f"  {options.out / name}")
    if source.others:
        print(f"  also within 3': {', '.join(source.others)}")
    print(f"{offer.address}, asked {offer.asked} UTC")
    return OK


def _chosen(offer: ReadyOffer, names: list[str]) -> list[ReadyEpoch]:
    """The epochs of these names, else the newest of each instrument."""
    if missing := set(names) - {epoch.epoch for epoch in offer.epochs}:
        raise RequestError(f"ISLA has no epoch {', '.join(sorted(missing))[:80]} of {offer.source.name}: see archive ready --json.")
    if names:
        return [epoch for epoch in offer.epochs if epoch.epoch in names]
    return [offer.of(instrument)[-1] for instrument in offer.instruments]


def _facts(offer: ReadyOffer) -> dict[str, Any]:
    source = offer.source
    return {
        "source": {"name": source.name, "source_id": source.source_id, "ra": source.ra, "dec": source.dec, "others": list(source.others)},
        "epochs": [{"instrument": e.instrument, "epoch": e.epoch, "bands": [band for band, _ in e.bands]} for e in offer.epochs],
        "address": offer.address,
        "asked": offer.asked,
    }


def _written(isla: Isla, offer: ReadyOffer, chosen: list[ReadyEpoch], folder: Path) -> list[str]:
    """Names of the files that were written, all of them once all are there."""
    from dashboard.export.whole import written_whole

    source_id = offer.source.source_id
    curves = [curve for name in offer.instruments for curve in isla.light_curves(source_id, offer.of(name)[-1])]
    spectra = [spectrum for epoch in chosen for spectrum in isla.spectra(source_id, epoch)]
    files: dict[str, bytes] = {}
    for name, content in (*_curve_files(offer, curves), *_spectrum_files(spectra)):
        if files.setdefault(name, content) != content:
            raise ProductError(f"ISLA sent two different files called {name}: ask for one --epoch at a time.")
    with written_whole(folder) as part:
        for name, content in files.items():
            (part / name).write_bytes(content)
    return list(files)


def _curve_files(offer: ReadyOffer, curves: Iterable[ReadyLightCurve]) -> Iterable[tuple[str, bytes]]:
    import io

    import astropy.units as u
    from astropy.table import Table

    for curve in curves:
        meta = {
            "ORIGIN": "ISLA, ready-made, not computed here",
            "source": offer.source.name,
            "instrument": curve.instrument,
            "band_keV": list(curve.band) if curve.band else None,
            "software": curve.software,
            "precision_s": curve.precision_s,
            "file": curve.file,
            "address": offer.address,
            "asked_utc": offer.asked,
        }
        table = Table({"MJD_TT": curve.mjd, "RATE": curve.rate, "ERROR": curve.error}, meta=meta)
        table["MJD_TT"].unit = "d"
        table["RATE"].unit = table["ERROR"].unit = u.Unit(curve.unit.replace("counts", "count"), parse_strict="silent")
        stream = io.StringIO()
        table.write(stream, format="ascii.ecsv")
        yield f"ISLA_{_plain(Path(curve.file).stem)}.ecsv", stream.getvalue().encode()


def _spectrum_files(spectra: Iterable[ReadySpectrum]) -> Iterable[tuple[str, bytes]]:
    """As they came: their headers name each other."""
    for spectrum in spectra:
        for file in spectrum.files:
            yield _plain(file.name), file.content


def _plain(name: str) -> str:
    """Letters, digits and "+-._" alone."""
    return re.sub(r"[^A-Za-z0-9+._-]+", "_", name).lstrip(".")[:120] or "file"
