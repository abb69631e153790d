"""Deployments in the store: started, advanced, paused, resumed, promoted and given up, a commit each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Operation, Storage
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import Conflict, IntegrityError, NotAllowed, NotFound, UsageError
from watchkeeper.domain.model import Stage, Version, checked_name
from watchkeeper.registry.acting import Acting, unchanged
from watchkeeper.registry.records import version_of
from watchkeeper.registry.refs import Ref
from watchkeeper.registry.tenure import rollback_targets

from .analysis import Counts, Measured
from .machine import Effect, advanced, given_up, paused, promoted, resumed, rolled_back, to_promotion
from .plan import Plan, Step, StepKind, Strategy
from .state import DEPLOYMENTS, TABLES, Deployment, Pause, deployment_of, deployment_put, table_of, table_put
from .weights import Arm, WeightTable

_ATTEMPTS: Final = 20
Promote = Callable[[str, Stage, str], Version]
"""(ref, stage, reason) -> the version at its new stage, by the registry with all its guards."""
RollBack = Callable[[str, str, str], Version]
"""(model, ref, reason) -> the version that is in production again, after it was found loadable."""


@attrs.frozen(eq=False)
class Deployments:
    """The deployments of a registry: one at a time for each model."""

    acting: Acting
    promote_version: Promote
    roll_back: RollBack

    def start(self, ref: str, plan: Plan, *, reason: str = "") -> Deployment:
        """Begin; nothing but the shadow changes before the first `advance`.

        A version that was in production within the plan's `rollback_window` goes back there without steps.

        Raises
        ------
        UsageError
            The version is neither in staging nor one to roll back to.
        Conflict
            Another deployment of the model is under way.
        """
        candidate, document = self.acting.found(ref, Action.DEPLOY)
        running = self._open(candidate.model)
        if running is not None:
            raise _busy(deployment_of(running))
        stable = self.acting.catalogue.in_production(candidate.model)
        plan = self._fitting(candidate, plan)
        now_us = self.acting.clock.now_us()
        deployment = Deployment(
            model=candidate.model,
            number=len(self.acting.storage.find(DEPLOYMENTS, {"model": candidate.model})) + 1,
            candidate=candidate.ref,
            stable=None if stable is None else stable.key,
            plan=plan,
            salt=hashlib.blake2b(f"{candidate.ref}/{now_us}".encode(), digest_size=16).hexdigest(),
            started_us=now_us,
            started_by=self.acting.actor,
            background=tuple(Counts() for _ in plan.background),
            events=(f"{plan.strategy} of {candidate.ref} started by {self.acting.actor}",),
        ).at_step(0, now_us)
        # both versions are asserted, so that neither is deleted meanwhile, and no two deployments start at once
        asserted = [unchanged(found) for found in (document, stable) if found is not None]
        try:
            self._commit(deployment, 0, "deploy start", reason, asserted)
        except Conflict as error:
            other = self._open(candidate.model)
            if other is not None:
                raise _busy(deployment_of(other)) from error
            raise Conflict(f"{candidate.ref} was changed at this moment; look again and start again") from error
        return deployment

    def status(self, model: str) -> Deployment:
        """The deployment under way, or the last one; NotFound when there was none."""
        self.acting.require(Action.VIEW, checked_name(model))
        found = self._last(model)
        if found is None:
            raise NotFound(f"{model} has had no deployment; begin one with `deploy start`")
        return deployment_of(found)

    def open(self) -> tuple[Deployment, ...]:
        """All that are under way, of models that the actor may see."""
        found = map(deployment_of, self.acting.storage.find(DEPLOYMENTS, {"is_open": 1}))
        access, actor = self.acting.access, self.acting.actor
        return tuple(one for one in found if access.allows(actor, Action.VIEW, one.model))

    def table(self, model: str) -> WeightTable:
        """Who answers the model's requests now: the table of its deployment, or the version in production alone."""
        self.acting.require(Action.VIEW, checked_name(model))
        published = self.acting.storage.get(TABLES, model)
        if published is not None and self._open(model) is not None:
            return table_of(published)
        live = self.acting.catalogue.document(Ref(model, stage=Stage.PRODUCTION))
        version = 0 if published is None else published.revision
        return WeightTable(model, version, (Arm(live.key, 1.0),), "")

    def advance(self, model: str, measured: Measured) -> Deployment:
        """Go as far as it comes now; safe from several processes at once and after any kill."""
        self.acting.require(Action.DEPLOY, checked_name(model))
        for _ in range(_ATTEMPTS):
            found = self._last(model)
            if found is None:
                raise NotFound(f"{model} has had no deployment; begin one with `deploy start`")
            before = deployment_of(found)
            if not before.phase.is_open:
                return before
            now_us = self.acting.clock.now_us()
            after, effect = self._unless_overtaken(before, now_us) or advanced(before, now_us, measured)
            try:
                if after != before:
                    is_told = (after.events, after.phase) != (before.events, before.phase)
                    revision = self._commit(after, found.revision, "deploy" if is_told else "", after.reason)
                    found = attrs.evolve(found, revision=revision)
                if effect is None:
                    return after
                # what follows is done again after a kill: the state says which step it is at
                self._commit(self._done(after, effect, now_us), found.revision, f"deploy {effect}", after.reason)
            except Conflict:
                continue  # somebody else advanced it: look again
        raise Conflict(f"the deployment of {model} was overtaken {_ATTEMPTS} times; try again later")

    def pause(self, model: str, reason: str = "") -> Deployment:
        """Stop at the step it is at; the weights stay, the checks beside the steps go on."""
        return self._changed(model, "deploy pause", lambda one, _: (paused(one, Pause.PERSON, reason), None), reason)

    def resume(self, model: str, reason: str = "") -> Deployment:
        """Go on: past a pause of the plan, and from the beginning of an analysis that came to nothing."""

        def change(one: Deployment, now_us: int) -> tuple[Deployment, Effect | None]:
            if one.pause is None:
                raise UsageError(f"the deployment of {model} is not paused; there is nothing to resume")
            return resumed(one, now_us), None

        return self._changed(model, "deploy resume", change, reason)

    def promote(self, model: str, reason: str = "") -> Deployment:
        """Skip what is left before the promotion, and promote: the guards of the registry still hold."""

        def change(one: Deployment, now_us: int) -> tuple[Deployment, Effect | None]:
            if one.plan.strategy is Strategy.SHADOW:
                raise UsageError(f"a shadow deployment of {model} promotes nobody; start another for that")
            ready = to_promotion(one, now_us)
            return ready, None if ready.is_promoted else Effect.PROMOTE

        return self._changed(model, "deploy promote", change, reason)

    def abort(self, model: str, reason: str = "") -> Deployment:
        """Give up: the candidate's weight is 0 at once; if it was promoted, the version before comes back."""
        told = reason or f"aborted by {self.acting.actor}"
        return self._changed(model, "deploy abort", lambda one, now_us: given_up(one, told, now_us), told)

    def _changed(
        self,
        model: str,
        action: str,
        change: Callable[[Deployment, int], tuple[Deployment, Effect | None]],
        reason: str,
    ) -> Deployment:
        self.acting.require(Action.DEPLOY, checked_name(model))
        for _ in range(_ATTEMPTS):
            found = self._open(model)
            if found is None:
                raise UsageError(f"{model} has no deployment under way")
            now_us = self.acting.clock.now_us()
            after, effect = change(deployment_of(found), now_us)
            try:
                revision = self._commit(after, found.revision, action, reason)
            except Conflict:
                continue
            if effect is not None:
                after = self._done(after, effect, now_us)
                self._commit(after, revision, f"deploy {effect}", after.reason)
            return after
        raise Conflict(f"the deployment of {model} was overtaken {_ATTEMPTS} times; try again later")

    def _done(self, deployment: Deployment, effect: Effect, now_us: int) -> Deployment:
        """Do what the deployment needs done; what forbids it pauses the deployment."""
        holder = self._holder(deployment.model)
        try:
            if effect is Effect.PROMOTE:
                if holder != deployment.candidate:
                    self._put_into_production(deployment)
                return promoted(deployment, now_us)
            if holder != deployment.stable and deployment.stable is not None:
                self.roll_back(deployment.model, deployment.stable, deployment.reason)
            return rolled_back(deployment)
        except NotAllowed as error:
            return paused(deployment, Pause.GUARD if effect is Effect.PROMOTE else Pause.ROLLBACK, str(error))
        except IntegrityError as error:
            if effect is Effect.PROMOTE:
                return given_up(deployment, str(error), now_us)[0]
            # better the candidate than a version that cannot be loaded
            return paused(deployment, Pause.ROLLBACK, str(error))

    def _put_into_production(self, deployment: Deployment) -> None:
        version = version_of(self.acting.catalogue.document(Ref.parse(deployment.candidate)))
        if version.stage is Stage.RETIRED:
            self.roll_back(deployment.model, deployment.candidate, f"deployment {deployment.key}")
        else:
            self.promote_version(deployment.candidate, Stage.PRODUCTION, f"deployment {deployment.key}")

    def _unless_overtaken(self, deployment: Deployment, now_us: int) -> tuple[Deployment, Effect | None] | None:
        """Given up when somebody else changed what is in production."""
        holder = self._holder(deployment.model)
        expected: set[str | None] = {deployment.candidate if deployment.is_promoted else deployment.stable}
        step = deployment.step
        if not deployment.is_promoted and step is not None and step.kind is StepKind.PROMOTE:
            expected.add(deployment.candidate)  # promoted just before a kill
        if deployment.goes_back:
            expected.add(deployment.stable)  # rolled back just before a kill
        if holder in expected:
            return None
        mine = attrs.evolve(deployment, is_promoted=False)
        return given_up(mine, f"{holder or 'no version'} was put into production meanwhile", now_us)

    def _fitting(self, candidate: Version, plan: Plan) -> Plan:
        if candidate.stage is Stage.STAGING or plan.strategy is Strategy.SHADOW:
            return plan
        history = self.acting.catalogue.history(candidate.model)
        recent = rollback_targets(history)[: plan.rollback_window]
        if candidate.stage is Stage.RETIRED and candidate.number in recent:
            return attrs.evolve(plan, steps=(Step(kind=StepKind.PROMOTE),), background=())
        raise UsageError(
            f"{candidate.ref} is in {candidate.stage}; expected a version in staging, or one of the last "
            f"{plan.rollback_window} that were in production"
        )

    def _commit(
        self, deployment: Deployment, expect: int, action: str, reason: str, more: Sequence[Operation] = ()
    ) -> int:
        storage = self.acting.storage
        before = storage.get(TABLES, deployment.model)
        revision = 0 if before is None else before.revision
        table = deployment.table(revision + 1)
        # a round that only took measurements is no change that the audit log must tell
        told = {"deployment": deployment.key, "phase": deployment.phase, "weight": deployment.weight, "reason": reason}
        receipt = storage.commit(
            [
                deployment_put(deployment, expect=expect),
                table_put(table, expect=revision),
                *more,
                *([self.acting.entry(action, deployment.candidate, **told)] if action else []),
            ]
        )
        return receipt.revisions[0]

    def _last(self, model: str) -> Document | None:
        found = self.acting.storage.find(DEPLOYMENTS, {"model": model})
        return max(found, key=lambda document: int(document.value["number"]), default=None)

    def _open(self, model: str) -> Document | None:
        return next(iter(self.acting.storage.find(DEPLOYMENTS, {"model": model, "is_open": 1})), None)

    def _holder(self, model: str) -> str | None:
        found = self.acting.catalogue.in_production(model)
        return None if found is None else found.key


def in_deployment(storage: Storage, ref: str) -> bool:
    """Whether a deployment under way needs this version."""
    return any(storage.find(DEPLOYMENTS, {"is_open": 1, role: ref}, limit=1) for role in ("candidate", "stable"))


def _busy(deployment: Deployment) -> Conflict:
    return Conflict(
        f"{deployment.model} is being deployed already: {deployment.candidate}, {deployment.phase}, at step "
        f"{deployment.at + 1} of {len(deployment.plan.steps)}; abort it first"
    )
