"""The running sum of spectra: the union of the sources of all batches, each with the response of its own mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple
from typing import Any

import numpy as np
from astropy.io import fits

from dashboard.combine.contributions import Contribution, Kind, contributions_from_table, contributions_to_table, in_time_order, merged
from dashboard.combine.spectrum_group import WEIGHTINGS, Group, Response, Totals
from dashboard.errors import EmptyProduct, NotCombinable, ProductError
from dashboard.products.mosaic import Provenance
from dashboard.products.response_fits import Redistributions, native, redistribution_hdus, redistributions_from_hdus
from dashboard.products.spectrum import Redistribution, Spectrum, SpectrumSet


class SpectrumSum:
    """Sums over the batches of one instrument and OSA version; see `spectrum_group` for what is summed.

    A source need not be in every batch. Spectra of a source on different grids of channels or energies are never averaged: each
    grid gives a spectrum of its own. Not safe to change from two threads at once.

    Parameters
    ----------
    weighting
        Of the result, for rate and response alike: "exposure", unbiased whatever the number of counts, or "inverse variance" (of the
        whole batch): smaller errors where the noise varies, but biased low where the errors are made from few counts. Both are summed.

    Attributes
    ----------
    contributions
        The batches in the order of addition.
    """

    def __init__(self, weighting: str = "exposure") -> None:
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting is one of {WEIGHTINGS}, not {weighting!r}")
        self.weighting = weighting
        self.contributions: list[Contribution] = []
        self._kind: Kind | None = None
        self._groups: dict[tuple[str, str], Group] = {}
        self._redistributions: dict[str, Redistribution] = {}
        self._ids: set[str] = set()

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """Batches in the order of addition."""
        return tuple(c.batch_id for c in self.contributions)

    def add(self, spectra: SpectrumSet, batch_id: str) -> None:
        """Add a batch. When it is refused the sum is as before.

        A spectrum without exposure or without a good channel adds nothing; its `batch_ids` in the result does not name the batch.

        Raises
        ------
        NotCombinable
            For spectra that differ in instrument, OSA version or in being simulated, one that does not fit its own response, a source
            that is there twice on one grid, or a batch that is in the sum already.
        EmptyProduct
            Without a single spectrum.
        """
        if batch_id in self._ids:
            raise NotCombinable(f"Batch {batch_id} is in the sum already; it counts once.")
        if not spectra.spectra:
            raise EmptyProduct(f"Batch {batch_id} has no spectrum; nothing is added.")
        first = spectra.spectra[0]
        kind = self._kind or Kind.of(first)
        kind.accept(Kind.of(first), batch_id)
        places: dict[tuple[str, str], Spectrum] = {}
        for spectrum in spectra.spectra:
            _check_lengths(spectrum, batch_id)
            if spectrum.provenance is not first.provenance or spectrum.instrument != first.instrument:
                kind.accept(Kind.of(spectrum), batch_id)
            places[spectrum.source, spectrum.redistribution.bounds_key] = spectrum
        if len(places) < len(spectra.spectra):
            raise NotCombinable(f"Batch {batch_id} has two spectra of one source on one grid: add the product of one query at a time.")
        for place, spectrum in places.items():
            group = self._groups.get(place)
            if group is None:
                group = self._groups[place] = Group.of(spectrum)
            redistribution = self._redistributions.setdefault(spectrum.redistribution.key, spectrum.redistribution)
            group.add(spectrum, redistribution, batch_id)
        self.contributions.append(Contribution.of(batch_id, *spectra.spectra))
        self._ids.add(batch_id)
        self._kind = kind

    def _sorted(self) -> Iterator[tuple[tuple[str, str], Group]]:
        """Groups that hold something, by name and lowest channel: the order of addition does not show."""
        filled = [(place, group) for place, group in self._groups.items() if group.members]
        return iter(sorted(filled, key=lambda item: (item[0][0], float(_redistribution(item[1]).e_min[0]), item[0][1])))

    def result(self, batches_asked: int = 0) -> SpectrumSet:
        """The spectra of all batches so far, by name of the source.

        Parameters
        ----------
        batches_asked
            How many the run asked; at least the number used is written.

        Raises
        ------
        EmptyProduct
            While no batch has been added, or none has a good channel.
        """
        shared = Redistributions()
        by_id = {c.batch_id: c for c in self.contributions}
        which = WEIGHTINGS.index(self.weighting)
        ratios = self.sigma_ratios
        origins: dict[tuple[str, ...], tuple[tuple[str, ...], Provenance]] = {}
        spectra = []
        for _, group in self._sorted():
            area, redistribution = group.response(which)
            rate, error, systematic, quality = group.mean(which)
            members = tuple(group.members)
            if members not in origins:
                used = in_time_order(by_id[member] for member in members)
                origins[members] = tuple(c.batch_id for c in used), merged(used, batches_asked)
            batch_ids, provenance = origins[members]
            spectra.append(
                Spectrum(
                    source=group.source,
                    instrument=self._kind.instrument if self._kind else "",
                    rate=rate,
                    stat_err=error,
                    sys_err=systematic,
                    quality=quality,
                    area=area,
                    redistribution=shared.one(redistribution),
                    ra=group.position[0],
                    dec=group.position[1],
                    **asdict(group.totals),
                    sigma_ratio=ratios[group.source],
                    batch_ids=batch_ids,
                    provenance=provenance,
                )
            )
        if not spectra:
            raise EmptyProduct("No batch with a spectrum has been added yet: there is nothing to show.")
        return SpectrumSet(tuple(spectra))

    @property
    def sigma_ratios(self) -> dict[str, float]:
        """By source: root mean square error with exposure weights over that with inverse-variance weights, what the default costs."""
        squares: dict[str, Any] = {}
        for _, group in self._sorted():
            errors = np.stack([group.mean(which)[1] for which in range(2)])
            squares[group.source] = squares.get(group.source, 0.0) + np.nansum(errors**2, axis=1)
        return {source: float(np.sqrt(exposure / variance)) for source, (exposure, variance) in squares.items()}

    def to_hdulist(self) -> fits.HDUList:
        """The sums as tables SUMS and RESPONSES a grid, each redistribution once, the batches as a table, what is common as JSON."""
        primary = fits.PrimaryHDU()
        primary.header["SPECSUM"] = (self.weighting, "weights of the result")
        if self._kind is not None:
            primary.header["KIND"] = json.dumps(asdict(self._kind))
            if self._kind.simulated:
                primary.header["ORIGIN"] = ("SIMULATED", "no observation of the sky")
        filled = list(self._sorted())
        place_of = {batch_id: place for place, batch_id in enumerate(self.batch_ids)}
        tables = []
        for number, grid in enumerate(dict.fromkeys(place[1] for place, _ in filled), start=1):
            tables += _group_tables([group for place, group in filled if place[1] == grid], place_of, number)
        kept = {part.redistribution.key: part.redistribution for _, group in filled for part in group.responses.values()}
        return fits.HDUList([primary, *tables, *redistribution_hdus(list(kept.values())), contributions_to_table(self.contributions)])

    @classmethod
    def from_hdulist(cls, hdus: fits.HDUList) -> SpectrumSum:
        """The sum that `to_hdulist` wrote, bit for bit.

        Raises
        ------
        ProductError
            When the file is no such sum.
        """
        header = hdus[0].header
        if "SPECSUM" not in header or "BATCHES" not in {hdu.name for hdu in hdus}:
            raise ProductError("The file is not a running sum of spectra; build the sum again from its batches.")
        total = cls(str(header["SPECSUM"]))
        total.contributions = contributions_from_table(hdus["BATCHES"])
        total._ids = set(total.batch_ids)
        total._kind = Kind(**json.loads(header["KIND"])) if "KIND" in header else None
        total._redistributions = redistributions_from_hdus(hdus)
        for hdu in hdus:
            if hdu.name == "SUMS":
                for group in _groups(hdu, hdus["RESPONSES", hdu.ver], total._redistributions, total.batch_ids):
                    total._groups[group.source, _redistribution(group).bounds_key] = group
        return total


def _check_lengths(spectrum: Spectrum, batch_id: str) -> None:
    """The kernels trust the lengths."""
    rmf = spectrum.redistribution
    agree = len(spectrum.rate) == len(spectrum.stat_err) == len(spectrum.sys_err) == len(spectrum.quality) == rmf.n_channels
    if not agree or len(spectrum.area) != len(rmf.energ_lo):
        raise NotCombinable(
            f"The spectrum of {spectrum.source} in batch {batch_id} does not fit its own response: ask for the batch again."
        )


def _redistribution(group: Group) -> Redistribution:
    """One of those in the group; they share their grids."""
    return next(iter(group.responses.values())).redistribution


def _group_tables(groups: list[Group], place_of: Mapping[str, int], number: int) -> list[fits.BinTableHDU]:
    texts = [json.dumps([group.source, group.earliest, [place_of[member] for member in group.members]]) for group in groups]
    responses = [(row, part) for row, group in enumerate(groups) for part in group.responses.values()]
    sums = {
        "JSON": np.array(texts, dtype=str),
        "POSITION": np.array([group.position for group in groups]),
        "TOTALS": np.array([astuple(group.totals) for group in groups]),
        "SUMS": np.stack([group.sums.ravel() for group in groups]),
    }
    parts = {
        "ROW": np.array([row for row, _ in responses], dtype=np.int32),
        "RMFKEY": np.array([part.redistribution.key for _, part in responses], dtype=str),
        "GOOD": np.stack([part.good.astype(np.uint8) for _, part in responses]),
        "WEIGHTS": np.stack([part.weights for _, part in responses]),
        "AREAS": np.stack([part.areas.ravel() for _, part in responses]),
    }
    return [_table("SUMS", number, sums), _table("RESPONSES", number, parts)]


def _table(name: str, number: int, columns: Mapping[str, Any]) -> fits.BinTableHDU:
    codes = {"U": "A", "f": "D", "i": "J", "u": "B"}
    made = [
        fits.Column(
            title,
            f"{max(values.dtype.itemsize // 4, 1) if values.dtype.kind == 'U' else values[0].size}{codes[values.dtype.kind]}",
            array=values,
        )
        for title, values in columns.items()
    ]
    return fits.BinTableHDU.from_columns(made, name=name, ver=number)


def _groups(
    sums: fits.BinTableHDU, responses: fits.BinTableHDU, redistributions: Mapping[str, Redistribution], batch_ids: tuple[str, ...]
) -> list[Group]:
    groups = []
    for row in sums.data:
        source, earliest, members = json.loads(str(row["JSON"]))
        group = Group(
            source,
            native(row["SUMS"]).reshape(2, 4, -1),
            totals=Totals(*map(float, row["TOTALS"])),
            position=(float(row["POSITION"][0]), float(row["POSITION"][1])),
            members=[batch_ids[place] for place in members],
            earliest=(earliest[0], earliest[1]),
        )
        groups.append(group)
    for row in responses.data:
        redistribution, good = redistributions[str(row["RMFKEY"])], native(row["GOOD"]).astype(np.bool_)
        part = Response(redistribution, good, native(row["WEIGHTS"]), native(row["AREAS"]).reshape(2, -1))
        groups[int(row["ROW"])].responses[redistribution.key, good.tobytes()] = part
    return groups
