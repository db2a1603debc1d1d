"""What processes write of themselves: an object a line or a line of text, and no secret in either, wherever it comes from."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from dashboard.errors import SettingsError
from dashboard.logs import FIELDS, MASK, JsonForm, Redactor, TextForm
from dashboard.observatory.query import sign
from dashboard.settings import Settings
from tests.conftest import ROOT, Observatory
from tests.faults.crab import planned, started
from tests.waiting import wait_for_run, wait_until

TOKEN = sign("general, unige-hpc-full", "ada")
KEY = "0123456789abcdef" * 2
PASSWORD = "horse/battery staple"
ENVIRONMENT = {
    "INTEGRAL_DASHBOARD_DATA": "/nowhere",
    "INTEGRAL_DASHBOARD_KEY": KEY,
    "INTEGRAL_DASHBOARD_DATABASE": f"postgresql://ada:{quote(PASSWORD, safe='')}@db.example.org/runs",
    "INTEGRAL_DASHBOARD_MAIL": "smtp://dashboard:mail-password@mail.example.org?from=dashboard@example.org",
    "INTEGRAL_DASHBOARD_WEBHOOK": "https://hooks.example.org/T0123/abcdefgh",
    "INTEGRAL_DASHBOARD_METRICS_TOKEN": "of the one that scrapes",
}
SETTINGS = Settings.from_environment(ENVIRONMENT)
SECRETS = (TOKEN, *TOKEN.split("."), KEY, PASSWORD, quote(PASSWORD, safe=""), "mail-password", "T0123", "of the one that scrapes")
FORMS: list[Callable[[Redactor], logging.Formatter]] = [TextForm, JsonForm]


def written(form: logging.Formatter, message: object, *arguments: Any, error: BaseException | None = None, **extra: Any) -> str:
    about = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.getLogger("test").makeRecord("test", logging.WARNING, "file.py", 1, message, arguments, about, extra=extra)
    return form.format(record)


def raised(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except Exception as error:  # noqa: BLE001 (whatever it is)
        return error
    raise AssertionError("nothing was raised")


def chained(secret: str) -> BaseException:
    def act() -> None:
        try:
            raise KeyError(secret)
        except KeyError as cause:
            raise RuntimeError("It failed.") from cause

    return raised(act)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS[:1] + SECRETS[4:])
def test_no_secret_is_written_wherever_it_comes_from(form: Callable[[Redactor], logging.Formatter], secret: str) -> None:
    if secret == "T0123":
        secret = SETTINGS.webhook_url
    made = form(Redactor(SETTINGS.secrets))
    request = httpx.Request("GET", "https://host/run", params={"token": secret}, headers={"Authorization": f"Bearer {secret}"})
    everywhere = [
        written(made, f"It was {secret}."),
        written(made, "It was %s, %r", secret, {"token": secret, "more": [secret]}),
        written(made, "%(one)s", {"one": secret}),
        written(made, RuntimeError(secret)),
        written(made, "HTTP %s %s %r", request.method, request.url, dict(request.headers)),
        written(made, "It failed.", error=RuntimeError(f"no connection to https://host/?token={secret}")),
        written(made, "It failed.", error=chained(secret)),
        written(made, "It failed.", host=secret, run_id=f"run of {secret}"),
    ]
    parts = [part for part in (secret, *secret.split(".")) if len(part) > 5]
    for text in everywhere:
        assert not [part for part in parts if part in text], text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET https://host/run?token=abc&scw=1", f"GET https://host/run?token={MASK}&scw=1"),
        ("403 GET /app?link=abc_-d (::1) 2ms", f"403 GET /app?link={MASK} (::1) 2ms"),
        ("404 GET /download/r/all.zip?a=1&ticket=ada.1.ff&b=2", f"404 GET /download/r/all.zip?a=1&ticket={MASK}&b=2"),
        ("oda_token=abc, password=def", f"oda_token={MASK}, password={MASK}"),
        ("{'token': 'abc', 'T1': 5}", f"{{'token': '{MASK}', 'T1': 5}}"),
        ('{"api_key": "abc", "n": 1}', f'{{"api_key": "{MASK}", "n": 1}}'),
        ("[('Authorization', 'Bearer abc')]", f"[('Authorization', '{MASK}')]"),
        ("Authorization: Basic YWRhOnNlY3JldA==", f"Authorization: Basic {MASK}"),
        ("AWS_SECRET_ACCESS_KEY=abc AWS_ACCESS_KEY_ID=def", f"AWS_SECRET_ACCESS_KEY={MASK} AWS_ACCESS_KEY_ID=def"),
        ("token='abc' and more", f"token='{MASK}' and more"),
        ("postgresql://ada:horse@db/runs", f"postgresql://ada:{MASK}@db/runs"),
        ("smtp+starttls://ada:a@b@mail", f"smtp+starttls://ada:{MASK}@mail"),
        (f"in {TOKEN}.", f"in {MASK}"),
    ],
)
def test_what_looks_like_a_secret_is_masked_and_the_rest_stays(text: str, clean: str) -> None:
    assert Redactor()(text).rstrip(".") == clean


@pytest.mark.parametrize(
    "text",
    [
        "The token for simulated has expired: give a new one, or go on without.",
        "No token: queries are anonymous. The bearer of news.",
        "components.catalogue_editor: run 20260301-101500-3f2a, batch 7151e104e4b12f29cb9de9a8-1 at http://127.0.0.1:5006/app?run=1",
        "ScW 066500040010.001, 5.2 MB, tokens=",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert Redactor(SETTINGS.secrets)(text) == text


def test_json_is_an_object_a_line_with_what_the_message_is_about() -> None:
    form = JsonForm(Redactor())
    about = {"run_id": "r1", "batch_id": "b1", "attempt": 2, "host": "production", "seconds": 12.5, "bytes": 7, "state": "done"}
    line = written(form, "Batch %s\nis done.", "b1", error=chained("x"), **about)
    assert "\n" not in line
    told = json.loads(line)
    assert {name: told[name] for name in about} == about
    assert (told["message"], told["level"], told["logger"]) == ("Batch b1\nis done.", "WARNING", "test")
    assert told["time"].endswith("Z")
    assert len(told["time"]) == len("2026-03-01T10:15:00.123Z")
    assert told["process"].startswith(f"{os.uname().nodename}:")
    assert "KeyError" in told["traceback"]
    assert set(json.loads(written(form, "plain"))) == {"time", "level", "logger", "message", "process"}
    assert set(about) < set(FIELDS)


PROGRAM = """
import logging, sys, threading, warnings
from dbos import DBOS
from dashboard.logs import begin_logging, call_process
from dashboard.settings import Settings
secret = sys.argv[1]
begin_logging(Settings.from_environment())
call_process("machine:1:abc")
DBOS(config={"name": "a-name", "system_database_url": "sqlite://", "log_level": "INFO"})
for name in ("dashboard.x", "dbos", "httpx", "tornado.application", "bokeh.server", "__main__"):
    logging.getLogger(name).warning("%s says %s", name, secret)
logging.getLogger("httpx").info("not told")
logging.getLogger("dashboard.x").info("is told")
warnings.warn("warned of " + secret)
thread = threading.Thread(target=lambda: 1 / len(secret[:0]), name=secret)
thread.start(); thread.join()
raise RuntimeError(secret)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_process_writes_everything_in_its_form(form: str, tmp_path: Path) -> None:
    environment = {**os.environ, "INTEGRAL_DASHBOARD_DATA": str(tmp_path), "INTEGRAL_DASHBOARD_LOG": form, "INTEGRAL_DASHBOARD_KEY": KEY}
    command = [sys.executable, "-c", PROGRAM, TOKEN]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    told = done.stdout + done.stderr
    assert not any(part in told for part in TOKEN.split(".")), told
    for name in ("dashboard.x", "dbos", "httpx", "tornado.application", "bokeh.server", "__main__"):
        assert f"{name} says {MASK}" in told
    assert "not told" not in told
    assert all(words in told for words in ("is told", "warned of", "ZeroDivisionError", "RuntimeError"))
    if form == "json":
        lines = [json.loads(line) for line in told.splitlines()]
        assert {line["process"] for line in lines} == {"machine:1:abc"}


@pytest.mark.slow
def test_a_worker_writes_what_happens_with_what_it_is_about(settings: Settings, observatory: Observatory) -> None:
    observatory.knobs(fail_first={"jobs": 1, "submissions": 1, "kind": "backend"})
    settings = replace(settings, log_form="json")
    store, run_id = started(settings, planned(settings))
    state = wait_for_run(store, run_id)
    log = settings.data_dir / "worker.log"
    lines: list[dict[str, Any]] = []

    def ended() -> bool:
        lines[:] = [json.loads(line) for line in log.read_text().splitlines()]
        return any(line.get("run_id") == run_id and line.get("state") == "done" for line in lines)

    wait_until(ended, "the end of the run is not written")
    (begun,) = (line for line in lines if line["message"] == "The worker begins.")
    assert {line["process"] for line in lines[lines.index(begun) :]} == {begun["worker"]}
    happened = Counter(line["state"] for line in lines if "batch_id" in line)
    assert happened == {"submitted": len(state.batches) + 1, "failed": 1, "done": len(state.batches)}
    for line in (line for line in lines if line.get("state") == "done" and "batch_id" in line):
        batch = next(batch for batch in state.batches if batch.batch_id == line["batch_id"])
        assert (line["host"], line["attempt"], line["bytes"]) == ("simulated", batch.attempts, batch.n_bytes)
        assert 0 < line["seconds"] < 120


def test_what_is_written_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    told = re.findall(r"^\| `(dashboard\.\w+\.\w+)` \|", text, re.M)
    modules = (path for room in ("runs", "routes") for path in sorted((ROOT / "dashboard" / room).glob("*.py")))
    assert sorted(told) == sorted(f"dashboard.{path.parent.name}.{path.stem}" for path in modules if "\nlog = " in path.read_text())
    fields = re.search(r"Fields that a message may have: (.*?);", text, re.S)
    assert fields
    assert tuple(re.findall(r"`(\w+)`", fields[1])) == FIELDS


def test_another_form_is_refused() -> None:
    with pytest.raises(SettingsError, match="it must be text or json"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_LOG": "xml"})
    with pytest.raises(SettingsError, match="too short"):
        Settings.from_environment({"INTEGRAL_DASHBOARD_METRICS_TOKEN": "short"})
    assert not any(secret in repr(SETTINGS) for secret in SECRETS)
