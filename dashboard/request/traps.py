"""Known traps: what the user should read although the request can run, found before anything is looked up or sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from dashboard.errors import RequestError
from dashboard.request.request import Request, rounded_energy
from dashboard.request.times import MISSION, TimePoint
from dashboard.request.unused import unused

Moment = tuple[int, float]
"""A revolution and the IJD at which it begins."""

OSA10_END: Moment = (1626, 5838.0864)
"""Last revolution in the calibration of OSA10.2 (2015-12-26)."""
USABLE_FROM: tuple[tuple[Moment, float], ...] = (((0, -1.0), 20.0), ((1000, 4007.2), 22.0), ((1600, 5768.6), 30.0))
"""ISGRI's lowest usable energy in keV, from a revolution on. The last two: IBIS Analysis User Manual of OSA 11, efficiency of ISGRI."""
UNIT_OFF: dict[str, tuple[Moment, Moment]] = {"jemx1": ((1, 0.0), (171, 1527.3)), "jemx2": ((171, 1528.0), (976, 3935.4))}
"""Since when and until when a JEM-X unit was off, but for short times (JEM-X Analysis User Manual)."""

CROWDED_BELOW = 25.0  # keV; the remedy MMODA's list of known issues gives for mosaics that crash
FIELD = {"isgri": 15.0, "jemx1": 6.6, "jemx2": 6.6}  # deg from the axis to the edge of the field of view
USER_SCW, FULL_SCW = 50, 500  # ScW a job up to which the dispatcher asks for no role, and for the first one
TYPICAL_SCW = 1800.0  # s; few pointings are shorter
SHORTEST_BIN = 20.0  # s, the least that MMODA's own page offers
ISGRI_SYSTEMATIC = 0.01


def notices(request: Request, revolutions: Collection[int] = ()) -> tuple[str, ...]:
    """Sentences the user should read although the request can run.

    Parameters
    ----------
    request
        As it is asked.
    revolutions
        Those of the observations it names: until an archive has told them, nothing is said that depends on the time.
    """
    rules: tuple[Callable[[Request], Iterator[str]], ...] = (
        *(_rounding, _old_calibration, _quick_look, _outside_mission, _unit_off, _wide, _crowded, _usable_energy, _false_peaks, _roles),
        *(_systematics, _time_bin, _sample, _new_sources, unused),
    )
    when = request if not request.observations else _of(request, revolutions) if revolutions else None
    found: list[str] = []
    for rule in rules:
        judged = when if rule in (_old_calibration, _outside_mission, _unit_off, _usable_energy) else request
        if judged is None:
            continue
        try:
            found.extend(rule(judged))
        except RequestError:
            continue  # `checks.problems` reports it
    return tuple(found)


def _of(request: Request, revolutions: Collection[int]) -> Request:
    """The request for these revolutions."""
    return Request.from_dict({**request.to_dict(), "observations": [], "scw_list": [], "revolutions": sorted(revolutions)})


def _rounding(request: Request) -> Iterator[str]:
    given = [edge for band in request.bands for edge in band] or [e for e in (request.E1_keV, request.E2_keV) if e is not None]
    if moved := [f"{edge:g} to {rounded_energy(edge):g}" for edge in given if rounded_energy(edge) != edge]:
        yield f"Energies are rounded to 0.5 keV, the backend's step: {', '.join(moved)} keV."


def _old_calibration(request: Request) -> Iterator[str]:
    if request.osa_version.startswith("OSA10.2") and _reaches(request, OSA10_END):
        yield f"OSA10.2 is not calibrated beyond revolution {OSA10_END[0]} (2015-12-26): use OSA11.2."


def _quick_look(request: Request) -> Iterator[str]:
    if request.data_version == "NRT":
        yield "data_version is NRT: near-real-time data are for a quick look; where consolidated data exist, CONS is the better choice."


def _reaches(request: Request, moment: Moment) -> bool:
    """Whether the selection goes beyond the revolution, or where times are given, beyond the day."""
    if revolutions := _revolutions(request):
        return max(revolutions) > moment[0]
    stops = [span.stop for span in request.times]
    return any(float(stop.value) > moment[0] if stop.kind == "rev" else stop.ijd > moment[1] for stop in stops)


def _starts_before(request: Request, moment: Moment) -> bool:
    if revolutions := _revolutions(request):
        return min(revolutions) < moment[0]
    starts = [span.start for span in request.times]
    return any(float(start.value) < moment[0] if start.kind == "rev" else start.ijd < moment[1] for start in starts)


def _revolutions(request: Request) -> tuple[int, ...]:
    """Of a request that lists revolutions or science windows."""
    return (*request.revolutions, *(int(scw[:4]) for scw in request.scw_ids))


def _outside_mission(request: Request) -> Iterator[str]:
    if _revolutions(request):
        return
    first, last = (TimePoint("utc", edge).ijd for edge in MISSION)
    for span in request.times:
        edges = [point.ijd for point in (span.start, span.stop) if point.kind != "rev"]
        if any(not first <= edge <= last for edge in edges):
            yield f"{span.start.value} to {span.stop.value} reaches beyond INTEGRAL's observations, {MISSION[0]} to {MISSION[1]}."


def _unit_off(request: Request) -> Iterator[str]:
    for instrument in request.instruments:
        if instrument in UNIT_OFF:
            off, on = UNIT_OFF[instrument]
            if not _starts_before(request, off) and not _reaches(request, on):
                since = f"from revolution {off[0]} " if off[0] > 1 else ""
                yield f"{instrument} was off {since}until revolution {on[0]}, but for short times: expect little or nothing of it."


def _wide(request: Request) -> Iterator[str]:
    if request.scw_list:
        return
    for instrument in request.instruments:
        if (radius := request.radius_for(instrument)) > FIELD[instrument]:
            yield f"radius is {radius:g} deg: {instrument} sees nothing of a source beyond about {FIELD[instrument]:g} deg from its axis."


def _crowded(request: Request) -> Iterator[str]:
    if "isgri" in request.instruments and request.makes_image and _lowest(request) < CROWDED_BELOW:
        yield (
            f"ISGRI images from below {CROWDED_BELOW:g} keV can fail in crowded fields, such as the Galactic centre: "
            f"where batches fail, begin at {CROWDED_BELOW:g} keV."
        )


def _lowest(request: Request) -> float:
    return min(e1 for e1, _ in request.bands_for("isgri"))


def _usable_energy(request: Request) -> Iterator[str]:
    """ISGRI's threshold rises over the years. The band of the service description, begun at 28 keV, is everybody's: it is not spoken of."""
    if "isgri" not in request.instruments:
        return
    chosen = bool(request.bands) or request.E1_keV is not None
    begins = {"the band": _lowest(request)} if request.uses_band and chosen else {}
    if "spectrum" in request.products and request.grouping[2]:
        begins["isgri_grouping_min_energy"] = request.grouping[0]
    since, usable = [(moment[0], energy) for moment, energy in USABLE_FROM if _reaches(request, moment)][-1]
    for name, energy in begins.items():
        if energy < usable:
            when = f" after revolution {since}" if since else ""
            yield f"ISGRI's efficiency is low and uncertain below {usable:g} keV{when}: {name} begins at {energy:g} keV."


def _false_peaks(request: Request) -> Iterator[str]:
    if request.detection_threshold < 5:
        yield f"detection_threshold is {request.detection_threshold:g}: below 5 sigma a large mosaic shows false peaks."


def _roles(request: Request) -> Iterator[str]:
    if request.s_max > USER_SCW:
        role = "unige-hpc-extreme" if request.s_max > FULL_SCW else "unige-hpc-full"
        yield f"s_max is {request.s_max}: jobs of more than {FULL_SCW if request.s_max > FULL_SCW else USER_SCW} ScW need the role {role}."


def _systematics(request: Request) -> Iterator[str]:
    if "isgri" in request.instruments and request.extracted and request.systematic_fraction is None:
        yield (
            f"systematic_fraction is {request.systematic_for('isgri'):.2%} for ISGRI as described; "
            f"OSA's manual recommends about {ISGRI_SYSTEMATIC:.0%}: {ISGRI_SYSTEMATIC:g}."
        )


def _time_bin(request: Request) -> Iterator[str]:
    if "lightcurve" not in request.products:
        return
    width = request.lc_time_bin
    if width < SHORTEST_BIN:
        yield f"lc_time_bin is {width:g} s: below {SHORTEST_BIN:g} s most bins hold too few counts for an error to be trusted."
    if width > TYPICAL_SCW:
        if "isgri" in request.instruments:
            yield f"lc_time_bin is {width:g} s: science windows shorter than that give ISGRI one point each."
        if any(name.startswith("jemx") for name in request.instruments):
            yield f"lc_time_bin is {width:g} s: JEM-X merges science windows, and bins that a batch's edge cuts are flagged."


def _sample(request: Request) -> Iterator[str]:
    if request.n_scw_image > -1 and "mosaic" in request.products:
        yield "n_scw_image leaves science windows out of the mosaic: -1 takes all."


def _new_sources(request: Request) -> Iterator[str]:
    from_image = request.extracted and request.make_image and request.include_new_sources
    if from_image and any(name.startswith("jemx") for name in request.instruments):
        yield "JEM-X extracts no source whose name contains NEW: new sources of its image are named after their position."
