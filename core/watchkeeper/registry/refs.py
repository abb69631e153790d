"""How a version is named: by number, by stage, by an alias, or as the latest."""

from __future__ import annotations

import re
from typing import Final

import attrs

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Stage, VersionNumber, checked_name
from watchkeeper.domain.nearest import did_you_mean

LATEST: Final = "latest"
_ALIAS: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@attrs.frozen
class Ref:
    """``momentum@1.4.0``, ``momentum@production``, ``momentum@champion`` or ``momentum@latest``, taken apart.

    Examples
    --------
    >>> Ref.parse("momentum@1.4.0").number
    VersionNumber(major=1, minor=4, patch=0)
    >>> Ref.parse("momentum@production").stage
    <Stage.PRODUCTION: 'production'>
    >>> Ref.parse("momentum@champion").alias
    'champion'
    """

    model: str
    number: VersionNumber | None = None
    stage: Stage | None = None
    alias: str | None = None
    """With none of the three, the latest: the greatest number."""

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read one; a UsageError for anything else."""
        model, at, which = text.partition("@")
        if not at or not which:
            name = model or "momentum"
            raise UsageError(
                f"{text!r} does not say which version: expected a model's name with a number, a stage or the word "
                f"{LATEST}, such as {name}@1.4.0, {name}@production or {name}@{LATEST}"
            )
        checked_name(model)
        if which == LATEST:
            return cls(model)
        if which in set(Stage):
            return cls(model, stage=Stage(which))
        if which[0].isdigit():
            return cls(model, VersionNumber.parse(which))
        if _ALIAS.fullmatch(which):
            return cls(model, alias=which)
        raise UsageError(
            f"{which!a} in {text!a} is neither a number such as 1.4.0, nor {LATEST}, nor one of the stages "
            f"{', '.join(Stage)}, nor an alias in lower case{did_you_mean(which, [LATEST, *map(str, Stage)])}"
        )


def checked_alias(name: str) -> str:
    """The alias itself, or a UsageError: it may not be a stage, ``latest``, or look like a number."""
    if name == LATEST or name in set(Stage):
        raise UsageError(f"{name!r} cannot be an alias: it is a word of its own in references; choose another")
    if not _ALIAS.fullmatch(name):
        raise UsageError(
            f"{name!a} is not an alias: expected 1 to 63 of a-z 0-9 _ -, beginning with a letter, such as champion"
        )
    return name
