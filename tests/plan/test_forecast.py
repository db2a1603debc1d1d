"""The forecast is the plan: every figure equals that of the plan which is really made, by the archive and batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dashboard.archive.coverage_list import find_coverage
from dashboard.errors import NoScienceWindows, RequestError
from dashboard.hosts import known_hosts
from dashboard.identity import Identity
from dashboard.plan.coverage import Coverage
from dashboard.plan.forecast import Forecast, forecast, limit_here, spans_of
from dashboard.plan.making import continued
from dashboard.plan.plan import Plan
from dashboard.plan.roles import GALLERY, LARGE, PRIVATE
from dashboard.plan.sensitivity import JEMX_SKY_WIDTH, expected_mcrab
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.request.request import Request
from dashboard.road import extended, prepare
from dashboard.settings import Settings
from tests.conftest import running_observatory

CRAB = (83.633, 22.0145)
BY_IMAGE = {"use_default_catalog": False, "make_image": True}
SOURCES = SourceCatalog((CatalogSource("Crab", *CRAB),))
SPRING = {"T1": "2009-02-15T00:00:00", "T2": "2009-03-30T00:00:00"}


@dataclass(frozen=True)
class Sky:
    """An observatory, and what it tells of the Crab."""

    settings: Settings
    coverage: Coverage

    def plan(self, request: Request) -> Plan:
        """The plan as it is sent, with what waits for the catalogue of an image made too."""
        plan = prepare(self.settings, request, Identity())
        for number in sorted({coming.image for coming in plan.coming}):
            plan = continued(plan, number, SOURCES)
        assert not plan.coming
        return plan

    def forecast(self, request: Request, **values: Any) -> Forecast:
        return forecast(self.coverage, request, spans_of(request, self.coverage), **values)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    folder = tmp_path_factory.mktemp("sky")
    with running_observatory(folder) as started:
        environment = {"INTEGRAL_DASHBOARD_DATA": str(folder / "data"), "INTEGRAL_DASHBOARD_SIMULATED_URL": started.url}
        found = find_coverage(*CRAB, 15.0, known_hosts()["simulated"].at(started.url))
        yield Sky(Settings.from_environment(environment), Coverage.of(found, *CRAB))


def asked(**values: Any) -> Request:
    return Request(RA=CRAB[0], DEC=CRAB[1], **{**SPRING, **values})


def agree(sky: Sky, request: Request) -> Plan:
    """Compare all figures; the plan."""
    plan, told = sky.plan(request), sky.forecast(request)
    assert told.n_scw == plan.n_scw
    assert told.exposure == pytest.approx(plan.exposure)
    assert told.n_batches == len(plan.batches)
    assert told.largest == plan.largest
    assert told.roles_needed == plan.roles_needed
    assert told.time_text == plan.time_text(len(plan.batches))
    mosaics = [job for job in plan.jobs if job.product == "mosaic" and job.band is not None]
    assert [(s.instrument, s.band) for s in told.sensitivities] == [(job.instrument, job.band) for job in mosaics]
    for sensitivity, job in zip(told.sensitivities, mosaics, strict=True):
        error = expected_mcrab(plan.pointings_of(job), plan.target, sensitivity.band, job.instrument)
        assert sensitivity.error == pytest.approx(error)
        assert sensitivity.limit == pytest.approx(5 * error)
    for job in plan.jobs:
        if not job.for_catalogue and (job.product != "mosaic" or request.n_scw_image <= -1):
            assert told.per_instrument[job.instrument] == len(plan.pointings_of(job))
    assert told.unknown == 0
    return plan


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"radius": 5.0, "s_max": 7},
        {"instrument": ["isgri", "jemx1", "jemx2"], "product": ["mosaic", "spectrum", "lightcurve"]},
        {"instrument": "jemx1", "product": ["mosaic", "lightcurve"], "bands": [[3, 10], [10, 20]], "lc_time_bin": 5000, "s_max": 60},
        {"instrument": "jemx1", "product": "lightcurve", "lc_time_bin": 3000, "T1": 2000, "T2": 6000, "s_max": 55, **BY_IMAGE},
        {"instrument": "jemx1", "product": "lightcurve", "lc_time_bin": 200, "T1": 1100, "T2": 9100, "s_max": 75},
        {"product": ["spectrum", "lightcurve"], "bands": [[20, 40], [40, 80], [80, 150]], **BY_IMAGE},
        {"product": ["mosaic", "spectrum"], "n_scw_image": -0.2, "s_max": 80, **BY_IMAGE},
        {"instrument": ["isgri", "jemx2"], "product": "spectrum", "n_scw_image": 30, "T1": 2000, "T2": 5000, **BY_IMAGE},
        {"instrument": ["isgri", "jemx1"], "n_scw_image": 40},
        {"T1": ["2008-02-01", 2900.0, 54500.25, "rev:239"], "T2": ["2008-04-01", 2950.0, 54600, "rev:245"]},
        {"T1": ["rev:600", "2009-02-20"], "T2": ["2009-03-01T12:00:00", "rev:780"], "product": "lightcurve"},
        {"revolutions": [774, 239, 240, 241, 775, 12], "product": ["mosaic", "spectrum"]},
        {"upload_to_gallery": True, "osa_version": "OSA11.2-dev1", "s_max": 501, "T1": 1100, "T2": 9100},
        {"data_version": "NRT", "integral_data_rights": "all-private"},
        {"data_version": "NRT"},
    ],
)
def test_the_forecast_is_the_plan(sky: Sky, values: dict[str, Any]) -> None:
    agree(sky, asked(**values))


SUBSET = lambda *names: st.lists(st.sampled_from(names), min_size=1, unique=True)  # noqa: E731
REQUESTS = st.fixed_dictionaries(
    {
        "instrument": SUBSET("isgri", "jemx1", "jemx2"),
        "product": SUBSET("mosaic", "spectrum", "lightcurve"),
        "s_max": st.integers(4, 120),
        "bands": st.sampled_from([[[20, 25]], [[20, 25], [25, 30]]]),
        "n_scw_image": st.sampled_from([-1, -0.3, 25]),
        "lc_time_bin": st.sampled_from([100, 1000, 4000, 20000]),
        "make_image": st.booleans(),
        "radius": st.sampled_from([None, 2.0, 12.0]),
    }
)
DAYS = st.lists(st.tuples(st.floats(1100, 9000), st.floats(1, 150)), min_size=1, max_size=4)


@given(REQUESTS, DAYS)
@hypothesis_settings(max_examples=10, deadline=None, derandomize=True)
def test_the_forecast_of_any_request_is_its_plan(sky: Sky, values: dict[str, Any], days: list[tuple[float, float]]) -> None:
    spans = {"T1": [start for start, _ in days], "T2": [start + length for start, length in days]}
    request = asked(**values, **spans, use_default_catalog=not values["make_image"])
    if sky.forecast(request).n_scw:
        agree(sky, request)
    else:
        with pytest.raises(NoScienceWindows):
            sky.plan(request)


def test_listed_windows_are_taken_as_they_are(sky: Sky) -> None:
    rows = np.flatnonzero(sky.coverage.during([(3340.0, 3345.0)]))
    listed = [f"{sky.coverage.swid[row]}.001" for row in rows]
    assert not sky.coverage.seen("jemx1", 3.5)[rows].all(), "some are beyond the radius"
    request = asked(scw_list=listed[::-1], instrument=["isgri", "jemx1"], product=["mosaic", "spectrum"])
    plan = agree(sky, request)
    assert plan.n_scw == len(rows)
    spans = spans_of(request, sky.coverage)
    np.testing.assert_array_equal(np.flatnonzero(sky.coverage.during(spans)), rows)
    far = "001000010010"
    more = sky.forecast(asked(scw_list=[*listed, far]))
    assert (more.unknown, more.n_scw) == (1, len(rows))


def test_observations_are_taken_within_the_radius(sky: Sky) -> None:
    near = sky.coverage.selected("isgri", 3.0, [(1100.0, 9200.0)]).tolist()
    ids = sorted({sky.coverage.observation[row] for row in near})[:4]
    plan = agree(sky, asked(observations=ids, instrument=["isgri", "jemx1"], product=["mosaic", "lightcurve"]))
    assert set(plan.pointings.observation) == set(ids)
    one = agree(sky, asked(observations=[f"{ids[0][:7]}/{ids[0][7:]}"]))
    mask = sky.coverage.seen("isgri", 10.5) & sky.coverage.of_observations(ids[:1])
    assert one.pointings.swid == tuple(sky.coverage.swid[row] for row in np.flatnonzero(mask))
    longer = extended(sky.settings, sky.plan(asked(observations=ids[:1])), observations=ids[:2])
    assert set(longer.pointings.observation) == set(ids[:2])
    with pytest.raises(RequestError, match="made of its observations, not of an interval"):
        extended(sky.settings, longer, T2="2010-01-01")
    with pytest.raises(RequestError, match="tells of no observations: Plan asks"):
        forecast(replace(sky.coverage, observation=()), asked(observations=ids[:1]), ())


def test_what_is_chosen_on_the_page_stands_for_the_times(sky: Sky) -> None:
    chosen = [(3334.5, 3336.0), (3340.0, 3345.25)]
    told = forecast(sky.coverage, asked(), chosen)
    plan = sky.plan(asked(T1=[a for a, _ in chosen], T2=[b for _, b in chosen]))
    assert (told.n_scw, told.n_batches) == (plan.n_scw, len(plan.batches))
    assert told.n_scw > 0


def test_nothing_selected_is_nothing_to_do(sky: Sky) -> None:
    told = forecast(sky.coverage, asked(product=["mosaic", "spectrum"]), [])
    assert (told.n_scw, told.exposure, told.n_batches, told.largest, told.seconds) == (0, 0, 0, 0, 0)
    assert (told.sensitivities, told.roles_needed, told.per_instrument) == ((), (), {"isgri": 0})
    assert "nothing left" in told.time_text
    assert spans_of(asked(revolutions=[1]), sky.coverage) == ()
    for t1, t2 in (("rev:2999", "rev:3000"), ("rev:1", "rev:2")):
        assert forecast(sky.coverage, asked(), spans_of(asked(T1=t1, T2=t2), sky.coverage)).n_scw == 0


def test_roles_that_are_missing(sky: Sky) -> None:
    request = asked(s_max=200, upload_to_gallery=True, integral_data_rights="all-private")
    assert sky.forecast(request).roles_missing == sky.forecast(request).roles_needed == tuple(sorted({GALLERY, LARGE, PRIVATE}))
    assert sky.forecast(request, roles=(LARGE, GALLERY, "general")).roles_missing == (PRIVATE,)


def test_no_catalogue_chosen_is_said(sky: Sky) -> None:
    with pytest.raises(RequestError, match="No catalogue is chosen"):
        sky.forecast(asked(product="spectrum", use_default_catalog=False))
    sky.forecast(asked(product="mosaic", use_default_catalog=False))


def test_how_well_the_target_was_seen(sky: Sky) -> None:
    found, spans = sky.coverage, [(3300.0, 3400.0)]
    mission, here = limit_here(found, "isgri", (28, 40)), limit_here(found, "isgri", (28, 40), spans)
    good = found.science & (found.telapse > 500)
    for limit, rows in ((mission, good), (here, good & found.during(spans))):
        assert limit.n_fully == np.sum(found.isgri[rows] == 1) > 0
        assert limit.n_partly == np.sum((found.isgri[rows] > 0) & (found.isgri[rows] < 1)) > 0
        assert limit.seconds == pytest.approx(np.sum((found.telapse * found.isgri)[rows]))
    assert mission.sensitivity.limit < here.sensitivity.limit
    assert mission.seconds > here.seconds
    told = forecast(found, asked(radius=180), spans).sensitivities[0]
    assert here.sensitivity == told
    never = limit_here(found, "jemx1", (3, 20), [])
    assert (never.n_fully, never.n_partly, never.seconds, never.sensitivity.limit) == (0, 0, 0, np.inf)


def test_jemx_on_axis_reaches_five_times_its_noise(sky: Sky) -> None:
    """200 mCrab / sqrt(t) on axis in 3-35 keV, twice as much for the width of its sky."""
    limit = limit_here(sky.coverage, "jemx1", (3.04, 34.88), [(3300.0, 3400.0)])
    seconds = np.sum((sky.coverage.telapse * sky.coverage.jemx**2)[sky.coverage.during([(3300.0, 3400.0)]) & (sky.coverage.telapse > 500)])
    assert limit.sensitivity.limit == pytest.approx(5 * 200 * JEMX_SKY_WIDTH / np.sqrt(seconds), rel=0.05)
    assert limit.n_fully > 0
