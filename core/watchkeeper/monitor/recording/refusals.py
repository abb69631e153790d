"""Rows that the store did not take, counted a model in a small document, so that any process's check can tell."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Delete, Durability, LogEntry, Namespace, Put, Storage
from watchkeeper.data.objects import shown
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.plural import counted

from .batches import Refusal

REFUSALS: Final = Namespace("refused_rows")


@attrs.frozen
class Refused:
    """All rows of a model that the store has refused so far."""

    rows: int
    last_us: int
    """The latest time that one of them was stamped with."""
    first_id: str
    """An example, of the refusal that came last."""
    reason: str

    @property
    def sentence(self) -> str:
        """What became of them, and what to do."""
        return (
            f"the store refused {counted(self.rows, 'row')} so far, which no window has, such as id {self.first_id}: "
            f"{self.reason}; mend what logs them, log them again, and take note of it: "
            "`watchkeeper store refused --clear`"
        )


def refused_rows(storage: Storage, model: str) -> Refused | None:
    """What the store has refused of the model, or None."""
    document = storage.get(REFUSALS, model)
    return None if document is None else Refused(**document.value)


def forget_refused(storage: Storage, model: str, entry: LogEntry) -> bool:
    """Begin to count anew, with an entry in a log that says so; False when rows were refused at this very moment."""
    document = storage.get(REFUSALS, model)
    if document is None:
        return True
    try:
        storage.commit([Delete(REFUSALS, model, document.revision), entry])
    except Conflict:
        return False
    return True


def keep_refusal(storage: Storage, refusal: Refusal) -> None:
    """Add to the model's document, whoever else does so at the same time."""
    while True:
        document = storage.get(REFUSALS, refusal.model)
        rows, last_us = refusal.rows, refusal.last_us
        if document is not None:
            rows, last_us = rows + document.value["rows"], max(last_us, document.value["last_us"])
        value = attrs.asdict(Refused(rows, last_us, shown(refusal.first_id), refusal.reason))
        put = Put(REFUSALS, refusal.model, value, expect=0 if document is None else document.revision)
        try:
            storage.commit([put], Durability.FLUSHED)
        except Conflict:
            continue
        return
