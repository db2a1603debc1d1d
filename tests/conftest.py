"""Fixtures every room shares."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real INTEGRAL products and recorded exchanges, kept outside the project."""
    folder = (ROOT / "../shared/data").resolve()
    if not (folder / "integral").is_dir():
        pytest.skip("real INTEGRAL data not found at ../shared/data")
    return folder
