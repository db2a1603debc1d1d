"""News are one printable line as a subject, say SIMULATED, and hold no token, whatever a run is called."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.dispatcher.token import MASK
from dashboard.notices.news import LONGEST_FIELD, WAYS_ON
from tests.notices.crab_news import crab_news
from tests.signed import signed

ANY = st.text(st.characters(), max_size=400)


def test_the_subject_says_what_became_of_what() -> None:
    assert crab_news().subject == "INTEGRAL run Crab: done (20 of 20 batches)"
    failed = crab_news(state="done with failures", line_of_truth="18 of 20 batches (2 failed), 9 of 10 ScW, SIMULATED", simulated=True)
    assert failed.subject == "INTEGRAL run Crab: done with failures (18 of 20 batches, 2 failed), SIMULATED"
    assert crab_news(state="review", line_of_truth="").subject == "INTEGRAL run Crab: waits for its owner"
    assert crab_news(name=" \n ").subject.startswith("INTEGRAL run 7f3a: ")


@given(ANY, ANY, ANY, ANY, st.booleans())
def test_the_subject_is_one_short_printable_line(name: str, reason: str, state: str, truth: str, simulated: bool) -> None:
    news = crab_news(name=name, reason=reason, state=state, line_of_truth=truth, simulated=simulated)
    assert news.subject.isprintable()
    assert len(news.subject) <= 200
    assert news.subject.endswith(", SIMULATED") or not simulated
    assert all(line.isprintable() for line in news.text.split("\n"))
    json.dumps(news.to_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize("state", [*WAYS_ON, "of another kind"])
def test_the_text_says_how_to_go_on(state: str) -> None:
    text = crab_news(state=state, reason="Its token has expired.", simulated=True).text
    for part in (
        "\nTo go on: ",
        "Reason: Its token has expired.\n",
        "Page: https://dashboard.example.org/app?run=7f3a\n",
        "1.43 Ms",
        "of ada",
    ):
        assert part in text
    assert "SIMULATED: " in text
    assert "{" not in text
    bare = crab_news(state=state, address="").text
    assert not any(part in bare for part in ("Page:", "Reason:", "SIMULATED"))


@pytest.mark.parametrize("field", ["run_id", "name", "owner", "state", "line_of_truth", "reason", "address"])
@pytest.mark.parametrize("before", ["", "x ", "\n", "\x00", "\u200b", "?token=", "y" * (LONGEST_FIELD - 20) + " "])
def test_tokens_stand_nowhere(field: str, before: str) -> None:
    token = signed("unige-hpc-full")
    news = crab_news(**{field: f"{before}{token} and more"})
    assert MASK in getattr(news, field)
    for shown in (news.subject, news.text, json.dumps(news.to_dict()), repr(news)):
        assert not any(part in shown for part in (token, "eyJ", token.rpartition(".")[2]))


def test_what_is_told_has_bounds() -> None:
    news = crab_news(reason="long " * 10_000)
    assert len(news.reason) <= LONGEST_FIELD
    assert news.reason.endswith("…")
