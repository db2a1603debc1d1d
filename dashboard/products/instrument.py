"""What ISGRI and JEM-X differ in, as far as mosaics and their sources are concerned."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dashboard.errors import ProductError


@dataclass(frozen=True, slots=True)
class Instrument:
    """Figures of an instrument.

    Attributes
    ----------
    pixel
        Degrees; side of a pixel of OSA's images at their centre.
    half_field
        Degrees from the axis to zero sensitivity: to the side of a square field of view, or the radius of a round one.
    round_field
        Whether the field of view is a circle.
    psf_sigma, osa_psf_sigma
        Arcmin; width (1 sigma) of a point source by the instrument's design, and in OSA's mosaics.
    position_floor
        Arcmin; 90 % radius of a position however bright the source.
    match_radius
        Arcmin; a catalogue source nearer than this may always be the one detected.
    close_pair
        Arcmin; sources nearer than this to each other disturb each other's spectra and light curves.
    ghosts
        Degrees; range of distances from a bright source where the mask's repeated pattern makes ghosts, None without such.
    energies
        keV; range that can be asked for.
    """

    pixel: float
    half_field: float
    round_field: bool
    psf_sigma: float
    osa_psf_sigma: float
    position_floor: float
    match_radius: float
    close_pair: float
    ghosts: tuple[float, float] | None
    energies: tuple[float, float]

    @property
    def reach(self) -> float:
        """Degrees from the axis to the farthest point of the field of view: the corner of a square one."""
        return self.half_field if self.round_field else self.half_field * math.sqrt(2)


ISGRI = Instrument(
    pixel=0.0822862539155913,  # CD matrix of OSA's images
    half_field=14.5,  # Goldwurm et al. 2003, A&A 411, L223
    round_field=False,
    psf_sigma=5.10,  # 12' FWHM (Lebrun et al. 2003, A&A 411, L141)
    osa_psf_sigma=6.17,  # 1.25 pixels, measured on a mosaic of the Crab: OSA spreads each pixel over its neighbours
    position_floor=0.2,  # 0.195' between the Crab and its place in that mosaic
    match_radius=3.0,
    close_pair=12.0,  # the FWHM
    ghosts=(10.4, 11.2),  # the mask's 53 elements of 11.2 mm seen from 3.2 m, drawn wide
    energies=(15.0, 800.0),  # MMODA's bounds
)
JEMX = Instrument(
    pixel=0.026,  # CD matrix of a mosaic by j_ima_mosaic 10.1
    half_field=6.6,  # 13.2 degrees between the points of zero response (Lund et al. 2003, A&A 411, L231)
    round_field=True,
    psf_sigma=1.27,  # 3' FWHM (Lund et al. 2003)
    osa_psf_sigma=1.80,  # 1.15 pixels, measured on that mosaic of the Crab
    position_floor=0.2,  # 0.19' between the pulsar and the Crab's place in that mosaic
    match_radius=1.0,
    close_pair=3.0,  # the FWHM
    ghosts=None,  # the mask's pattern does not repeat but at its very rim
    energies=(3.0, 35.0),  # MMODA's bounds
)
_BY_NAME = {"isgri": ISGRI, "jemx1": JEMX, "jemx2": JEMX, "jemx": JEMX}
_COARSEST_JEMX_PIXEL = 0.05


def instrument_of(name: str) -> Instrument:
    """Figures by name: "isgri", "jemx1", "jemx2", or "jemx" for what both units share or made together.

    Raises
    ------
    ProductError
        For any other name.
    """
    if name not in _BY_NAME:
        raise ProductError(f"Instrument {name!r} is unknown; it is one of {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]


def instrument_by_pixel(pixel: float) -> Instrument:
    """The instrument of a map that does not name it, by the side of its pixels in degrees."""
    return ISGRI if pixel > _COARSEST_JEMX_PIXEL else JEMX
