"""What a version must have before production: checks that passed, people who approved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Namespace, Operation, Put
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import Conflict, NotAllowed, NotFound
from watchkeeper.domain.model import Version
from watchkeeper.domain.names import stored_name

from .acting import Acting, unchanged

CHECKS: Final = Namespace("version-checks", ("ref",))
APPROVALS: Final = Namespace("version-approvals", ("ref",))


@attrs.frozen
class Check:
    """The outcome of something that was tried with a version; the last outcome of a name counts."""

    name: str
    passed: bool
    evidence: str
    by: str
    at_us: int


@attrs.frozen
class Approval:
    """Somebody stands for a version."""

    by: str
    note: str
    at_us: int


@attrs.frozen(eq=False)
class Guards:
    """Records checks and approvals, and says what is missing."""

    acting: Acting

    def record_check(self, ref: str, name: str, *, passed: bool, evidence: str = "") -> Check:
        """Keep the outcome of a check; one that failed later takes an earlier pass back."""
        version, document = self.acting.found(ref, Action.CHECK)
        check = Check(stored_name(name, "check"), passed, evidence, self.acting.actor, self.acting.clock.now_us())
        self.acting.storage.commit(
            [
                unchanged(document),
                Put(CHECKS, f"{version.ref}/{name}", attrs.asdict(check), {"ref": version.ref}),
                self.acting.entry("check", version.ref, check=name, passed=passed, evidence=evidence),
            ]
        )
        return check

    def approve(self, ref: str, note: str = "") -> Approval:
        """Approve a version for production.

        Raises
        ------
        NotAllowed
            When the one who registered it is the one who approves, and the policy separates the two.
        """
        version, document = self.acting.found(ref, Action.APPROVE)
        self._require_another(version)
        approval = Approval(self.acting.actor, note, self.acting.clock.now_us())
        self.acting.storage.commit(
            [
                unchanged(document),
                Put(APPROVALS, f"{version.ref}/{approval.by}", attrs.asdict(approval), {"ref": version.ref}),
                self.acting.entry("approve", version.ref, note=note),
            ]
        )
        return approval

    def withdraw(self, ref: str) -> None:
        """Take one's own approval back; NotFound when there is none."""
        version, document = self.acting.found(ref, Action.APPROVE)
        key = f"{version.ref}/{self.acting.actor}"
        found = self.acting.storage.get(APPROVALS, key)
        if found is None:
            raise NotFound(f"{self.acting.actor} has not approved {version.ref}; there is nothing to withdraw")
        try:
            self.acting.storage.commit(
                [
                    unchanged(document),
                    Delete(APPROVALS, key, found.revision),
                    self.acting.entry("withdraw approval", version.ref),
                ]
            )
        except Conflict as error:
            raise Conflict(f"{version.ref} was changed at this moment; withdraw again") from error

    def checks(self, ref: str) -> tuple[Check, ...]:
        """The last outcome of each check of a version, by name."""
        version, _ = self.acting.found(ref, Action.VIEW)
        return tuple(Check(**document.value) for document in self._of(CHECKS, version))

    def approvals(self, ref: str) -> tuple[Approval, ...]:
        """Who approved a version."""
        version, _ = self.acting.found(ref, Action.VIEW)
        return tuple(Approval(**document.value) for document in self._of(APPROVALS, version))

    def conditions(self, version: Version) -> Sequence[Operation]:
        """Operations that assert all that the policy asks for; a NotAllowed that lists what is missing."""
        policy = self.acting.policy
        asserted: list[Operation] = []
        missing: list[str] = []
        checks = {document.value["name"]: document for document in self._of(CHECKS, version)}
        for name in policy.required_checks:
            if name not in checks:
                missing.append(f"check {name!r} was not made")
            elif not checks[name].value["passed"]:
                missing.append(f"check {name!r} failed ({checks[name].value['evidence'] or 'no evidence given'})")
            else:
                asserted.append(_again(CHECKS, checks[name]))
        if policy.approvals:
            counted = [document for document in self._of(APPROVALS, version) if self._counts(document, version)]
            if len(counted) < policy.approvals:
                missing.append(f"{policy.approvals} approvals are needed and {len(counted)} are there")
            asserted += [_again(APPROVALS, document) for document in counted]
        if missing:
            raise NotAllowed(f"{version.ref} may not go to production yet: {'; '.join(missing)}")
        return asserted

    def _of(self, namespace: Namespace, version: Version) -> tuple[Document, ...]:
        return self.acting.storage.find(namespace, {"ref": version.ref})

    def _counts(self, document: Document, version: Version) -> bool:
        return not (self.acting.policy.separate_duties and document.value["by"] == version.created_by)

    def _require_another(self, version: Version) -> None:
        if self.acting.policy.separate_duties and self.acting.actor == version.created_by:
            raise NotAllowed(
                f"{self.acting.actor} registered {version.ref} and so cannot approve it: the policy separates the two; "
                "ask somebody else"
            )


def _again(namespace: Namespace, document: Document) -> Put:
    """The same document once more: the commit fails if it was changed or withdrawn meanwhile."""
    return Put(namespace, document.key, document.value, document.index, document.revision)
