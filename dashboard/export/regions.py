"""Sources as DS9 regions."""

from __future__ import annotations

from dashboard.products.catalog import SourceTable
from dashboard.products.sky_regions import write_regions
from dashboard.products.sky_shapes import Circle

COLOURS = {"known": "green", "ambiguous": "orange", "new": "red", "forced": "white"}


def ds9_regions(table: SourceTable, origin: str = "") -> str:
    """One circle a source, of the radius of its 90 % position error and at least 3 arcmin, in FK5.

    Detected sources are solid, those measured at a catalogue position only are dashed.
    """
    circles = [
        Circle(
            source.ra,
            source.dec,
            max(source.position_error, 3.0) / 60.0,
            text=source.name,
            colour=COLOURS[source.kind],
            dashed=source.kind == "forced",
        )
        for source in table.sources
    ]
    return (f"# {origin}\n" if origin else "") + write_regions(circles, precision=5)
