"""What administrators see of a deployment with several users, and what they do not; who else asks sees nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from components.load import load_tables
from dashboard.__main__ import main
from dashboard.commands.exit_codes import OK
from dashboard.errors import NotAuthorized, RequestError, StorageAway
from dashboard.identity import Identity
from dashboard.load import Administration, load_of
from dashboard.runs.database import open_database
from dashboard.runs.gate import Gate
from dashboard.runs.ledger import Ledger
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.runs.sky_dispatcher import plan_of, settings_in, text
from tests.signed import signed

pytestmark = pytest.mark.sqlite
SOURCE = "GRB 041219A"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Ada has two runs, Bob one; they share a batch of 500 bytes, Ada's first has a sum of 70, her second 30 bytes of its own."""
    made = replace(settings_in(tmp_path_factory.mktemp("load") / "data"), single_user=False, administrators=frozenset({"root", "local"}))
    first = RunStore(made, "ada").start(plan_of(2), Identity("ada"), name=SOURCE, token=signed())
    second = RunStore(made, "ada").start(plan_of(4), Identity("ada"), name=SOURCE)
    RunStore(made, "bob").start(plan_of(2), Identity("bob"), name=SOURCE)
    RunStore(made, "ada").cancel(second)
    ledger = Ledger(open_database(made), "test")
    (batch,) = plan_of(2).batches
    ledger.take_due(first)
    store = ProductStore(made.storage_url)
    store.write(batch_file(batch.batch_id), text("x" * 500))
    store.write(run_file(first, "mosaic", 0, 1), text("x" * 70))
    store.remove_folder(f"runs/{second}")  # its document, which is of any length
    store.write(run_file(second, "mosaic", 0, 1), text("x" * 30))
    return made


def test_runs_and_bytes_are_counted_by_user(settings: Settings) -> None:
    load = load_of(settings)
    assert {name: dict(numbers) for name, numbers in load.tally.users.items()} == {
        "ada": {"planned": 1, "cancelled": 1},
        "bob": {"planned": 1},
    }
    assert load.tally.runs == {"planned": 2, "cancelled": 1}
    assert load.used_by == {"ada": 600, "bob": 500}
    assert load.used == 600


def test_no_run_source_or_token_is_shown(settings: Settings) -> None:
    shown = load_tables(load_of(settings))
    assert "<b>ada</b>" in shown
    assert "1 cancelled, 1 planned" in shown
    runs = RunStore(settings).list_runs()
    secrets = {SOURCE, "Crab", *(run.run_id for run in runs), *(batch.batch_id for run in runs for batch in run.batches), signed()[:12]}
    assert [word for word in secrets if word in shown] == []


def test_a_users_name_is_text(settings: Settings) -> None:
    load = load_of(settings)
    assert "<img" not in load_tables(replace(load, tally=replace(load.tally, users={"<img src=x>": {"done": 1}})))


def test_status_tells_the_same(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_USERS", "header")
    assert main(["status", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["users"] == {
        "ada": {"runs": {"cancelled": 1, "planned": 1}, "used_bytes": 600},
        "bob": {"runs": {"planned": 1}, "used_bytes": 500},
    }
    assert main(["status"]) == OK
    assert "  ada                  1 cancelled, 1 planned; 0.00 GB" in capsys.readouterr().out


def test_a_store_that_is_away_is_told_beside_the_rest(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StorageAway("The product store does not answer.")

    monkeypatch.setattr("dashboard.load.Stock", away)
    load = load_of(settings)
    assert (load.used, load.used_by, load.told[-1]) == (None, {}, "The product store does not answer.")
    assert "not known" in load_tables(load)


@pytest.mark.parametrize("user", ["ada", "Root", "", "guest"])
def test_others_are_refused(settings: Settings, user: str) -> None:
    acts = Administration(settings, Identity(user))
    for act in (acts.load, lambda: acts.pause("simulated", 5.0, "mine"), lambda: acts.resume("simulated")):
        with pytest.raises(NotAuthorized, match="administrators"):
            act()
    assert not Gate(open_database(settings), settings.hosts).sentence("simulated")


def test_an_only_user_is_no_administrator_of_others(settings: Settings) -> None:
    with pytest.raises(NotAuthorized):
        Administration(replace(settings, single_user=True), Identity()).load()


def test_an_administrator_pauses_and_resumes_a_host(settings: Settings) -> None:
    acts, gate = Administration(settings, Identity("root")), Gate(open_database(settings), settings.hosts)
    acts.pause("simulated", 5.0, " maintenance until noon ")
    assert gate.sentence("simulated").endswith("maintenance until noon")
    assert "‖ paused" in load_tables(acts.load())
    acts.resume("simulated")
    assert not gate.sentence("simulated")
    for minutes in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(RequestError, match="minutes"):
            acts.pause("simulated", minutes, "")
    with pytest.raises(RequestError, match="no host 'elsewhere'"):
        acts.resume("elsewhere")
