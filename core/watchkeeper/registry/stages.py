"""The life of a version: which stage may follow which, and the record of each change."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Stage, Version, VersionNumber

NEXT: Final = {
    Stage.TRAINING: (Stage.STAGING,),
    Stage.STAGING: (Stage.PRODUCTION, Stage.RETIRED),
    Stage.PRODUCTION: (),
    Stage.RETIRED: (),
}
"""What `promote` may do. A version leaves production only when another takes its place, or by `retire`."""


class ChangeKind(StrEnum):
    """Why a version changed its stage."""

    PROMOTE = "promote"
    ROLL_BACK = "rollback"
    """A former version is in production again."""
    RETIRE = "retire"
    """A version left production, and no other took its place."""


@attrs.frozen
class StageChange:
    """A version went from one stage to the next; a model's changes are numbered without a gap."""

    model: str
    generation: int
    """Counts from 1 for each model."""
    number: VersionNumber
    before: Stage
    after: Stage
    at_us: int
    """UTC, microseconds since 1970."""
    by: str
    replaced: VersionNumber | None = None
    """The version that left production for this one, in the same commit."""
    kind: ChangeKind = ChangeKind.PROMOTE
    reason: str = ""

    @property
    def ref(self) -> str:
        """``name@1.4.0``."""
        return f"{self.model}@{self.number}"


def check_legal(version: Version, stage: Stage) -> None:
    """Pass, or raise a UsageError that names the legal stages."""
    if stage in NEXT[version.stage]:
        return
    if version.stage is stage:
        raise UsageError(f"{version.ref} is in {stage} already; nothing was changed")
    raise UsageError(f"{version.ref} cannot go from {version.stage} to {stage}: {_way_out(version)}")


def _way_out(version: Version) -> str:
    legal = NEXT[version.stage]
    if legal:
        return f"from {version.stage} it can go to {' or '.join(legal)}"
    if version.stage is Stage.PRODUCTION:
        return (
            "it retires when another version is promoted to production, so promote its successor, roll back, or retire "
            "it without a successor"
        )
    return (
        "a retired version stays retired; register the model again to use it, or roll back to it if it was in "
        "production"
    )
