"""Where a version comes from, what was made from it, and how two versions differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Document
from watchkeeper.domain.model import Version

from .catalogue import Catalogue
from .records import TOMBSTONES, VERSIONS, record_of, version_of

_LIVES_ELSEWHERE: Final = frozenset({"model", "number", "stage", "seal", "created_us", "created_by"})


@attrs.frozen
class Lineage:
    """The family of a version: ancestors and descendants as edges of a graph without cycles."""

    ref: str
    edges: tuple[tuple[str, str], ...]
    """(parent, child), parents before their children, then by name."""
    deleted: frozenset[str]
    """Those of them that are no longer in the registry."""

    @property
    def refs(self) -> tuple[str, ...]:
        """Everybody in it."""
        return tuple(dict.fromkeys([*(ref for edge in self.edges for ref in edge), self.ref]))


@attrs.frozen
class Difference:
    """Something that two versions do not have in common; None: one of them does not have it at all."""

    field: str
    """``metrics.auc``, ``environment.numpy``, ``digest``."""
    before: Any
    after: Any


def lineage_of(catalogue: Catalogue, version: Version) -> Lineage:
    """Ancestors and descendants of a version. O(versions in the registry)."""
    storage = catalogue.storage
    graves = [_told(document) for document in storage.find(TOMBSTONES)]
    parents = dict(graves)
    parents.update(_told(document) for document in storage.find(VERSIONS))
    children: dict[str, list[str]] = defaultdict(list)
    for child, found in parents.items():
        for parent in found:
            children[parent].append(child)
    above = _reached(version.ref, parents)
    below = _reached(version.ref, children)
    edges = {(parent, child) for child in (*above, version.ref) for parent in parents.get(child, ())}
    edges |= {(parent, child) for parent in (*below, version.ref) for child in children[parent]}
    family = {ref for edge in edges for ref in edge}
    return Lineage(version.ref, _ordered(edges), frozenset(ref for ref, _ in graves if ref in family))


def differences(before: Version, after: Version) -> tuple[Difference, ...]:
    """What is different between two versions, field by field, each key of a mapping on its own."""
    old, new = _flat(before), _flat(after)
    return tuple(
        Difference(field, old.get(field), new.get(field))
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    )


def _told(document: Document) -> tuple[str, tuple[str, ...]]:
    version = version_of(document)
    return version.ref, version.parents


def _reached(start: str, next_of: Mapping[str, Iterable[str]]) -> list[str]:
    waiting, seen = [start], {start}
    for ref in waiting:
        fresh = [found for found in next_of.get(ref, ()) if found not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return waiting[1:]


def _ordered(edges: set[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    depth: dict[str, int] = defaultdict(int)
    for _ in range(len(edges)):
        changed = False
        for parent, child in edges:
            if depth[child] < depth[parent] + 1:
                depth[child], changed = depth[parent] + 1, True
        if not changed:
            break
    return tuple(sorted(edges, key=lambda edge: (depth[edge[0]], edge)))


def _flat(version: Version) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, value in record_of(version).items():
        if field in _LIVES_ELSEWHERE:
            continue
        if isinstance(value, Mapping):
            found.update({f"{field}.{key}": item for key, item in value.items()})
        else:
            found[field] = value
    return found
