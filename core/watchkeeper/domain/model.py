"""A model, its immutable versions, and the stages that a version goes through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

import attrs

from .errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
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
    """The name itself, or a UsageError: letters, digits, ``_ . -``, 100 at most, first a letter or digit."""
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise UsageError(
            f"{name!r} is not a {what}: expected 1 to 100 of A-Z a-z 0-9 _ . -, beginning with a letter or digit, "
            "and not ending in a dot"
        )
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

    @property
    def ref(self) -> str:
        """``name@1.4.0``."""
        return f"{self.model}@{self.number}"
