"""The science windows of a request."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
import numpy as np
from numpy.typing import NDArray

from dashboard.archive.archives import ScwArchive, first_answer
from dashboard.archive.pointings import Pointings, revolution
from dashboard.archive.resolver import Target
from dashboard.archive.sightings import MIN_GOOD_SECONDS
from dashboard.errors import NoScienceWindows
from dashboard.hosts import Host
from dashboard.request.request import Request
from dashboard.request.times import WHOLE_MISSION, TimePoint, TimeSpan

SAMPLE_SEED = 0
WHOLE_SKY_DEG = 180.0


def find_pointings(request: Request, target: Target, host: Host, client: httpx.Client | None = None) -> dict[str, Pointings]:
    """Ask the archives for the pointings that a request means, by instrument; all come from the same archive.

    ISGRI's are those with IBIS in science mode; of JEM-X nothing is asked about the mode of IBIS. Where an archive knows the good
    time of an instrument, that decides instead.

    Parameters
    ----------
    request
        Selects by scw_list, else by revolutions, observations, or T1 and T2; these within the instrument's radius of the target.
        `scw_archive` says which archives are asked.
    target
        Direction the radius is counted from.
    host
        Its archives are asked until one answers. `Pointings.origin` says which one it was.
    client
        Connections to use.

    Raises
    ------
    NoScienceWindows
        When nothing is found, or windows of scw_list are not in the archive.
    ArchiveUnavailable
        When no archive answers.
    RequestError
        When T2 is before the revolution T1 names, or the other way round, or the host has no archive `scw_archive`.
    """
    return first_answer(host, request.scw_archive, client, lambda archive: _found(request, target, archive))


def _found(request: Request, target: Target, archive: ScwArchive) -> dict[str, Pointings]:
    if request.scw_ids:
        return dict.fromkeys(request.instruments, _listed(request, archive))
    found: dict[str, Pointings] = {}
    for instrument in request.instruments:
        twin = {"jemx1": "jemx2", "jemx2": "jemx1"}.get(instrument, "")
        shared = twin in found and not archive.knows_good_times
        found[instrument] = found[twin] if shared else _around(request, target, archive, instrument)
    if not any(map(len, found.values())):
        raise _nothing(request, target, archive.knows_good_times)
    here = {observation for windows in found.values() for ids in windows.observation for observation in ids.split()}
    if missing := [observation for observation in request.observation_ids if observation not in here]:
        raise NoScienceWindows(
            f"{len(missing)} of the {len(request.observation_ids)} observations have no usable {request.data_version} science window "
            f"within the radius of {target.name}: {_shortened(missing)}; remove them, or enlarge radius."
        )
    return found


def sampled(pointings: Pointings, n_scw_image: float) -> Pointings:
    """Those that enter an image: picked at random with a fixed seed, evenly in time."""
    return pointings.take(stratified_sample(len(pointings), sample_size(n_scw_image, len(pointings))))


def sample_size(n_scw_image: float, total: int) -> int:
    """How many of `total` science windows `n_scw_image` means: -1 or less all, a negative fraction at least one, else at most all."""
    if n_scw_image <= -1:
        return total
    if n_scw_image < 0:
        return min(total, max(1, round(-n_scw_image * total)))
    return min(int(n_scw_image), total)


def stratified_sample(total: int, size: int, seed: int = SAMPLE_SEED) -> NDArray[np.intp]:
    """Indices, ascending, of one random row out of each of `size` runs of equal length (within 1) of `total` rows in time order."""
    edges = np.arange(size + 1) * total // max(size, 1)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:]).astype(np.intp)


def _around(request: Request, target: Target, archive: ScwArchive, instrument: str) -> Pointings:
    if request.observations:
        around = (target.ra, target.dec, request.radius_for(instrument), request.data_version, instrument)
        return archive.windows([WHOLE_MISSION], *around, request.observation_ids)
    revolutions = sorted(set(request.revolutions))
    spans = _runs(revolutions) if revolutions else request.times
    found = archive.windows(spans, target.ra, target.dec, request.radius_for(instrument), request.data_version, instrument)
    return _only(found, [revolution(scw) in revolutions for scw in found]) if revolutions else found


def _nothing(request: Request, target: Target, good: bool) -> NoScienceWindows:
    revolutions = sorted(set(request.revolutions))
    if request.observations:
        when, way_out = f"in observations {_shortened(request.observation_ids)}", "name other observations"
    elif revolutions:
        when, way_out = f"in revolutions {_shortened(map(str, revolutions))}", "name other revolutions"
    else:
        when, way_out = _described(request.times), "widen T1 to T2"
    radius = max(request.radius_for(instrument) for instrument in request.instruments)
    return NoScienceWindows(
        f"No {request.data_version} science window of more than {MIN_GOOD_SECONDS} s{' of good data' if good else ''} points within "
        f"{radius:g} deg of {target.name} ({target.ra:.3f}, {target.dec:+.3f}) "
        f"{when}: {way_out}, or enlarge radius."
    )


def _listed(request: Request, archive: ScwArchive) -> Pointings:
    wanted = request.scw_ids
    spans = _runs(sorted({revolution(scw) for scw in wanted}))
    found = archive.windows(spans, 0.0, 0.0, WHOLE_SKY_DEG, request.data_version)
    if missing := sorted(set(wanted) - set(found.swid)):
        raise NoScienceWindows(
            f"{len(missing)} of the {len(wanted)} science windows of scw_list are not in the archive's {request.data_version} list: "
            f"{_shortened(missing)}; remove them."
        )
    return _only(found, [scw in wanted for scw in found])


def _only(pointings: Pointings, keep: list[bool]) -> Pointings:
    return pointings.take(np.flatnonzero(keep))


def _runs(revolutions: list[int]) -> tuple[TimeSpan, ...]:
    """One span for each run of consecutive revolutions: two conversions instead of two for every revolution."""
    numbers = np.array(revolutions)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return tuple(TimeSpan(TimePoint("rev", int(run[0])), TimePoint("rev", int(run[-1]))) for run in runs)


def _shortened(words: Iterable[str], most: int = 5) -> str:
    listed = list(words)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _described(spans: tuple[TimeSpan, ...]) -> str:
    return "in " + _shortened([f"{span.start} to {span.stop}" for span in spans])
