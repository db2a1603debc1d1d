"""The running sum of mosaics.

Per pixel, over batches i with flux f, variance v and effective exposure t:

    W = sum 1/v     S = sum f/v     Q = sum f^2/v     T = sum t     N = number of batches

    flux = S/W      variance = 1/W      significance = S/sqrt(W)      chi^2 = Q - S^2/W with N - 1 degrees of freedom

The flux is thus the inverse-variance mean. The sums are additive: batches come in any order, each costs the same, two
sums can be merged, and what is kept does not grow with their number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import grey_closing

from dashboard.combine.alignment import Nodes, lattice_offset
from dashboard.combine.contributions import Contribution, Kind, contributions_from_table, contributions_to_table, interval, merged
from dashboard.combine.grid import Grid
from dashboard.combine.resample import add_lattice, add_spline, spline_coefficients, whitened
from dashboard.errors import EmptyProduct, NotCombinable, ProductError
from dashboard.products.mosaic import Image, Mosaic

RESAMPLED = "cubic B-spline"
"""Value of the card RESAMPLE in sums whose batches all went through the spline: it takes a known part of each peak."""
PEAK = 15
"""Pixels; a peak of the error narrower than this belongs to a source."""
_PLANES = {
    "SUM_WEIGHT": "sum of 1/variance",
    "SUM_WEIGHT_FLUX": "sum of flux/variance",
    "SUM_WEIGHT_FLUX2": "sum of flux**2/variance",
    "SUM_EXPOSURE": "[s] sum of effective exposure",
    "N_BATCHES": "number of batches",
}


class MosaicSum:
    """Sums over the batches of one band, on a grid fixed beforehand.

    Not safe to change from two threads at once; the kernels release the GIL.

    Attributes
    ----------
    grid
        Where the sums live.
    weight, weight_flux, weight_flux2, exposure
        (ny, nx), float64; W, S, Q, T.
    number
        (ny, nx), int32; N.
    contributions
        The batches in the order of addition.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.weight, self.weight_flux, self.weight_flux2, self.exposure = (np.zeros(grid.shape) for _ in range(4))
        self.number = np.zeros(grid.shape, dtype=np.int32)
        self.contributions: list[Contribution] = []
        self._kind: Kind | None = None
        self._keywords: dict[str, Any] = {}
        self._wcs = grid.wcs
        self._nodes: Nodes | None = None

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """Batches in the order of addition."""
        return tuple(c.batch_id for c in self.contributions)

    @property
    def _planes(self) -> tuple[NDArray[Any], ...]:
        return self.weight, self.weight_flux, self.weight_flux2, self.exposure, self.number

    def add(self, mosaic: Mosaic, batch_id: str) -> None:
        """Add a batch. When it is refused the sum is as before.

        Raises
        ------
        NotCombinable
            For a significance-only map, one that differs in instrument, band, unit, OSA version or in being simulated, one
            off the grid or not in equatorial coordinates, or a batch that is in the sum already.
        EmptyProduct
            Without a single valid pixel.
        """
        if batch_id in self.batch_ids:
            raise NotCombinable(f"Batch {batch_id} is in the sum already; it counts once.")
        if mosaic.flux is None or mosaic.variance is None or mosaic.exposure is None:
            raise NotCombinable(f"Batch {batch_id} is a map of significance alone; without flux, variance and exposure it cannot be added.")
        if mosaic.wcs.wcs.lngtyp != "RA":
            raise NotCombinable(f"The map of batch {batch_id} is not in equatorial coordinates; ask for it in RA and Dec.")
        kind = Kind.of(mosaic)
        (self._kind or kind).accept(kind, batch_id)
        if not self._add_pixels(mosaic.flux, mosaic.variance, mosaic.exposure, mosaic):
            valid = np.isfinite(mosaic.flux) & np.isfinite(mosaic.variance) & (mosaic.variance > 0)
            if not valid.any():
                raise EmptyProduct(f"Batch {batch_id} has no exposed pixel; nothing is added.")
            raise NotCombinable(f"The map of batch {batch_id} lies outside the grid of the sum; lay out a grid that holds its pointings.")
        resampled = lattice_offset(mosaic.wcs, self._wcs, mosaic.shape) is None
        keywords = dict(mosaic.keywords) | ({"RESAMPLE": RESAMPLED} if resampled else {})
        self._remember([Contribution.of(batch_id, mosaic)], kind, keywords)

    def _add_pixels(self, flux: Image, variance: Image, exposure: Image, mosaic: Mosaic) -> int:
        """Number of grid pixels that received something."""
        offset = lattice_offset(mosaic.wcs, self._wcs, mosaic.shape)
        exact = offset is not None and any(image.dtype.itemsize > 4 for image in (flux, variance, exposure))
        f, v, t = (np.ascontiguousarray(image, dtype=np.float64 if exact else np.float32) for image in (flux, variance, exposure))
        if offset is not None:
            return int(add_lattice(f, v, t, *offset, *self._planes))
        self._nodes = self._nodes or Nodes(self.grid)
        place = self._nodes.place(mosaic.wcs, mosaic.shape)
        white, root, count = whitened(f, v)
        if not count:
            return 0
        bends = white[:0]
        if mosaic.instrument.startswith("jemx"):
            smooth, share = _without_peaks(root)
            white, root, bends = white / share, smooth, spline_coefficients(np.log(share), root)
        return int(add_spline(place.x, place.y, place.touched, spline_coefficients(white, root), bends, root, t, *self._planes))

    def _remember(self, contributions: Iterable[Contribution], kind: Kind | None, keywords: dict[str, Any]) -> None:
        """Note who was added; of further header cards only those that all share are kept."""
        kept = keywords if not self.contributions else {k: v for k, v in self._keywords.items() if k in keywords and keywords[k] == v}
        self.contributions.extend(contributions)
        self._kind, self._keywords = self._kind or kind, kept

    def merge(self, other: MosaicSum) -> None:
        """Add all batches of another sum on the same grid.

        Raises
        ------
        NotCombinable
            When the grids or the kinds of map differ, or a batch is in both.
        """
        if other.grid != self.grid:
            raise NotCombinable("The two sums live on different grids; rebuild one of them from its batches.")
        if twice := set(self.batch_ids) & set(other.batch_ids):
            raise NotCombinable(f"Batch {min(twice)} is in both sums; it counts once.")
        if other._kind is None:
            return
        (self._kind or other._kind).accept(other._kind, other.batch_ids[0])
        for mine, its in zip(self._planes, other._planes, strict=True):
            np.add(mine, its, out=mine)
        self._remember(other.contributions, other._kind, other._keywords)

    def result(self, batches_asked: int = 0) -> Mosaic:
        """The mosaic of all batches so far, float32.

        Parameters
        ----------
        batches_asked
            How many the run asked; at least the number used is written.

        Raises
        ------
        EmptyProduct
            While no batch has been added.
        """
        if self._kind is None:
            raise EmptyProduct("No batch has been added yet: there is no mosaic to show.")
        seen = self.number > 0
        flux, variance, significance = (np.full(self.grid.shape, np.nan, dtype=np.float32) for _ in range(3))
        w, s = self.weight[seen], self.weight_flux[seen]
        flux[seen], variance[seen], significance[seen] = s / w, 1 / w, s / np.sqrt(w)
        tstart, tstop = interval(self.contributions)
        return Mosaic(
            flux,
            variance,
            significance,
            self.exposure.astype(np.float32),
            self.grid.wcs,
            band=self._kind.band,
            instrument=self._kind.instrument,
            unit=self._kind.unit,
            tstart=tstart,
            tstop=tstop,
            ontime=float(sum(c.ontime for c in self.contributions)),
            provenance=merged(self.contributions, batches_asked),
            keywords=MappingProxyType(dict(self._keywords)),
        )

    def chi2(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Chi^2 of a constant flux, NaN outside, and its degrees of freedom (0 where fewer than two batches see the pixel)."""
        seen = self.number > 0
        chi2 = np.full(self.grid.shape, np.nan, dtype=np.float32)
        chi2[seen] = np.maximum(self.weight_flux2[seen] - self.weight_flux[seen] ** 2 / self.weight[seen], 0)
        return chi2, np.maximum(self.number - 1, 0)

    def to_hdulist(self) -> fits.HDUList:
        """The sums as FITS images told apart by EXTNAME, the batches as a table, what is common as JSON in the primary header."""
        primary = fits.PrimaryHDU()
        primary.header["GRID"] = json.dumps(self.grid.to_dict())
        if self._kind is not None:
            primary.header["KIND"] = json.dumps(asdict(self._kind))
            primary.header["CARDS"] = json.dumps(self._keywords)
            if self._kind.simulated:
                primary.header["ORIGIN"] = ("SIMULATED", "no observation of the sky")
        images = []
        for (name, meaning), plane in zip(_PLANES.items(), self._planes, strict=True):
            image = fits.ImageHDU(plane, header=fits.Header(self.grid.header()), name=name)
            image.header["CONTENT"] = meaning
            images.append(image)
        return fits.HDUList([primary, *images, contributions_to_table(self.contributions)])

    @classmethod
    def from_hdulist(cls, hdus: fits.HDUList) -> MosaicSum:
        """The sum that `to_hdulist` wrote, bit for bit.

        Raises
        ------
        ProductError
            When the file is no such sum.
        """
        header = hdus[0].header
        names = {hdu.name for hdu in hdus}
        if "GRID" not in header or not {*_PLANES, "BATCHES"} <= names:
            raise ProductError("The file is not a running sum of mosaics; build the sum again from its batches.")
        total = cls(Grid.from_dict(json.loads(header["GRID"])))
        for name, plane in zip(_PLANES, total._planes, strict=True):
            plane[:] = hdus[name].data
        total.contributions = contributions_from_table(hdus["BATCHES"])
        if "KIND" in header:
            kind = json.loads(header["KIND"])
            total._kind = Kind(**kind | {"band": kind["band"] and tuple(kind["band"])})
            total._keywords = json.loads(header["CARDS"])
        return total


def _without_peaks(root: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`whitened`'s 1 / error, (ny + 2, nx + 2), with the dips at sources filled, and the part, (ny, nx), that is left in the dips."""
    smooth = np.where(root > 0, grey_closing(root, size=PEAK), np.float32(0))
    share = np.divide(root, smooth, out=np.ones_like(root), where=smooth > 0)[1:-1, 1:-1]
    return smooth, np.ascontiguousarray(share)


def rebuild(grid: Grid, parts: Iterable[tuple[str, Mosaic]]) -> MosaicSum:
    """The sum of stored parts (batch_id, mosaic), redone from nothing: after an exclusion or on another grid."""
    total = MosaicSum(grid)
    for batch_id, mosaic in parts:
        total.add(mosaic, batch_id)
    return total
