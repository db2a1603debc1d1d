"""The importable name for notebooks: `from integral_dashboard import explore`.

Nothing is loaded before it is used: what reads products in a script needs no page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integral_dashboard.exploring import explore

__all__ = ["explore"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from integral_dashboard import exploring

    return getattr(exploring, name)
