"""Moving a version to its next stage in one commit, so that of several who try at once one wins."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Operation, Storage
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.model import Stage, Version

from .catalogue import Catalogue
from .records import audit_entry, change_put, version_of, version_put
from .refs import Ref
from .stages import StageChange, check_legal

_ATTEMPTS: Final = 200


@attrs.frozen
class _Standing:
    """What a promotion is decided on."""

    version: Version
    revision: int
    production: Version | None
    production_revision: int
    last: StageChange | None

    @property
    def generation(self) -> int:
        return 0 if self.last is None else self.last.generation

    def decides_alike(self, other: _Standing, stage: Stage) -> bool:
        """Whether a promotion to `stage` means the same now; other versions' other changes do not matter."""
        is_same_version = self.version.stage is other.version.stage
        return is_same_version and (stage is not Stage.PRODUCTION or self.production == other.production)


def promoted(storage: Storage, ref: Ref, stage: Stage, expect: int | None, by: tuple[str, int]) -> Version:
    """The version at its new stage, once that is committed; the one that it replaces has retired.

    Parameters
    ----------
    expect
        The generation that the decision was made on, None: the one found now.
    by
        Who promotes, and when (UTC, microseconds since 1970).

    Raises
    ------
    UsageError
        For an edge that is not legal.
    Conflict
        When somebody else was first.
    """
    catalogue = Catalogue(storage)
    first = seen = _standing(catalogue, ref)
    if expect is not None and seen.generation != expect:
        raise _lost(seen, stage)
    check_legal(seen.version, stage)
    for _ in range(_ATTEMPTS):
        try:
            return _committed(storage, seen, stage, by)
        except Conflict as error:
            seen = _standing(catalogue, Ref(first.version.model, first.version.number))
            if expect is not None or not seen.decides_alike(first, stage):
                raise _lost(seen, stage) from error
    raise Conflict(
        f"promoting {first.version.ref} was overtaken {_ATTEMPTS} times; nothing was changed: try again later"
    )


def _standing(catalogue: Catalogue, ref: Ref) -> _Standing:
    # the generation first: whatever changes after this read is then refused by the commit
    last = catalogue.last_change(ref.model)
    document = catalogue.document(ref)
    production = catalogue.in_production(ref.model)
    return _Standing(
        version_of(document),
        document.revision,
        None if production is None else version_of(production),
        0 if production is None else production.revision,
        last,
    )


def _committed(storage: Storage, seen: _Standing, stage: Stage, by: tuple[str, int]) -> Version:
    actor, now_us = by
    now = attrs.evolve(seen.version, stage=stage)
    leaves = seen.production if stage is Stage.PRODUCTION else None
    change = StageChange(
        model=now.model,
        generation=seen.generation + 1,
        number=now.number,
        before=seen.version.stage,
        after=stage,
        at_us=now_us,
        by=actor,
        replaced=None if leaves is None else leaves.number,
    )
    operations: list[Operation] = [version_put(now, expect=seen.revision), change_put(change)]
    if leaves is not None:
        operations.append(version_put(attrs.evolve(leaves, stage=Stage.RETIRED), expect=seen.production_revision))
    told = {
        "from": change.before,
        "to": stage,
        "replaced": None if leaves is None else leaves.ref,
        "generation": change.generation,
    }
    storage.commit([*operations, audit_entry("promote", now, by, told)])
    return now


def _lost(now: _Standing, stage: Stage) -> Conflict:
    told = "nothing has changed yet"
    if now.last is not None:
        told = f"{now.last.by} moved {now.last.ref} to {now.last.after} (change {now.last.generation})"
    holder = "no version" if now.production is None else now.production.ref
    return Conflict(
        f"{now.version.ref} was not promoted to {stage}: {told}, and {holder} is in production now; look again and "
        "decide again"
    )
