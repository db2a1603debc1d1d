"""All the ways in which the observatory can be made to fail."""

from __future__ import annotations

import json
import math

import httpx
import numpy as np
import pytest

from tests.observatory.conftest import Client, Serve, crab
from tests.observatory.test_dispatcher import images


def failing_once(serve: Serve, kind: str) -> Client:
    return serve(fail_first={"jobs": 1, "submissions": 1, "kind": kind})


@pytest.mark.parametrize("status", [500, 502])
def test_http_errors(serve: Serve, status: int) -> None:
    client = failing_once(serve, str(status))
    assert client.run().status_code == status
    assert client.finish()["query_status"] == "done"


def test_a_server_that_hangs(serve: Serve) -> None:
    client = failing_once(serve, "hang")
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=client.url, timeout=0.3) as impatient:
        impatient.post("/run_analysis", data={"instrument": "isgri", "product_type": "isgri_image", "scw_list": crab(2)})
    assert client.finish(scw_list=crab(2, skip=2))["query_status"] == "done"


def test_an_answer_cut_short(serve: Serve) -> None:
    client = failing_once(serve, "truncated")
    with pytest.raises(json.JSONDecodeError):
        client.finish()
    assert client.finish()["query_status"] == "done"


def test_a_backend_that_fails_and_recovers(serve: Serve) -> None:
    client = failing_once(serve, "backend")
    assert client.finish()["query_status"] == "failed"
    assert client.finish()["query_status"] == "done"


def test_an_empty_product(serve: Serve) -> None:
    client = failing_once(serve, "empty")
    answer = client.finish()
    (zeros,) = images(answer).values()
    assert zeros.shape == (100, 100)
    assert not np.any(zeros)
    assert answer["products"]["catalog"]["cat_column_list"] == [[]] * 9
    assert images(client.finish())["SIGNIFICANCE"].max() > 100


def test_a_bare_nan(serve: Serve) -> None:
    client = failing_once(serve, "nan")
    answer = client.finish()
    assert math.isnan(answer["products"]["numpy_data_product_list"][0]["data_unit_list"][-1]["header"]["DEADC"])
    json.loads(client.run().text, parse_constant=lambda name: pytest.fail(f"{name} after the failure"))


def test_a_lock(serve: Serve) -> None:
    client = failing_once(serve, "lock")
    answer = client.run().json()
    assert answer["query_status"] == "failed"
    assert "Failed to acquire lock for directory" in answer["exit_status"]["message"]
    assert client.finish()["query_status"] == "done"


def test_only_the_first_jobs_and_submissions_fail(serve: Serve) -> None:
    client = serve(fail_first={"jobs": 2, "submissions": 2, "kind": "500"})
    seen = [[client.run(scw_list=crab(1, skip=k)).status_code for _ in range(3)] for k in range(3)]
    assert seen == [[500, 500, 200], [500, 500, 200], [200, 200, 200]]
    assert client.knobs()["counts"]["failures"] == {"500": 4}


def test_a_share_of_submissions_fails_and_repeats_with_the_seed(serve: Serve) -> None:
    def pattern(client: Client) -> list[int]:
        return [client.run(scw_list=crab(1, skip=k)).status_code for k in range(40)]

    first, again, other = (pattern(serve(failure_rate=0.3, failure_kind="502", seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert 5 <= first.count(502) <= 20


def test_lost_callbacks_need_a_new_session(serve: Serve) -> None:
    client = serve(lost_callbacks=1)
    job_id = client.run("FIRST").json()["job_monitor"]["job_id"]
    for _ in range(5):
        assert client.run("FIRST", "submitted", job_id=job_id).json()["query_status"] == "submitted"
    assert client.finish(session="SECOND")["query_status"] == "done"
    assert client.finish(scw_list=crab(2, skip=4))["query_status"] == "done"


def test_a_restart_loses_what_runs_and_keeps_what_is_done(serve: Serve) -> None:
    client = serve()
    client.finish()
    client.knobs(time_per_scw=5.0)
    job_id = client.run("FIRST", scw_list=crab(1, skip=5)).json()["job_monitor"]["job_id"]
    client.http.post("/observatory/restart")
    client.knobs(time_per_scw=0.001)
    assert client.run().json()["query_status"] == "done"
    for _ in range(5):
        assert client.run("FIRST", "submitted", scw_list=crab(1, skip=5), job_id=job_id).json()["query_status"] == "submitted"
    assert client.finish(session="SECOND", scw_list=crab(1, skip=5))["query_status"] == "done"
    assert client.knobs()["counts"]["running"] == 0


def test_knobs_are_turned_all_or_none(serve: Serve) -> None:
    client = serve()
    assert client.knobs(latency=0.0, fail_first=3, failure_kind="lock")["knobs"]["fail_first"] == {
        "jobs": 3,
        "submissions": 1,
        "kind": "lock",
    }
    before = client.knobs()["knobs"]
    for wrong in ({"no_such": 1}, {"seed": 5, "failure_kind": "evil"}, {"seed": 5, "concurrency": "many"}, {"fail_first": {"x": 1}}):
        response = client.http.post("/observatory/knobs", json=wrong)
        assert response.status_code == 400
        assert response.json()["error"].endswith(".")
    assert client.http.post("/observatory/knobs", content=b"[]").status_code == 400
    assert client.knobs()["knobs"] == before


def test_the_seed_changes_noise_not_truth(serve: Serve) -> None:
    client = serve(seed=1)
    first = images(client.finish())["INTENSITY"]
    truth = client.get("/observatory/truth", scw_list=",".join(crab(2)), E1_keV=28, E2_keV=40).json()
    client.knobs(seed=2)
    second = images(client.finish())["INTENSITY"]
    again = client.get("/observatory/truth", scw_list=",".join(crab(2)), E1_keV=28, E2_keV=40).json()
    assert not np.array_equal(first, second)
    assert [t | {"seed": 2} for t in truth] == again
    bright = max(truth, key=lambda t: t["flux"])
    assert (bright["name"], bright["catalogued"]) == ("Crab", True)
    assert bright["flux"] / math.sqrt(bright["variance"]) > 300
    assert client.get("/observatory/truth", scw_list="333300010010", E1_keV=28, E2_keV=40).status_code == 400
