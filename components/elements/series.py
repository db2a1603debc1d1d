"""What tells several instruments or bands in one picture apart."""

from __future__ import annotations

from typing import Final

COLOURS: Final = ("#1f78c8", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7d8a99") * 4
"""Told apart by colour-blind eyes, on light and on dark; after Okabe and Ito (2008), the first two darkened."""

ACCENT: Final = "#2f7de1"
"""What is selected, as a band; seen on light and on dark."""
