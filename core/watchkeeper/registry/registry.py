"""The registry: which versions of a model there are, what each is, and which one is in production."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.format import Format
from watchkeeper.contracts.storage import Delete, LoggedEntry, Operation, Put, Storage
from watchkeeper.domain.access import Access, Action
from watchkeeper.domain.errors import Conflict, NotAllowed, UsageError
from watchkeeper.domain.model import Stage, Task, TrainingData, Version, VersionNumber, checked_name
from watchkeeper.domain.policy import EnvironmentRule, Policy
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Finding, Status, Verdict

from .acting import Acting
from .aliases import Aliases
from .artifacts import Artifacts, SavedModel
from .checkpoints import Checkpoints
from .cleanup import Cleanup
from .deployments import Deployments
from .envelopes import SigningKey
from .environment import environment_changes, environment_of
from .guards import Guards
from .holds import Holds
from .lineage import Difference, Lineage, differences, lineage_of
from .numbering import next_number, sortable
from .pages import VersionLine, lines_of, page_puts
from .promotion import Move, moved, rollback_target
from .provenance import revision_of, training_data_of
from .records import AUDIT, MODELS, TOMBSTONES, VERSIONS, version_of, version_put
from .refs import Ref
from .removal import deleted
from .signatures import Signatures, signing
from .stages import ChangeKind, StageChange
from .tenure import Tenure, tenure_at, tenures
from .verification import verdict_on

_log = logging.getLogger("watchkeeper.registry")
_ATTEMPTS: Final = 200
_UNNUMBERED: Final = VersionNumber(0, 0, 0)


class Registry:
    """Versions, artifacts and stages over one store; safe to use from several threads and processes.

    Parameters
    ----------
    formats
        By plugin name, in the order in which `register` asks who handles a model; may build them when asked for.
    actor
        Who acts, for roles and the audit log: what the caller claims to be, nothing here proves it.
    policy, access
        What a version must have, and who may do what.
    observer
        Called with a version after its new stage is stored.
    folder
        Where the code that trains models is: its Git revision is recorded with each version.
    signs_with
        Reads the key that every registered version is signed with, when it is needed; none when it returns None.

    Attributes
    ----------
    aliases, guards, holds, signatures
        Pointers; checks and approvals; reasons to keep a version; who signed it.
    cleanup, deployments, checkpoints
        Throwing old versions away; how a version takes over; signed heads of the audit log.
    """

    def __init__(  # noqa: PLR0913 - four that are needed, and by name what a project may add
        self,
        storage: Storage,
        formats: Mapping[str, Format],
        clock: Clock,
        actor: str,
        *,
        policy: Policy | None = None,
        access: Access | None = None,
        observer: Callable[[Version], None] | None = None,
        folder: Path | None = None,
        signs_with: Callable[[], SigningKey | None] = lambda: None,
    ) -> None:
        self._acting = Acting(storage, clock, actor, access or Access(), policy or Policy())
        self._storage = storage
        self._catalogue = self._acting.catalogue
        self._artifacts = Artifacts(storage, formats)
        self._observer = observer
        self._folder = folder
        self._known_distributions: dict[str, str | None] = {}
        self.aliases = Aliases(self._acting)
        self.guards = Guards(self._acting)
        self.holds = Holds(self._acting)
        self.signatures = Signatures(self._acting)
        self.cleanup = Cleanup(self._acting)
        self._signs_with = signs_with
        self.checkpoints = Checkpoints(self._acting)
        self.deployments = Deployments(
            self._acting,
            lambda ref, stage, reason: self.promote(ref, stage, reason=reason),
            lambda name, ref, reason: self.rollback(name, to=ref, reason=reason),
        )

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
        code: str | None = None,
        training_data: TrainingData | Table | None = None,
        card: Mapping[str, str] | None = None,
    ) -> Version:
        """Keep the model as an immutable version at stage training.

        The bytes are durable before the one commit that makes the version visible, with its audit entry. A crash
        in between leaves bytes that nobody refers to, never a version without bytes.

        Parameters
        ----------
        model
            The fitted model, or a `SavedModel`: a file that its framework wrote.
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
        code
            The revision of the code; that of the Git repository around the project when left out.
        training_data
            The rows that it was trained on, of which digests are kept, or what `training_data_of` made of them.
        card
            The model card: sections such as ``intended use`` and ``limitations`` with their text.

        Raises
        ------
        DataError
            When no format can save the model; nothing was registered.
        Conflict
            When the number that was asked for is taken.
        """
        self._acting.require(Action.REGISTER, checked_name(name))
        wanted = VersionNumber.parse(number) if isinstance(number, str) else number
        sortable(wanted or _UNNUMBERED)
        draft = Version(
            model=name,
            number=wanted or _UNNUMBERED,
            stage=Stage.TRAINING,
            format="",
            digest="",
            size=0,
            created_us=0,
            created_by=self._acting.actor,
            task=task,
            metrics=_finite(metrics or {}),
            parameters={key: str(value) for key, value in (parameters or {}).items()},
            parents=tuple(self.get(parent).ref for parent in parents),
            tags=tuple(tags),
            features=tuple(features) or _known_features(model),
            code=code if code is not None or self._folder is None else revision_of(self._folder),
            training_data=training_data_of(training_data) if isinstance(training_data, Table) else training_data,
            card=dict(card or {}),
        )
        is_file = isinstance(model, SavedModel)
        artifact = self._artifacts.adopt(model) if is_file else self._artifacts.save(model, save_as)
        version = attrs.evolve(
            draft,
            format=artifact.format,
            environment=self._environment(model),  # after saving, which imports what the format needs
            digest=artifact.digest,
            size=artifact.size,
            format_record=artifact.record,
            reference_digest=None if reference is None else self._artifacts.save_rows(reference),
        )
        return self._published(version, is_numbered=wanted is not None)

    @property
    def acting(self) -> Acting:
        """Who acts, on which store, by which rules."""
        return self._acting

    def get(self, ref: str) -> Version:
        """The version that ``m@1.4.0``, ``m@production``, any other stage, or ``m@latest`` names now.

        Of several versions at a stage it is the one with the greatest number.

        Raises
        ------
        NotFound
            With the nearest names that there are.
        """
        return self._acting.found(ref, Action.VIEW)[0]

    def load(self, ref: str, *, any_environment: bool = False) -> Any:
        """The model of a version.

        In this order: its record against its seal, its bytes against size and digest, its signatures and its format
        against the policy, its framework against the one installed; then a parser sees the bytes that were checked.

        Parameters
        ----------
        any_environment
            Load it beside another version of its framework all the same.

        Raises
        ------
        IntegrityError
            When record, bytes or signatures are not those that were registered.
        NotAllowed
            When the policy forbids it.
        PluginMissing
            When the format that saved it is not available.
        """
        version = self.get(ref)
        with self._artifacts.verified(version) as source:
            self._require_signatures(version)
            self._require_environment(version, EnvironmentRule.IGNORE if any_environment else None)
            return self._artifacts.parsed(version, source)

    def verified(self, ref: str) -> BinaryIO:
        """A version's bytes after the checks of `load` but the environment's; no parser has seen them."""
        version = self.get(ref)
        source = self._artifacts.verified(version)
        try:
            self.signatures.require(version, runs_code=False)
        except BaseException:
            source.close()
            raise
        return source

    def reference(self, ref: str) -> Table | None:
        """The rows that define normal for a version; None when it was registered without."""
        return self._artifacts.load_rows(self.get(ref))

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions of a model, the greatest number first; NotFound when there is no such model."""
        self._acting.require(Action.VIEW, checked_name(name))
        return self._catalogue.versions(name)

    def lines(self, name: str) -> tuple[VersionLine, ...]:
        """What a list shows of a model's versions, the greatest number first; much cheaper than `versions`."""
        self._acting.require(Action.VIEW, checked_name(name))
        found = lines_of(self._storage, name)
        if not found:
            self._catalogue.require_model(name)
        return found

    def models(self) -> tuple[str, ...]:
        """The names of all models that the actor may see, sorted."""
        access, actor = self._acting.access, self._acting.actor
        return tuple(name for name in self._catalogue.models() if access.allows(actor, Action.VIEW, name))

    def promote(self, ref: str, stage: Stage, *, expect: int | None = None, reason: str = "") -> Version:
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
        NotAllowed
            When a check, an approval or a signature that the policy asks for is missing.
        Conflict
            When somebody else was first; the message says who and what, and nothing was changed.
        """
        parsed = Ref.parse(ref)
        self._acting.require(Action.PROMOTE, parsed.model)
        return self._moved(parsed, Move(stage, ChangeKind.PROMOTE, reason, expect))

    def rollback(self, name: str, *, to: str | None = None, reason: str = "", expect: int | None = None) -> Version:
        """Put the version that was in production before back there, or the one that `to` names.

        Its bytes, signatures and environment are checked first: a rollback never lands on a version that cannot be
        loaded. Each further rollback goes further back.

        Raises
        ------
        UsageError
            There is nothing to go back to, or `to` was never in production.
        IntegrityError, NotAllowed
            The version that was to come back cannot be loaded; nothing was changed.
        Conflict
            As for `promote`.
        """
        self._acting.require(Action.ROLL_BACK, checked_name(name))
        parsed = rollback_target(self._catalogue, name, None if to is None else _of_model(Ref.parse(to), name))
        version = version_of(self._catalogue.document(parsed))
        with self._artifacts.verified(version):
            self._require_signatures(version)
            self._require_environment(version, None)
        return self._moved(Ref(name, version.number), Move(Stage.PRODUCTION, ChangeKind.ROLL_BACK, reason, expect))

    def retire(self, name: str, *, reason: str = "", expect: int | None = None) -> Version:
        """Take a model out of production without a successor; nothing answers to ``name@production`` afterwards."""
        self._acting.require(Action.PROMOTE, checked_name(name))
        return self._moved(Ref(name, stage=Stage.PRODUCTION), Move(Stage.RETIRED, ChangeKind.RETIRE, reason, expect))

    def delete(self, ref: str, *, reason: str = "") -> Version:
        """Delete a version that nobody needs; a NotAllowed lists who does. Its number is never given again."""
        return deleted(self._acting, ref, reason)

    def history(self, name: str) -> tuple[StageChange, ...]:
        """Every stage change of a model's versions, first to last."""
        self._acting.require(Action.VIEW, checked_name(name))
        return self._catalogue.history(name)

    def in_production_at(self, name: str, at_us: int) -> Tenure | None:
        """Which version was in production at a moment (UTC, microseconds since 1970), and who had put it there."""
        return tenure_at(self.history(name), at_us)

    def tenures(self, name: str) -> tuple[Tenure, ...]:
        """Every time in production of a model's versions, first to last."""
        return tenures(self.history(name))

    def lineage(self, ref: str) -> Lineage:
        """What a version comes from, and what was made from it."""
        return lineage_of(self._catalogue, self.get(ref))

    def diff(self, before: str, after: str) -> tuple[Difference, ...]:
        """What is different between two versions."""
        return differences(self.get(before), self.get(after))

    def audit(self, after: int = 0) -> Iterator[LoggedEntry]:
        """Entries of the audit log with a number above `after`, each checked against the one before."""
        self._acting.require(Action.VIEW, "*")
        return self._storage.read_log(AUDIT, after)

    def verify(self) -> Verdict:
        """Check every record, artifact, signature and audit entry against the others. O(bytes in the registry)."""
        self._acting.require(Action.VIEW, "*")
        verdict = verdict_on(self._storage)
        broken = [Finding(Status.ALERT, ref, told) for ref, told in self.signatures.broken()]
        if not broken:
            return verdict
        others = verdict.findings if verdict.status is Status.ALERT else ()
        return Verdict(Status.ALERT, (*others, *broken))

    def _published(self, version: Version, *, is_numbered: bool) -> Version:
        for _ in range(_ATTEMPTS):
            latest = self._catalogue.latest(version.model)
            number = version.number
            if not is_numbered:
                number = next_number(latest, version.digest, version.features, version.task)
            numbered = attrs.evolve(version, number=number, created_us=self._acting.clock.now_us())
            put = version_put(numbered, expect=0)
            told = {"seal": put.value["seal"]}
            operations: list[Operation] = [
                put,
                Delete(TOMBSTONES, numbered.ref, expect=0),  # asserts that no version of that number was deleted
                *page_puts(self._storage, [numbered]),
                self._acting.entry("register", numbered.ref, digest=numbered.digest, **told),
            ]
            key = self._signs_with()
            if key is not None:
                operations += signing(self._acting, numbered, key)
            if self._storage.get(MODELS, version.model) is None:
                operations.append(Put(MODELS, version.model, {"created_us": numbered.created_us}, expect=0))
            try:
                self._storage.commit(operations)
            except Conflict as error:
                if is_numbered and self._storage.get(TOMBSTONES, numbered.ref) is not None:
                    raise Conflict(
                        f"{numbered.ref} was deleted, and a number is never given again: register under another "
                        "number, or leave the number out to have the next one chosen"
                    ) from error
                if is_numbered and self._storage.get(VERSIONS, numbered.ref) is not None:
                    raise Conflict(
                        f"{numbered.ref} exists already, and a version never changes: register under another "
                        "number, or leave the number out to have the next one chosen"
                    ) from error
            else:
                return numbered
        raise Conflict(
            f"registering {version.model} was overtaken {_ATTEMPTS} times; nothing was registered: try again later"
        )

    def _environment(self, model: Any) -> Mapping[str, str]:
        return model.environment if isinstance(model, SavedModel) else environment_of(model, self._known_distributions)

    def _moved(self, ref: Ref, move: Move) -> Version:
        def conditions(version: Version) -> Sequence[Operation]:
            if move.stage is not Stage.PRODUCTION or move.kind is not ChangeKind.PROMOTE:
                return ()
            return [*self.guards.conditions(version), *self._require_signatures(version)]

        version = moved(self._acting, ref, move, conditions)
        if self._observer is not None:
            self._observer(version)
        return version

    def _require_signatures(self, version: Version) -> Sequence[Operation]:
        return self.signatures.require(version, runs_code=self._artifacts.runs_code(version.format))

    def _require_environment(self, version: Version, rule: EnvironmentRule | None) -> None:
        rule = self._acting.policy.environment if rule is None else rule
        if rule is EnvironmentRule.IGNORE:
            return
        changes = environment_changes(version, self._known_distributions)
        decisive = [str(change) for change in changes if change.is_decisive]
        if decisive and rule is EnvironmentRule.REFUSE:
            raise NotAllowed(
                f"{version.ref} was not loaded: {', '.join(decisive)}, so it may answer differently; install what it "
                "was made with, register it again here, or load it with any_environment=True"
            )
        for change in changes:
            _log.warning("%s: %s", version.ref, change, extra={"version": version.ref, "package": change.package})


def _of_model(ref: Ref, name: str) -> Ref:
    if ref.model != name:
        raise UsageError(f"cannot roll {name} back to a version of {ref.model}: expected one of {name}'s own")
    return ref


def _known_features(model: Any) -> tuple[str, ...]:
    names = getattr(model, "feature_names_in_", None)
    return () if names is None else tuple(str(name) for name in names)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    found = {name: float(value) for name, value in metrics.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise UsageError(f"metric {name!r} is {value}: expected a finite number; leave out what is undefined")
    return found
