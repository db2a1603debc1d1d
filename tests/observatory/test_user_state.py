"""What the observatory tells a user of his jobs, in the form of the real dispatcher."""

from __future__ import annotations

from typing import Any

from tests.observatory.conftest import Client, Serve, crab, token

ADA, BOB = token(sub="ada@example.invalid"), token(sub="bob@example.invalid")


def records(client: Client, **query: object) -> list[dict[str, Any]]:
    response = client.get("/inspect-user-state", token=ADA, **query)
    assert response.status_code == 200
    return list(response.json()["records"])


def test_a_user_sees_his_own_jobs_with_their_parameters_and_no_token(serve: Serve) -> None:
    client = serve()
    done = client.finish(token=ADA, src_name="Crab")
    client.finish(token=BOB, scw_list=crab(3))
    (record,) = records(client)
    assert (record["job_id"], record["session_id"]) == (done["job_monitor"]["job_id"], done["session_id"])
    assert record["request_completed"] is True
    parameters = record["analysis_parameters"]
    assert (parameters["src_name"], parameters["E1_keV"], parameters["scw_list"]) == ("Crab", 28.0, crab(2))
    assert parameters["token"]["sub"] == "ada@example.invalid"
    assert ADA not in str(record)


def test_the_list_is_cut_by_days_and_by_eight_digits_and_grouped(serve: Serve) -> None:
    client = serve()
    job_id = client.finish(token=ADA)["job_monitor"]["job_id"]
    assert records(client, recent_days=0) == []
    assert len(records(client, job_id=job_id[:8])) == 1
    assert records(client, job_id="ffffffff") == []
    (grouped,) = records(client, group_by_job="True")
    (folder,) = grouped["job_status_data"]
    assert folder["scratch_dir_fn"].endswith(job_id)
    assert "analysis_parameters" not in records(client, exclude_analysis_parameters="True")[0]


def test_how_a_job_ended_is_told_when_it_is_asked_for(serve: Serve) -> None:
    client = serve(fail_first=1)
    client.finish(token=ADA)
    (record,) = records(client, include_status_query_output="True")
    assert record["query_output"]["status_dictionary"]["status"] == 1
    assert "query_output" not in records(client)[0]


def test_nobody_sees_jobs_without_a_token_in_the_address(serve: Serve) -> None:
    client = serve()
    assert client.get("/inspect-user-state").status_code == 403
    assert client.http.post("/inspect-user-state", data={"token": ADA}).status_code == 403
    assert client.http.post("/report_incident", data={"token": ADA, "incident_content": "x"}).status_code == 403


def test_a_report_is_kept_without_its_token(serve: Serve) -> None:
    client = serve()
    answer = client.http.post("/report_incident", params={"token": ADA}, data={"job_id": "1" * 16, "incident_content": "It is empty."})
    assert answer.json() == {"email_report_status": "incident report email successfully sent"}
    assert client.knobs()["counts"]["incidents"] == [{"job_id": "1" * 16, "incident_content": "It is empty."}]
