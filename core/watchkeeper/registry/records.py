"""Versions and stage changes as the documents that are stored, sealed against change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Document, Namespace, Put, Scalar
from watchkeeper.domain.errors import IntegrityError
from watchkeeper.domain.model import Stage, Task, TrainingData, Version, VersionNumber

from .numbering import sortable
from .stages import ChangeKind, StageChange

MODELS: Final = Namespace("models")
VERSIONS: Final = Namespace("versions", ("model", "rank", "stage", "digest"))
STAGE_CHANGES: Final = Namespace("stage-changes", ("model", "generation"))
TOMBSTONES: Final = Namespace("deleted-versions", ("model", "rank"))
"""What is left of a version that was deleted: its record, and who did it when and why."""
ALIASES: Final = Namespace("aliases", ("model", "ref"))
AUDIT: Final = "audit"

_CHANGEABLE: Final = frozenset({"stage", "seal", "deleted_by", "deleted_us", "reason"})


def version_put(version: Version, *, expect: int) -> Put:
    """The operation that stores a version; `expect` is the revision that it must have now."""
    record = record_of(version)
    return Put(
        VERSIONS,
        version.ref,
        {**record, "seal": seal(record)},
        {
            "model": version.model,
            "rank": sortable(version.number),
            "stage": version.stage,
            "digest": version.digest,
        },
        expect,
    )


def version_of(document: Document) -> Version:
    """The version that a document holds.

    Raises
    ------
    IntegrityError
        When the document is not the one that was registered: only the stage may change afterwards.
    """
    record = document.value
    if record.get("seal") != seal(record) or f"{record['model']}@{record['number']}" != document.key:
        raise IntegrityError(
            f"the record of {document.key} is not the one that was registered (its seal does not fit): somebody or "
            "something changed it in the store, so it is not used; restore the store from a backup"
        )
    if record.get("stage") not in set(Stage):
        raise IntegrityError(
            f"{document.key} is recorded at stage {record.get('stage')!r}, which is none of {', '.join(Stage)}: "
            "restore the store from a backup"
        )
    found = (document.index.get("model"), document.index.get("digest"), document.index.get("rank"))
    rank = sortable(VersionNumber.parse(record["number"]))
    is_live = "deleted_us" not in record
    if is_live and (*found, document.index.get("stage")) != (record["model"], record["digest"], rank, record["stage"]):
        raise IntegrityError(
            f"the store lists {document.key} under another model, number, stage or digest than its record has: "
            "somebody or something changed it, so it is not used; restore the store from a backup"
        )
    return Version(
        model=record["model"],
        number=VersionNumber.parse(record["number"]),
        stage=Stage(record["stage"]),
        format=record["format"],
        digest=record["digest"],
        size=record["size"],
        created_us=record["created_us"],
        created_by=record["created_by"],
        task=None if record["task"] is None else Task(record["task"]),
        metrics=record["metrics"],
        parameters=record["parameters"],
        environment=record["environment"],
        parents=tuple(record["parents"]),
        tags=tuple(record["tags"]),
        format_record=record["format_record"],
        features=tuple(record["features"]),
        reference_digest=record["reference_digest"],
        code=record.get("code"),
        training_data=_training_data_of(record.get("training_data")),
        card=record.get("card", {}),
    )


def seal(record: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over everything in a version's record that may never change."""
    fixed = {key: value for key, value in record.items() if key not in _CHANGEABLE}
    # not the store's canonical JSON: the store has checked already that it can keep the record, and listing a
    # thousand versions compares a thousand seals
    text = json.dumps(fixed, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def change_put(change: StageChange) -> Put:
    """The operation that stores a stage change, once: of two writers of the same generation one is refused."""
    record = {
        "model": change.model,
        "generation": change.generation,
        "number": str(change.number),
        "before": change.before,
        "after": change.after,
        "at_us": change.at_us,
        "by": change.by,
        "replaced": None if change.replaced is None else str(change.replaced),
        "kind": change.kind,
        "reason": change.reason,
    }
    index: dict[str, Scalar] = {"model": change.model, "generation": change.generation}
    return Put(STAGE_CHANGES, f"{change.model}/{change.generation:09d}", record, index, expect=0)


def change_of(document: Document) -> StageChange:
    """The stage change that a document holds."""
    record = document.value
    return StageChange(
        model=record["model"],
        generation=record["generation"],
        number=VersionNumber.parse(record["number"]),
        before=Stage(record["before"]),
        after=Stage(record["after"]),
        at_us=record["at_us"],
        by=record["by"],
        replaced=None if record["replaced"] is None else VersionNumber.parse(record["replaced"]),
        kind=ChangeKind(record.get("kind", ChangeKind.PROMOTE)),
        reason=record.get("reason", ""),
    )


def record_of(version: Version) -> dict[str, Any]:
    """The version as what JSON can hold, without its seal."""
    return {
        "model": version.model,
        "number": str(version.number),
        "stage": version.stage,
        "format": version.format,
        "digest": version.digest,
        "size": version.size,
        "created_us": version.created_us,
        "created_by": version.created_by,
        "task": version.task,
        "metrics": dict(version.metrics),
        "parameters": dict(version.parameters),
        "environment": dict(version.environment),
        "parents": list(version.parents),
        "tags": list(version.tags),
        "format_record": dict(version.format_record),
        "features": list(version.features),
        "reference_digest": version.reference_digest,
        "code": version.code,
        "training_data": None if version.training_data is None else attrs.asdict(version.training_data),
        "card": dict(version.card),
    }


def _training_data_of(plain: Mapping[str, Any] | None) -> TrainingData | None:
    return None if plain is None else TrainingData(**plain)
