"""What is added up from which batches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """One product of one instrument, summed over its batches.

    Attributes
    ----------
    instrument
        "isgri", "jemx1" or "jemx2".
    product
        "mosaic", "spectrum" or "lightcurve".
    band
        keV; None for spectra, which hold all energies.
    batch_ids
        In time order.
    for_catalogue
        Made for its sources only: the image was not asked for by itself.
    """

    instrument: str
    product: str
    band: tuple[float, float] | None
    batch_ids: tuple[str, ...]
    for_catalogue: bool = False

    @property
    def label(self) -> str:
        """Such as "isgri mosaic 28-40 keV"."""
        return label(self.instrument, self.product, self.band) + (" (for the catalogue)" if self.for_catalogue else "")


@dataclass(frozen=True, slots=True)
class Coming:
    """A job whose batches can be named only when the catalogue is there that an image gives.

    Attributes
    ----------
    instrument, product, band
        As of the job it becomes.
    swid
        Science windows it will be extracted from, without version, in time order.
    image
        Number of the job whose sources become its catalogue.
    """

    instrument: str
    product: str
    band: tuple[float, float] | None
    swid: tuple[str, ...]
    image: int

    @property
    def label(self) -> str:
        """Such as "isgri spectrum"."""
        return label(self.instrument, self.product, self.band)


def label(instrument: str, product: str, band: tuple[float, float] | None) -> str:
    """Words for a job."""
    return f"{instrument} {product}" + (f" {band[0]:g}-{band[1]:g} keV" if band else "")
