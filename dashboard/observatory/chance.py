"""Chance that repeats: random numbers that are a function of what they belong to."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def seed_of(*parts: object) -> int:
    """64-bit seed that any change in any part changes."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest(), "little")


def generator(*parts: object) -> np.random.Generator:
    """Generator whose numbers are a function of `parts`."""
    return np.random.Generator(np.random.SFC64(seed_of(*parts)))


def uniform(keys: ArrayLike, *parts: object) -> NDArray[np.float64]:
    """One number in (0, 1) for each integer key: splitmix64 of the key, seeded by `parts`.

    Parameters
    ----------
    keys
        Integers of any shape, negative ones too.
    """
    with np.errstate(over="ignore"):
        z = np.asarray(keys, np.int64).astype(np.uint64) * _GOLDEN + np.uint64(seed_of(*parts))
        z = (z ^ (z >> np.uint64(30))) * _MIX[0]
        z = (z ^ (z >> np.uint64(27))) * _MIX[1]
    mixed: NDArray[Any] = z ^ (z >> np.uint64(31))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(keys: ArrayLike, *parts: object) -> NDArray[np.float64]:
    """One standard normal for each integer key (Box-Muller)."""
    return np.sqrt(-2.0 * np.log(uniform(keys, "r", *parts))) * np.cos(2.0 * np.pi * uniform(keys, "phi", *parts))
