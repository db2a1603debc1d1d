"""What this project takes for granted of a dispatcher, its resolver and its timesystem, checked through the project's own code.

`make test-live` asks the real services; otherwise the simulated observatory alone has to keep the contract.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from astropy.time import Time

from dashboard.archive.burst_times import burst_times
from dashboard.archive.fetching import WebService, patience
from dashboard.archive.reference_catalog import reference_catalog
from dashboard.archive.resolver import Target, resolve
from dashboard.archive.selection import find_pointings
from dashboard.archive.sesame import MIRRORS, sesame_position
from dashboard.archive.simbad import simbad_position
from dashboard.archive.timesystem import Timesystem
from dashboard.dispatcher.answer import Answer
from dashboard.dispatcher.health import check_host
from dashboard.dispatcher.obtain import obtain
from dashboard.dispatcher.token import inspect
from dashboard.errors import NotAuthorized, UnknownSource
from dashboard.hosts import SIMULATED, Host
from dashboard.identity import Identity
from dashboard.plan.batch import Batch
from dashboard.plan.making import make_plan
from dashboard.request.request import Request
from tests.live.conftest import live
from tests.runs.sky_dispatcher import plan_of

CRAB = (83.633, 22.014)
INTERVAL = {"T1": "2009-02-15T00:00:00", "T2": "2009-02-20T00:00:00"}
RADIUS = 10.5
ROUTE = {"instrument", "product_type"}
"""Parameters of a batch that say which names are asked for."""
SIX = {f"{instrument}_{product}" for instrument in ("isgri", "jemx") for product in ("image", "spectrum", "lc")}


def ijd(utc: str) -> float:
    return float(Time(utc, scale="utc").tt.mjd) - 51544


def from_crab(ra: float, dec: float) -> float:
    """Degrees."""
    return math.degrees(angular_separation(*map(math.radians, (*CRAB, ra, dec))))


def image(host: Host, count: int = 1, **parameters: object) -> Batch:
    """An ISGRI image of that many science windows around 066500220010, as a run would ask for it."""
    (batch,) = plan_of(1).batches
    scw = [f"06650{22 + i:03d}0010.001" for i in range(count)]
    return Batch(host.name, {**batch.parameters, "scw_list": scw, **parameters})


def at_once(host: Host, batch: Batch, token: str = "") -> Answer:
    """The answer of a dispatcher that has nothing to compute."""
    return obtain(batch, replace(host, job_seconds=120.0), token=token)


def test_the_dispatcher_answers_with_its_version(host: Host) -> None:
    health = check_host(host, seconds=30.0)
    assert health.reachable, health.detail
    assert health.version, "it does not tell its version"


def test_the_resolver_knows_the_crab(host: Host) -> None:
    target = resolve(Request(src_name="Crab"), host)
    assert target.origin == ("simulated observatory" if host.simulated else "MMODA")
    assert from_crab(target.ra, target.dec) < 1 / 60


def test_no_resolver_knows_an_invented_name(host: Host) -> None:
    with pytest.raises(UnknownSource):
        resolve(Request(src_name="No Such Source 4711"), host)


@pytest.mark.live
def test_simbad_knows_the_crab_and_no_invented_name() -> None:
    assert from_crab(*simbad_position("Crab")) < 1 / 60
    with pytest.raises(UnknownSource):
        simbad_position("No Such Source 4711")


@pytest.mark.live
@pytest.mark.parametrize("mirror", MIRRORS)
def test_each_sesame_knows_the_crab_and_no_invented_name(monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    monkeypatch.setattr("dashboard.archive.sesame.MIRRORS", {mirror: MIRRORS[mirror]})
    ra, dec, catalogue = sesame_position("Crab")
    assert from_crab(ra, dec) < 1 / 60
    assert catalogue == "Simbad"
    with pytest.raises(UnknownSource):
        sesame_position("No Such Source 4711")


@pytest.mark.live
def test_mmodas_resolver_tells_the_time_of_a_burst() -> None:
    """GRB 090618 was at 08:28:29 UTC (GCN 9512)."""
    times = burst_times("GRB 090618")
    assert times is not None
    assert times.origin == "MMODA"
    assert times.t1 < "2009-06-18T08:28:29" < times.t2


def test_the_hosts_own_timesystem_is_well(host: Host) -> None:
    assert Timesystem(host.timesystem_url, seconds=patience(host)).healthy()


def answering(host: Host) -> Timesystem:
    """Its own timesystem, else the one it falls back on."""
    candidates = [Timesystem(url, seconds=patience(host)) for url in host.timesystems]
    return next((each for each in candidates if each.healthy()), candidates[0])


def test_a_revolution_has_plausible_edges(host: Host) -> None:
    start, stop = answering(host).convert_revolution(665)
    assert ijd("2008-03-20") < start < ijd("2008-04-01")
    assert 2.5 < stop - start < 3.2, "a revolution takes about three days"


def test_science_windows_are_those_of_interval_and_direction(host: Host) -> None:
    request = Request(src_name="Crab", radius=RADIUS, scw_archive="timesystem", **INTERVAL)
    found = find_pointings(request, Target("Crab", *CRAB, "given"), host)["isgri"]
    assert len(found) > 0
    assert found.origin in host.timesystems
    assert found.index_version, "the archive does not name its version"
    assert all(re.fullmatch(r"\d{11}0", swid) for swid in found.swid)
    assert len(set(found.swid)) == len(found)
    assert max(map(from_crab, found.ra_scx, found.dec_scx)) < RADIUS + 1e-3
    assert np.all(found.tstop > found.tstart)
    assert np.all(found.tstart < ijd(INTERVAL["T2"]))
    assert np.all(found.tstop > ijd(INTERVAL["T1"]))


def test_every_parameter_that_is_sent_is_known(host: Host) -> None:
    """Unknown ones would be dropped by the dispatcher with a comment, and the product be another than was asked for."""
    asked = Request(instrument=["isgri", "jemx1"], product=["mosaic", "spectrum", "lightcurve"])
    windows = dict.fromkeys(asked.instruments, plan_of(2).pointings)
    plan = make_plan(asked, Target("Crab", *CRAB, "given"), windows, Identity(), reference_catalog())
    sent = {batch.parameters["product_type"]: batch.parameters for batch in plan.batches}
    assert set(sent) == SIX
    dispatcher = WebService("The dispatcher", host.dispatcher_url, seconds=patience(host))
    for product, parameters in sent.items():
        names = dispatcher.get_json("/api/par-names", {name: parameters[name] for name in ROUTE})
        assert set(parameters) - ROUTE <= set(names), product


def test_anybody_may_ask_for_the_canned_image(host: Host) -> None:
    got = at_once(host, image(host, query_type="Dummy"))
    (mosaic,) = got.mosaics
    assert mosaic.instrument == "isgri"
    assert mosaic.provenance.simulated == host.simulated
    assert np.nanmax(mosaic.significance) > 10
    assert not got.comment, "it knows all parameters"


def test_more_than_fifty_science_windows_take_a_role(host: Host) -> None:
    with pytest.raises(NotAuthorized, match="unige-hpc-full"):
        at_once(host, image(host, 51))


def test_a_garbage_token_cannot_be_read(host: Host) -> None:
    with pytest.raises(NotAuthorized, match="cannot read the token"):
        at_once(host, image(host, query_type="Dummy"), token="garbage")


def test_a_token_says_whose_it_is_and_until_when(token: str) -> None:
    facts = inspect(token)
    assert facts.name
    assert facts.expires is not None
    assert not facts.expired


def test_the_dispatcher_takes_the_token(host: Host, token: str) -> None:
    assert at_once(host, image(host, query_type="Dummy"), token=token).mosaics


@pytest.mark.timeout(4000)
@pytest.mark.parametrize("host", [SIMULATED, live("production")], indirect=True)
def test_one_science_window_is_computed(host: Host) -> None:
    """The Crab, in a minute on a dispatcher that has done it before, in an hour at the most."""
    got = obtain(image(host, E1_keV=28.0, E2_keV=40.0), host)
    (mosaic,) = got.mosaics
    assert mosaic.provenance.scw == ("066500220010.001",)
    assert mosaic.band == pytest.approx((28.0, 40.0), abs=1.0)
    assert mosaic.exposure is not None
    assert 100 < np.nanmax(mosaic.exposure) < 10_000
    crab = max(got.catalog.sources, key=lambda source: source.significance or 0.0)
    assert from_crab(crab.ra, crab.dec) < 0.1
    assert (crab.significance or 0.0) > 20
