"""The source table in the forms that others read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping

from astropy.io.votable import from_table

from dashboard.export.csv_cell import csv_cell
from dashboard.export.regions import ds9_regions
from dashboard.products.catalog import SourceTable
from dashboard.products.mcrab import mcrab


def ecsv_text(table: SourceTable, origin: str) -> str:
    """ECSV: units and the conditions of the measurement stand in the header."""
    rows = table.to_table()
    rows.meta["origin"] = origin
    text = io.StringIO()
    rows.write(text, format="ascii.ecsv")
    return text.getvalue()


def votable_text(table: SourceTable, origin: str) -> str:
    """VOTable: units in the fields, the conditions of the measurement in its description."""
    rows = table.to_table()
    conditions = {**rows.meta, "origin": origin}
    rows.meta.clear()
    document = from_table(rows)
    document.get_first_table().description = "; ".join(f"{name}: {value}" for name, value in conditions.items() if value not in ("", []))
    written = io.BytesIO()
    document.to_xml(written)
    return written.getvalue().decode()


def csv_text(table: SourceTable, origin: str) -> str:
    """Plain CSV with units in the column names, and the origin on every line; what is not known is empty.

    Texts stand there as `csv_cell` writes them.
    """
    unit = f"[{table.flux_unit}]" if table.flux_unit else ""
    fixed = ("name", "kind", "ra_deg", "dec_deg", "position_error_arcmin", "significance", "scaled_significance")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fluxes = (f"{name}{unit}" for name in ("flux", "flux_error", "scaled_error", "upper_limit"))
    last = ("mcrab", "mcrab_error", "exposure_s", "offset_arcmin", "chi2", "dof", "n_batches", "warnings", "origin")
    writer.writerow(map(csv_cell, (*fixed, *fluxes, *last)))
    crab = table.crab
    for s in table.sources:
        measured = (s.position_error, s.significance, s.scaled_significance, s.flux, s.flux_error, s.scaled_error, s.upper_limit)
        numbers = (*measured, mcrab(s.flux, crab), mcrab(s.scaled_error, crab), s.exposure, s.offset, s.chi2)
        texts = (f"{value:.6g}" if math.isfinite(value) else "" for value in numbers)
        counts = (s.dof, s.n_batches) if s.n_batches else ("", "")
        words = (csv_cell("; ".join(s.warnings)), csv_cell(origin))
        writer.writerow((csv_cell(s.name), s.kind, f"{s.ra:.5f}", f"{s.dec:.5f}", *texts, *counts, *words))
    return text.getvalue()


SOURCE_FORMS: Mapping[str, Callable[[SourceTable, str], str]] = {
    "sources.ecsv": ecsv_text,
    "sources.csv": csv_text,
    "sources.vot": votable_text,
    "sources.reg": ds9_regions,
}
"""File name to the function of (table, origin) that gives its text."""
