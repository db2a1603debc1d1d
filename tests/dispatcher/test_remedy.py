"""Failures that are known have their remedy, whether a batch met them or a job at a host."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from dashboard.dispatcher.failure import verdict
from dashboard.dispatcher.job_record import HostJob
from dashboard.dispatcher.remedy import LOST, LOST_SECONDS, OTHERWISE, REMEDIES, TOKEN, UNACCESSIBLE, remedy, remedy_of_job
from dashboard.errors import EmptyProduct, HostTimeout, NotAuthorized, RequestRefused, TokenExpired

DOCS = Path(__file__).resolve().parents[2] / "docs" / "runs.md"
NOW = 1.8e9
ISGRI = {"instrument": "isgri", "E1_keV": 20.0, "E2_keV": 40.0}
JEMX = {"instrument": "jemx", "selected_catalog": '{"cat_column_list": [["NEW_1"]]}'}

KNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("AnalysisException('node ended with error')", ISGRI, "begin at 25 keV"),
    ("the step mosaic_ii_skyimage failed", ISGRI, "begin at 25 keV"),
    ("", {**ISGRI, "E1_keV": 20.32}, "no multiple of 0.5 keV: round them"),
    ("403 Forbidden", ISGRI, "Give another token"),
    ("- You are lacking all of the following roles: - unige-hpc-full", ISGRI, "Give a token with the role it names"),
    ("MultiEpochRMFNotSupported: node failed", ISGRI, "Set s_max to half"),
    ("the following scws have a wrong format ['abc']", ISGRI, "RRRRPPPPSSSF.VVV"),
    ("failed: get dataserver products ", ISGRI, "whether the instrument was on"),
    ("time bin 30000 s is larger than 20000 s", ISGRI, "Shorten lc_time_bin"),
    ("no result", JEMX, "rename it, set its FLAG to 1"),
    ("Parameter T1 wrong value not-a-time", ISGRI, "Change the request"),
    ("something nobody has seen", ISGRI, "No remedy is known"),
]


@pytest.mark.parametrize(("said", "parameters", "text"), KNOWN)
def test_a_failed_job_has_the_remedy_of_its_words_or_its_parameters(said: str, parameters: dict[str, Any], text: str) -> None:
    assert text in remedy_of_job(HostJob("0" * 16, state="failed", said=said, parameters=parameters), NOW)


@pytest.mark.parametrize(
    ("state", "age", "token_expired", "text"),
    [
        ("done", 1e6, False, ""),
        ("submitted", 60.0, False, ""),
        ("progress", LOST_SECONDS + 1, False, LOST.text),
        ("submitted", LOST_SECONDS + 1, True, TOKEN.text),
        ("unaccessible", 1.0, False, UNACCESSIBLE.text),
        ("unknown", math.nan, False, ""),
    ],
)
def test_what_is_told_of_a_job_that_has_not_failed(state: str, age: float, token_expired: bool, text: str) -> None:
    assert remedy_of_job(HostJob("0" * 16, state=state, changed=NOW - age, token_expired=token_expired), NOW) == text


def test_batches_have_the_same_remedies() -> None:
    document = {"exit_status": {"message": "Error", "debug_message": "AnalysisException('node ended')"}}
    assert "begin at 25 keV" in remedy(verdict(document, "geneva", job_id="1" * 16))
    assert "begin at 25 keV" in remedy(verdict({"exit_status": {}}, "geneva", node="mosaic_ii_skyimage"))
    assert remedy(TokenExpired("The token has expired.")) == TOKEN.text
    assert "with the role" in remedy(NotAuthorized("A role is missing."))
    assert remedy(RequestRefused("x")).startswith("Change the request")
    assert remedy(EmptyProduct("x")).startswith("Nothing is lost")
    assert remedy(HostTimeout("No answer.")) == OTHERWISE


def test_the_documentation_has_the_table_as_it_is() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", DOCS.read_text().partition("## Known failures")[2].partition("\n## ")[0], re.M)
    assert rows[1:] == [(row.seen, row.text) for row in REMEDIES]
