"""Answers of the observatory without HTTP: its builders called in this process, the answers read as those of a dispatcher."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.archive.pointings import Pointings
from dashboard.combine.mosaic_sum import MosaicSum
from dashboard.dispatcher.answer import Answer, decode_answer
from dashboard.hosts import SIMULATED, Host
from dashboard.observatory.isgri import unit_vectors
from dashboard.observatory.pointings import history
from dashboard.observatory.products import INSTRUMENTS
from dashboard.observatory.sources import SOURCES, Source
from dashboard.plan.batch import Batch
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import selected_catalog
from dashboard.products.mosaic import Mosaic
from dashboard.runs.field import run_grid

SIMULATED_HOST = Host(SIMULATED)
A_POINT_A_WINDOW = 10_000.0
"""Seconds; longer than any science window, and not longer than what is taken."""
OSA11 = "OSA11.2"


def named(name: str) -> Source:
    """The source of the observatory's sky."""
    return next(source for source in SOURCES if source.name == name)


def listed(*sources: str | tuple[str, float, float]) -> SourceCatalog:
    """A catalogue to extract: sources of the sky by name, others with a position."""
    known = [(s, named(s).ra, named(s).dec) if isinstance(s, str) else s for s in sources]
    return SourceCatalog(tuple(CatalogSource(name, ra, dec, isgri_flag=2, flag=1) for name, ra, dec in known))


def windows(ra: float, dec: float, first: int, last: int, within: float) -> list[str]:
    """Pointings within so many degrees of a direction in revolutions `first` to `last`, both included, in time order."""
    past = history()
    near = (past.axis @ unit_vectors(ra, dec) > np.cos(np.deg2rad(within))) & (past.swid % 10 == 0)
    return [f"{swid:012d}.001" for swid in past.swid[near & (past.swid // 10**8 >= first) & (past.swid // 10**8 <= last)].tolist()]


def batches(scw: Sequence[str], most: int = 50) -> list[list[str]]:
    """Cut at revolutions, then into at most so many."""
    by_revolution = defaultdict(list)
    for swid in scw:
        by_revolution[swid[:4]].append(swid)
    return [part[i : i + most] for part in by_revolution.values() for i in range(0, len(part), most)]


def ask(product: str, scw: Sequence[str], catalog: SourceCatalog | None = None, **changes: Any) -> Answer:
    """The answer to a query such as "isgri_spectrum"; for JEM-X 3 to 35 keV and `jemx_num` 1, else 20 to 40 keV."""
    instrument, seed, coding_noise = product.split("_")[0], changes.pop("seed", 1), changes.pop("coding_noise", 0.0007)
    low, high = (20.0, 40.0) if instrument == "isgri" else (3.0, 35.0)
    parameters = {
        **{"instrument": instrument, "product_type": product, "scw_list": list(scw), "osa_version": OSA11, "jemx_num": 1},
        **{"E1_keV": low, "E2_keV": high, "detection_threshold": 7.0, "time_bin": A_POINT_A_WINDOW, "selected_catalog": None},
        **changes,
    }
    if catalog is not None:
        parameters["selected_catalog"] = selected_catalog(catalog, instrument if instrument == "isgri" else f"jemx{parameters['jemx_num']}")
    build = INSTRUMENTS[instrument].offers[product].build
    assert build is not None
    built = build(parameters, seed, coding_noise, 0)
    document = {
        "products": {"numpy_data_product_list": built.products, "catalog": built.catalog},
        "job_monitor": {"job_id": "in process"},
        "exit_status": {},
    }
    return decode_answer(document, Batch(SIMULATED, parameters), SIMULATED_HOST)


def pointings(scw: Sequence[str]) -> Pointings:
    """What the archive lists of these windows."""
    past = history()
    rows = past.rows([swid[:12] for swid in scw])

    def column(name: str) -> NDArray[np.float64]:
        return np.array(past.column(name, rows), float)

    x, z, times = ("RA_SCX", "DEC_SCX"), ("RA_SCZ", "DEC_SCZ"), ("TSTART", "TSTOP", "TELAPSE")
    (ra_scx, dec_scx), (ra_scz, dec_scz), (tstart, tstop, telapse) = (map(column, names) for names in (x, z, times))
    return Pointings(tuple(swid[:12] for swid in scw), ra_scx, dec_scx, ra_scz, dec_scz, tstart, tstop, telapse)


def summed_mosaic(product: str, parts: Sequence[Sequence[str]], **changes: Any) -> Mosaic:
    """The mosaic of all batches on the grid of a run."""
    instrument = "isgri" if product.startswith("isgri") else "jemx1"
    total = MosaicSum(run_grid(pointings([scw for part in parts for scw in part]), instrument))
    for number, mosaic in enumerate(mosaics(product, parts, **changes)):
        total.add(mosaic, f"batch {number}")
    return total.result()


def mosaics(product: str, parts: Sequence[Sequence[str]], **changes: Any) -> Iterator[Mosaic]:
    """The mosaics of batches."""
    for part in parts:
        yield ask(product, part, **changes).mosaics[0]
