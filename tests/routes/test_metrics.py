"""What Prometheus is told: numbers that are true, who may read them, and nothing of users, sources and runs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboard.errors import HostTimeout, JobFailed
from dashboard.identity import Identity
from dashboard.routes.metrics import FORWARDED, exposition
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import Ledger
from dashboard.runs.presence import PAGE, WORKER, Presence
from dashboard.runs.store import RunStore
from dashboard.runs.tally import tally
from dashboard.settings import Settings
from tests.conftest import ROOT
from tests.routes.web import fetch
from tests.runs.sky_dispatcher import plan_of

TOKEN = "of the one that scrapes"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    return Settings.from_environment()


def samples(text: bytes) -> dict[str, float]:
    """Values by name and labels, as they are written."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def read(**headers: str) -> dict[str, float]:
    answer = fetch("metrics", headers)
    assert answer.code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {name.removeprefix("integral_dashboard_"): value for name, value in samples(answer.body).items()}


def test_the_numbers_are_those_of_the_run_store(settings: Settings) -> None:
    ledger, gate = Ledger(open_database(settings), "test"), Gate(open_database(settings), settings.hosts)
    run_id = RunStore(settings).start(plan_of(12), Identity("ada"))
    ids = [order.batch_id for order in ledger.take_due(run_id)]
    for batch_id in ids[:3]:
        ledger.take_place(batch_id, 4, attempt=1)
    ledger.progress(ids[0], "downloading", n_bytes=5000)
    ledger.done(ids[0], "file")
    ledger.failed(ids[1], JobFailed("Node died."), None)
    gate.answered("simulated")
    for _ in range(settings.hosts["production"].failures_to_pause):
        gate.failed("production", HostTimeout("Silence."))
    gate.pause("staging", 60.0, "Maintenance.")
    Presence(settings, WORKER).begin()
    Presence(settings, PAGE).begin()

    found = read()
    assert found["runs{state=planned}"] == 1
    assert found["batches{host=simulated,state=submitted}"] == found["jobs_in_flight{host=simulated}"] == 1
    assert found["batches{host=simulated,state=queued}"] == found["queue_batches{host=simulated}"] == 3
    assert found["batches{host=simulated,state=failed}"] == 1
    assert found["batches_done_total{host=simulated}"] == 1
    assert found["batch_failures_total{host=simulated,outcome=given up}"] == 1
    assert found["received_bytes_total{host=simulated}"] == 5000
    assert found["batch_duration_seconds_bucket{host=simulated,le=30}"] == found["batch_duration_seconds_count{host=simulated}"] == 1
    assert 0 < found["batch_duration_seconds_sum{host=simulated}"] < 30
    assert 0 <= found["host_silence_seconds{host=simulated}"] <= found["oldest_job_age_seconds{host=simulated}"] < 30
    assert 0 <= found["host_answer_age_seconds{host=simulated}"] < 30
    assert "host_answer_age_seconds{host=production}" not in found, "it never did"
    paused = {name: value for name, value in found.items() if name.startswith("host_paused") and value}
    assert paused == {"host_paused{by=breaker,host=production}": 1, "host_paused{by=administrator,host=staging}": 1}
    assert found["processes{kind=worker}"] == found["processes{kind=page}"] == 1
    assert 0 <= found["process_silence_seconds{kind=worker}"] < 10
    assert found["database_up{}"] == 1
    assert found["products_free_bytes{}"] == pytest.approx(shutil.disk_usage(settings.data_dir).free, rel=0.1)


def test_nothing_tells_of_a_user_a_source_or_a_run(settings: Settings) -> None:
    store = RunStore(settings)
    run_id = store.start(plan_of(4), Identity("ada"), name="Secret outburst")
    text = fetch("metrics").body.decode()
    assert "simulated" in text
    assert not any(word in text for word in ("ada", "Crab", "outburst", run_id, *store.plan(run_id).jobs[0].batch_ids))
    assert set(re.findall(r"[{,](\w+)=", text)) == {"host", "state", "kind", "by", "outcome", "le", "version", "schema", "database"}


def test_a_database_that_is_away_is_a_number_too(settings: Settings, tmp_path: Path) -> None:
    open_database(settings).engine.dispose()
    shutil.move(settings.data_dir, tmp_path / "elsewhere")
    found = read()
    assert found["database_up{}"] == 0
    assert not any(name.startswith("batches") for name in found), "nothing is made up"


def test_without_a_token_this_machine_alone_reads_and_nobody_through_a_proxy(settings: Settings) -> None:
    assert read()["database_up{}"] == 1
    for header in FORWARDED:
        assert fetch("metrics", {header: "127.0.0.1"}).code == 403, header
    assert fetch("metrics", {"X-Real-Ip": "203.0.113.7"}, xheaders=True).code == 403
    assert fetch("metrics", {"X-Real-Ip": "127.0.0.1"}, xheaders=True).code == 403, "whatever a proxy lets pass"


def test_with_a_token_whoever_has_it_reads_and_nobody_else(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_METRICS_TOKEN", TOKEN)
    assert read(Authorization=f"Bearer {TOKEN}", **{"X-Forwarded-For": "203.0.113.7"})["database_up{}"] == 1
    for given in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": TOKEN}):
        answer = fetch("metrics", given)
        assert (answer.code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert b"integral_dashboard_" not in answer.body
        assert TOKEN.encode() not in answer.body


def test_every_number_is_explained(settings: Settings) -> None:
    """In docs/operations.md, by the name under which Prometheus keeps it; and nothing there that there is not."""
    text = exposition(replace(settings, hosts={}), tally(settings), 1).decode()
    kinds = dict(re.findall(r"# TYPE (\w+) (\w+)", text))
    told = set(re.findall(r"`(integral_dashboard_\w+)", (ROOT / "docs/operations.md").read_text()))
    assert told == set(kinds)
