"""Moving a version to its next stage in one commit, so that of several who try at once one wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Operation
from watchkeeper.domain.errors import Conflict, UsageError
from watchkeeper.domain.model import Stage, Version, VersionNumber

from .acting import Acting
from .catalogue import Catalogue
from .pages import page_puts
from .records import change_put, version_of, version_put
from .refs import Ref
from .stages import ChangeKind, StageChange, check_legal
from .tenure import been_in_production, rollback_targets

_ATTEMPTS: Final = 200
Conditions = Callable[[Version], Sequence[Operation]]
"""What must hold before a version goes to production: raises NotAllowed, or returns operations that assert it."""


@attrs.frozen
class Move:
    """What is wanted."""

    stage: Stage
    kind: ChangeKind = ChangeKind.PROMOTE
    reason: str = ""
    expect: int | None = None
    """The generation that the decision was made on, None: the one found now."""


@attrs.frozen
class _Standing:
    """What a move is decided on."""

    version: Version
    revision: int
    production: Document | None
    last: StageChange | None

    @property
    def generation(self) -> int:
        return 0 if self.last is None else self.last.generation

    @property
    def holder(self) -> str | None:
        """Which version is in production."""
        return None if self.production is None else self.production.key

    def decides_alike(self, other: _Standing, stage: Stage) -> bool:
        """Whether a move to `stage` means the same now; other versions' other changes do not matter."""
        is_same_version = self.version.stage is other.version.stage
        return is_same_version and (stage is not Stage.PRODUCTION or self.holder == other.holder)


def moved(acting: Acting, ref: Ref, move: Move, conditions: Conditions) -> Version:
    """The version at its new stage, once that is committed; the one that it replaces has retired.

    Raises
    ------
    UsageError
        For an edge that is not legal.
    NotAllowed
        When `conditions` are not met.
    Conflict
        When somebody else was first.
    """
    first = seen = _standing(acting.catalogue, ref)
    if move.expect is not None and seen.generation != move.expect:
        raise _lost(seen, move)
    _check(acting.catalogue, seen, move)
    for _ in range(_ATTEMPTS):
        try:
            return _committed(acting, seen, move, conditions(seen.version))
        except Conflict as error:
            seen = _standing(acting.catalogue, Ref(first.version.model, first.version.number))
            is_decided = move.expect == seen.generation or (
                move.expect is None and seen.decides_alike(first, move.stage)
            )
            if not is_decided:
                raise _lost(seen, move) from error
    raise Conflict(
        f"promoting {first.version.ref} was overtaken {_ATTEMPTS} times; nothing was changed: try again later"
    )


def rollback_target(catalogue: Catalogue, name: str, to: Ref | None) -> Ref:
    """Where a rollback goes: `to`, or what was in production before; a UsageError when there is nothing."""
    history = catalogue.history(name)
    if to is not None:
        return to
    for number in rollback_targets(history):
        ref = Ref(name, number)
        if catalogue.exists(ref):
            return ref
    holder = catalogue.in_production(name)
    now = "nothing is in production" if holder is None else f"{holder.key} is the first that was in production"
    raise UsageError(f"{name} has nothing to roll back to: {now}")


def _check(catalogue: Catalogue, seen: _Standing, move: Move) -> None:
    version = seen.version
    if move.kind is ChangeKind.PROMOTE:
        check_legal(version, move.stage)
    elif move.kind is ChangeKind.RETIRE and version.stage is not Stage.PRODUCTION:
        raise UsageError(f"{version.ref} is in {version.stage}; only the version in production can be retired so")
    elif move.kind is ChangeKind.ROLL_BACK:
        if version.stage is Stage.PRODUCTION:
            raise UsageError(f"{version.ref} is in production already; nothing was changed")
        former = been_in_production(catalogue.history(version.model))
        if version.number not in former:
            told = ", ".join(str(number) for number in sorted(former, reverse=True)) or "none"
            raise UsageError(
                f"{version.ref} was never in production, so it is nothing to roll back to (there were {told}): "
                "promote it"
            )


def _standing(catalogue: Catalogue, ref: Ref) -> _Standing:
    # the generation first: whatever changes after this read is then refused by the commit
    last = catalogue.last_change(ref.model)
    document = catalogue.document(ref)
    return _Standing(version_of(document), document.revision, catalogue.in_production(ref.model), last)


def _committed(acting: Acting, seen: _Standing, move: Move, conditions: Sequence[Operation]) -> Version:
    now = attrs.evolve(seen.version, stage=move.stage)
    leaves = _leaving(seen, move)
    change = StageChange(
        model=now.model,
        generation=seen.generation + 1,
        number=now.number,
        before=seen.version.stage,
        after=move.stage,
        at_us=acting.clock.now_us(),
        by=acting.actor,
        replaced=None if leaves is None else leaves.number,
        kind=move.kind,
        reason=move.reason,
    )
    operations: list[Operation] = [version_put(now, expect=seen.revision), change_put(change)]
    if leaves is not None and seen.production is not None:
        operations.append(version_put(leaves, expect=seen.production.revision))
    told = {
        "digest": now.digest,
        "from": change.before,
        "to": move.stage,
        "replaced": None if leaves is None else leaves.ref,
        "generation": change.generation,
        "reason": move.reason,
    }
    pages = page_puts(acting.storage, [now] if leaves is None else [now, leaves])
    acting.storage.commit([*operations, *pages, *conditions, acting.entry(move.kind, now.ref, **told)])
    return now


def _leaving(seen: _Standing, move: Move) -> Version | None:
    """The version that leaves production for this one, as it is afterwards."""
    if move.stage is not Stage.PRODUCTION or seen.production is None:
        return None
    return attrs.evolve(version_of(seen.production), stage=Stage.RETIRED)


def _lost(now: _Standing, move: Move) -> Conflict:
    told = "nothing has changed yet"
    if now.last is not None:
        told = f"{now.last.by} moved {now.last.ref} to {now.last.after} (change {now.last.generation})"
    return Conflict(
        f"{now.version.ref} was not promoted to {move.stage}: {told}, and {now.holder or 'no version'} is in "
        "production now; look again and decide again"
    )


def numbers_in_use(catalogue: Catalogue, name: str, keep: int) -> frozenset[VersionNumber]:
    """The version in production and the last `keep` that a rollback would go to."""
    history = catalogue.history(name)
    holder = catalogue.in_production(name)
    kept = list(rollback_targets(history)[:keep])
    if holder is not None:
        kept.append(version_of(holder).number)
    return frozenset(kept)
