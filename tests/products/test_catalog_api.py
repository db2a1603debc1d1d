from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import ProductError, RequestError
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import (
    ISGRI_COLUMNS,
    JEMX_COLUMNS,
    LARGEST_TEXT,
    MOST_ROWS,
    catalog_from_api,
    catalog_from_text,
    catalog_to_api,
    selected_catalog,
)

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


@given(st.lists(entries).map(tuple))
def test_jemx_loses_only_what_it_does_not_have(sources: tuple[CatalogSource, ...]) -> None:
    back = catalog_from_api(catalog_to_api(SourceCatalog(sources), "jemx1"))
    assert back.sources == tuple(replace(s, isgri_flag=0, new_source=-32768) for s in sources)


def test_columns_stand_in_the_order_of_their_instrument() -> None:
    catalog = SourceCatalog((CatalogSource("Crab", 83.6, 22.0),))
    for instrument, columns in (("isgri", ISGRI_COLUMNS), ("jemx1", JEMX_COLUMNS), ("jemx2", JEMX_COLUMNS)):
        document = catalog_to_api(catalog, instrument)
        assert tuple(document["cat_column_names"]) == columns == tuple(name for name, _ in document["cat_column_descr"])
        assert len(document["cat_column_list"]) == len(columns)
    assert JEMX_COLUMNS == ("meta_ID", "src_names", "significance", "ra", "dec", "FLAG", "ERR_RAD")


def test_the_recorded_exchange_takes_what_it_gave(shared_data: Path) -> None:
    folder = shared_data / "exchanges"
    first, second = (json.loads(gzip.decompress((folder / f"43_catalog_roundtrip.0{n}.json.gz").read_bytes())) for n in (2, 4))
    given = catalog_from_api(first["response"]["json"]["products"]["catalog"])
    sent = parse_qs(urlsplit(second["request"]["url"]).query)["selected_catalog"][0]
    answered = second["response"]["json"]["products"]["catalog"]
    assert catalog_from_text(sent) == given == catalog_from_api(answered)
    ours, theirs = catalog_to_api(given), json.loads(sent)
    assert set(ours) == set(theirs)
    assert ours["cat_column_names"] == theirs["cat_column_names"]
    assert ours["cat_column_list"][1:] == theirs["cat_column_list"][1:], "all but the numbering"
    chosen = json.loads(selected_catalog(given, "isgri"))
    assert set(chosen) == set(theirs)
    assert {type(column[0]) for column in chosen["cat_column_list"]} <= {int, float, str}


def test_the_recorded_jemx_catalogue_is_read(shared_data: Path) -> None:
    with gzip.open(shared_data / "exchanges/04_dummy_sync_jemx_image.02.json.gz") as file:
        document = json.load(file)["response"]["json"]["products"]["catalog"]
    catalog = catalog_from_api(document)
    assert catalog.names == ("Crab", "NEW SOURCE")
    assert catalog_to_api(catalog, "jemx1")["cat_column_list"] == document["cat_column_list"]


@settings(deadline=None)
@given(
    st.lists(entries, max_size=6).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))), st.sampled_from(("isgri", "jemx1"))
)
def test_the_same_list_is_the_same_text(pair: tuple[list[CatalogSource], list[CatalogSource]], instrument: str) -> None:
    rows, shuffled = ([replace(s, ra=round(s.ra, 5)) for s in part] for part in pair)
    one = selected_catalog(SourceCatalog(tuple(rows)), instrument)
    measured_again = tuple(replace(s, significance=s.significance + 1, err_rad=0.1, ra=s.ra + 1e-9) for s in shuffled)
    assert selected_catalog(SourceCatalog(measured_again), instrument) == one
    assert selected_catalog(SourceCatalog(tuple(shuffled)), instrument) == one
    assert selected_catalog(catalog_from_text(one), instrument) == one


def test_what_the_backend_reads_makes_another_text() -> None:
    crab = CatalogSource("Crab", 83.6332, 22.0145, isgri_flag=1)
    changes: tuple[dict[str, Any], ...] = ({}, {"name": "M 1"}, {"ra": 83.6333}, {"dec": 22.0}, {"flag": 1}, {"isgri_flag": 2})
    texts = [selected_catalog(SourceCatalog((replace(crab, **change),)), "isgri") for change in changes]
    assert len(set(texts)) == len(texts)


def document(**columns: object) -> str:
    table = {"src_names": ["A"], "ra": [1.0], "dec": [2.0], **columns}
    return json.dumps({"cat_column_names": list(table), "cat_column_list": list(table.values())})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no valid JSON"),
        ("{", "no valid JSON: .* in line 1"),
        ("[1]", "must be a JSON object"),
        ("[" * 100_000, "no JSON this program can hold"),
        ("{}", "do not fit together"),
        ('{"cat_column_names": [["a"]], "cat_column_list": [[1]]}', "must be texts"),
        ('{"cat_column_names": ["ra"], "cat_column_list": [5]}', "must be texts"),
        (document(ra=["x"]), "column ra holds 'x' in row 1, which is no number"),
        (document(FLAG=[[1]]), "column FLAG holds"),
        (document(ra=[None]), "A in the catalogue: RA nan, Dec 2 is no position"),
        (document(dec=[float("nan")]), "no position"),
        (document(ra=[361]), "RA 361, Dec 2 is no position"),
        (document(dec=[1.0, 2.0]), "differ in length"),
        (document(src_names=[" "]), "Row 1 of the catalogue has no name"),
        (document(src_names=[None]), "Row 1 of the catalogue has no name"),
        (" " * (LARGEST_TEXT + 1), "5.0 MB of text, more than 5"),
        (
            document(src_names=["A"] * (MOST_ROWS + 1), ra=[1.0] * (MOST_ROWS + 1), dec=[1.0] * (MOST_ROWS + 1)),
            "5001 entries, more than 5000",
        ),
        (document()[:-1] + ', "cat_coord_units": "hourangle"}', "positions are in 'hourangle'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_text_that_is_no_catalogue_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence) as caught:
        catalog_from_text(text)
    assert caught.value.field == "api_catalog_file"
    assert len(caught.value.sentence) < 300


def test_null_and_nan_take_the_defaults() -> None:
    (source,) = catalog_from_text(document(significance=[float("nan")], ISGRI_FLAG=[None], ERR_RAD=[None])).sources
    assert source == CatalogSource("A", 1.0, 2.0)


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
        ({"cat_column_names": ["src_names", "ra", "dec"], "cat_column_list": [["A"], [{}], [1.0]]}, "no number"),
    ],
)
def test_what_is_no_catalogue_is_refused(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ProductError, match=sentence):
        catalog_from_api(document)
