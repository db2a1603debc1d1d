"""A token given on the page reaches its dispatcher, and no byte of it is written anywhere in the clear."""

from __future__ import annotations

import base64
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from dashboard.bundle import write_archive
from dashboard.errors import NotAuthorized, TokenExpired
from dashboard.identity import Identity
from dashboard.observatory.query import sign
from dashboard.plan.roles import LARGE
from dashboard.runs.database import open_database
from dashboard.runs.process import ensure_worker, worker_lock
from dashboard.runs.schema import tokens
from dashboard.runs.store import RunStore
from dashboard.session import Session
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.waiting import wait_for_run, wait_until

LARGE_BATCHES = {"T2": "2009-03-01T00:00:00", "s_max": 200}


@pytest.fixture
def session(settings: Settings) -> Session:
    made = Session(settings, Identity(origin="page"))
    made.request.param.update(**LARGE_BATCHES)
    made.accept(*made.propose())
    return made


def forms(token: str) -> Iterator[bytes]:
    """The token and what it could be turned into on its way."""
    _, payload, signature = token.split(".")
    yield from (text.encode() for text in (token, payload, signature, quote(token, safe=""), token[::-1]))
    yield base64.b64encode(token.encode())
    yield token.encode().hex().encode()
    yield token.encode("utf-16-le")


def leaks(folder: Path, token: str) -> list[str]:
    """Files that hold the token in any form; archives are looked into. A part that got its name meanwhile is read under that."""

    def contents(path: Path) -> Iterator[bytes]:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return
        yield raw
        if zipfile.is_zipfile(io.BytesIO(raw)):
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                yield from (archive.read(name) for name in archive.namelist())

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [f"{path}: {form[:12]!r}" for path in files for raw in contents(path) for form in forms(token) if form in raw]


def kept(settings: Settings) -> int:
    with open_database(settings).reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(tokens)) or 0)


def test_roles_of_the_token_open_larger_batches_and_it_is_forgotten_with_the_run(session: Session) -> None:
    assert list(session.roles_missing) == [LARGE]
    given = sign(f"general, {LARGE}")
    session.take_token(given)
    assert list(session.roles_missing) == []
    seen: list[int] = []
    state = wait_for_run(session.own, session.start(), each=lambda _: seen.append(kept(session.settings)))
    assert state.state == "done", [batch.reason for batch in state.batches]
    assert max(len(batch.scw) for batch in state.batches) > 50
    assert max(seen) == 1, "it is kept while the run needs it"
    assert kept(session.settings) == 0, "and no longer"
    assert leaks(session.settings.data_dir, given) == []


def test_without_the_role_nothing_is_sent_and_the_sentence_says_what_helps(session: Session, observatory: Observatory) -> None:
    with pytest.raises(NotAuthorized, match=f"you lack the role {LARGE}; set s_max to 50 or give a token that has it"):
        session.start()
    assert observatory.get("/observatory/knobs")["counts"]["submissions"] == 0
    assert session.s_max_advised == 50
    session.request.s_max = 50
    session.accept(*session.propose())
    assert list(session.roles_missing) == []
    assert session.s_max_advised is None


def test_the_server_refuses_what_the_rules_refuse(session: Session) -> None:
    """Handed over without the check before it."""
    assert session.plan is not None
    run_id = session.own.start(session.plan, Identity())
    ensure_worker(session.settings)
    state = wait_for_run(session.own, run_id)
    assert state.state == "done with failures"
    assert all(LARGE in batch.reason for batch in state.batches)


def test_where_the_rules_are_not_trusted_the_dispatcher_decides(session: Session) -> None:
    hosts = {name: replace(host, check_roles=False) for name, host in session.settings.hosts.items()}
    session.settings = replace(session.settings, hosts=hosts)
    assert wait_for_run(session.own, session.start()).state == "done with failures"


def test_more_roles_allow_fewer_batches(session: Session) -> None:
    session.request.s_max = 20
    session.take_token(sign(LARGE))
    session.accept(*session.propose())
    assert session.s_max_advised == 500
    session.take_token("")
    assert session.s_max_advised is None, "20 is within what anyone may ask; somebody chose it"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "form"),
    [*((kind, "text") for kind in ("500", "502", "truncated", "backend", "nan", "lock", "empty")), ("500", "json"), ("backend", "json")],
)
def test_no_byte_of_the_token_is_written_whatever_fails(
    session: Session, observatory: Observatory, tmp_path: Path, kind: str, form: str
) -> None:
    session.settings = replace(session.settings, log_form=form)
    observatory.knobs(fail_first={"jobs": 2, "submissions": 2, "kind": kind})
    session.request.s_max = 60
    given = sign(f"general, {LARGE}")
    session.take_token(given)
    session.accept(*session.propose())
    run_id = session.start()
    state = wait_for_run(session.own, run_id, each=lambda _: None)
    session.watch_run(run_id)
    assert state.n_done > 0
    (tmp_path / "out").mkdir()
    write_archive(session.settings, session.own, state, tmp_path / "out" / "all.zip")
    assert leaks(session.settings.data_dir, given) == []
    assert leaks(tmp_path / "out", given) == []
    told = f"{session.run!r}{session.look!r}{session.plan!r}{session.account!r}{session.standing!r}{session.identity!r}{session.problem}"
    assert not any(form.decode("utf-8", "replace") in told for form in forms(given))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_token_that_dies_on_the_way_is_named_and_not_written(session: Session, form: str) -> None:
    """Given while it was good, it has expired when the batch is asked: the run waits for another."""
    session.settings = replace(session.settings, log_form=form)
    given = sign(LARGE, hours=-1)
    assert session.plan is not None
    run_id = session.own.start(session.plan, Identity(), token=given)
    ensure_worker(session.settings)
    wait_until(lambda: session.own.state(run_id).state == "waiting", "the run does not wait for a token")
    told = "The token for simulated has expired: give a new one, or go on without."
    assert told in session.own.state(run_id).reason
    assert told in worker_lock(session.settings).with_suffix(".log").read_text()
    assert leaks(session.settings.data_dir, given) == []


def test_the_worker_has_no_token_in_its_environment_or_arguments(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    given = sign("general")
    monkeypatch.setenv("ODA_TOKEN", given)
    session.take_token(given)
    ensure_worker(session.settings)
    lock = worker_lock(session.settings)
    wait_until(lambda: lock.read_text().strip().isdigit(), "no worker")
    worker = Path("/proc") / lock.read_text().strip()
    wait_until(lambda: bool((worker / "cmdline").read_bytes()), "the worker has not become a program of its own")
    for name in ("environ", "cmdline"):
        told = (worker / name).read_bytes()
        assert told
        assert given.encode() not in told
    assert os.environ["ODA_TOKEN"] == given


def test_what_is_no_token_or_too_old_is_refused_at_once(session: Session) -> None:
    with pytest.raises(NotAuthorized, match="cannot be read"):
        session.take_token("garbage")
    with pytest.raises(TokenExpired, match="expired"):
        session.take_token(sign("general", hours=-1))
    assert session.standing.facts is None
    assert session.standing.token == ""


def test_a_reload_finds_the_token_and_another_user_does_not(settings: Settings) -> None:
    given = sign(LARGE)
    Session(settings, Identity("ada", origin="page")).take_token(given)
    assert Session(settings, Identity("ada", origin="page")).standing.token == given
    assert Session(settings, Identity("bob", origin="page")).standing.token == ""
    assert RunStore(settings, "bob").list_runs("ada") == ()
