"""What every test of the run store leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dashboard.runs.database import close_databases
from tests.runs.sky_dispatcher import POSTGRES


@pytest.fixture(autouse=True)
def _connections() -> Iterator[None]:
    """A server has a hundred at most."""
    yield
    if POSTGRES in os.environ:
        close_databases()
