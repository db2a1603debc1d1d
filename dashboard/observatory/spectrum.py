"""Spectra of the sources of a catalogue, science windows added.

In a science window (t effective seconds, coded fraction v) a channel has the rate F + sum(rho F_i) + noise: F the source's photon
spectrum at its level in the middle of the science window, folded through the response of that time, rho F_i what leaks from sources
missing from the catalogue. Its variance is (V + v F)/(t v^2): background and the source's own counts.

Science windows are added with weights t v^2, the inverse of the background's variance, as the backend weights by inverse variance;
the source's own counts do not enter, so that weights are the same in all channels. EXPOSURE is the sum of t over the science windows
that see the source, EXP_SRC that of t v. All science windows of ISGRI must share one response.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import bias, chance, response
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.camera import Camera, Isgri
from dashboard.observatory.extraction import Entry, Extraction
from dashboard.observatory.response import Response
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.view import View

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]


class MixedResponses(ValueError):
    """Science windows of one query belong to different responses."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The spectrum of one entry of the catalogue.

    Attributes
    ----------
    expected, rate, error
        (c,) cts/s, corrected for coding: without and with noise, and its standard deviation.
    exposure, coded, elapsed
        Seconds: effective, effective times coded fraction, elapsed; of the science windows that see the source.
    start, stop
        IJD: of these science windows.
    """

    entry: Entry
    expected: Array
    rate: Array
    error: Array
    exposure: float
    coded: float
    elapsed: float
    start: float
    stop: float


def of_camera(camera: Camera) -> Response:
    """The response of a camera, before any drift."""
    return response.response(camera.name, _version(camera))


def area(view: View) -> Array:
    """Effective area (n,) of the response that science windows share, cm2.

    Raises
    ------
    MixedResponses
        When they do not share one.
    """
    sets = response.sets(view.swids) if view.camera.instrument == "isgri" else {0}
    if len(sets) > 1:
        raise MixedResponses(f"the science windows have {len(sets)} responses")
    version, name = _version(view.camera), view.camera.name
    drift = response.drift(name, sets.pop() if sets else 0, version)
    return np.asarray(response.response(name, version).area * drift)


def levels(camera: Camera, numbers: Numbers, photon_area: Array) -> Array:
    """Rates (m, c) on axis of sources by number where their variability factor is 1, in an area (n,)."""
    version, name = _version(camera), camera.name
    rows = [SOURCES[i].mcrab / 1000.0 * response.photons(SOURCES[i].spectrum, name, version) for i in numbers]
    found = of_camera(camera)
    return found.fold(np.array(rows), photon_area) if rows else np.zeros((0, len(found.density)))


def spectra(view: View, extraction: Extraction, seed: int) -> list[Spectrum]:
    """Spectra of the entries that get products.

    Raises
    ------
    MixedResponses
        When science windows of ISGRI do not share one response.
    """
    photon_area, density = area(view), of_camera(view.camera).density
    coding, numbers = view.coding(extraction.directions), extraction.numbers
    absent, rho = bias.leak(
        view.swids, view.axes, view.middle, numbers.tolist(), extraction.directions, seed=seed, instrument=view.camera.instrument
    )
    leaking, brightness = levels(view.camera, absent, photon_area), _factors(view, absent)
    made = []
    for j in extraction.extracted:
        entry, number, seen = extraction.entries[j], numbers[j], coding[:, j] > 0
        v, t = coding[seen, j], view.seconds[seen]
        own = np.zeros((len(t), len(density)))
        if number >= 0:
            own = _factors(view, numbers[j : j + 1])[seen] * levels(view.camera, numbers[j : j + 1], photon_area)
        weight = t * v**2 / (t * v**2).sum()
        expected = weight @ own + (weight @ (rho[seen, :, j] * brightness[seen])) @ leaking
        deviation = np.sqrt(density + v[:, None] * own) / (np.sqrt(t) * v)[:, None]
        swids = [swid for swid, kept in zip(view.swids, seen, strict=True) if kept]
        noise = weight @ (deviation * _normals(view.camera, swids, _key(entry, int(number)), len(density), seed))
        error = np.sqrt(weight**2 @ deviation**2)
        times = view.elapsed[seen].sum(), view.start[seen].min(), view.stop[seen].max()
        made.append(Spectrum(entry, expected, expected + noise, error, float(t.sum()), float((t * v).sum()), *map(float, times)))
    return made


def _version(camera: Camera) -> str:
    return camera.osa_version if isinstance(camera, Isgri) else OSA11


def _factors(view: View, numbers: Numbers) -> Array:
    """Variability (n, m) of sources by number in the middle of science windows."""
    return np.array([SOURCES[i].factor(view.middle) for i in numbers]).reshape(len(numbers), len(view)).T


def _key(entry: Entry, number: int) -> str:
    return SOURCES[number].name if number >= 0 else f"{entry.ra:.4f} {entry.dec:.4f}"


def _normals(camera: Camera, swids: list[str], key: str, channels: int, seed: int) -> Array:
    """(n, c): the same for a science window and source whatever spectrum they are part of."""
    return np.array([chance.generator("spectrum", camera.name, swid, key, seed).standard_normal(channels) for swid in swids])
