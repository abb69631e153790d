"""Everything that the registry can prove about a model, as one value: what reports and exports are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from watchkeeper.domain.model import Version

from .deployments.state import DEPLOYMENTS, Deployment, deployment_of
from .guards import Approval, Check
from .lineage import Lineage
from .signatures import Signature
from .stages import StageChange
from .tenure import Tenure

if TYPE_CHECKING:
    from .registry import Registry


@attrs.frozen
class VersionEvidence:
    """One version with what was done to it."""

    version: Version
    checks: tuple[Check, ...]
    approvals: tuple[Approval, ...]
    signatures: tuple[Signature, ...]
    lineage: Lineage


@attrs.frozen
class Evidence:
    """A model's file."""

    model: str
    made_us: int
    versions: tuple[VersionEvidence, ...]
    """The greatest number first."""
    production: str | None
    changes: tuple[StageChange, ...]
    tenures: tuple[Tenure, ...]
    deployments: tuple[Deployment, ...]
    audit_entries: int
    audit_head: str
    verdict: str
    """What `verify` found, in words."""
    monitoring: Mapping[str, Sequence[Mapping[str, Any]]]
    """What other systems add: ``alerts``, ``drift``; a name that is not there was not asked for."""


def evidence_of(
    registry: Registry, model: str, monitoring: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> Evidence:
    """Gather it, and verify the registry on the way. O(bytes in the registry)."""
    acting = registry.acting
    versions = tuple(_version(registry, version) for version in registry.versions(model))
    entries, head = 0, ""
    for entry in registry.audit():
        entries, head = entry.number, entry.digest
    live = acting.catalogue.in_production(model)
    return Evidence(
        model=model,
        made_us=acting.clock.now_us(),
        versions=versions,
        production=None if live is None else live.key,
        changes=registry.history(model),
        tenures=registry.tenures(model),
        deployments=tuple(deployment_of(document) for document in acting.storage.find(DEPLOYMENTS, {"model": model})),
        audit_entries=entries,
        audit_head=head,
        verdict=registry.verify().sentence,
        monitoring=monitoring or {},
    )


def _version(registry: Registry, version: Version) -> VersionEvidence:
    return VersionEvidence(
        version=version,
        checks=registry.guards.checks(version.ref),
        approvals=registry.guards.approvals(version.ref),
        signatures=registry.signatures.of(version.ref),
        lineage=registry.lineage(version.ref),
    )
