"""What was learned from a reference and took long: kept in the store, so that the next start finds it."""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import NotFound, StoreCorrupt, StoreError
from watchkeeper.domain.table import Categories, Column

EDGES: Final = Namespace("learned_edges")
"""Drift thresholds, calibrated on the reference's windows."""
LABELS: Final = Namespace("learned_label_edges")
"""The same of the outcomes."""
LOSSES: Final = Namespace("learned_losses")
"""Trees that tell how large errors are."""
_log = logging.getLogger("watchkeeper.monitor")


@attrs.frozen
class Learned:
    """One model's memory: one thing of each kind, replaced when it was learned from something else.

    It is only a memory. What is gone, damaged or cannot be written is learned again, with the same result.
    """

    storage: Storage
    model: str

    def found(self, kind: Namespace, digest: str) -> bytes | None:
        """What was kept with that digest, its bytes checked; None when there is nothing, or from something else."""
        document = self.storage.get(kind, self.model)
        if document is None or document.value.get("digest") != digest:
            return None
        try:
            with self.storage.open_blob(str(document.value["blob"])) as opened:
                return opened.read()
        except (NotFound, StoreCorrupt) as error:
            _log.warning("what was learned of %s is learned again: %s", self.model, error)
            return None

    def keep(self, kind: Namespace, digest: str, data: bytes) -> None:
        """Keep it for the next start; a store that does not take it is told in the log."""
        try:
            blob = self.storage.put_blob(io.BytesIO(data))
            put = Put(kind, self.model, {"digest": digest, "blob": blob})
            self.storage.commit([put], Durability.FLUSHED)
        except StoreError as error:
            _log.warning("what was learned of %s is not kept: %s", self.model, error)


def digest_of(told: Iterable[str], columns: Iterable[Column]) -> str:
    """SHA-256 of some words and some columns, in their order; O(bytes)."""
    found = hashlib.sha256()
    for text in told:
        found.update(f"{text}\n".encode())
    for column in columns:
        values = column.codes if isinstance(column, Categories) else column
        labels = column.labels if isinstance(column, Categories) else ()
        found.update(f"{values.dtype} {values.shape} {labels!r}\n".encode())
        found.update(repr(values.tolist()).encode() if values.dtype.kind == "O" else values.tobytes())
    return found.hexdigest()


def written_as(thing: object) -> str:
    """An object with its options, and its class with a digest of the file that defines it: a new release is another.

    An object that does not tell its options, but only where it lies in memory, is another one at each start.
    """
    kind = type(thing)
    path = getattr(sys.modules.get(kind.__module__), "__file__", None)
    source = hashlib.sha256(Path(path).read_bytes()).hexdigest() if path and Path(path).is_file() else ""
    return f"{kind.__module__}.{kind.__qualname__} {_options(thing)} {source}"


def _options(thing: object) -> str:
    """As `repr`, but the same in every process: sets are told in order."""
    if isinstance(thing, frozenset | set):
        return "{" + ", ".join(sorted(map(repr, thing))) + "}"
    kind: Any = type(thing)
    if not attrs.has(kind):
        return repr(thing)
    shown = [field.name for field in attrs.fields(kind) if field.repr]
    return ", ".join(f"{name}={_options(getattr(thing, name))}" for name in shown)
