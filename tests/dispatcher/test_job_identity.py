"""The id of a job is the one recorded dispatchers gave it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from dashboard.dispatcher.job_identity import foretold_job_id

USER = "user@example.invalid"
"""Of the token with which the exchanges were recorded."""


def test_recorded_jobs_have_the_id_that_is_foretold(shared_data: Path) -> None:
    seen = set()
    for path in sorted((shared_data / "exchanges").glob("*.json.gz")):
        body = (json.loads(gzip.decompress(path.read_bytes())).get("response") or {}).get("json")
        parameters = (body.get("products") or {}).get("analysis_parameters") if isinstance(body, dict) else None
        if isinstance(body, dict) and parameters and (job_id := body["job_monitor"].get("job_id")):
            assert foretold_job_id(parameters, USER if parameters.get("token") else "") == job_id, path.name
            seen.add(parameters["product_type"])
    assert {"isgri_image", "isgri_spectrum", "jemx_image", "jemx_lc"} <= seen


def test_what_makes_a_job_another_one() -> None:
    sent = {"product_type": "isgri_image", "E1_keV": 28.0, "scw_list": ["066500220010.001", "066500230010.001"]}
    job_id = foretold_job_id(sent, USER)
    assert foretold_job_id({**sent, "session_id": "A" * 16, "token": "x", "query_status": "ready", "T1": None}, USER) == job_id
    assert foretold_job_id({**sent, "scw_list": sent["scw_list"][::-1]}, USER) == job_id  # type: ignore[index]
    others = [({**sent, "E1_keV": 28}, USER), ({**sent, "src_name": "Crab"}, USER), (sent, "ada@example.invalid"), (sent, "")]
    assert len({job_id, *(foretold_job_id(*other) for other in others)}) == 5


def test_values_of_the_same_characters_share_an_id() -> None:
    """A defect of dispatcher-app that one has to know: two jobs of one science window each may be one job there."""
    one, other = ({"product_type": "isgri_image", "scw_list": [scw]} for scw in ("066500120010.001", "066500210010.001"))
    assert foretold_job_id(one, USER) == foretold_job_id(other, USER)
