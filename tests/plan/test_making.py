"""One request, several services: what is asked for each, and what waits for a catalogue."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.archive.pointings import Pointings
from dashboard.archive.resolver import Target, resolve
from dashboard.hosts import Host
from dashboard.identity import Identity
from dashboard.plan.gaps import SECONDS_A_DAY, at_gaps
from dashboard.plan.making import catalogue_of_image, continued, make_plan
from dashboard.plan.plan import Plan
from dashboard.products.catalog import CatalogSource, MeasuredSource, SourceCatalog, SourceTable
from dashboard.products.catalog_api import catalog_from_text
from dashboard.request.request import Request

TARGET = Target("Crab", 83.6332, 22.0145, "given")
CRAB, NEAR, FAR = (
    CatalogSource("Crab", 83.6332, 22.0145),
    CatalogSource("4U 0614+091", 94.28, 9.137),
    CatalogSource("Cyg X-1", 299.59, 35.2),
)
SKY = SourceCatalog((CRAB, NEAR, FAR))


def windows(count: int, first: int = 40, a_revolution: int = 50) -> Pointings:
    swid = tuple(f"{first + i // a_revolution:04d}{i % a_revolution + 1:04d}0010" for i in range(count))
    tstart = 1137.0 + np.arange(count) / 40 + np.arange(count) // a_revolution
    ra, dec = np.full(count, 83.6), np.full(count, 22.0)
    return Pointings(swid, ra, dec, ra.copy(), dec - 90, tstart, tstart + 0.023, np.full(count, 2000.0), "v7")


def plan(sources: SourceCatalog | None = SKY, count: int = 120, **values: Any) -> Plan:
    request = Request(**values)
    return make_plan(request, TARGET, {name: windows(count) for name in request.instruments}, Identity(), sources)


def test_each_service_is_asked_in_its_own_words() -> None:
    made = plan(instrument=["isgri", "jemx1", "jemx2"], product=["mosaic", "spectrum", "lightcurve"], lc_time_bin=500)
    asked = {(b.parameters["product_type"], b.parameters.get("jemx_num")) for b in made.batches}
    assert asked == {("isgri_" + kind, None) for kind in ("image", "spectrum", "lc")} | {
        ("jemx_" + kind, unit) for kind in ("image", "spectrum", "lc") for unit in (1, 2)
    }
    for job in made.jobs:
        for batch in made.batches_of(job):
            sent = batch.parameters
            assert ("time_bin" in sent) == (job.product == "lightcurve")
            assert ("detection_threshold" in sent) == (job.product == "mosaic")
            assert ("E1_keV" in sent) == (job.product != "spectrum"), "a spectrum does not depend on the band asked"
            assert ("selected_catalog" in sent) == (job.product != "mosaic")
            if job.product == "lightcurve":
                assert (sent["time_bin"], sent["time_bin_format"]) == (500.0, "sec")
    assert [job.band for job in made.jobs if job.product == "spectrum"] == [None] * 3
    assert Plan.from_dict(json.loads(json.dumps(made.to_dict()))).to_dict() == made.to_dict()


def test_another_band_asks_no_spectrum_again() -> None:
    one, other = (plan(product="spectrum", E1_keV=low, E2_keV=60) for low in (20, 30))
    assert [batch.batch_id for batch in one.batches] == [batch.batch_id for batch in other.batches]


def test_no_spectrum_batch_straddles_a_revolution() -> None:
    made = plan(product="spectrum", s_max=80)
    assert all(len({scw[:4] for scw in batch.scw}) == 1 for batch in made.batches)
    assert any(len({scw[:4] for scw in batch.scw}) > 1 for batch in plan(s_max=80).batches)


def test_batches_carry_the_part_of_the_catalogue_that_they_can_see_and_the_target() -> None:
    made = plan(product="lightcurve")
    sent = catalog_from_text(made.batches[0].parameters["selected_catalog"])
    assert set(sent.names) == {"Crab", "4U 0614+091"}
    assert next(source for source in sent.sources if source.name == "Crab").flag == 1
    assert "Cyg X-1" in made.lists["isgri"].names, "the whole list is frozen with the run"
    elsewhere = plan(SourceCatalog((NEAR, FAR)), product="lightcurve")
    assert "Crab" in catalog_from_text(elsewhere.batches[0].parameters["selected_catalog"]).names


def test_a_position_asks_the_same_however_it_is_written() -> None:
    """The target is a source that spectra are extracted for, under its name."""
    host, found = Host("production", "http://127.0.0.1:9", "http://127.0.0.1:9"), {"isgri": windows(120)}
    requests = [
        Request(src_name="", RA=83.75, DEC=22.5, product="spectrum"),
        *(
            Request(src_name=text, product="spectrum")
            for text in ("83.75 22.5", "05 35 00 +22 30 00", "05h35m +22d30m", "RA 83.7500 Dec +22.5000")
        ),
    ]
    plans = [make_plan(request, resolve(request, host), found, Identity(), SKY) for request in requests]
    assert len({tuple(batch.batch_id for batch in made.batches) for made in plans}) == 1
    assert "RA 83.7500 Dec +22.5000" in str(plans[-1].batches[0].parameters["selected_catalog"])


def test_a_longer_interval_keeps_the_catalogue_of_what_was_asked_before() -> None:
    short, long = plan(product="spectrum", count=100), plan(product="spectrum", count=150)
    assert {batch.batch_id for batch in short.batches} < {batch.batch_id for batch in long.batches}


IMAGE = {"use_default_catalog": False, "make_image": True}


def test_what_needs_the_catalogue_of_an_image_waits_for_it() -> None:
    made = plan(None, product=["spectrum", "lightcurve"], bands=[[20, 40], [40, 80]], **IMAGE)
    assert [(job.product, job.for_catalogue) for job in made.jobs] == [("mosaic", True)]
    assert [coming.label for coming in made.coming] == ["isgri spectrum", "isgri lightcurve 20-40 keV", "isgri lightcurve 40-80 keV"]
    assert any("Then: isgri spectrum" in line for line in made.describe())
    crab, faint = (
        MeasuredSource("Crab", 83.63, 22.01, 100, 1, 100, 90, 0.2),
        MeasuredSource("4U 0614+091", 94.28, 9.137, 2, 1, 2, 2, 2.0, kind="forced"),
    )
    catalog, _ = catalogue_of_image(made, 0, SourceTable((crab, faint)))
    assert catalog.names == ("Crab",), "what was not detected is no source of this image"
    after = continued(made, 0, catalog)
    assert after.coming == ()
    assert [job.label for job in after.jobs[1:]] == [coming.label for coming in made.coming]
    assert after.batches[: len(made.batches)] == made.batches
    assert {scw for batch in after.batches_of(after.jobs[1]) for scw in batch.scw} == {f"{s}.001" for s in windows(120).swid}
    assert Plan.from_dict(json.loads(json.dumps(made.to_dict()))).to_dict() == made.to_dict()


def test_the_mosaic_asked_for_is_the_image_of_the_catalogue() -> None:
    made = plan(None, product=["mosaic", "spectrum"], **IMAGE)
    assert [(job.product, job.for_catalogue) for job in made.jobs] == [("mosaic", False)]
    assert made.coming[0].image == 0


def test_a_sample_thins_the_image_alone() -> None:
    made = plan(None, product="spectrum", n_scw_image=-0.25, **IMAGE)
    assert sum(len(batch.scw) for batch in made.batches) == 30
    assert len(made.coming[0].swid) == 120
    assert any("30 of 120" in notice for notice in made.notices)


def test_an_instrument_without_science_windows_is_left_out_and_named() -> None:
    request = Request(instrument=["isgri", "jemx1"])
    made = make_plan(request, TARGET, {"isgri": windows(10), "jemx1": windows(0)}, Identity())
    assert {job.instrument for job in made.jobs} == {"isgri"}
    assert any("No science window of jemx1" in notice for notice in made.notices)


@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=8), seed=st.integers(0, 9))
def test_moved_edges_keep_every_window_once_and_no_batch_too_long(lengths: list[int], seed: int) -> None:
    total = sum(lengths)
    steps = np.random.default_rng(seed).choice([0.0, 0.001, 0.5], total)
    tstart = np.asarray(np.cumsum(0.02 + steps), dtype=np.float64)
    tstop = np.asarray(tstart + 0.02, dtype=np.float64)
    edges = np.cumsum([0, *lengths])
    batches = tuple(range(a, b) for a, b in pairwise(edges.tolist()))
    moved = at_gaps(batches, tstart, tstop, 300.0, 12)
    assert [i for batch in moved for i in batch] == list(range(total))
    assert all(1 <= len(batch) <= 12 for batch in moved)


@pytest.mark.parametrize(("seconds", "stop"), [(600.0, 11), (SECONDS_A_DAY, 10)])
def test_an_edge_moves_to_a_gap_that_no_bin_crosses(seconds: float, stop: int) -> None:
    tstart = np.asarray(np.arange(20) * 0.02, dtype=np.float64)
    tstart[11:] += 0.3  # a gap of seven hours after window 10
    assert at_gaps((range(10), range(10, 20)), tstart, np.asarray(tstart + 0.02, dtype=np.float64), seconds, 15)[0] == range(stop)
