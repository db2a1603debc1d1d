"""From the products of a run to drafts, with their files written into a folder where they can be looked at."""

from __future__ import annotations

import gzip
import math
import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from dashboard.analysis.grouping import Grouping, grouped_channels
from dashboard.analysis.rebin import exposure, with_systematics
from dashboard.errors import ProductError, RequestError
from dashboard.export.figure import write_mosaic_png
from dashboard.export.light_curve_figure import write_light_curve_png
from dashboard.export.light_curve_files import ogip_hdulist
from dashboard.export.regions import ds9_regions
from dashboard.export.spectrum_figure import write_spectrum_png
from dashboard.export.spectrum_files import area_hdulist, redistribution_hdulist, spectrum_hdulist
from dashboard.gallery.draft import Attachment, Contents, Draft, facts_of, form, named_target, refuse_simulated
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceTable
from dashboard.products.light_curve import TOTAL_ERROR, LightCurve
from dashboard.products.mosaic import Mosaic
from dashboard.products.mosaic_fits import write_mosaic
from dashboard.products.spectrum import Spectrum
from dashboard.request.request import Request

NO_GROUPING: Final = (0.0, 0.0, 0)
_LONGEST_NAME: Final = 24
"""Of a source in a file name: RESPFILE and ANCRFILE hold 68 characters."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A published sum of a run.

    Attributes
    ----------
    run_id, plan
        The run.
    number
        Of the job in the plan.
    version
        Of the sum.
    """

    run_id: str
    plan: Plan
    number: int
    version: int


def image_draft(of: Sum, mosaic: Mosaic, table: SourceTable, folder: Path) -> Draft:
    """The mosaic with its picture and regions.

    It is found under the target, where that has a name, and under every detected source that the catalogue knows: candidates and
    ambiguous ones are shown in the table, and nothing is filed under their names.

    Raises
    ------
    RequestError
        For a simulated one.
    ProductError
        When its band or times are not known, or a file cannot be written.
    """
    refuse_simulated(of.plan, mosaic.provenance)
    band = mosaic.band or of.plan.jobs[of.number].band
    if band is None:
        raise ProductError("The band of the mosaic is not known: the gallery files images by their band.")
    deepest = float(np.nanmax(mosaic.exposure, initial=0.0)) if mosaic.exposure is not None else math.nan
    contents = Contents(
        sources=_names(of.plan, table),
        ra=of.plan.target.ra,
        dec=of.plan.target.dec,
        band=band,
        tstart=mosaic.tstart,
        tstop=mosaic.tstop,
        exposure=deepest,
        origin=mosaic.provenance,
        fields={"detected_sources": detected_html(table)},
    )
    fields = form(of.plan, of.run_id, of.number, contents)
    stem = folder / _stem(of, of.plan.target.name, fields["product_id"])
    picture, packed, regions = (stem.with_name(stem.name + suffix) for suffix in (".png", ".fits.gz", ".reg"))
    plain = stem.with_name(stem.name + ".fits")
    write_mosaic_png(mosaic, table, picture, of.plan.target.name)
    write_mosaic(mosaic, plain)
    with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target)
    plain.unlink()
    regions.write_text(ds9_regions(table, mosaic.provenance.origin))
    return _draft(of, "", contents, fields, picture, (packed, regions))


def spectrum_draft(of: Sum, spectrum: Spectrum, folder: Path) -> Draft:
    """The spectrum in the grouping that the run asked for, with its responses; raises as `image_draft`."""
    refuse_simulated(of.plan, spectrum.provenance)
    request = Request.from_dict(of.plan.request)
    grouping = grouped_channels(spectrum, *(request.grouping if spectrum.instrument == "isgri" else NO_GROUPING))
    if not spectrum.exposure > 0:
        raise ProductError(f"The exposure of the spectrum of {spectrum.source} is not known: it cannot be published.")
    place = _place(of.plan, spectrum.source, spectrum.ra, spectrum.dec)
    contents = Contents(
        sources=((spectrum.source, *place),),
        ra=place[0],
        dec=place[1],
        band=_range(spectrum, grouping),
        tstart=spectrum.tstart,
        tstop=spectrum.tstop,
        exposure=spectrum.exposure,
        origin=spectrum.provenance,
        grid=spectrum.redistribution.bounds_key,
    )
    fields = form(of.plan, of.run_id, of.number, contents)
    stem = folder / _stem(of, spectrum.source, fields["product_id"])
    picture, pha, rmf, arf = (stem.with_name(stem.name + suffix) for suffix in (".png", ".pha", ".rmf", ".arf"))
    write_spectrum_png(spectrum, grouping, picture)
    fraction = request.systematic_for(spectrum.instrument)
    spectrum_hdulist(spectrum, grouping, fraction, rmf.name, arf.name).writeto(pha, checksum=True, overwrite=True)
    redistribution_hdulist(spectrum.redistribution, spectrum).writeto(rmf, checksum=True, overwrite=True)
    area_hdulist(spectrum).writeto(arf, checksum=True, overwrite=True)
    return _draft(of, spectrum.source, contents, fields, picture, (pha, rmf, arf))


def light_curve_draft(of: Sum, curve: LightCurve, folder: Path) -> Draft:
    """The light curve as OGIP FITS; raises as `image_draft`."""
    refuse_simulated(of.plan, curve.provenance)
    band = curve.band or of.plan.jobs[of.number].band
    if band is None or not len(curve):
        raise ProductError(f"The light curve of {curve.source} has no band or no points: there is nothing to publish.")
    request = Request.from_dict(of.plan.request)
    place = _place(of.plan, curve.source, curve.ra, curve.dec)
    contents = Contents(
        sources=((curve.source, *place),),
        ra=place[0],
        dec=place[1],
        band=band,
        tstart=float((curve.time - curve.half_width).min()),
        tstop=float((curve.time + curve.half_width).max()),
        exposure=float(exposure(curve).sum()),
        origin=curve.provenance,
        fields={"time_bin": f"{request.lc_time_bin:g}"},
    )
    fields = form(of.plan, of.run_id, of.number, contents)
    stem = folder / _stem(of, curve.source, fields["product_id"])
    picture, file = (stem.with_name(stem.name + suffix) for suffix in (".png", ".fits"))
    write_light_curve_png(curve, picture)
    complete = curve if TOTAL_ERROR in curve.columns else with_systematics(curve, request.systematic_for(curve.instrument))
    ogip_hdulist(complete).writeto(file, checksum=True, overwrite=True)
    return _draft(of, curve.source, contents, fields, picture, (file,))


def chosen(asked: Sequence[str], target: str, known: Collection[str]) -> tuple[str, ...]:
    """The sources to publish spectra or light curves of: those asked for, else the target.

    Raises
    ------
    RequestError
        When the run has nothing of one of them; the sentence names those it has.
    """
    for name in asked or (target,):
        if name not in known:
            raise RequestError(f"The run has nothing of {name!r}: choose with --source among {', '.join(known) or 'none'}.")
    return tuple(dict.fromkeys(asked)) or (target,)


def detected_html(table: SourceTable) -> str:
    """The detected sources as an HTML table, a row a line."""
    unit = f" ({escape(table.flux_unit)})" if table.flux_unit else ""
    head = ("source", "kind", "RA (deg)", "Dec (deg)", "significance", f"flux{unit}", f"error{unit}")
    rows = [f"<tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>"]
    for s in table.detected:
        numbers = (f"{s.ra:.4f}", f"{s.dec:+.4f}", f"{s.scaled_significance:.1f}", f"{s.flux:.4g}", f"{s.scaled_error:.2g}")
        rows.append(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in (s.name, s.kind, *numbers))}</tr>")
    return "\n".join(("<table>", *rows, "</table>"))


def _draft(of: Sum, source: str, contents: Contents, fields: dict[str, str], picture: Path, files: tuple[Path, ...]) -> Draft:
    attached = (Attachment("img", picture), *(Attachment(f"fits_file_{i}", path) for i, path in enumerate(files)))
    facts = facts_of(of.plan, of.plan.jobs[of.number], contents)
    return Draft(of.run_id, of.number, of.version, of.plan.host, source, fields, attached, facts)


def _stem(of: Sum, name: str, identity: str) -> str:
    """Different for every product and version: the gallery gives a file whose name it has already another one, which no header follows."""
    job = of.plan.jobs[of.number]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("+", "p"))[:_LONGEST_NAME]
    return f"{job.instrument}_{plain}_{identity[:8]}_v{of.version}"


def _names(plan: Plan, table: SourceTable) -> tuple[tuple[str, float, float], ...]:
    target = plan.target
    found = {target.name: (target.ra, target.dec)} if named_target(plan) else {}
    for source in table.detected:
        if source.kind == "known" and "," not in source.name:
            found.setdefault(source.name, _place(plan, source.name, source.ra, source.dec))
    return tuple((name, *place) for name, place in found.items())


def _place(plan: Plan, name: str, ra: float, dec: float) -> tuple[float, float]:
    """Where the catalogue of the run has the source, else where it was measured or aimed at."""
    for source in plan.catalog.sources:
        if source.name == name:
            return source.ra, source.dec
    return (ra, dec) if math.isfinite(ra) and math.isfinite(dec) else (plan.target.ra, plan.target.dec)


def _range(spectrum: Spectrum, grouping: Grouping) -> tuple[float, float]:
    """keV; what the channels that count cover."""
    use = (grouping.quality == 0) & spectrum.good
    bounds = spectrum.redistribution
    return round(float(bounds.e_min[use].min()), 2), round(float(bounds.e_max[use].max()), 2)
