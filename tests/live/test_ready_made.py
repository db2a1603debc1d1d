"""ISLA has ready-made products of the Crab in the form that is read here; asked by `make test-live` alone."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.archive.isla import isla_of
from dashboard.archive.ready_made import ReadyOffer
from dashboard.hosts import known_hosts

MISSION = (52500.0, 61000.0)


@pytest.fixture(scope="module")
def offer() -> ReadyOffer:
    return isla_of(known_hosts()["production"]).offer("Crab", 83.6332, 22.0145)


@pytest.mark.live
def test_the_crab_has_epochs_of_both_instruments(offer: ReadyOffer) -> None:
    assert offer.source.name == "Crab"
    assert offer.source.source_id == "J053432.0+220052"
    assert offer.instruments == ("isgri", "jemx")
    assert all(0 < epoch.revolution < 3000 and epoch.bands for epoch in offer.epochs)


@pytest.mark.live
@pytest.mark.parametrize("instrument", ["isgri", "jemx"])
def test_light_curves_and_spectra_can_be_read(offer: ReadyOffer, instrument: str) -> None:
    isla, source_id, epoch = isla_of(known_hosts()["production"]), offer.source.source_id, offer.of(instrument)[-1]
    curves = isla.light_curves(source_id, epoch)
    assert curves
    for curve in curves:
        assert curve.instrument.startswith(instrument)
        assert ((curve.mjd > MISSION[0]) & (curve.mjd < MISSION[1])).all()
        assert np.median(curve.rate) > 1
    for found in isla.spectra(source_id, epoch):
        assert found.spectrum.instrument.startswith(instrument)
        assert found.spectrum.good.any()


@pytest.mark.live
def test_a_mosaic_of_an_epoch_has_an_address(offer: ReadyOffer) -> None:
    epoch = offer.of("isgri")[-1]
    isla = isla_of(known_hosts()["production"])
    found = [mosaic for _, band_oid in epoch.bands for mosaic in isla.mosaics(epoch, band_oid)]
    assert found
    assert all(mosaic.url.startswith(offer.address) for mosaic in found)
