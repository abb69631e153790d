"""Deleting versions: never one that somebody needs, and never without a trace."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from watchkeeper.contracts.storage import Delete, Document, Operation, Put
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import Conflict, NotAllowed
from watchkeeper.domain.model import Version

from .acting import Acting
from .deployments.deployments import in_deployment
from .guards import APPROVALS, CHECKS
from .holds import HOLDS, holds_on
from .numbering import sortable
from .pages import page_puts
from .promotion import numbers_in_use
from .records import ALIASES, TOMBSTONES, VERSIONS
from .signatures import SIGNATURES


def deleted(acting: Acting, ref: str, reason: str) -> Version:
    """Delete a version's record; its bytes go with the next `collect`, unless another version has the same.

    What stays is a tombstone with the record and the reason: the number is never given again.

    Raises
    ------
    NotAllowed
        It is in production, would be rolled back to, has an alias, or is held; the message lists every reason.
    Conflict
        Somebody changed it at this moment.
    """
    version, document = acting.found(ref, Action.DELETE)
    needed = reasons_to_keep(acting, version)
    if needed:
        raise NotAllowed(f"{version.ref} was not deleted: {'; '.join(needed)}")
    try:
        acting.storage.commit(_operations(acting, version, document, reason))
    except Conflict as error:
        raise Conflict(f"{version.ref} was changed at this moment, so it was not deleted; look again") from error
    return version


def reasons_to_keep(acting: Acting, version: Version) -> tuple[str, ...]:
    """Why a version must stay, in words; nothing when it can go."""
    keep = acting.policy.rollback_targets
    reasons: list[str] = []
    if version.number in numbers_in_use(acting.catalogue, version.model, keep):
        is_live = version.stage == "production"
        reasons.append("it is in production" if is_live else f"it is one of the {keep} versions to roll back to")
    aliases = acting.storage.find(ALIASES, {"ref": version.ref})
    if aliases:
        reasons.append(f"it has the alias {', '.join(document.value['alias'] for document in aliases)}")
    if in_deployment(acting.storage, version.ref):
        reasons.append("a deployment that is under way needs it")
    reasons += [
        f"it is held: {hold.name} ({hold.reason or 'no reason given'})" for hold in holds_on(acting, version.ref)
    ]
    return tuple(reasons)


def _operations(acting: Acting, version: Version, document: Document, reason: str) -> Sequence[Operation]:
    grave = {
        **document.value,
        "deleted_by": acting.actor,
        "deleted_us": acting.clock.now_us(),
        "reason": reason,
    }
    # aliases, holds and the rest change the version's revision, so that a delete beside them is refused; a promotion
    # of another version that makes this one a rollback target has changed it as well: it retired
    gone = [
        Delete(namespace, found.key, found.revision)
        for namespace in (CHECKS, APPROVALS, HOLDS, SIGNATURES)
        for found in acting.storage.find(namespace, {"ref": version.ref})
    ]
    return [
        Delete(VERSIONS, version.ref, document.revision),
        Put(
            TOMBSTONES,
            version.ref,
            grave,
            {"model": version.model, "rank": sortable(version.number)},
            expect=0,
        ),
        *page_puts(acting.storage, gone=[attrs.evolve(version)]),
        *gone,
        acting.entry("delete", version.ref, digest=version.digest, seal=document.value["seal"], reason=reason),
    ]
