"""ISLA is asked once for all sessions of a process, never for a simulated host, and what fails becomes a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from dashboard.archive.packed_files import unpacked
from dashboard.archive.ready_made import ReadyEpoch, spectra_of
from dashboard.identity import Identity
from dashboard.ready_board import KEPT, Answer, ReadyAim, ReadyBoard, binned, ready_aim, ready_board
from dashboard.session import Session
from dashboard.settings import Settings
from tests.archive.fake_isla import CRAB, EPOCHS, SOURCE_ID, FakeIsla, spectrum_files, standing, tarred
from tests.published import PublishedRun
from tests.runs.sky_dispatcher import plan_of, settings_in
from tests.spectra import spectrum as toy_spectrum
from tests.test_session import looking, no_worker  # noqa: F401
from tests.waiting import wait_until

T = TypeVar("T")
AIM = ReadyAim("institute", "Crab", *CRAB)
ISGRI = ReadyEpoch("isgri", "1", EPOCHS[2], (("28_40", "11"),))


def known(answer: Answer[T]) -> Answer[T]:
    wait_until(lambda: answer.value is not None or bool(answer.problem), "ISLA's answer does not come")
    return answer


def settings_with(folder: Path, url: str, **host: Any) -> Settings:
    """A host "institute" that asks this ISLA, beside the simulated one; its timesystem stands there, too."""
    plain = settings_in(folder)
    institute = replace(plain.hosts["production"].at(url.removesuffix("/tap")), name="institute", isla_url=url, **host)
    return replace(plain, hosts={**plain.hosts, "institute": institute})


@pytest.fixture
def isla() -> FakeIsla:
    return FakeIsla()


@pytest.fixture
def settings(isla: FakeIsla, tmp_path: Path) -> Iterator[Settings]:
    with standing(isla) as url:
        yield settings_with(tmp_path, url)


def test_a_target_is_one_question_for_all_sessions(settings: Settings, isla: FakeIsla) -> None:
    with ThreadPoolExecutor(8) as sessions:
        answers = list(sessions.map(lambda _: ready_board(settings).offer(AIM), range(40)))
    assert all(answer is answers[0] for answer in answers)
    known(answers[0])
    assert answers[0].value is not None
    assert answers[0].value.source.name == "Crab"
    assert isla.asked == ["sources", "instruments", "epochs"]


def test_products_are_asked_for_when_they_are_wanted_and_kept_small(settings: Settings, isla: FakeIsla) -> None:
    board = ReadyBoard(settings)
    spectra = board.spectra("institute", SOURCE_ID, ISGRI)
    known(spectra)
    assert spectra.value is not None
    (spectrum,) = spectra.value
    assert isla.asked == ["spectra", "spectras"]
    assert (spectrum.instrument, spectrum.exposure, spectrum.start) == ("isgri", 42904.4, 54788.5)
    whole = toy_spectrum()
    inside = (whole.energy >= 20) & (whole.energy < 150)
    assert len(spectrum.bins.rate) == inside.sum() == 16
    assert spectrum.bins.rate.sum() == pytest.approx(whole.rate[inside].sum(), rel=1e-6)
    assert board.spectra("institute", SOURCE_ID, ISGRI) is spectra
    assert not hasattr(spectrum, "redistribution")


def test_a_spectrum_outside_the_range_is_drawn_in_its_channels() -> None:
    (ready,) = spectra_of(unpacked(tarred(spectrum_files())))
    low = replace(ready.spectrum, redistribution=replace(ready.spectrum.redistribution, e_min=ready.spectrum.redistribution.e_min / 100))
    outside = replace(low, redistribution=replace(low.redistribution, e_max=low.redistribution.e_max / 100))
    assert len(binned(replace(ready, spectrum=outside)).bins.rate) == 24


def test_what_fails_is_a_sentence_and_is_tried_again_after_a_while(
    settings: Settings, isla: FakeIsla, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.ready_board.SILENT_SECONDS", 0.0)
    isla.broken["sources"] = lambda _: httpx.Response(404, text="gone")
    board = ReadyBoard(settings)
    failed = known(board.offer(AIM))
    assert "ESA's ISLA" in failed.problem
    assert "HTTP status 404" in failed.problem
    isla.broken.clear()
    assert known(board.offer(AIM)).value is not None


def test_what_isla_does_not_know_is_not_asked_again(settings: Settings, isla: FakeIsla) -> None:
    board, elsewhere = ReadyBoard(settings), replace(AIM, dec=-60.0)
    assert "no source within 3'" in known(board.offer(elsewhere)).problem
    board.offer(elsewhere)
    assert isla.asked == ["sources"]


def test_only_the_newest_answers_are_kept(settings: Settings) -> None:
    board = ReadyBoard(settings)
    first = board.offer(AIM)
    for number in range(KEPT):
        board.offer(replace(AIM, name=f"source {number}"))
    assert board.offer(AIM) is not first


def test_an_unforeseen_error_is_a_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("dashboard.ready_board.isla_of", fail)
    assert "(ZeroDivisionError)" in known(ReadyBoard(settings).offer(AIM)).problem


@pytest.mark.parametrize(
    ("revolutions", "nearest"),
    [(None, EPOCHS[2]), ((1, 40), EPOCHS[0]), ((200, 300), EPOCHS[1]), ((500, 2000), EPOCHS[2]), ((240, 250), EPOCHS[1])],
)
def test_the_epoch_nearest_to_the_run_comes_first(revolutions: tuple[int, int] | None, nearest: str) -> None:
    epochs = [replace(ISGRI, epoch=epoch) for epoch in EPOCHS]
    assert replace(AIM, revolutions=revolutions).nearest(epochs).epoch == nearest


def aimed(folder: Path, change: Callable[[Session], None], **host: Any) -> ReadyAim | None:
    session = Session(settings_with(folder, "http://127.0.0.1:9/tap", **host), Identity())
    change(session)
    return ready_aim(session)


def test_a_simulated_host_has_no_aim_at_the_real_sky(tmp_path: Path) -> None:
    def choose(session: Session) -> None:
        session.request.host_type = "institute"
        session.request.param.update(RA=CRAB[0], DEC=CRAB[1])

        def resolved() -> bool:
            session.refresh()
            return session.ahead.target is not None

        wait_until(resolved, "the target does not become known")

    found = aimed(tmp_path, choose)
    assert found is not None
    assert (found.host, found.ra, found.dec) == ("institute", *CRAB)
    assert aimed(tmp_path, choose, other_archives=False) is None
    assert aimed(tmp_path, lambda session: None) is None


def test_a_run_says_where_and_when(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "http://127.0.0.1:9/tap")
    run = PublishedRun(settings, plan_of(4, host_type="institute"))
    found = ready_aim(looking(run))
    assert found is not None
    assert (found.host, found.name, found.revolutions) == ("institute", "Crab", (665, 665))
    assert found.span == pytest.approx((51544 + 1600.12, 51544 + 1600.23), abs=1e-6)
    assert ready_aim(looking(PublishedRun(settings, plan_of(4)))) is None
