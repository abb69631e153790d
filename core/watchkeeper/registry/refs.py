"""How a version is named: by number, by stage, or as the latest."""

from __future__ import annotations

import attrs

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Stage, VersionNumber, checked_name
from watchkeeper.domain.nearest import did_you_mean

LATEST = "latest"


@attrs.frozen
class Ref:
    """``momentum@1.4.0``, ``momentum@production`` or ``momentum@latest``, taken apart.

    Examples
    --------
    >>> Ref.parse("momentum@1.4.0").number
    VersionNumber(major=1, minor=4, patch=0)
    >>> Ref.parse("momentum@production").stage
    <Stage.PRODUCTION: 'production'>
    """

    model: str
    number: VersionNumber | None = None
    stage: Stage | None = None
    """With neither number nor stage, the latest: the greatest number."""

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
        raise UsageError(
            f"{which!r} in {text!r} is neither a number such as 1.4.0, nor {LATEST}, nor one of the stages "
            f"{', '.join(Stage)}{did_you_mean(which, [LATEST, *map(str, Stage)])}"
        )
