"""Sources as DS9 regions."""

from __future__ import annotations

import astropy.units as u
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, Regions

from dashboard.products.catalog import SourceTable

COLOURS = {"known": "green", "ambiguous": "orange", "new": "red", "forced": "white"}


def ds9_regions(table: SourceTable, origin: str = "") -> str:
    """One circle a source, of the radius of its 90 % position error and at least 3 arcmin, in FK5.

    Detected sources are solid, those measured at a catalogue position only are dashed.
    """
    regions = [
        CircleSkyRegion(
            SkyCoord(source.ra, source.dec, unit="deg", frame="fk5"),
            max(source.position_error, 3.0) * u.arcmin,
            meta={"text": source.name},
            visual={"color": COLOURS[source.kind], "dash": int(source.kind == "forced")},
        )
        for source in table.sources
    ]
    return (f"# {origin}\n" if origin else "") + str(Regions(regions).serialize(format="ds9", precision=5))
