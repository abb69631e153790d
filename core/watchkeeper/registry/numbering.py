"""The number of the next version: schema change, retraining, saved again."""

from __future__ import annotations

from typing import Final

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Task, Version, VersionNumber

FIRST: Final = VersionNumber(1, 0, 0)
_DIGITS: Final = 9


def next_number(latest: Version | None, digest: str, features: tuple[str, ...], task: Task | None) -> VersionNumber:
    """The number that follows the model's greatest one.

    - **major** when the schema changed: other features, another order of them, or another task. What one of the two
      versions did not state is no change.
    - **patch** when the artifact's bytes are those of the latest version: it was saved again.
    - **minor** otherwise: it was trained again.

    Examples
    --------
    >>> str(next_number(None, "ab12", ("ret1",), Task.CLASSIFICATION))
    '1.0.0'
    """
    if latest is None:
        return FIRST
    number = latest.number
    if _differ(latest.features, features) or _differ(latest.task, task):
        return VersionNumber(number.major + 1, 0, 0)
    if latest.digest == digest:
        return VersionNumber(number.major, number.minor, number.patch + 1)
    return VersionNumber(number.major, number.minor + 1, 0)


def sortable(number: VersionNumber) -> str:
    """The number as text that sorts as numbers do; a UsageError past nine digits."""
    parts = (number.major, number.minor, number.patch)
    if max(parts) >= 10**_DIGITS:
        raise UsageError(f"{number} cannot be kept: expected each of its parts below {10**_DIGITS}")
    return ".".join(f"{part:0{_DIGITS}d}" for part in parts)


def _differ(before: object, now: object) -> bool:
    return bool(before and now and before != now)
