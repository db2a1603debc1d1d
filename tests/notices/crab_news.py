"""News of a run on the Crab, and a word that must stand nowhere."""

from __future__ import annotations

from typing import Any

from dashboard.notices.news import News

SECRET = "hunter2-5ecret"


def crab_news(**changes: Any) -> News:
    values = {
        "run_id": "7f3a",
        "name": "Crab",
        "owner": "ada",
        "state": "done",
        "line_of_truth": "20 of 20 batches, 1000 of 1000 ScW, 1.43 Ms, OSA11.2, CONS",
        "reason": "",
        "simulated": False,
        "address": "https://dashboard.example.org/app?run=7f3a",
    }
    return News(**{**values, **changes})
