"""A small part of a stored mosaic, without reading the rest.

The headers of a file take longer to read than the surroundings of a source: what they say is a value that can be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from dashboard.errors import NotCombinable, ProductError
from dashboard.products.mosaic import Mosaic, Provenance
from dashboard.products.mosaic_fits import FLUX_TYPES, celestial_wcs

_KINDS = ("FLUX", "VARIANCE", "SIGNIFICANCE", "EXPOSURE")


@dataclass(frozen=True, slots=True, eq=False)
class MosaicLayout:
    """Where the pixels lie in a file that `write_mosaic` wrote: there they are NaN, and the exposure 0, outside the exposed area.

    Attributes
    ----------
    shape
        (ny, nx) of the map.
    wcs
        Of the map.
    origin
        FITS ORIGIN.
    planes
        Offset in bytes and type of flux, variance, significance and exposure, by these names in capitals.
    """

    shape: tuple[int, int]
    wcs: WCS
    origin: str
    planes: Mapping[str, tuple[int, np.dtype[Any]]]

    @classmethod
    def of(cls, path: Path) -> MosaicLayout:
        """Read the headers.

        Raises
        ------
        ProductError
            When the file is no FITS file.
        NotCombinable
            When it has no flux, variance or exposure.
        """
        try:
            with fits.open(path) as hdus:
                images = [hdu for hdu in hdus if "IMATYPE" in hdu.header]
                planes = {_kind(hdu.header): (hdu.fileinfo()["datLoc"], _type(hdu.header)) for hdu in images}
                if not planes.keys() >= set(_KINDS):
                    raise NotCombinable(f"{path.name} is a map of significance alone: it lacks flux, variance or exposure.")
                header = images[0].header
                return cls((header["NAXIS2"], header["NAXIS1"]), celestial_wcs(header), str(header.get("ORIGIN", "")), planes)
        except OSError as error:
            raise ProductError(f"{path} cannot be read as FITS: {error}.") from error

    def cutout(self, path: Path, corner: tuple[int, int], side: int) -> Mosaic:
        """The square whose first pixel is (x, y), from 0; all of it lies on the map."""
        x, y = corner

        def square(kind: str) -> NDArray[Any]:
            offset, dtype = self.planes[kind]
            stride = self.shape[1] * dtype.itemsize
            rows = np.fromfile(path, dtype, side * self.shape[1], offset=offset + y * stride).reshape(side, -1)
            return rows[:, x : x + side].astype(dtype.newbyteorder("="))

        wcs = self.wcs.deepcopy()
        wcs.wcs.crpix -= corner
        flux, variance, significance, exposure = map(square, _KINDS)
        return Mosaic(flux, variance, significance, exposure, wcs, provenance=Provenance(self.origin))


def _kind(header: fits.Header) -> str:
    name = str(header["IMATYPE"])
    return "FLUX" if name in FLUX_TYPES else name


def _type(header: fits.Header) -> np.dtype[Any]:
    return np.dtype(fits.BITPIX2DTYPE[header["BITPIX"]]).newbyteorder(">")
