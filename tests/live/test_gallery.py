"""What this project takes for granted of MMODA's gallery, as far as it can be checked without publishing anything; with `--live` alone."""

from __future__ import annotations

import pytest

from dashboard.archive.gallery_list import gallery_products
from dashboard.dispatcher.gallery import GalleryDoor
from dashboard.errors import NotAuthorized
from dashboard.hosts import known_hosts
from tests.signed import signed

PRODUCTION = known_hosts()["production"]


@pytest.mark.live
def test_the_gallery_has_products_of_the_crab_and_none_of_an_invented_source() -> None:
    assert gallery_products("Crab", PRODUCTION)
    assert gallery_products("No Such Source 12345", PRODUCTION) == ()


@pytest.mark.live
def test_a_token_that_mmoda_did_not_sign_opens_nothing() -> None:
    with pytest.raises(NotAuthorized):
        GalleryDoor(PRODUCTION, signed("gallery contributor")).post({"content_type": "data_product"}, [])
