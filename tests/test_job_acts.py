"""Jobs that somebody else's client sent with the user's token are seen, attached as runs, explained and reported."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dashboard.__main__ import main
from dashboard.account import Account
from dashboard.bundle import export_run
from dashboard.commands.exit_codes import BROKEN, OK, WRONG_REQUEST
from dashboard.errors import NotAuthorized, RequestError
from dashboard.identity import Identity
from dashboard.job_acts import JobActs
from dashboard.products.catalog import CatalogSource, SourceCatalog
from dashboard.products.catalog_api import catalog_to_api
from dashboard.runs import process
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.conftest import Observatory
from tests.faults.crab import planned, started
from tests.observatory.conftest import crab, token
from tests.waiting import wait_for_run, wait_until

ADA = token(sub="ada@example.invalid")
FOREIGN = {
    "instrument": "isgri",
    "product_type": "isgri_image",
    "query_type": "Real",
    "src_name": "Crab",
    "RA": "83.633",
    "DEC": "22.014",
    "T1": "2009-02-21T00:00:00",
    "T2": "2009-02-24T00:00:00",
    "radius": "8",
    "E1_keV": "25",
    "E2_keV": "80",
    "osa_version": "OSA11.2",
    "async_dispatcher": "False",
}
"""As MMODA's page or a script of somebody's sends it: with much that a batch of ours does not have."""


class ForeignClient:
    """Sends jobs to the observatory with a user's token, as MMODA's own client does."""

    def __init__(self, observatory: Observatory) -> None:
        self._url = f"{observatory.url}/run_analysis"

    def send(self, **changes: Any) -> str:
        """Submit a job and poll it until it has ended; its id."""
        form = {**FOREIGN, "scw_list": ",".join(crab(2)), "token": ADA, "session_id": "FOREIGN000000001", **changes}
        form, answer = {k: v for k, v in form.items() if v is not None}, {"query_status": "new"}

        def ended() -> bool:
            polled = {"query_status": answer["query_status"], **({"job_id": self.job_id(answer)} if "job_monitor" in answer else {})}
            answer.update(httpx.post(self._url, data={**form, **polled}, timeout=30).json())
            return answer["query_status"] in ("done", "failed")

        wait_until(ended, "the foreign client's job does not end")
        return self.job_id(answer)

    @staticmethod
    def job_id(answer: dict[str, Any]) -> str:
        return str(answer["job_monitor"]["job_id"])


@pytest.fixture
def foreign(observatory: Observatory) -> ForeignClient:
    return ForeignClient(observatory)


@pytest.fixture
def acts(settings: Settings) -> JobActs:
    account = Account(settings)
    account.take("simulated", ADA)
    return JobActs(settings, RunStore(settings, "local"), Identity(), account)


def counts(observatory: Observatory) -> dict[str, Any]:
    return dict(observatory.get("/observatory/knobs")["counts"])


CRAB = SourceCatalog((CatalogSource("Crab", 83.633, 22.014, flag=1, isgri_flag=2),))
SPECTRA = {"product_type": "isgri_spectrum", "selected_catalog": json.dumps(catalog_to_api(CRAB))}
NO_SOURCE = {"src_name": None, "RA": None, "DEC": None, "radius": None}
CURVES = {"product_type": "isgri_lc", "time_bin": "1000", "scw_list": ",".join(crab(2))}


@pytest.mark.parametrize(
    "changes",
    [{}, pytest.param(SPECTRA, marks=pytest.mark.slow), CURVES, pytest.param(NO_SOURCE, marks=pytest.mark.slow)],
    ids=["image", "spectra", "curves", "no source"],
)
def test_a_foreign_job_becomes_a_run_without_a_new_computation(
    settings: Settings, observatory: Observatory, foreign: ForeignClient, acts: JobActs, changes: dict[str, Any]
) -> None:
    job_id = foreign.send(**changes)
    before = counts(observatory)
    (look,) = acts.jobs("simulated")
    assert (look.job.job_id, look.job.state, look.job.scw, look.run_id, look.obstacle) == (job_id, "done", tuple(crab(2)), "", "")
    assert look.remark == "Attached, it is handed over without a new computation."
    run_id = acts.attach("simulated", look)
    store = RunStore(settings, "local")
    state = wait_for_run(store, run_id)
    assert (state.state, [batch.job_id for batch in state.batches]) == ("done", [job_id]), state.reason
    assert job_id in state.name
    after = counts(observatory)
    assert {name: after[name] - before[name] for name in ("jobs", "products")} == {"jobs": 0, "products": 0}
    assert state.sums[0] > 0
    assert export_run(settings, store, state, settings.data_dir.parent / "files")
    plan = store.plan(run_id)
    assert plan.target.name == ("Crab" if changes.get("src_name", "") is not None else plan.target.name)
    (seen,) = acts.jobs("simulated")
    assert (seen.run_id, seen.remark) == (run_id, "")
    with pytest.raises(RequestError, match=f"belongs to your run .* \\({run_id}\\) already"):
        acts.attach("simulated", look)


def test_a_job_that_a_run_has_not_asked_for_yet_is_not_attached_twice(settings: Settings, foreign: ForeignClient, acts: JobActs) -> None:
    job_id = foreign.send()
    (look,) = acts.jobs("simulated")
    store = RunStore(settings, "local")
    run_id = store.start(acts.plan("simulated", look.job), Identity(), token=ADA)
    assert not store.state(run_id).batches[0].job_id
    assert [(one.job.job_id, one.run_id) for one in acts.jobs("simulated")] == [(job_id, run_id)]


@pytest.mark.slow
def test_batches_of_a_run_of_ones_own_say_which_run(settings: Settings, acts: JobActs) -> None:
    plan = planned(settings, s_max=40)
    store, run_id = started(settings, plan, token=ADA)
    state = wait_for_run(store, run_id)
    looks = acts.jobs("simulated")
    assert {look.job.job_id for look in looks} == {batch.job_id for batch in state.batches}
    assert {(look.run_id, look.run_name) for look in looks} == {(run_id, state.name)}


@pytest.mark.slow
def test_runs_of_other_users_do_not_exist(settings: Settings, acts: JobActs) -> None:
    store, run_id = started(settings, planned(settings, s_max=40), token=ADA)
    wait_for_run(store, run_id)
    account = Account(settings)
    account.take("simulated", ADA)
    others = JobActs(settings, RunStore(settings, "bob"), Identity("bob"), account)
    assert {look.run_id for look in others.jobs("simulated")} == {""}


def test_a_failed_job_is_explained_and_can_be_asked_again(observatory: Observatory, foreign: ForeignClient, acts: JobActs) -> None:
    observatory.knobs(fail_first=1)
    foreign.send(E1_keV="20.25")
    (look,) = acts.jobs("simulated")
    assert (look.job.state, look.remark) == ("failed", "It failed: attached, it is computed again.")
    assert "no multiple of 0.5 keV" in look.remedy


def test_what_cannot_be_attached_says_why(foreign: ForeignClient, acts: JobActs) -> None:
    foreign.send(scw_list=None)
    (look,) = acts.jobs("simulated")
    assert "so the host chose them" in look.obstacle
    with pytest.raises(RequestError, match="so the host chose them"):
        acts.attach("simulated", look)


def test_without_a_token_one_is_told_where_to_give_it(settings: Settings) -> None:
    acts = JobActs(settings, RunStore(settings, "local"), Identity(), Account(settings))
    with pytest.raises(NotAuthorized, match="give a token for simulated first"):
        acts.jobs("simulated")
    with pytest.raises(RequestError, match="There is no host 'nowhere'"):
        acts.jobs("nowhere")


def test_a_report_arrives_as_it_was_shown(observatory: Observatory, foreign: ForeignClient, acts: JobActs) -> None:
    foreign.send()
    (look,) = acts.jobs("simulated")
    shown = acts.preview(look, "The mosaic is empty.")
    assert "success" in acts.report("simulated", look, "The mosaic is empty.")
    assert counts(observatory)["incidents"] == [shown]
    assert ADA not in json.dumps(shown)


Do = Callable[..., Any]


@pytest.fixture
def do(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Do]:
    """Run one of the commands for the simulated host and return its JSON, or what it says when it fails."""
    (settings.data_dir).mkdir(parents=True, exist_ok=True)
    file = settings.data_dir.parent / "token"
    file.write_text(ADA)
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(settings.data_dir))
    monkeypatch.setenv("INTEGRAL_DASHBOARD_SIMULATED_URL", settings.simulated_url)
    monkeypatch.setattr(process, "IDLE_SECONDS", 2.0)

    def run(*words: str, code: int = OK, signed: bool = True) -> Any:
        given = ("--token-file", str(file)) if signed else ()
        assert main(["jobs", *words, "--host", "simulated", "--json", *given]) == code
        told = capsys.readouterr()
        assert ADA not in told.out + told.err
        return json.loads(told.out) if code == OK else told.err

    yield run
    for child in process._lasting:
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
        child.wait()
    process._lasting.clear()


@pytest.mark.slow
def test_the_command_line_lists_shows_attaches_and_reports(
    do: Do, settings: Settings, observatory: Observatory, foreign: ForeignClient
) -> None:
    assert do("list") == []
    job_id = foreign.send()
    (listed,) = do("list")
    assert (listed["job_id"], listed["state"], listed["source"], listed["run_id"]) == (job_id, "done", "Crab", "")
    assert do("show", job_id[:9])["parameters"]["T1"] == "2009-02-21T00:00:00"
    attached = do("attach", job_id, "--name", "From the page")
    store = RunStore(settings, "local")
    assert wait_for_run(store, attached["run_id"]).state == "done"
    assert store.state(attached["run_id"]).name == "From the page"
    assert do("show", job_id)["run_id"] == attached["run_id"]
    assert "already: open that one" in do("attach", job_id, code=WRONG_REQUEST)
    assert "add --yes" in do("report", job_id, "It is empty.", code=WRONG_REQUEST)
    assert do("report", job_id, "It is empty.", "--yes")["sent"] is True
    assert counts(observatory)["incidents"][0]["incident_content"] == "It is empty."
    assert "no job of yours" in do("show", "ffffffff", code=WRONG_REQUEST)


def test_the_command_line_says_that_a_token_is_needed(do: Do) -> None:
    assert "give a token for simulated first" in do("list", code=BROKEN, signed=False)
