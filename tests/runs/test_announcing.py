"""Whoever wants to know is told when a run ends, waits, or waits for its owner, and told once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.runs.announcing import Announcer, news_of
from dashboard.runs.database import open_database
from dashboard.runs.rows import set_run
from dashboard.runs.store import RunStore
from tests.notices.http_server import hook
from tests.notices.smtp_server import mail_host
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.waiting import wait_until


def test_a_webhook_hears_the_line_of_truth_and_where_to_look(tmp_path: Path) -> None:
    with hook() as listener:
        settings = replace(settings_in(tmp_path), webhook_url=f"{listener.url}/hook", address="https://integral.example.org/")
        run_id = RunStore(settings).start(plan_of(4), Identity("ada"))
        Announcer(settings).tell(run_id, "done")
        wait_until(lambda: bool(listener.documents), "nothing was heard")
        told = listener.documents[0]
        assert (told["run_id"], told["owner"], told["simulated"]) == (run_id, "ada", True)
        assert told["line_of_truth"] == "0 of 2 batches, 0 of 4 ScW, 0.0 ks, OSA11.2, CONS, SIMULATED"
        assert told["address"] == f"https://integral.example.org/app?run={run_id}"
        for state in ("running", "planned", "cancelled", ""):
            Announcer(settings).tell(run_id, state)
        announcer = Announcer(settings, patience=0.0)
        with open_database(settings).writing() as connection:
            set_run(connection, run_id, "waiting", reason="staging is left alone")
        for _ in range(3):
            announcer.tell(run_id, "waiting")
        wait_until(lambda: len(listener.documents) >= 2, "that it waits was not heard")
        announcer.tell(run_id, "done")
        wait_until(lambda: len(listener.documents) >= 3, "that it ended was not heard")
        assert [told["reason"] for told in listener.documents].count("staging is left alone") == 2, "that it waits is told once"


def test_mail_goes_to_the_address_of_the_run_and_nowhere_without_one(tmp_path: Path) -> None:
    with mail_host() as server:
        settings = replace(settings_in(tmp_path), mail_url=f"smtp://127.0.0.1:{server.port}?from=dashboard@example.org")
        store = RunStore(settings)
        quiet = store.start(plan_of(4), Identity())
        wants = store.start(plan_of(4), Identity(), tell="ada@example.org")
        announcer = Announcer(settings)
        announcer.tell(quiet, "done")
        announcer.tell(wants, "done")
        wait_until(lambda: bool(server.mails), "no mail came")
        assert [mail.recipients for mail in server.mails] == [("ada@example.org",)]
        assert wants.encode() in server.mails[0].content
        assert news_of(store.state(wants), "").address == ""


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    store = RunStore(settings_in(tmp_path))
    run_id = store.start(plan_of(4), Identity())
    with pytest.raises(RequestError, match="no e-mail address"):
        store.tell(run_id, "ada@example.org\nBcc: eve@example.org")
    store.tell(run_id, "ada@example.org")
    assert store.state(run_id).tell == "ada@example.org"
    store.tell(run_id, "")
    assert store.state(run_id).tell == ""
