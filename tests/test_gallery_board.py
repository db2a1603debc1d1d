"""Galleries are looked up once for all sessions, and one's own products are known among the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.archive.gallery_list import GalleryProduct
from dashboard.gallery_board import FRESH_SECONDS, GalleryAnswer, GalleryBoard, gallery_host, own_publication
from dashboard.runs.publication import Publication
from dashboard.runs.store import RunStore
from dashboard.settings import Settings
from tests.gallery.gallery_server import GalleryServer, gallery_server, settings_with
from tests.gallery.real_sky import full_run
from tests.waiting import wait_until

MINE = Publication("0123456789abcdef", "institute", 0, "", "Crab isgri image", "https://gallery.invalid/node/42", 1, 0.0)


@pytest.fixture
def gallery() -> Iterator[GalleryServer]:
    with gallery_server() as server:
        yield server


def found(board: GalleryBoard, source: str = "Crab") -> GalleryAnswer:
    answer = board.ask("institute", source)
    wait_until(lambda: answer.ready, "the gallery does not answer")
    return answer


def test_a_source_is_looked_up_once_an_hour_or_until_something_is_published(tmp_path: Path, gallery: GalleryServer) -> None:
    board = GalleryBoard(settings_with(tmp_path, gallery))
    answer = found(board)
    assert answer.products is not None
    assert [product.title for product in answer.products] == ["Crab JEM-X image", "Crab spectrum"]
    assert found(board) is answer
    assert found(board, "Vela X-1").products == ()
    assert gallery.asked == ["Crab", "Vela X-1"]
    answer.asked_at -= FRESH_SECONDS + 1
    newer = found(board)
    assert newer is not answer
    board.forget("institute")
    assert found(board) is not newer
    assert gallery.asked == ["Crab", "Vela X-1", "Crab", "Crab"]


def test_a_gallery_that_is_away_is_a_sentence_and_asked_again(tmp_path: Path, gallery: GalleryServer) -> None:
    board = GalleryBoard(settings_with(tmp_path, gallery))
    gallery.away = True
    answer = found(board)
    assert answer.products is None
    assert "The gallery of institute" in answer.problem
    gallery.away = False
    assert found(board).products


def test_beside_a_simulated_run_the_real_sky_is_looked_up(tmp_path: Path, gallery: GalleryServer) -> None:
    settings = settings_with(tmp_path, gallery)
    run = full_run(settings)
    state = RunStore(settings).state(run.run_id)
    assert gallery_host(settings, state, "simulated") == "institute"
    assert gallery_host(settings, replace(state, host="simulated"), "simulated") == "institute"
    everywhere = Settings.from_environment({"INTEGRAL_DASHBOARD_DATA": str(tmp_path / "data")})
    assert gallery_host(everywhere, None, "simulated") == "production"
    assert gallery_host(everywhere, None, "staging") == "staging"
    assert gallery_host(replace(settings, hosts={"simulated": settings.hosts["simulated"]}), None, "simulated") == ""


def test_ones_own_are_known_by_their_id_or_the_end_of_their_link() -> None:
    assert own_publication(GalleryProduct("any", {"product_id": MINE.product_id}), (MINE,)) is MINE
    assert own_publication(GalleryProduct("any", {"nid": "42"}), (MINE,)) is MINE
    for facts in ({}, {"nid": "2"}, {"nid": "142"}, {"nid": ""}, {"product_id": "other"}):
        assert own_publication(GalleryProduct(MINE.title, facts), (MINE, replace(MINE, link=""))) is None


def test_publications_of_all_runs_are_their_owners_alone(tmp_path: Path, gallery: GalleryServer) -> None:
    settings = settings_with(tmp_path, gallery)
    store, (first, second) = RunStore(settings), (full_run(settings), full_run(settings))
    store.published(first.run_id, MINE)
    store.published(second.run_id, replace(MINE, product_id="other", published=5.0))
    assert [known.product_id for known in RunStore(settings, "local").gallery_of("institute")] == ["other", MINE.product_id]
    assert store.gallery_of("production") == ()
    assert RunStore(settings, "somebody else").gallery_of("institute") == ()
