"""A model, its immutable versions, and the stages that a version goes through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

import attrs

from .errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,99}")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Task(StrEnum):
    """What a model's predictions are."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    SCORE = "score"


class Stage(StrEnum):
    """Where a version stands in its life."""

    TRAINING = "training"
    STAGING = "staging"
    PRODUCTION = "production"
    RETIRED = "retired"


def checked_name(name: str, what: str = "model name") -> str:
    """The name itself, or a UsageError: letters, digits, ``_ . -``, 100 at most, first a letter or digit.

    Two dots in a row, and what some systems keep for devices (``con``, ``nul``), are refused too: a name becomes part
    of paths when versions are exported.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise UsageError(
            f"{name!a} is not a {what}: expected 1 to 100 of A-Z a-z 0-9 _ . -, beginning with a letter or digit, "
            "and not ending in a dot, nor with two dots in a row"
        )
    if _RESERVED.fullmatch(name):
        raise UsageError(f"{name!r} is not a {what}: some systems keep that word for a device; choose another")
    return name


@attrs.frozen(order=True)
class VersionNumber:
    """A semantic version: schema change, retraining, saved again."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> VersionNumber:
        """Read ``1.4.0``."""
        found = _NUMBER.fullmatch(text)
        if not found:
            raise UsageError(f"{text!r} is not a version: expected three numbers such as 1.4.0")
        return cls(*(int(part) for part in found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@attrs.frozen
class TrainingData:
    """Which rows a version was trained on: enough to tell whether others are the same."""

    rows: int
    columns: Mapping[str, str]
    """SHA-256 of each column, hexadecimal, in the rows' own order of columns."""
    first_us: int | None = None
    """The earliest row, UTC microseconds; None when no time was stated."""
    last_us: int | None = None
    source: str = ""
    """Where they came from, in the caller's words: a query, a file."""


@attrs.frozen
class Version:
    """One immutable version of a model, as the registry holds it."""

    model: str
    number: VersionNumber
    stage: Stage
    format: str
    digest: str
    """SHA-256 of the artifact, hexadecimal."""
    size: int
    """Bytes of the artifact."""
    created_us: int
    """UTC, microseconds since 1970."""
    created_by: str
    task: Task | None = None
    metrics: Mapping[str, float] = attrs.field(factory=dict)
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict)
    parents: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    format_record: Mapping[str, str] = attrs.field(factory=dict)
    """What the format plugin needs to load it again, such as trusted types."""
    features: tuple[str, ...] = ()
    """The model's inputs in column order; empty when they were not stated."""
    reference_digest: str | None = None
    """SHA-256 of the reference rows kept with it, None when there are none."""
    code: str | None = None
    """The revision of the code that made it, None when it is not known."""
    training_data: TrainingData | None = None
    card: Mapping[str, str] = attrs.field(factory=dict)
    """The model card: section to text, such as ``intended use``."""

    @property
    def ref(self) -> str:
        """``name@1.4.0``."""
        return f"{self.model}@{self.number}"
