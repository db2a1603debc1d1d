from __future__ import annotations

import base64
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from dashboard.dispatcher.answer import Answer, decode_answer, decode_products
from dashboard.errors import EmptyProduct, MalformedAnswer, UnsafePayload
from dashboard.hosts import Host
from tests.dispatcher.replay import document, host, image_batch

PRODUCTS = [
    *("04_dummy_sync_isgri_image", "04_dummy_sync_isgri_spectrum", "04_dummy_sync_isgri_lc"),
    *("04_dummy_sync_jemx_image", "04_dummy_sync_jemx_spectrum", "04_dummy_sync_jemx_lc"),
    *("05_empty_numerical_real", "06_async_isgri_image", "07_real_blocking_jemx_lc", "38_post_long_scw_list"),
]
STAGING = host("http://127.0.0.1:1")


def unit(data: Any, kind: str = "image", header: dict[str, Any] | None = None, name: str = "X") -> dict[str, Any]:
    binarys = None if data is None else base64.b64encode(pickle.dumps(data)).decode()
    empty: dict[str, Any] = {"data": None, "dt": None, "meta_data": {}, "units_dict": None}
    return {**empty, "name": name, "header": header or {}, "binarys": binarys, "hdu_type": kind}


def done(*units: dict[str, Any], meta: str = "{}", **products: Any) -> dict[str, Any]:
    product = {"name": "mosaic_image", "meta_data": meta, "data_unit_list": list(units)}
    monitor = {"job_id": "abc", "session_id": "S"}
    return {
        "query_status": "done",
        "products": {"numpy_data_product_list": [product], **products},
        "exit_status": {},
        "job_monitor": monitor,
    }


@pytest.mark.parametrize("case", PRODUCTS)
def test_recorded_products_decode_as_with_oda_api(shared_data: Path, case: str) -> None:
    """Values, units and names of every HDU against the reference client; what we read from FITS survives a round trip."""
    from oda_api.data_products import NumpyDataProduct

    sent = document(shared_data, case)
    ours = decode_products(sent)
    theirs = [NumpyDataProduct.decode(entry) for entry in sent["products"]["numpy_data_product_list"]]
    assert len(ours) == len(theirs) > 0
    for our, their in zip(ours, theirs, strict=True):
        assert dict(our.meta) == their.meta_data
        file = io.BytesIO()
        our.hdulist.writeto(file)
        file.seek(0)
        with fits.open(file) as read:
            assert isinstance(read[0], fits.PrimaryHDU)
            hdus = read if their.data_unit[0].hdu_type == "primary" else read[1:]
            for hdu, unit_ in zip(hdus, their.data_unit, strict=True):
                assert hdu.name.upper() == (unit_.name or "").upper()
                if unit_.data is None:
                    assert hdu.data is None
                elif hdu.is_image:
                    np.testing.assert_array_equal(hdu.data, unit_.data)
                else:
                    assert_equal_tables(hdu, unit_)


def assert_equal_tables(hdu: fits.BinTableHDU, theirs: Any) -> None:
    names = theirs.data.dtype.names
    assert tuple(hdu.columns.names) == names
    for name in names:
        np.testing.assert_array_equal(hdu.data[name], theirs.data[name])
    for key, value in theirs.header.items():
        if key.startswith("TUNIT") or key in ("INSTRUME", "E_MIN", "E_MAX", "EXPOSURE", "TSTART", "MJDREF", "HDUCLAS1"):
            assert hdu.header[key] == value


def test_the_real_crab_mosaic_with_its_provenance(shared_data: Path) -> None:
    """Peak 268.3 sigma at the Crab, the dispatcher's own catalogue says 294.47."""
    batch = image_batch()
    answer = decode_answer(document(shared_data, "06_async_isgri_image"), batch, STAGING, n_bytes=17)
    (mosaic,) = answer.mosaics
    assert np.nanmax(mosaic.significance) == pytest.approx(268.3, abs=0.1)
    y, x = np.unravel_index(np.nanargmax(mosaic.significance), mosaic.shape)
    ra, dec = mosaic.wcs.all_pix2world(x, y, 0)
    assert (float(ra), float(dec)) == pytest.approx((83.633, 22.014), abs=0.1)
    assert (mosaic.band, mosaic.instrument, mosaic.unit) == ((20.0, 40.0), "isgri", "counts/sec")
    origin = mosaic.provenance
    assert (origin.origin, origin.host, origin.osa_version, origin.data_version) == ("ISDC", "staging", "OSA11.2", "CONS")
    assert (origin.job_ids, origin.scw) == (("574abdab77ceb965",), batch.scw)
    assert (origin.batches_used, origin.batches_asked) == (1, 1)
    assert answer.catalog.names == ("Crab",)
    assert answer.catalog.sources[0].significance == pytest.approx(294.47, abs=0.01)
    assert (answer.job_id, answer.n_bytes) == ("574abdab77ceb965", 17)


def test_the_jemx_mosaic_pads_with_nan_and_comes_from_its_own_imatype(shared_data: Path) -> None:
    batch = image_batch(instrument="jemx", product_type="jemx_image")
    (mosaic,) = decode_answer(document(shared_data, "04_dummy_sync_jemx_image"), batch, STAGING).mosaics
    assert (mosaic.instrument, mosaic.unit) == ("jemx1", "counts/cm2/s")
    assert np.nanmax(mosaic.significance) == pytest.approx(283, abs=1)
    assert int(np.isnan(mosaic.significance).sum()) >= 44397


def test_a_spectrum_keeps_its_responses_by_name_and_makes_no_mosaic(shared_data: Path) -> None:
    batch = image_batch(product_type="isgri_spectrum")
    answer = decode_answer(document(shared_data, "07_real_blocking_isgri_spectrum"), batch, STAGING)
    assert answer.mosaics == ()
    assert [product.meta["product"] for product in answer.products] == ["isgri_spectrum", "isgri_arf", "isgri_rmf"]
    spectrum, arf, rmf = (product.hdulist for product in answer.products)
    assert spectrum["ISGR-EVTS-SPE"].header["NAME"] == "4U 1700-377"
    assert arf["SPECRESP"].data["SPECRESP"].shape == (2466,)
    assert rmf["SPECRESP MATRIX"].data["MATRIX"].shape == (2466, 62)
    assert rmf["EBOUNDS"].data["E_MIN"][0] == pytest.approx(13.0, abs=0.5)


def test_unsigned_logical_ragged_and_wide_text_columns_come_back() -> None:
    """Everything FITS can hold, sent as oda-api sends it, equals the original file."""
    from oda_api.data_products import NumpyDataProduct, NumpyDataUnit

    cells = np.array([np.arange(n, dtype="f4") for n in (2, 0, 3)], dtype=object)
    columns = [
        fits.Column("CHANMIN", "I", bzero=32768, array=np.array([1, 40000, 65535], "u2")),
        fits.Column("GOOD", "L", array=np.array([True, False, True])),
        fits.Column("MATRIX", "PE()", unit="cm2", array=cells),
        fits.Column("NAMES", "12A", dim="(4,3)", array=np.array([["a", "bb", "ccc"]] * 3)),
        fits.Column("CUBE", "6D", dim="(3,2)", array=np.arange(18.0).reshape(3, 2, 3)),
        fits.Column("PHASE", "C", array=np.array([1j, 2, 3], "c8")),
    ]
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="ALL")]).writeto(file)
    file.seek(0)
    with fits.open(file) as original:
        sent = NumpyDataProduct([NumpyDataUnit.from_fits_hdu(hdu) for hdu in original], name="all").encode()
        (ours,) = decode_products({"products": {"numpy_data_product_list": [sent]}})
        back, table = ours.hdulist["ALL"], original["ALL"]
        for name in ("CHANMIN", "GOOD", "NAMES", "CUBE", "PHASE"):
            assert back.data[name].tolist() == table.data[name].tolist()
        assert [row.tolist() for row in back.data["MATRIX"]] == [row.tolist() for row in table.data["MATRIX"]]
        assert back.columns["MATRIX"].unit == "cm2"


def test_a_plain_table_of_types_fits_lacks_is_widened() -> None:
    rows = np.array(
        [(1, 2, True, "Crab", 1.5), (-3, 60000, False, "é", 2.5)], [("A", "i1"), ("B", "<u2"), ("C", "?"), ("D", "<U8"), ("E", "<f2")]
    )
    (product,) = decode_products(done(unit(rows, "bintable")))
    data = product.hdulist["X"].data
    assert data["A"].tolist() == [1, -3]
    assert data["B"].tolist() == [2, 60000]
    assert data["C"].tolist() == [True, False]
    assert data["D"].tolist() == ["Crab", "?"]
    assert data["E"].tolist() == [1.5, 2.5]


def test_headers_lose_what_fits_cannot_hold_and_secrets() -> None:
    token = "eyJhbGciOi.eyJzdWIi.c2ln"
    header = {
        **{"HISTORY": "made\nin two lines", "LIST": [1, 2], "BAD": float("nan"), "NONE": None, "BIG": 10**30, "OBJECT": "Cœur"},
        **{"URL": f"http://host/?token={token}", "NOTE": f"with {token}", "token": token, "NAXIS1": 7, "TELAPSE": 1.5, "GOOD": True},
    }
    sent = done(unit(np.ones((2, 2)), header=header), meta=json.dumps({"query_parameters": f"token={token}", "src_name": "Crab"}))
    (product,) = decode_products(sent)
    cards = product.hdulist["X"].header
    assert token not in repr(cards) + repr(dict(product.meta))
    assert cards["LIST"] == "1,2"
    assert cards["TELAPSE"] == 1.5
    assert cards["GOOD"] is True
    assert cards["NAXIS1"] == 2
    assert product.meta["src_name"] == "Crab"
    product.hdulist.writeto(io.BytesIO())


@pytest.mark.parametrize("padding", [0.0, np.nan])
def test_the_placeholder_is_an_empty_product(padding: float) -> None:
    """100 x 100 zeros and an empty catalogue, with or without coordinates."""
    catalog = {"cat_column_names": ["src_names", "ra", "dec"], "cat_column_list": [[], [], []]}
    image = np.full((100, 100), padding)
    header = {"CTYPE1": "RA---TAN", "CRVAL1": 1.0, "CTYPE2": "DEC--TAN", "CRVAL2": 1.0, "IMATYPE": "SIGNIFICANCE"}
    sent = done(unit(None, "primary"), unit(image, header=header), catalog=catalog)
    with pytest.raises(EmptyProduct):
        decode_answer(sent, image_batch(), STAGING)
    if padding == 0:
        with pytest.raises(EmptyProduct, match="abc on staging"):
            decode_answer(done(unit(image)), image_batch(), STAGING)


def test_a_simulated_host_always_says_simulated(shared_data: Path) -> None:
    simulated = Host("simulated", "http://127.0.0.1:1")
    answer: Answer = decode_answer(document(shared_data, "04_dummy_sync_isgri_image"), image_batch(), simulated)
    assert answer.mosaics[0].provenance.simulated


@pytest.mark.parametrize(
    "broken",
    [
        {"products": {"numpy_data_product_list": [{"name": "x"}]}},
        {"products": {"numpy_data_product_list": ["x"]}},
        {"products": {"numpy_data_product_list": 3}},
        {"products": {"numpy_data_product_list": [{"meta_data": "{", "data_unit_list": []}]}},
        done(unit(None) | {"binarys": 12}),
        done(unit(None) | {"data": "[__import__('os')]"}),
        done(unit(None) | {"header": 12}),
    ],
    ids=lambda d: str(d)[:40],
)
def test_an_incomplete_product_is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        decode_products(broken)


def test_an_answer_without_product_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="no product"):
        decode_answer({**done(), "products": {}}, image_batch(), STAGING)


def test_an_unsafe_product_is_not_decoded() -> None:
    with pytest.raises(UnsafePayload):
        decode_products(done(unit({"a": print})))
