from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import ProductError
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import catalog_from_api, catalog_to_api

finite = st.floats(-90, 90)
entries = st.builds(
    CatalogSource,
    name=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1),
    ra=st.floats(0, 360),
    dec=finite,
    significance=st.floats(0, 1e4),
    isgri_flag=st.integers(0, 2),
    flag=st.integers(0, 3),
    err_rad=st.floats(0, 1),
    new_source=st.sampled_from((-32768, 0, 1)),
)


@given(st.lists(entries).map(tuple))
def test_round_trip(sources: tuple[CatalogSource, ...]) -> None:
    catalog = SourceCatalog(sources)
    assert catalog_from_api(json.loads(json.dumps(catalog_to_api(catalog)))) == catalog


def test_recorded_answer(shared_data: Path) -> None:
    with gzip.open(shared_data / "exchanges/06_async_isgri_image.10.json.gz") as file:
        catalog = catalog_from_api(json.load(file)["response"]["json"]["products"]["catalog"])
    assert catalog.names == ("Crab",)
    assert catalog.sources[0].significance == pytest.approx(294.5, abs=0.1)
    assert catalog.positions[0] == pytest.approx((83.6304, 22.0167), abs=1e-3)


def test_jemx_columns_may_be_missing() -> None:
    document = {"cat_column_names": ["src_names", "ra", "dec"], "cat_column_list": [["A"], [1.0], [None]], "cat_frame": "fk5"}
    source = catalog_from_api(document).sources[0]
    assert (source.isgri_flag, source.flag, source.significance) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "do not fit together"),
        ({"cat_column_names": ["ra"], "cat_column_list": [[1.0]]}, "lacks the columns src_names, dec"),
        ({"cat_column_names": ["src_names", "ra", "dec"], "cat_column_list": [["A"], [1.0], []]}, "differ in length"),
        ({"cat_column_names": ["src_names", "ra", "dec"], "cat_column_list": [[], [], []], "cat_frame": "galactic"}, "not supported"),
    ],
)
def test_what_is_no_catalogue_is_refused(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ProductError, match=sentence):
        catalog_from_api(document)
