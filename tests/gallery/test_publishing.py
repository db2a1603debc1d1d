"""From a stored run to the gallery and back: who may, what is sent, what is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard import __main__ as command_line
from dashboard.dispatcher import gallery as door_module
from dashboard.dispatcher.gallery import GalleryDoor
from dashboard.errors import HostFailing, NotAuthorized, ProductError, RequestError, RunNotFound, TokenExpired
from dashboard.gallery.publishing import drafts_of, only_by_hand, publish, refuse_without_role
from dashboard.hosts import Host
from dashboard.runs.store import RunStore
from tests.dispatcher.test_gallery import HOST, NODE, TOKEN, FakeGallery, parts
from tests.gallery.real_sky import real_mosaic, real_plan
from tests.runs.sky_dispatcher import plan_of
from tests.runs.stored_run import StoredRun
from tests.signed import signed


def ended_run(folder: Path, **request: Any) -> StoredRun:
    """Two batches asked, one there: a published sum, and nothing more to come."""
    run = StoredRun(folder, plan_of(4, **{"host_type": "production", **request}))
    run.arrive({run.ids[0]: real_mosaic()})
    run.publish()
    run.store.cancel(run.run_id)
    return run


def drafted(run: StoredRun, folder: Path, **choice: Any) -> Any:
    return drafts_of(run.settings, run.plan, run.state, folder, **choice)


def test_a_run_is_published_once_and_then_updated(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "data")
    (draft,) = drafted(run, tmp_path / "files")
    gallery = FakeGallery(httpx.Response(200, json=NODE))
    publication, updated = publish(run.store, draft, gallery.door())
    assert (publication.link, publication.title, updated) == ("https://gallery.invalid/node/42", "Crab isgri image 28-40 keV", False)
    assert run.store.publications(run.run_id) == (publication,)
    run.store.retry_failed(run.run_id)
    run.arrive({run.ids[1]: real_mosaic()})
    run.publish()
    run.store.cancel(run.run_id)
    (longer,) = drafted(run, tmp_path / "files")
    again, updated = publish(run.store, longer, gallery.door())
    assert updated
    assert (longer.product_id, again.sum_version) == (draft.product_id, 2)
    assert run.store.publications(run.run_id) == (again,)
    sent = [parts(request) for request in gallery.requests]
    assert sent[0]["product_id"] == sent[1]["product_id"] == (None, draft.product_id.encode())
    assert sent[0]["img"][0] != sent[1]["img"][0]
    events = [event for event in run.store.history(run_id=run.run_id) if event.what == "in the gallery"]
    assert [event.detail for event in events] == ["Crab isgri image 28-40 keV: https://gallery.invalid/node/42"] * 2


def test_what_is_sent_is_what_was_shown(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "data")
    (draft,) = drafted(run, tmp_path / "files")
    gallery = FakeGallery(httpx.Response(200, json=NODE))
    publish(run.store, draft, gallery.door())
    shown = {name: (None, value.encode()) for name, value in draft.fields.items()}
    files = {file.part: (file.path.name, file.path.read_bytes()) for file in draft.files}
    sent = parts(gallery.requests[0])
    assert sent.pop("token") == (None, TOKEN.encode())
    assert {name: (file, content.replace(b"\r\n", b"\n")) for name, (file, content) in sent.items()} == {
        name: (file, content.replace(b"\r\n", b"\n")) for name, (file, content) in (shown | files).items()
    }


def test_a_product_that_was_not_taken_is_not_remembered(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "data")
    (draft,) = drafted(run, tmp_path / "files")
    with pytest.raises(HostFailing):
        publish(run.store, draft, FakeGallery(httpx.Response(503)).door())
    assert run.store.publications(run.run_id) == ()


@pytest.mark.parametrize(
    ("token", "kind"), [("", NotAuthorized), (signed("general"), NotAuthorized), (signed("gallery contributor", lasts=-60.0), TokenExpired)]
)
def test_without_the_role_nothing_is_sent(tmp_path: Path, token: str, kind: type[Exception]) -> None:
    run = ended_run(tmp_path / "data")
    (draft,) = drafted(run, tmp_path / "files")
    gallery = FakeGallery(httpx.Response(200, json=NODE))
    with pytest.raises(kind):
        publish(run.store, draft, replace(gallery.door(), token=token))
    assert gallery.requests == []


def test_a_host_that_decides_on_roles_itself_is_asked() -> None:
    refuse_without_role(replace(HOST, check_roles=False), signed("general"))
    with pytest.raises(NotAuthorized, match="'gallery contributor', which MMODA's support grants"):
        refuse_without_role(HOST, signed("general"))


def test_simulated_unfinished_and_empty_runs_are_refused(tmp_path: Path) -> None:
    simulated = ended_run(tmp_path / "simulated", host_type="simulated")
    with pytest.raises(RequestError, match="simulated and never goes to the gallery"):
        drafted(simulated, tmp_path / "files")
    empty = StoredRun(tmp_path / "empty", plan_of(4, host_type="production"))
    with pytest.raises(RequestError, match="still planned: publish it when it has ended"):
        drafted(empty, tmp_path / "files")
    empty.store.cancel(empty.run_id)
    with pytest.raises(RequestError, match="has no product yet"):
        drafted(empty, tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_a_job_is_chosen_by_its_number(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "data")
    assert [draft.job for draft in drafted(run, tmp_path / "files", job=0)] == [0]
    with pytest.raises(RequestError, match="There is no job 1: the run has jobs 0 to 0"):
        drafted(run, tmp_path / "files", job=1)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "data")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProductError, match=r"cannot be written: .* Choose another folder; nothing was sent"):
        drafted(run, tmp_path / "file" / "files")


def test_the_plan_says_what_becomes_of_the_flag() -> None:
    assert any("nothing is sent by itself" in notice for notice in real_plan(upload_to_gallery=True).notices)
    assert any("never published" in notice for notice in real_plan(upload_to_gallery=True, host_type="simulated").notices)
    assert not any("gallery" in notice or "published" in notice for notice in real_plan().notices)


def test_nothing_goes_by_itself_without_the_flag_or_with_private_data() -> None:
    assert only_by_hand(real_plan(upload_to_gallery=True)) == ""
    assert "does not set upload_to_gallery" in only_by_hand(real_plan())
    assert "the gallery is public" in only_by_hand(real_plan(upload_to_gallery=True, integral_data_rights="all-private"))


def test_what_was_published_goes_with_its_run_and_is_its_owners(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "data")
    (draft,) = drafted(run, tmp_path / "files")
    publish(run.store, draft, FakeGallery(httpx.Response(200, json=NODE)).door())
    with pytest.raises(RunNotFound):
        RunStore(run.settings, "somebody else").publications(run.run_id)
    run.store.delete(run.run_id)
    with pytest.raises(RunNotFound):
        run.store.publications(run.run_id)


Do = Callable[..., tuple[int, str, str]]


@pytest.fixture
def do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Do:
    """Run `gallery` with these words on the runs below tmp_path/data: exit code, what is printed, and the sentence of a failure."""
    monkeypatch.setenv("INTEGRAL_DASHBOARD_DATA", str(tmp_path / "data"))
    (tmp_path / "token").write_text(TOKEN)

    def run(*words: str) -> tuple[int, str, str]:
        code = command_line.main(["gallery", *words])
        return (code, *capsys.readouterr())

    return run


def sending_to(gallery: FakeGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let doors that the commands build lead to this gallery."""

    def door(host: Host, token: str) -> GalleryDoor:
        return replace(gallery.door(host), token=token)

    monkeypatch.setattr(door_module, "GalleryDoor", door)


def test_preview_shows_all_and_keeps_the_files_where_one_likes(tmp_path: Path, do: Do) -> None:
    run = ended_run(tmp_path / "data")
    code, shown, _ = do("preview", run.run_id, "--out", str(tmp_path / "look"))
    assert code == 0
    assert "Crab isgri image 28-40 keV" in shown
    assert "product_type = isgri_image" in shown
    assert "1 of 2 batches: 1 is missing" in shown
    assert {path.suffix for path in (tmp_path / "look").iterdir()} == {".png", ".gz", ".reg"}


def test_publish_sends_without_asking_only_when_the_request_says_so(tmp_path: Path, do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = FakeGallery(httpx.Response(200, json=NODE))
    sending_to(gallery, monkeypatch)
    unset, asked = ended_run(tmp_path / "data"), ended_run(tmp_path / "data", upload_to_gallery=True)
    file = ("--token-file", str(tmp_path / "token"))
    code, _, sentence = do("publish", unset.run_id, "--yes", *file)
    assert (code, gallery.requests) == (2, [])
    assert "does not set upload_to_gallery: publish without --yes" in sentence
    code, _, sentence = do("publish", unset.run_id, *file)
    assert (code, gallery.requests) == (2, [])
    assert "Nobody can be asked" in sentence
    code, shown, _ = do("publish", asked.run_id, "--yes", *file)
    assert code == 0
    assert shown.endswith("Published: Crab isgri image 28-40 keV, https://gallery.invalid/node/42\n")
    assert len(gallery.requests) == 1
    code, shown, _ = do("publish", asked.run_id, "--yes", *file)
    assert "It is there already and would be updated" in shown
    assert shown.endswith("Updated: Crab isgri image 28-40 keV, https://gallery.invalid/node/42\n")


def test_the_link_is_shown_with_the_run(tmp_path: Path, do: Do, capsys: pytest.CaptureFixture[str]) -> None:
    run = ended_run(tmp_path / "data")
    (draft,) = drafted(run, tmp_path / "files")
    publish(run.store, draft, FakeGallery(httpx.Response(200, json=NODE)).door())
    assert command_line.main(["runs", "show", run.run_id]) == 0
    assert "Crab isgri image 28-40 keV: in the gallery of geneva since 20" in capsys.readouterr().out
    assert command_line.main(["runs", "show", run.run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gallery"][0]["link"] == "https://gallery.invalid/node/42"


def test_a_simulated_run_is_refused_with_a_sentence(tmp_path: Path, do: Do) -> None:
    run = ended_run(tmp_path / "data", host_type="simulated", upload_to_gallery=True)
    for words in (("preview", run.run_id), ("publish", run.run_id, "--yes")):
        code, _, sentence = do(*words)
        assert code == 2
        assert "simulated and never goes to the gallery" in sentence
