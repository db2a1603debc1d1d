"""What a dispatcher lets a user ask, by the roles of the token.

The rules are those of MMODA's plugin for INTEGRAL (dispatcher-plugin-integral, osa_dataserve_dispatcher.py, and for the
gallery dispatcher-app): a query that lacks a role is refused as a whole with HTTP 403.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard.request.checks import OSA_VERSIONS

ANYONE: Final = 50
"""Science windows in a query without any role."""
LARGE, HUGE, PRIVATE, NEAR_REAL_TIME, GALLERY = (
    "unige-hpc-full",
    "unige-hpc-extreme",
    "integral-private-qla",
    "integral-public-nrt",
    "gallery contributor",
)
WITH_LARGE: Final = 500


@dataclass(frozen=True, slots=True)
class Right:
    """Something that takes a role.

    Attributes
    ----------
    what
        In words.
    role
        That it takes.
    held
        Whether the user has it.
    """

    what: str
    role: str
    held: bool


def roles_of_batch(parameters: Mapping[str, Any]) -> frozenset[str]:
    """Roles without which the query of a batch is refused.

    Parameters
    ----------
    parameters
        As in `dashboard.plan.batch.Batch.parameters`.
    """
    windows, private = parameters["scw_list"], parameters.get("integral_data_rights") == "all-private"
    conditions = {
        LARGE: len(windows) > ANYONE,
        HUGE: len(windows) > WITH_LARGE,
        NEAR_REAL_TIME: not private and any(scw.endswith(".000") for scw in windows),
        PRIVATE: private or parameters.get("osa_version") not in OSA_VERSIONS,
    }
    return frozenset(role for role, needed in conditions.items() if needed)


def rights(roles: Collection[str]) -> tuple[Right, ...]:
    """All that takes a role, and whether it is held."""
    words = {
        LARGE: f"more than {ANYONE} ScW a batch",
        HUGE: f"more than {WITH_LARGE} ScW a batch",
        PRIVATE: "private data, development versions of OSA",
        NEAR_REAL_TIME: "near-real-time data",
        GALLERY: "upload to the gallery",
    }
    return tuple(Right(what, role, role in roles) for role, what in words.items())


def largest_batch(roles: Collection[str]) -> int | None:
    """Most science windows one query may hold; None for no limit."""
    if LARGE not in roles:
        return ANYONE
    return None if HUGE in roles else WITH_LARGE
