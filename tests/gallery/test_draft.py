"""What would be published is known in full before anything is sent."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits

from dashboard.errors import RequestError
from dashboard.gallery.draft import product_id, published_request, utc
from dashboard.gallery.drafting import Sum, chosen, detected_html, image_draft, light_curve_draft, spectrum_draft
from dashboard.products.mosaic import Provenance
from tests.gallery.real_sky import job_of, real_curve, real_mosaic, real_plan, real_spectrum, table_of

FOUND = table_of(("Crab", "known"), ("NEW_1", "new"), ("A 1 or B 2", "ambiguous"), ("1A 0535+262", "known"))


def test_an_image_is_told_by_the_fields_of_the_gallery_and_no_others(tmp_path: Path) -> None:
    draft = image_draft(Sum("r1", real_plan(), 0, 3), real_mosaic(band=(28.0, 40.0)), FOUND, tmp_path)
    fields = dict(draft.fields)
    parameters, product = fields.pop("additional_information").removeprefix("parameters = ").split("\nproduct = ")
    assert fields.pop("detected_sources") == detected_html(FOUND)
    assert len(fields.pop("product_id")) == 16
    assert json.loads(fields.pop("source_coord_list"))[0] == {"source_ra": 83.6331, "source_dec": 22.0145}
    assert fields == {
        "content_type": "data_product",
        "product_title": "Crab isgri image 28-40 keV",
        "product_type": "isgri_image",
        "instrument": "isgri",
        "src_name": "Crab,1A 0535+262",
        "insert_new_source": "True",
        "RA": "83.63310",
        "DEC": "22.01450",
        "e1_kev": "28",
        "e2_kev": "40",
        "T1": "2004-05-19T02:51:44",  # IJD 1600.12 TT, less 64.184 s and rounded
        "T2": "2004-05-19T04:03:44",
    }
    assert json.loads(parameters)["T1"] == "2009-02-15T00:00:00"
    told = json.loads(product)
    assert (told["n_scw"], told["batches_used"], told["batches_asked"], told["osa_version"]) == (2, 1, 2, "OSA11.2")
    assert told["mjd_tt"] == [53144.12, 53144.17]
    assert told["science_windows"] == "066500040010.001 066500050010.001"


def test_the_files_of_an_image_are_a_picture_a_packed_mosaic_and_regions(tmp_path: Path) -> None:
    draft = image_draft(Sum("r1", real_plan(), 0, 3), real_mosaic(band=(28.0, 40.0)), FOUND, tmp_path)
    assert [file.part for file in draft.files] == ["img", "fits_file_0", "fits_file_1"]
    picture, mosaic, regions = (file.path for file in draft.files)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    with gzip.open(mosaic) as packed, fits.open(packed) as hdus:
        assert {hdu.header.get("IMATYPE") for hdu in hdus} >= {"INTENSITY", "SIGNIFICANCE"}
    assert "1A 0535+262" in regions.read_text()
    assert sorted(tmp_path.iterdir()) == sorted((picture, mosaic, regions))
    assert all(path.name.startswith(f"isgri_Crab_{draft.product_id[:8]}_v3") for path in tmp_path.iterdir())


def test_the_preview_names_every_field_and_every_file(tmp_path: Path) -> None:
    draft = image_draft(Sum("r1", real_plan(), 0, 3), real_mosaic(band=(28.0, 40.0)), FOUND, tmp_path)
    text = "\n".join(draft.preview())
    for name, value in draft.fields.items():
        assert name in text
        assert all(line in text for line in value.splitlines())
    assert all(file.path.name in text for file in draft.files)
    assert "2 ScW, 2.0 ks effective, 1 of 2 batches: 1 is missing" in text
    assert "observed 2004-05-19T02:51:44 to 2004-05-19T04:03:44 UTC (MJD 53144.12000 to 53144.17000 TT)" in text


def test_a_spectrum_goes_with_responses_it_finds_by_name(tmp_path: Path) -> None:
    draft = spectrum_draft(Sum("r1", job_of("spectrum"), 0, 12), real_spectrum(), tmp_path)
    picture, pha, rmf, arf = (file.path for file in draft.files)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    with fits.open(pha) as hdus:
        header = hdus["SPECTRUM"].header
    assert (header["RESPFILE"], header["ANCRFILE"]) == (rmf.name, arf.name)
    assert (draft.source, draft.title, draft.fields["product_type"]) == ("Crab", "Crab isgri spectrum", "isgri_spectrum")
    assert (draft.fields["e1_kev"], draft.fields["e2_kev"]) == ("13", "300")
    assert draft.fields["src_name"] == "Crab"


def test_a_light_curve_tells_its_bin_and_the_times_of_its_points(tmp_path: Path) -> None:
    draft = light_curve_draft(Sum("r1", job_of("lightcurve", data_version="NRT"), 0, 1), real_curve(), tmp_path)
    assert [file.part for file in draft.files] == ["img", "fits_file_0"]
    assert (draft.title, draft.fields["product_type"]) == ("Crab isgri light curve 20-40 keV (NRT)", "isgri_lc")
    assert draft.fields["time_bin"] == f"{job_of('lightcurve').request['lc_time_bin']:g}"
    assert draft.fields["T1"] == "2004-05-19T02:50:36"  # 500 s before IJD 1600.125 TT
    assert (draft.fields["e1_kev"], draft.fields["e2_kev"]) == ("20", "40")


def test_simulated_products_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    simulated = Provenance("SIMULATED", "simulated")
    drafts = (
        lambda: image_draft(Sum("r1", real_plan(host_type="simulated"), 0, 3), real_mosaic(band=(28.0, 40.0)), FOUND, tmp_path),
        lambda: image_draft(Sum("r1", real_plan(), 0, 3), replace(real_mosaic(), provenance=simulated), FOUND, tmp_path),
        lambda: spectrum_draft(Sum("r1", job_of("spectrum"), 0, 3), replace(real_spectrum(), provenance=simulated), tmp_path),
        lambda: light_curve_draft(Sum("r1", job_of("lightcurve"), 0, 3), real_curve(provenance=simulated), tmp_path),
    )
    for make in drafts:
        with pytest.raises(RequestError, match="simulated and never goes to the gallery"):
            make()
    assert list(tmp_path.iterdir()) == []


def test_a_target_without_a_name_files_the_image_under_known_sources_alone(tmp_path: Path) -> None:
    plan = real_plan(src_name="83.6331 22.0145")
    draft = image_draft(Sum("r1", plan, 0, 1), real_mosaic(), table_of(("1A 0535+262", "known")), tmp_path)
    assert draft.fields["src_name"] == "1A 0535+262"
    nothing = image_draft(Sum("r1", plan, 0, 1), real_mosaic(), table_of(), tmp_path)
    assert not {"src_name", "source_coord_list", "insert_new_source"} & nothing.fields.keys()


def test_a_name_that_the_gallery_would_take_for_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="comma"):
        spectrum_draft(Sum("r1", job_of("spectrum"), 0, 1), real_spectrum(source="A, B"), tmp_path)


def test_an_id_stays_when_the_run_grows_and_differs_between_runs_bands_and_sources() -> None:
    job = job_of("lightcurve").jobs[0]
    longer = replace(job, batch_ids=(*job.batch_ids, "another"))
    assert product_id("r1", job, "Crab") == product_id("r1", longer, "Crab")
    others = {product_id("r2", job, "Crab"), product_id("r1", job, "Cyg X-1"), product_id("r1", replace(job, band=(3.0, 20.0)), "Crab")}
    assert len(others | {product_id("r1", job, "Crab")}) == 4


def test_folders_of_whoever_asked_are_not_published() -> None:
    shown = published_request({"api_catalog_file": "/home/ada/secret/list.json", "isdc_cat_url": "https://example.org/cat.fits", "RA": 1.0})
    assert shown == {"api_catalog_file": "list.json", "isdc_cat_url": "https://example.org/cat.fits", "RA": 1.0}
    assert published_request({"api_catalog_file": '{"cat": "a/b"}'}) == {"api_catalog_file": '{"cat": "a/b"}'}


def test_times_are_the_nearest_second_of_utc() -> None:
    assert utc(0.0) == "1999-12-31T23:58:56"  # 64.184 s before 2000-01-01 TT


def test_names_of_sources_are_text_in_the_table() -> None:
    assert "<td>a&lt;b&gt;</td>" in detected_html(table_of(("a<b>", "known")))


def test_the_target_is_published_unless_others_are_asked_for() -> None:
    assert chosen((), "Crab", ("Crab", "Cyg X-1")) == ("Crab",)
    assert chosen(("Cyg X-1", "Cyg X-1"), "Crab", ("Crab", "Cyg X-1")) == ("Cyg X-1",)
    with pytest.raises(RequestError, match="nothing of 'Vela X-1': choose with --source among Crab"):
        chosen(("Vela X-1",), "Crab", ("Crab",))
