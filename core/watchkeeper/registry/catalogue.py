"""Finding versions in the store, and saying what there is when the one asked for is not there."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Storage
from watchkeeper.domain.errors import IntegrityError, NotFound
from watchkeeper.domain.model import Stage, Version
from watchkeeper.domain.nearest import did_you_mean

from .records import MODELS, STAGE_CHANGES, VERSIONS, change_of, version_of
from .refs import Ref
from .stages import StageChange

_MOST_TOLD: Final = 6


@attrs.frozen
class Catalogue:
    """Reads only; every version it returns has been compared with its seal."""

    storage: Storage

    def document(self, ref: Ref) -> Document:
        """The version's document; NotFound with the nearest names."""
        found: Document | None
        if ref.number is not None:
            found = self.storage.get(VERSIONS, f"{ref.model}@{ref.number}")
        elif ref.stage is Stage.PRODUCTION:
            found = self.in_production(ref.model)
        else:
            where = {"model": ref.model} if ref.stage is None else {"model": ref.model, "stage": ref.stage}
            found = next(iter(self.storage.find(VERSIONS, where, order=("-rank",), limit=1)), None)
        if found is None:
            raise self._no_version(ref)
        return found

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
        """The version with the greatest number."""
        found = self.storage.find(VERSIONS, {"model": name}, order=("-rank",), limit=1)
        return version_of(found[0]) if found else None

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions, the greatest number first; NotFound when there is no such model."""
        documents = self.storage.find(VERSIONS, {"model": name}, order=("-rank",))
        if not documents:
            raise self._no_model(name)
        return tuple(version_of(document) for document in documents)

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

    def _no_version(self, ref: Ref) -> NotFound:
        if self.storage.get(MODELS, ref.model) is None:
            return self._no_model(ref.model)
        known = self.versions(ref.model)
        told = ", ".join(f"{version.number} ({version.stage})" for version in known[:_MOST_TOLD])
        more = f" and {len(known) - _MOST_TOLD} more" if len(known) > _MOST_TOLD else ""
        if ref.stage is not None:
            return NotFound(f"{ref.model} has no version in {ref.stage}; it has {told}{more}")
        hint = did_you_mean(str(ref.number), [str(version.number) for version in known])
        return NotFound(f"{ref.model} has no version {ref.number}; it has {told}{more}{hint}")

    def _no_model(self, name: str) -> NotFound:
        names = self.models()
        told = f"the registry has {', '.join(names[:_MOST_TOLD])}" if names else "the registry is empty"
        more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
        return NotFound(f"there is no model {name!r}; {told}{more}{did_you_mean(name, names)}")
