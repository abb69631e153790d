"""Names that no feature can have, as they are those of something else that is stored or measured beside features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

RESERVED_NAMES: Final = ("time", "id", "prediction", "outcome", "version", "all features")
"""The columns of every stored row, and what is measured under a name where features are."""


def reserved(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that no feature can have, in their order."""
    return tuple(name for name in names if name in RESERVED_NAMES)
