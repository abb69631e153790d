"""Matchers: which alerts are meant, by what they are about."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import UsageError

_WRITTEN: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*(!?=)\s*(.+)", re.DOTALL)
_LONGEST_PATTERN: Final = 200
_MOST_STARS: Final = 8


@attrs.frozen
class Matcher:
    """One label of an alert and what it must be: ``model=momentum``, ``feature=vol*``, ``severity!=info``.

    ``*`` stands for any letters, ``?`` for one. Labels are ``rule``, ``model``, ``version``, ``severity`` and those of
    the alert; one that the alert does not have is empty.

    Examples
    --------
    >>> str(Matcher.parse("feature = vol*"))
    'feature=vol*'
    """

    label: str
    pattern: str
    is_negated: bool = False

    def __attrs_post_init__(self) -> None:
        if len(self.pattern) > _LONGEST_PATTERN or self.pattern.count("*") > _MOST_STARS:
            raise UsageError(
                f"a pattern has at most {_LONGEST_PATTERN} characters and {_MOST_STARS} stars, found "
                f"{len(self.pattern)} and {self.pattern.count('*')}: use several matchers"
            )

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Read ``label=pattern`` or ``label!=pattern``."""
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"{text!r} is no matcher: expected label=pattern, such as model=momentum or feature!=vol*")
        return cls(found[1], found[3], found[2] == "!=")

    def fits(self, alert: Alert) -> bool:
        """Whether the alert is meant."""
        return fnmatch.fnmatchcase(label_of(alert, self.label), self.pattern) is not self.is_negated

    def __str__(self) -> str:
        return f"{self.label}{'!=' if self.is_negated else '='}{self.pattern}"


def label_of(alert: Alert, label: str) -> str:
    """What the alert has under that label, "" when it has none."""
    if label == "model":
        return alert.model
    if label == "rule":
        return alert.rule
    if label == "severity":
        return str(alert.severity)
    if label == "version":
        return alert.version or ""
    return alert.labels.get(label, "")


def fits_all(matchers: Iterable[Matcher], alert: Alert) -> bool:
    """Whether every matcher means the alert."""
    return all(matcher.fits(alert) for matcher in matchers)
