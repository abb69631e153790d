"""The registry: which versions of a model there are, what each is, and which one is in production."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.format import Format
from watchkeeper.contracts.storage import LoggedEntry, Operation, Put, Storage
from watchkeeper.domain.errors import Conflict, UsageError
from watchkeeper.domain.model import Stage, Task, Version, VersionNumber, checked_name
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Verdict

from .artifacts import Artifacts
from .catalogue import Catalogue
from .environment import environment_of
from .numbering import next_number, sortable
from .promotion import promoted
from .records import AUDIT, MODELS, VERSIONS, audit_entry, version_of, version_put
from .refs import Ref
from .stages import StageChange
from .verification import verdict_on

_ATTEMPTS: Final = 200
_UNNUMBERED: Final = VersionNumber(0, 0, 0)


class Registry:
    """Versions, artifacts and stages over one store; safe to use from several threads and processes.

    Parameters
    ----------
    formats
        By plugin name, in the order in which `register` asks who handles a model; may build them when asked for.
    actor
        Who acts, for the audit log: what the caller claims to be, nothing here proves it.
    """

    def __init__(self, storage: Storage, formats: Mapping[str, Format], clock: Clock, actor: str) -> None:
        self._storage = storage
        self._catalogue = Catalogue(storage)
        self._artifacts = Artifacts(storage, formats)
        self._clock = clock
        self._actor = actor
        self._known_distributions: dict[str, str | None] = {}

    def register(  # noqa: PLR0913 - each is a fact about the version; all but two are optional and named
        self,
        model: Any,
        name: str,
        *,
        number: VersionNumber | str | None = None,
        metrics: Mapping[str, float] | None = None,
        parameters: Mapping[str, object] | None = None,
        parents: Sequence[str] = (),
        tags: Sequence[str] = (),
        task: Task | None = None,
        reference: Table | None = None,
        features: Sequence[str] = (),
        save_as: str | None = None,
    ) -> Version:
        """Keep the model as an immutable version at stage training.

        The bytes are durable before the one commit that makes the version visible, with its audit entry. A crash
        in between leaves bytes that nobody refers to, never a version without bytes.

        Parameters
        ----------
        number
            Chosen by the rule of `numbering.next_number` when left out.
        metrics
            Finite numbers; leave out what is undefined.
        parents
            Versions that this one comes from, such as ``momentum@1.3.0`` or ``momentum@production``.
        reference
            The rows that define normal for this version, kept with it.
        features
            The model's inputs in column order; what the model knows of them (``feature_names_in_``) when left out.
        save_as
            The format plugin to save by; the first that handles the model when left out.

        Raises
        ------
        DataError
            When no format can save the model; nothing was registered.
        Conflict
            When the number that was asked for is taken.
        """
        wanted = VersionNumber.parse(number) if isinstance(number, str) else number
        sortable(wanted or _UNNUMBERED)
        draft = Version(
            model=checked_name(name),
            number=wanted or _UNNUMBERED,
            stage=Stage.TRAINING,
            format="",
            digest="",
            size=0,
            created_us=0,
            created_by=self._actor,
            task=task,
            metrics=_finite(metrics or {}),
            parameters={key: str(value) for key, value in (parameters or {}).items()},
            environment=environment_of(model, self._known_distributions),
            parents=tuple(self.get(parent).ref for parent in parents),
            tags=tuple(tags),
            features=tuple(features) or _known_features(model),
        )
        artifact = self._artifacts.save(model, save_as)
        version = attrs.evolve(
            draft,
            format=artifact.format,
            digest=artifact.digest,
            size=artifact.size,
            format_record=artifact.record,
            reference_digest=None if reference is None else self._artifacts.save_rows(reference),
        )
        return self._published(version, is_numbered=wanted is not None)

    def get(self, ref: str) -> Version:
        """The version that ``m@1.4.0``, ``m@production``, any other stage, or ``m@latest`` names now.

        Of several versions at a stage it is the one with the greatest number.

        Raises
        ------
        NotFound
            With the nearest names that there are.
        """
        return version_of(self._catalogue.document(Ref.parse(ref)))

    def load(self, ref: str) -> Any:
        """The model of a version. Its bytes are checked against the digest before any parser sees them.

        Raises
        ------
        IntegrityError
            When record or bytes are not those that were registered.
        PluginMissing
            When the format that saved it is not available.
        """
        return self._artifacts.load(self.get(ref))

    def reference(self, ref: str) -> Table | None:
        """The rows that define normal for a version; None when it was registered without."""
        return self._artifacts.load_rows(self.get(ref))

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions of a model, the greatest number first; NotFound when there is no such model."""
        return self._catalogue.versions(name)

    def models(self) -> tuple[str, ...]:
        """The names of all models, sorted."""
        return self._catalogue.models()

    def promote(self, ref: str, stage: Stage, *, expect: int | None = None) -> Version:
        """Move a version on: training to staging, staging to production or retired.

        The version that was in production retires in the same commit. Of several that promote at once one wins.

        Parameters
        ----------
        expect
            The generation (`StageChange.generation`) of the model's last change when the decision was made, 0 for none;
            with it, whatever has changed since refuses the promotion.

        Raises
        ------
        UsageError
            For an edge that is not legal; the message names those that are.
        Conflict
            When somebody else was first; the message says who and what, and nothing was changed.
        """
        return promoted(self._storage, Ref.parse(ref), stage, expect, (self._actor, self._clock.now_us()))

    def history(self, name: str) -> tuple[StageChange, ...]:
        """Every stage change of a model's versions, first to last."""
        return self._catalogue.history(name)

    def audit(self, after: int = 0) -> Iterator[LoggedEntry]:
        """Entries of the audit log with a number above `after`, each checked against the one before."""
        return self._storage.read_log(AUDIT, after)

    def verify(self) -> Verdict:
        """Check every record, artifact and audit entry against the others. O(bytes in the registry)."""
        return verdict_on(self._storage)

    def _published(self, version: Version, *, is_numbered: bool) -> Version:
        for _ in range(_ATTEMPTS):
            latest = self._catalogue.latest(version.model)
            number = version.number
            if not is_numbered:
                number = next_number(latest, version.digest, version.features, version.task)
            numbered = attrs.evolve(version, number=number, created_us=self._clock.now_us())
            put = version_put(numbered, expect=0)
            told = {"seal": put.value["seal"]}
            operations: list[Operation] = [
                put,
                audit_entry("register", numbered, (self._actor, numbered.created_us), told),
            ]
            if latest is None:
                operations.append(Put(MODELS, version.model, {"created_us": numbered.created_us}, expect=0))
            try:
                self._storage.commit(operations)
            except Conflict as error:
                if is_numbered and self._storage.get(VERSIONS, numbered.ref) is not None:
                    raise Conflict(
                        f"{numbered.ref} exists already, and a version never changes: register under another number, "
                        "or leave the number out to have the next one chosen"
                    ) from error
            else:
                return numbered
        raise Conflict(
            f"registering {version.model} was overtaken {_ATTEMPTS} times; nothing was registered: try again later"
        )


def _known_features(model: Any) -> tuple[str, ...]:
    names = getattr(model, "feature_names_in_", None)
    return () if names is None else tuple(str(name) for name in names)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    found = {name: float(value) for name, value in metrics.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise UsageError(f"metric {name!r} is {value}: expected a finite number; leave out what is undefined")
    return found
