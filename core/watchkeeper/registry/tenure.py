"""What was in production when, told from the history of stage changes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from watchkeeper.domain.model import Stage, VersionNumber

from .stages import ChangeKind, StageChange


@attrs.frozen
class Tenure:
    """A version's time in production; it can have several."""

    model: str
    number: VersionNumber
    since_us: int
    """UTC, microseconds since 1970."""
    until_us: int | None
    """None while it is in production."""
    by: str
    """Who put it there."""
    generation: int

    @property
    def ref(self) -> str:
        """``name@1.4.0``."""
        return f"{self.model}@{self.number}"


def tenures(history: Sequence[StageChange]) -> tuple[Tenure, ...]:
    """Every time in production, first to last; they do not overlap. `history` is a model's, in order."""
    found: list[Tenure] = []
    for change in history:
        leaves = change.after is Stage.RETIRED and change.before is Stage.PRODUCTION
        if found and found[-1].until_us is None and (leaves or change.after is Stage.PRODUCTION):
            found[-1] = attrs.evolve(found[-1], until_us=change.at_us)
        if change.after is Stage.PRODUCTION:
            found.append(Tenure(change.model, change.number, change.at_us, None, change.by, change.generation))
    return tuple(found)


def tenure_at(history: Sequence[StageChange], at_us: int) -> Tenure | None:
    """Who was in production at a moment; None when nobody was. The later of two that share the moment counts."""
    for tenure in reversed(tenures(history)):
        if tenure.since_us <= at_us and (tenure.until_us is None or at_us < tenure.until_us):
            return tenure
    return None


def rollback_targets(history: Sequence[StageChange]) -> tuple[VersionNumber, ...]:
    """What there is to go back to, the next one first.

    Promotions to production put a version on a pile and rollbacks take them off down to the one that is wanted, so that
    a second rollback goes further back instead of forward to the version that was just found wanting.
    """
    pile: list[VersionNumber] = []
    is_vacant = True
    for change in history:
        if change.kind is ChangeKind.RETIRE:
            is_vacant = True
        elif change.after is Stage.PRODUCTION:
            is_vacant = False
            if change.kind is ChangeKind.ROLL_BACK and change.number in pile:
                del pile[pile.index(change.number) :]
            elif change.number in pile:
                pile.remove(change.number)
            pile.append(change.number)
    former = pile if is_vacant else pile[:-1]
    return tuple(reversed(former))


def been_in_production(history: Sequence[StageChange]) -> frozenset[VersionNumber]:
    """Every version that ever was in production."""
    return frozenset(change.number for change in history if change.after is Stage.PRODUCTION)
