"""Answers have the shape of those recorded from a real dispatcher."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.observatory.conftest import Client, crab, token

# ours has these in addition, or the recording server's configuration, or FITS checksums of the file it read
LOOSE = {"config", "ORIGIN", "CHECKSUM", "DATASUM", "SIMSEED", "LONGSTRN", "COMMENT", "CONTINUE"}


@pytest.fixture
def recorded(shared_data: Path) -> Any:
    def load(name: str) -> tuple[int, Any]:
        with gzip.open(shared_data / "exchanges" / f"{name}.json.gz") as file:
            response = json.load(file)["response"]
        return response["status"], response["json"]

    return load


def kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def same_shape(ours: Any, theirs: Any, path: str = "") -> None:
    """Equal keys and kinds of values, in depth; of lists the elements both have."""
    assert kind(ours) == kind(theirs), f"{path}: {ours!r} and {theirs!r}"
    if isinstance(ours, dict):
        assert set(ours) - LOOSE == set(theirs) - LOOSE, path
        for key in set(ours) & set(theirs) - LOOSE:
            same_shape(ours[key], theirs[key], f"{path}/{key}")
    if isinstance(ours, list):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=False)):
            same_shape(a, b, f"{path}/{i}")


def by_state(shared: Client, **asked: Any) -> dict[str, Any]:
    """The first answer at submission, the last in every later state."""
    first, *others = shared.states(**asked)
    return {a["query_status"]: a for a in others} | {"submitted": first}


def test_parameter_names_and_descriptions(shared: Client, recorded: Any) -> None:
    for product in ("isgri_image", "isgri_lc", "isgri_spectrum", "jemx_image", "jemx_lc", "jemx_spectrum"):
        _, theirs = recorded(f"04_dummy_sync_{product}.01")
        assert shared.get("/api/par-names", instrument=product.split("_")[0], product_type=product).json() == theirs
    _, theirs = recorded("02_instr_description_isgri.01")
    ours = shared.get("/api/meta-data", instrument="isgri").json()
    allowed = ours[0][3][6]["restrictions"]["allowed_values"], theirs[0][3][6]["restrictions"]["allowed_values"]
    assert all(isinstance(v, str) for side in allowed for v in side)
    ours[0][3][6]["restrictions"]["allowed_values"] = allowed[1]
    assert ours == theirs
    _, theirs = recorded("03_product_description_isgri_lc.01")
    same_shape(shared.get("/meta-data", instrument="isgri", product_type="isgri_lc").json(), theirs)
    assert shared.get("/api/instr-list").json()[:2] == recorded("01_instr_list.02")[1][:2]


def test_a_job_from_submission_to_product(shared: Client, recorded: Any) -> None:
    asked = {"scw_list": crab(12), "E2_keV": "204.02744913101196", "RA": "83.63", "DEC": "22.01", "radius": "8.0", "token": token()}
    answers = by_state(shared, **asked)
    for number, state in (("02", "submitted"), ("04", "progress"), ("09", "ready"), ("10", "done")):
        status, theirs = recorded(f"06_async_isgri_image.{number}")
        assert (status, theirs["query_status"]) == (200, state)
        if state == "done":
            for answer in (answers[state], theirs):  # ours may find another number of sources
                answer["products"]["catalog"]["cat_column_list"] = [c[:1] for c in answer["products"]["catalog"]["cat_column_list"]]
        for answer in (answers[state], theirs):  # the stand-in reported five steps for one science window
            rows = answer["job_monitor"].get("full_report_dict_list", [])
            rows[1:-1] = []
        same_shape(answers[state], theirs, state)
    ours, theirs = answers["done"]["products"], recorded("06_async_isgri_image.10")[1]["products"]
    assert ours["catalog"]["cat_column_names"] == theirs["catalog"]["cat_column_names"]
    assert ours["catalog"]["cat_column_descr"] == theirs["catalog"]["cat_column_descr"]
    pairs = zip(*(p["numpy_data_product_list"][0]["data_unit_list"] for p in (ours, theirs)), strict=True)
    for mine, real in pairs:
        assert [mine[k] for k in ("name", "dt", "hdu_type", "units_dict", "data")] == [
            real[k] for k in ("name", "dt", "hdu_type", "units_dict", "data")
        ]
        for key in ("BUNIT", "IMATYPE", "EXTVER", "CTYPE1", "CTYPE2", "CD1_1", "CD2_2", "RADECSYS", "MOSASPR", "NAXIS1"):
            if key in real["header"] and (key != "NAXIS1" or real["name"] == "GROUPING"):
                assert mine["header"][key] == real["header"][key], key


def test_a_dummy_answer(shared: Client, recorded: Any) -> None:
    _, theirs = recorded("04_dummy_sync_isgri_image.02")
    ours = shared.run(query_type="Dummy", scw_list="066500220010.001", E1_keV=None, E2_keV=None).json()
    theirs["products"]["input_prod_list"] = ours["products"]["input_prod_list"]
    same_shape(ours, theirs)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("21_bad_value_E1.02", {"E1_keV": "5.0"}),
        ("22_bad_type_RA.02", {"RA": "abc"}),
        ("23_bad_osa_version.02", {"osa_version": "OSA9"}),
        ("24_wrong_product.02", {"product_type": "no_such_product"}),
        ("28_garbage_token.02", {"token": "garbage"}),
        ("34_bad_time.02", {"T1": "not-a-time"}),
        ("26_expired_token.02", {"token": token(lasts=-10)}),
        ("27_bad_signature_token.02", {"token": token(secret="otherkey")}),
        ("29_role_missing_all_private.02", {"token": token(), "integral_data_rights": "all-private"}),
        ("30_no_token_role_needed.02", {"max_pointings": "600"}),
        ("33_bad_scw.02", {"scw_list": ["abc"], "E1_keV": None, "E2_keV": None}),
        ("39_too_many_scw_no_role.02", {"scw_list": crab(60), "token": token()}),
    ],
)
def test_refusals(shared: Client, recorded: Any, name: str, changes: dict[str, Any]) -> None:
    status, theirs = recorded(name)
    response = shared.run(**changes)
    assert response.status_code == status
    ours = response.json()
    same_shape(ours, theirs)
    if "error_message" in ours:
        assert ours["error_message"] == theirs["error_message"]
    else:
        for key in ("message", "error_message", "debug_message", "job_status", "status"):
            assert ours["exit_status"][key] == theirs["exit_status"][key]


def test_a_backend_failure(shared: Client, recorded: Any) -> None:
    answers = by_state(shared, scw_list="333300010010.001", token=token(), E1_keV=None, E2_keV=None)
    same_shape(answers["submitted"], recorded("35_backend_failure.02")[1])
    theirs = recorded("35_backend_failure.06")[1]
    theirs["job_monitor"]["full_report_dict_list"] = theirs["job_monitor"]["full_report_dict_list"][-2:]
    same_shape(answers["failed"], theirs)
