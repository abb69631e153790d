"""The registry: which versions of a model there are, what each is, and which one is in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from watchkeeper.clock import Clock
from watchkeeper.contracts.format import Format
from watchkeeper.contracts.storage import LoggedEntry, Operation, Storage
from watchkeeper.domain.access import Access, Action
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Stage, Task, Version, VersionNumber, checked_name
from watchkeeper.domain.policy import Policy
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Finding, Status, Verdict

from .acting import Acting
from .aliases import Aliases
from .artifacts import Artifacts
from .checkpoints import Checkpoints
from .cleanup import Cleanup
from .deployments import Deployments
from .envelopes import SigningKey
from .guards import Guards
from .holds import Holds
from .lineage import Difference, Lineage, differences, lineage_of
from .loading import Loading
from .numbering import sortable
from .pages import VersionLine, lines_of
from .promotion import Move, moved, rollback_target
from .records import AUDIT, version_of
from .refs import Ref
from .registering import UNNUMBERED, Registering, finite, known_data, known_features
from .removal import deleted
from .signatures import Signatures
from .stages import ChangeKind, StageChange
from .tenure import Tenure, tenure_at, tenures
from .verification import verdict_on


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
        self.aliases = Aliases(self._acting)
        self.guards = Guards(self._acting)
        self.holds = Holds(self._acting)
        self.signatures = Signatures(self._acting)
        self.cleanup = Cleanup(self._acting)
        self.checkpoints = Checkpoints(self._acting)
        known: dict[str, str | None] = {}
        self._registering = Registering(self._acting, self._artifacts, folder, signs_with, known)
        self._loading = Loading(self._acting, self._artifacts, self.signatures, known)
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
        training_data: Any = None,
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
            The revision of the code; that of the Git repository around the project when left out, with ``-dirty``
            behind it when files were changed since.
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
        sortable(wanted or UNNUMBERED)
        draft = Version(
            model=name,
            number=wanted or UNNUMBERED,
            stage=Stage.TRAINING,
            format="",
            digest="",
            size=0,
            created_us=0,
            created_by=self._acting.actor,
            task=task,
            metrics=finite(metrics or {}),
            parameters={key: str(value) for key, value in (parameters or {}).items()},
            parents=tuple(self.get(parent).ref for parent in parents),
            tags=tuple(tags),
            features=tuple(features) or known_features(model),
            code=code if code is not None else self._registering.revision(),
            training_data=known_data(training_data),
            card=dict(card or {}),
        )
        is_numbered = wanted is not None
        return self._registering.registered(model, draft, is_numbered=is_numbered, save_as=save_as, reference=reference)

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
        return self._loading.loaded(self.get(ref), any_environment=any_environment)

    def verified(self, ref: str) -> BinaryIO:
        """A version's bytes after the checks of `load` but the environment's; no parser has seen them."""
        return self._loading.verified(self.get(ref))

    def reference(self, ref: str) -> Table | None:
        """The rows that define normal for a version; None when it was registered without."""
        return self._artifacts.load_rows(self.get(ref))

    def runs_code(self, version: Version) -> bool:
        """Whether its format can run code from the file when it is loaded: that takes a signer who may."""
        return self._artifacts.runs_code(version.format)

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
        self._loading.require_loadable(version)
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

    def _moved(self, ref: Ref, move: Move) -> Version:
        def conditions(version: Version) -> Sequence[Operation]:
            if move.stage is not Stage.PRODUCTION or move.kind is not ChangeKind.PROMOTE:
                return ()
            return [*self.guards.conditions(version), *self._loading.require_signatures(version)]

        version = moved(self._acting, ref, move, conditions)
        if self._observer is not None:
            self._observer(version)
        return version


def _of_model(ref: Ref, name: str) -> Ref:
    if ref.model != name:
        raise UsageError(f"cannot roll {name} back to a version of {ref.model}: expected one of {name}'s own")
    return ref
