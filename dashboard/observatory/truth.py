"""What was injected, for tests to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import sky, spectra
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.camera import Camera, Isgri, Jemx
from dashboard.observatory.image import Field
from dashboard.observatory.sources import SOURCES
from dashboard.observatory.spectra import CRAB, MCRAB_BAND
from dashboard.observatory.view import View

ENERGIES = np.geomspace(3.0, 600.0, 108)


def camera_of(instrument: str, osa_version: str = OSA11) -> Camera:
    """The camera called "isgri", "jemx1" or "jemx2"; ValueError for another name."""
    if instrument not in ("isgri", "jemx1", "jemx2"):
        raise ValueError(instrument)
    return Isgri(osa_version) if instrument == "isgri" else Jemx(int(instrument[-1]))


def fluxes(scw_list: Sequence[str], e1: float, e2: float, seed: int, camera: Camera) -> list[dict[str, Any]]:
    """For each source in the field the mean rate with the mosaic's weights, and its variance.

    Parameters
    ----------
    scw_list
        Ids, with or without version.

    Raises
    ------
    KeyError
        With the first id that is not in the history.
    """
    swids = [scw[:12] for scw in scw_list if scw]
    if isinstance(camera, Isgri):
        field = Field.of(swids)
        numbers, (means, variances) = field.sources, field.source_means(e1, e2, camera.osa_version)
    else:
        view = View.of(camera, swids)
        numbers, (means, variances) = view.sources, view.means(e1, e2)
    return [
        {
            **{"name": SOURCES[i].name, "ra": SOURCES[i].ra, "dec": SOURCES[i].dec, "catalogued": SOURCES[i].catalogued},
            **{"flux": float(flux), "variance": float(variance), "seed": seed},
        }
        for i, flux, variance in zip(numbers, means, variances, strict=True)
    ]


def photon_spectrum(
    scw_list: Sequence[str], name: str, seed: int, camera: Camera, energies: NDArray[np.float64] = ENERGIES
) -> dict[str, Any]:
    """Mean photon spectrum of a source with the weights of its spectrum, without noise and without what leaks from other sources.

    Parameters
    ----------
    name
        Of the source, or one of its aliases.
    energies
        (k,) keV.

    Returns
    -------
    dict
        `energy` and `photons` (cm-2 s-1 keV-1), `factor` (mean of the source's variability) and `exposure` (effective seconds).

    Raises
    ------
    KeyError
        With a name or id that is not known, or a source that no science window sees.
    """
    found = sky.resolve(name) or next((s for s in SOURCES if s.name == name), None)
    view = View.of(camera, [scw[:12] for scw in scw_list if scw])
    if found is None:
        raise KeyError(name)
    coding = view.coding(sky.DIRECTIONS[[SOURCES.index(found)]])[:, 0]
    weights = coding**2 * view.seconds
    if not weights.any():
        raise KeyError(name)
    factor = float(weights @ found.factor(view.middle) / weights.sum())
    level = factor * found.mcrab / 1000.0 * spectra.counts(CRAB, *MCRAB_BAND) / spectra.counts(found.spectrum, *MCRAB_BAND)
    photons = level * found.spectrum(energies)
    exposure = float(view.seconds[coding > 0].sum())
    return {
        "name": found.name,
        "energy": energies.tolist(),
        "photons": photons.tolist(),
        "factor": factor,
        "exposure": exposure,
        "seed": seed,
    }
