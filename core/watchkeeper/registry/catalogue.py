"""Finding versions in the store, and saying what there is when the one asked for is not there."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Storage
from watchkeeper.domain.errors import IntegrityError, NotFound
from watchkeeper.domain.model import Stage, Version
from watchkeeper.domain.nearest import did_you_mean

from .records import ALIASES, MODELS, STAGE_CHANGES, TOMBSTONES, VERSIONS, change_of, version_of
from .refs import LATEST, Ref
from .stages import StageChange

_MOST_TOLD: Final = 6
_LOOKS: Final = 20
_RECENT: Final = 4
"""The last promotion to production is mostly among so many changes of stage."""


@attrs.frozen
class Catalogue:
    """Reads only; every version it returns has been compared with its seal."""

    storage: Storage

    def document(self, ref: Ref) -> Document:
        """The version's document; NotFound with the nearest names."""
        found: Document | None
        if ref.alias is not None:
            return self._aliased(ref)
        if ref.number is not None:
            found = self.storage.get(VERSIONS, f"{ref.model}@{ref.number}")
        elif ref.stage is Stage.PRODUCTION:
            found = self._confirmed_production(ref.model)
        else:
            where = {"model": ref.model} if ref.stage is None else {"model": ref.model, "stage": ref.stage}
            found = next(iter(self.storage.find(VERSIONS, where, order=("-rank",), limit=1)), None)
        if found is None:
            raise self._no_version(ref)
        return found

    def exists(self, ref: Ref) -> bool:
        """Whether the version with that number is there."""
        return self.storage.get(VERSIONS, f"{ref.model}@{ref.number}") is not None

    def aliases(self, name: str) -> dict[str, str]:
        """The versions that a model's aliases point at, by alias: ``{"champion": "m@1.4.0"}``."""
        return {
            document.value["alias"]: document.value["ref"] for document in self.storage.find(ALIASES, {"model": name})
        }

    def in_production(self, name: str) -> Document | None:
        """The document of the model's version in production."""
        found = self.storage.find(VERSIONS, {"model": name, "stage": Stage.PRODUCTION}, limit=2)
        if len(found) > 1:
            raise IntegrityError(
                f"{found[0].key} and {found[1].key} are both in production, which no promotion leaves behind: the "
                "store was changed from outside; restore it from a backup"
            )
        return found[0] if found else None

    def latest(self, name: str) -> Version | None:
        """The version with the greatest number, one that was deleted included: its number is never given again."""
        live = self.storage.find(VERSIONS, {"model": name}, order=("-rank",), limit=1)
        dead = self.storage.find(TOMBSTONES, {"model": name}, order=("-rank",), limit=1)
        known = [version_of(document) for document in (*live, *dead)]
        return max(known, key=lambda version: version.number, default=None)

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions, the greatest number first; NotFound when there is no such model."""
        documents = self.storage.find(VERSIONS, {"model": name}, order=("-rank",))
        if not documents:
            self.require_model(name)
        return tuple(version_of(document) for document in documents)

    def require_model(self, name: str) -> None:
        """Pass, or NotFound with the nearest names; a model whose versions were all deleted is still one."""
        if self.storage.get(MODELS, name) is None:
            raise self._no_model(name)

    def models(self) -> tuple[str, ...]:
        """The names of all models, sorted."""
        return tuple(document.key for document in self.storage.find(MODELS))

    def history(self, name: str) -> tuple[StageChange, ...]:
        """Every stage change of a model's versions, first to last; NotFound when there is no such model."""
        changes = self.storage.find(STAGE_CHANGES, {"model": name}, order=("generation",))
        if not changes and self.storage.get(MODELS, name) is None:
            raise self._no_model(name)
        return tuple(change_of(document) for document in changes)

    def last_change(self, name: str) -> StageChange | None:
        """The latest stage change of a model's versions."""
        found = self.storage.find(STAGE_CHANGES, {"model": name}, order=("-generation",), limit=1)
        return change_of(found[0]) if found else None

    def _confirmed_production(self, name: str) -> Document | None:
        """The version in production, when the history of changes says the same.

        A version whose stage somebody changed in the store is thus not loaded as the one in production.
        """
        for _ in range(_LOOKS):
            found = self.in_production(name)
            told = self._last_in_production(name)
            if (None if found is None else found.key) == told:
                return found
            # a promotion may have come between the two reads: look again
        raise IntegrityError(
            f"the records say that {'nothing' if found is None else found.key} of {name} is in production, and its "
            f"history says {told or 'nothing'}: the store was changed from outside; restore it from a backup"
        )

    def _last_in_production(self, name: str) -> str | None:
        for limit in (_RECENT, None):
            changes = self.storage.find(STAGE_CHANGES, {"model": name}, order=("-generation",), limit=limit)
            for change in map(change_of, changes):
                if change.after is Stage.PRODUCTION:
                    return change.ref
                if change.before is Stage.PRODUCTION:
                    return None
            if limit is not None and len(changes) < limit:
                return None
        return None

    def _no_version(self, ref: Ref) -> NotFound:
        if self.storage.get(MODELS, ref.model) is None:
            return self._no_model(ref.model)
        grave = self.storage.get(TOMBSTONES, f"{ref.model}@{ref.number}")
        if grave is not None:
            return NotFound(
                f"{grave.key} was deleted by {grave.value['deleted_by']} ({grave.value['reason'] or 'no reason given'})"
            )
        known = tuple(map(version_of, self.storage.find(VERSIONS, {"model": ref.model}, order=("-rank",))))
        told = ", ".join(f"{version.number} ({version.stage})" for version in known[:_MOST_TOLD])
        more = f" and {len(known) - _MOST_TOLD} more" if len(known) > _MOST_TOLD else ""
        if ref.stage is not None:
            return NotFound(f"{ref.model} has no version in {ref.stage}; it has {told}{more}")
        hint = did_you_mean(str(ref.number), [str(version.number) for version in known])
        return NotFound(f"{ref.model} has no version {ref.number}; it has {told}{more}{hint}")

    def _aliased(self, ref: Ref) -> Document:
        pointer = self.storage.get(ALIASES, f"{ref.model}/{ref.alias}")
        if pointer is not None:
            found = self.storage.get(VERSIONS, pointer.value["ref"])
            if found is None:
                raise IntegrityError(
                    f"the alias {ref.model}@{ref.alias} points at {pointer.value['ref']}, which is not there: the "
                    "store was changed from outside; restore it from a backup"
                )
            return found
        if self.storage.get(MODELS, ref.model) is None:
            raise self._no_model(ref.model)
        aliases = self.aliases(ref.model)
        told = f"its aliases are {', '.join(aliases)}" if aliases else "it has none"
        words = [LATEST, *map(str, Stage), *aliases]
        raise NotFound(f"{ref.model} has no alias {ref.alias!r}: {told}{did_you_mean(str(ref.alias), words)}")

    def _no_model(self, name: str) -> NotFound:
        names = self.models()
        told = f"the registry has {', '.join(names[:_MOST_TOLD])}" if names else "the registry is empty"
        more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
        return NotFound(f"there is no model {name!r}; {told}{more}{did_you_mean(name, names)}")
