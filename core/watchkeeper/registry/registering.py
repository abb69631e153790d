"""Registering: a model's bytes are kept first, then one commit makes it a version, with its audit entry."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Delete, Operation, Put
from watchkeeper.domain.errors import Conflict, UsageError
from watchkeeper.domain.model import TrainingData, Version, VersionNumber
from watchkeeper.domain.table import Table

from .acting import Acting
from .artifacts import Artifacts, SavedModel
from .code_revision import code_revision
from .envelopes import SigningKey
from .environment import environment_of
from .numbering import next_number
from .pages import page_puts
from .provenance import training_data_of
from .records import MODELS, TOMBSTONES, VERSIONS, version_put
from .signatures import signing

_ATTEMPTS: Final = 200
UNNUMBERED: Final = VersionNumber(0, 0, 0)
"""Stands in a draft whose number is chosen when it is published."""


@attrs.frozen(eq=False)
class Registering:
    """Keeps models as versions at stage training."""

    acting: Acting
    artifacts: Artifacts
    folder: Path | None
    """Where the code that trains models is: its Git revision is recorded."""
    signs_with: Callable[[], SigningKey | None]
    known_distributions: dict[str, str | None]
    """As in `environment_of`."""

    def registered(
        self, model: Any, draft: Version, *, is_numbered: bool, save_as: str | None, reference: Table | None
    ) -> Version:
        """The version that a draft becomes, once it is committed; one that is not numbered gets the next number.

        Raises
        ------
        DataError
            When no format can save the model; nothing was registered.
        Conflict
            When the number that was asked for is taken.
        """
        is_file = isinstance(model, SavedModel)
        artifact = self.artifacts.adopt(model) if is_file else self.artifacts.save(model, save_as)
        version = attrs.evolve(
            draft,
            format=artifact.format,
            environment=self._environment(model),  # after saving, which imports what the format needs
            digest=artifact.digest,
            size=artifact.size,
            format_record=artifact.record,
            reference_digest=None if reference is None else self.artifacts.save_rows(reference),
        )
        return self._published(version, is_numbered=is_numbered)

    def revision(self) -> str | None:
        """The revision of the code, see `code_revision`; None without a folder, or where there is none."""
        return None if self.folder is None else code_revision(self.folder)

    def _environment(self, model: Any) -> Mapping[str, str]:
        return model.environment if isinstance(model, SavedModel) else environment_of(model, self.known_distributions)

    def _published(self, version: Version, *, is_numbered: bool) -> Version:
        storage = self.acting.storage
        for _ in range(_ATTEMPTS):
            number = version.number
            if not is_numbered:
                latest = self.acting.catalogue.latest(version.model)
                number = next_number(latest, version.digest, version.features, version.task)
            numbered = attrs.evolve(version, number=number, created_us=self.acting.clock.now_us())
            try:
                storage.commit(self._operations(numbered))
            except Conflict as error:
                if is_numbered and storage.get(TOMBSTONES, numbered.ref) is not None:
                    raise _taken(f"{numbered.ref} was deleted, and a number is never given again") from error
                if is_numbered and storage.get(VERSIONS, numbered.ref) is not None:
                    raise _taken(f"{numbered.ref} exists already, and a version never changes") from error
            else:
                return numbered
        raise Conflict(
            f"registering {version.model} was overtaken {_ATTEMPTS} times; nothing was registered: try again later"
        )

    def _operations(self, numbered: Version) -> list[Operation]:
        put = version_put(numbered, expect=0)
        told = {"digest": numbered.digest, "seal": put.value["seal"]}
        operations: list[Operation] = [
            put,
            Delete(TOMBSTONES, numbered.ref, expect=0),  # asserts that no version of that number was deleted
            *page_puts(self.acting.storage, [numbered]),
            self.acting.entry("register", numbered.ref, **told),
        ]
        key = self.signs_with()
        if key is not None:
            operations += signing(self.acting, numbered, key)
        if self.acting.storage.get(MODELS, numbered.model) is None:
            operations.append(Put(MODELS, numbered.model, {"created_us": numbered.created_us}, expect=0))
        return operations


def known_data(found: Any) -> TrainingData | None:
    """Digests of the rows, unless that is what they are."""
    return found if found is None or isinstance(found, TrainingData) else training_data_of(found)


def known_features(model: Any) -> tuple[str, ...]:
    """What the model knows of its inputs."""
    names = getattr(model, "feature_names_in_", None)
    return () if names is None else tuple(str(name) for name in names)


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics; a UsageError for one that is not a finite number."""
    found = {name: float(value) for name, value in metrics.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise UsageError(f"metric {name!r} is {value}: expected a finite number; leave out what is undefined")
    return found


def _taken(why: str) -> Conflict:
    return Conflict(f"{why}: register under another number, or leave the number out to have the next one chosen")
