"""The dispatcher's protocol: states, refusals, rights."""

from __future__ import annotations

import base64
import pickle
from typing import Any

import numpy as np
import pytest

from tests.observatory.conftest import Client, Serve, crab, token


@pytest.fixture
def client(serve: Serve) -> Client:
    return serve()


def images(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    units = answer["products"]["numpy_data_product_list"][0]["data_unit_list"]
    return {u["header"].get("IMATYPE", u["name"]): pickle.loads(base64.b64decode(u["binarys"])) for u in units if u["binarys"]}


def test_a_job_is_submitted_progresses_is_ready_and_done(client: Client) -> None:
    client.knobs(time_per_scw=0.03)
    answers = list(client.states(scw_list=crab(5)))
    order = list(dict.fromkeys(a["query_status"] for a in answers))
    assert order == ["submitted", "progress", "ready", "done"]
    lengths = [len(a["job_monitor"]["full_report_dict_list"]) for a in answers if a["query_status"] in ("progress", "ready")]
    assert lengths == sorted(lengths)
    ready = next(a for a in answers if a["query_status"] == "ready")
    rows = ready["job_monitor"]["full_report_dict_list"]
    assert {r["scwid"] for r in rows if r.get("message") == "main done"} == set(crab(5))
    assert "full_report_dict_list" not in answers[-1]["job_monitor"]
    assert len({a["job_monitor"]["job_id"] for a in answers}) == 1


def test_the_product_says_it_is_simulated(client: Client) -> None:
    answer = client.finish()
    units = answer["products"]["numpy_data_product_list"][0]["data_unit_list"]
    assert [u["name"] for u in units] == ["PRIMARY", "GROUPING", *["ISGR-MOSA-IMA"] * 4]
    assert [u["header"].get("IMATYPE") for u in units[2:]] == ["INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
    assert all(u["header"]["ORIGIN"] == "SIMULATED" and u["header"]["SIMSEED"] == 1 for u in units)
    maps = images(answer)
    outside = maps["VARIANCE"] == 0
    assert outside.any()
    assert all((maps[kind][outside] == 0).all() for kind in ("INTENSITY", "SIGNIFICANCE", "EXPOSURE"))
    assert list(maps["GROUPING"]["IMATYPE"]) == ["INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
    assert answer["products"]["catalog"]["cat_column_list"][1][0] == "Crab"


def test_a_finished_job_answers_at_once_and_the_same(client: Client) -> None:
    first = client.finish(scw_list=crab(3))
    again = client.run("ANOTHERSESSION00", scw_list=crab(3)[::-1], api="True").json()
    assert again["query_status"] == "done"
    assert again["job_monitor"]["job_id"] == first["job_monitor"]["job_id"]
    assert again["session_id"] == "ANOTHERSESSION00"
    assert again["products"]["numpy_data_product_list"] == first["products"]["numpy_data_product_list"]
    assert client.knobs()["counts"]["products"] == 1


def test_a_running_job_is_joined(client: Client) -> None:
    client.knobs(time_per_scw=5.0)
    first, second = client.run("A" * 16).json(), client.run("B" * 16).json()
    assert first["job_monitor"]["job_id"] == second["job_monitor"]["job_id"]
    counts = client.knobs()["counts"]
    assert (counts["jobs"], counts["submissions"], counts["running"]) == (1, 2, 1)


def test_jobs_run_as_many_at_once_as_allowed(client: Client) -> None:
    client.knobs(concurrency=2, time_per_scw=0.02)
    jobs = [client.run(scw_list=crab(2, skip=2 * k)).json()["job_monitor"]["job_id"] for k in range(5)]
    for k in range(5):
        client.finish(scw_list=crab(2, skip=2 * k))
    counts = client.knobs()["counts"]
    assert (len(set(jobs)), counts["most_running"], counts["products"], counts["running"]) == (5, 2, 5, 0)


def test_get_post_and_form_of_the_list_are_one_job(client: Client) -> None:
    ids = crab(3)
    answers = [client.run(scw_list=ids).json(), client.run(post=False, scw_list=ids).json(), client.run(scw_list=",".join(ids)).json()]
    multipart = {
        "instrument": "isgri",
        "product_type": "isgri_image",
        "query_type": "Real",
        "osa_version": "OSA11.2",
        "scw_list": ",".join(ids),
    }
    sent = {k: (None, v) for k, v in (multipart | {"scw_list": ",".join(ids), "E1_keV": "28", "E2_keV": "40"}).items()}
    answers.append(client.http.post("/run_analysis", files=sent).json())
    assert len({a["job_monitor"]["job_id"] for a in answers}) == 1
    assert len(answers[-1]["session_id"]) == 16


def test_what_changes_the_job_and_what_does_not(client: Client) -> None:
    def job_id(**changes: Any) -> str:
        return str(client.run(**changes).json()["job_monitor"]["job_id"])

    plain = job_id()
    assert job_id(session="OTHER", oda_api_version="9", off_line="True", async_dispatcher="False") == plain
    different = {job_id(E2_keV="41"), job_id(T1="2011-01-01T00:00:00"), job_id(token=token()), job_id(token=token(sub="other")), plain}
    assert len(different) == 5


def test_polls_need_their_job(client: Client) -> None:
    client.knobs(time_per_scw=5.0)
    job_id = client.run().json()["job_monitor"]["job_id"]
    assert client.run(status="submitted", job_id=job_id).status_code == 200
    assert client.run(status="submitted").status_code == 400
    unknown = client.run(status="progress", job_id="0123456789abcdef")
    assert unknown.status_code == 400
    assert "unable to find any record for 0123456789abcdef" in unknown.json()["error_message"]
    foreign = client.run(status="progress", job_id=job_id, E1_keV="29")
    assert foreign.status_code == 403
    assert foreign.json()["error_message"] == "Request not authorized"
    assert client.run(status="progress", job_id=job_id, token=token()).status_code == 403


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"E1_keV": "5"}, "restricted to 15 - 800 keV"),
        ({"E2_keV": "801"}, "restricted to 15 - 800 keV"),
        ({"E1_keV": "nan"}, "E1_keV wrong value"),
        ({"E1_keV": "50"}, "E1_keV wrong value"),
        ({"RA": "abc"}, "Parameter RA wrong value abc. could not convert string to float: 'abc'"),
        ({"osa_version": "OSA9"}, "value OSA9 is not allowed"),
        ({"T1": "not-a-time"}, "Parameter T1 wrong value not-a-time: can't be parsed as Time of isot format"),
        ({"product_type": "no_such"}, "not in query_dictionary"),
        ({"instrument": "no_such"}, 'instrument: "no_such", known:'),
        ({"scw_list": "066500010010.001, 066500020010.001"}, "scw_list wrong value"),
        ({"token": "garbage"}, "Not enough segments"),
        ({"product_type": "spectral_fit"}, "does not offer spectral_fit yet"),
        ({"product_type": "isgri_lc", "time_bin": "0"}, "time_bin wrong value 0.0"),
        ({"product_type": "isgri_lc", "time_bin_format": "jd"}, "time_bin_format wrong value jd"),
        ({"product_type": "isgri_lc", "selected_catalog": "{}"}, "selected_catalog wrong value"),
        ({"instrument": "jemx", "product_type": "jemx_lc", "E1_keV": "3", "E2_keV": "20", "jemx_num": "3"}, "jemx_num wrong value 3"),
    ],
)
def test_400(shared: Client, changes: dict[str, Any], said: str) -> None:
    response = shared.run(**changes)
    assert response.status_code == 400
    assert said in response.json()["error_message"]
    assert "query_status" not in response.json()


def test_tokens(shared: Client) -> None:
    expired, forged = shared.run(token=token(lasts=-10)), shared.run(token=token(secret="otherkey"))
    assert (expired.status_code, forged.status_code) == (403, 403)
    assert "expired" in expired.json()["error_message"]
    assert "not valid" in forged.json()["error_message"]


@pytest.mark.parametrize(
    ("changes", "roles", "allowed"),
    [
        ({"scw_list": crab(51)}, "general", False),
        ({"scw_list": crab(51)}, "general, unige-hpc-full", True),
        ({"max_pointings": "600"}, "unige-hpc-full", False),
        ({"max_pointings": "600"}, "unige-hpc-full,unige-hpc-extreme", True),
        ({"integral_data_rights": "all-private"}, "general", False),
        ({"integral_data_rights": "all-private"}, "integral-private-qla", True),
        ({"scw_list": "066500010010.000"}, "", False),
        ({"scw_list": "066500010010.000"}, "integral-public-nrt", True),
        ({"osa_version": "OSA11.2-dev1"}, "general", False),
    ],
)
def test_roles(shared: Client, changes: dict[str, Any], roles: str, allowed: bool) -> None:
    response = shared.run(token=token(roles), **changes)
    assert response.status_code == (200 if allowed else 403)
    if not allowed:
        assert response.json()["query_status"] == "failed"
        assert "lacking all of the following roles" in response.json()["exit_status"]["message"]


def test_science_windows_the_backend_cannot_compute(shared: Client) -> None:
    for scw in ("333300010010.001", "066500010021.001"):
        answers = list(shared.states(scw_list=scw))
        assert answers[-1]["query_status"] == "failed"
        assert answers[-1]["exit_status"]["status"] == 0
        assert answers[-1]["job_monitor"]["full_report_dict_list"][-1]["message"] == "node_final failed"
    malformed = shared.run(scw_list="abc").json()
    assert malformed["query_status"] == "failed"
    assert "wrong format ['abc']" in malformed["exit_status"]["debug_message"]


AROUND: dict[str, Any] = {"T1": "2009-02-15T00:00:00", "T2": "2009-03-20T00:00:00", "RA": "83.633", "DEC": "22.0145", "radius": "8"}


def test_without_a_list_the_server_picks_from_interval_and_circle(client: Client) -> None:
    columns = "SWID,RA_SCX,DEC_SCX"
    path = f"/gw/timesystem/api/v1.0/scwlist/cons/{AROUND['T1']}/{AROUND['T2']}"
    table = client.get(path, ra=83.633, dec=22.0145, radius=8, min_good_isgri=500, return_columns=columns).json()
    offered = {f"{swid}.001" for swid in table["SWID"] if swid.endswith("0")}
    assert len(offered) > 12

    picked = {}
    for number in ("6", "12", "50"):
        answers = list(client.states(**AROUND, scw_list=None, max_pointings=number))
        assert answers[-1]["query_status"] == "done"
        assert len({a["job_monitor"]["job_id"] for a in answers}) == 1
        picked[number] = answers[-1]["products"]["input_prod_list"]
        assert images(answers[-1])["SIGNIFICANCE"].max() > 100
    assert [len(picked[number]) for number in picked] == [6, 12, min(50, len(offered))]
    assert set(picked["6"]) < set(picked["12"]) <= set(picked["50"]) <= offered
    assert picked["6"] == sorted(picked["6"]) != sorted(offered)[:6]
    again = client.run("ANOTHERSESSION00", **AROUND, scw_list=None, max_pointings="6").json()
    assert (again["query_status"], again["products"]["input_prod_list"]) == ("done", picked["6"])


def test_without_a_list_and_without_windows_the_query_fails(client: Client) -> None:
    answer = client.run(**{**AROUND, "T2": "2009-02-10T00:00:00"}, scw_list=None).json()
    assert answer["query_status"] == "failed"
    assert "no science windows within 8 deg between 2009-02-15T00:00:00 and 2009-02-10T00:00:00" in answer["exit_status"]["debug_message"]


def test_the_version_of_osa_sets_the_unit_of_product_and_truth(client: Client) -> None:
    crab_rates = {}
    for version in ("OSA10.2", "OSA11.2"):
        catalog = client.finish(osa_version=version)["products"]["catalog"]
        assert catalog["cat_column_list"][1][0] == "Crab"
        told = client.get("/observatory/truth", scw_list=",".join(crab(2)), E1_keV=28, E2_keV=40, osa_version=version).json()
        truth = {row["name"]: row for row in told}["Crab"]
        crab_rates[version] = truth["flux"]
        assert catalog["cat_column_list"][2][0] == pytest.approx(truth["flux"] / np.sqrt(truth["variance"]), abs=5)
    assert crab_rates["OSA10.2"] / crab_rates["OSA11.2"] == pytest.approx(0.57, abs=0.05)
    unnamed = client.get("/observatory/truth", scw_list=",".join(crab(2)), E1_keV=28, E2_keV=40).json()
    assert {row["name"]: row for row in unnamed}["Crab"]["flux"] == crab_rates["OSA11.2"]


def test_nothing_runs_with_no_place_to_run(client: Client) -> None:
    refused = client.http.post("/observatory/knobs", json={"concurrency": 0})
    assert refused.status_code == 400
    assert "concurrency is at least 1, not 0" in refused.json()["error"]
    assert client.knobs()["knobs"]["concurrency"] == 4


def test_unknown_arguments_are_remarked(shared: Client) -> None:
    assert shared.run(no_such_param="3").json()["exit_status"]["comment"] == "Please note that argument no_such_param is not used"


def test_dummy_queries_are_done_at_once(shared: Client) -> None:
    answer = shared.run(query_type="Dummy", scw_list="066500220010.001").json()
    assert answer["query_status"] == "done"
    assert answer["job_monitor"]["full_report_dict_list"] == []
    assert images(answer)["SIGNIFICANCE"].max() > 100


def test_names_and_revolutions(shared: Client) -> None:
    crab_nebula = shared.get("/resolve_name", name="crab NEBULA").json()
    assert (crab_nebula["RA"], crab_nebula["DEC"]) == pytest.approx((83.633, 22.0145), abs=1e-3)
    assert "successfully resolved" in crab_nebula["message"]
    unknown = shared.get("/resolve_name", name="SIM J0555+238")
    assert unknown.status_code == 200
    assert "could not be resolved" in unknown.json()["message"]
    assert "RA" not in unknown.json()
    assert shared.get("/get_revnum", time_to_convert="2015-06-18T00:00:00").json() == {"revnum": 1554}


def test_ones_own_jobs(client: Client) -> None:
    mine = token(sub="me")
    job_id = client.run(token=mine).json()["job_monitor"]["job_id"]
    client.run(token=token(sub="you"))
    assert [r["job_id"] for r in client.get("/inspect-user-state", token=mine).json()["records"]] == [job_id]
    assert client.get("/inspect-user-state").status_code == 403


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["GET", pytest.param("POST", marks=pytest.mark.slow)])
def test_oda_api_works_unchanged(shared: Client, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_TOKEN", "")
    from oda_api.api import DispatcherAPI

    for kind in ("Dummy", "Real"):
        api = DispatcherAPI(url=shared.url, instrument="isgri", wait=True)
        api.preferred_request_method = method
        arguments: dict[str, Any] = {"instrument": "isgri", "product": "isgri_image", "product_type": kind, "osa_version": "OSA11.2"}
        arguments |= {"src_name": "Crab", "RA": 83.63, "DEC": 22.01, "E1_keV": 28.0, "E2_keV": 40.0}
        got = api.get_product(**arguments, scw_list=crab(2, skip=len(method)))
        hdus = got._p_list[0].to_fits_hdu_list()
        assert [h.header.get("IMATYPE") for h in hdus[2:]] == ["INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
        assert hdus[4].data.max() > 100
        assert "Crab" in list(got.dispatcher_catalog_1.table["src_names"])
    interval = {"T1": AROUND["T1"], "T2": AROUND["T2"], "radius": 8.0, "max_pointings": 4 + len(method)}
    ordinary = api.get_product(**arguments, **interval)
    hdus = ordinary._p_list[0].to_fits_hdu_list()
    assert hdus[4].data.max() > 100
