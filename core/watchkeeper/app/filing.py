"""A file's predictions in the store once, however often the file is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Durability, Namespace, Put
from watchkeeper.data.files import file_digest, read_table
from watchkeeper.data.frames import required, times_us
from watchkeeper.domain.plural import counted
from watchkeeper.domain.table import Categories, Column, Table, missing
from watchkeeper.domain.window import told_time
from watchkeeper.monitor.outcomes import outcomes_of
from watchkeeper.monitor.records import PREDICTIONS, plain_values

from .assembly import Systems
from .recording import doubts_of_rows, logged, outcomes_recorded, row_ids

LOGGED_FILES: Final = Namespace("logged_files", ("model",))
_ID_DIGITS: Final = 24


@attrs.frozen
class LoggedFile:
    """What became of a file that was logged."""

    model: str
    name: str
    rows: int
    """Predictions that are stored now."""
    known: int = 0
    """Predictions of the file that were stored before, with the same id and time."""
    outcomes: int = 0
    """Outcomes of those, not known before or corrected, that are stored now."""
    before: str = ""
    """When the same bytes were logged before, and as which file; "" when they were not."""
    doubts: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was stored, and what was not, and why."""
        if self.before:
            return (
                f"{self.name} was logged before, {self.before}: {counted(self.known, 'prediction')} of {self.model}; "
                "nothing is stored now (--again stores its rows once more)"
            )
        if not self.known:
            return f"{counted(self.rows, 'prediction')} of {self.model} {'is' if self.rows == 1 else 'are'} stored"
        outcomes = f", with {counted(self.outcomes, 'new outcome')}" if self.outcomes else ""
        return (
            f"{self.rows} of {counted(self.rows + self.known, 'prediction')} of {self.model} "
            f"{'is' if self.rows == 1 else 'are'} stored; {self.known} "
            f"{'was' if self.known == 1 else 'were'} before, by id and time{outcomes} (--again stores every row)"
        )


def file_logged(systems: Systems, model: str, path: Path, *, again: bool = False) -> LoggedFile:
    """Record a file's predictions and outcomes, each once.

    A file with the same bytes as one that was logged is left alone, at the cost of its digest. Of another the rows are
    left out whose id and time are stored; their outcomes are recorded where they are new. Rows without ids get some
    from the file's digest, so that what was interrupted can be logged again. With `again` every row is stored.
    """
    digest = file_digest(path)
    key = f"{model[:100]}/{digest}"
    before = systems.storage.get(LOGGED_FILES, key)
    if before is not None and not again:
        told = f"at {told_time(int(before.value['at_us']))} as {before.value['name']}"
        return LoggedFile(model, path.name, 0, int(before.value["rows"]), before=told)
    table = read_table(path)
    doubts = doubts_of_rows(systems, model, table)
    if again:
        found = LoggedFile(model, path.name, logged(systems, model, table, path.name), doubts=doubts)
    else:
        found = attrs.evolve(_added(systems, model, table, path.name, digest), doubts=doubts)
    value = {"name": path.name, "rows": len(table), "at_us": systems.clock.now_us()}
    systems.storage.commit([Put(LOGGED_FILES, key, value, {"model": model})], Durability.FLUSHED)
    return found


def _added(systems: Systems, model: str, table: Table, name: str, digest: str) -> LoggedFile:
    """Record the rows that are not stored yet, and the outcomes that are not, of those that are."""
    columns = systems.models.config(model).columns
    has_ids = columns.id is not None and columns.id in table
    required(table, [columns.time], name)
    ids = row_ids(table, str(columns.id)) if has_ids else [f"{digest[:_ID_DIGITS]}-{row}" for row in range(len(table))]
    systems.recorder.flush()
    known = _stored(systems, model, ids, times_us(table, columns.time))
    if not known.any():
        return LoggedFile(model, name, logged(systems, model, table, name, ids=ids))
    fresh = np.flatnonzero(~known)
    rows = 0
    if len(fresh):
        rows = logged(systems, model, table.rows(fresh), name, ids=[ids[row] for row in fresh.tolist()])
    outcomes = 0
    if has_ids and columns.outcome is not None and columns.outcome in table:
        outcomes = _new_outcomes(systems, model, table.rows(np.flatnonzero(known)), name)
    return LoggedFile(model, name, rows, int(known.sum()), outcomes)


def _stored(systems: Systems, model: str, ids: list[str], times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether a prediction with the row's id and time is stored; reads the ids of the rows' own stretch."""
    known = np.zeros(len(ids), dtype=np.bool_)
    span = systems.storage.span(PREDICTIONS, model)
    if not len(ids) or span is None or times.min() > span[1] or times.max() < span[0]:
        return known
    rows: dict[tuple[object, int], list[int]] = {}
    for row, place in enumerate(zip(ids, times.tolist(), strict=True)):
        rows.setdefault(place, []).append(row)
    for batch in systems.storage.scan(PREDICTIONS, model, int(times.min()), int(times.max()) + 1, ["id"]):
        for stored in zip(plain_values(batch.table["id"]), batch.time.tolist(), strict=True):
            if stored in rows:
                known[rows[stored]] = True
    return known


def _new_outcomes(systems: Systems, model: str, table: Table, name: str) -> int:
    """Record the outcomes that are not stored, or differ from what is; returns how many."""
    columns = systems.models.config(model).columns
    told = table[str(columns.outcome)]
    ids = np.array(row_ids(table, str(columns.id)), dtype=object)
    first_us = int(times_us(table, columns.time).min())
    found = outcomes_of(systems.storage, model, Table({"id": ids}), first_us, None)
    new = ~missing(told)
    if found.outcome is not None:
        new &= ~found.known | _differ(found.outcome, told)
    if new.any():
        outcomes_recorded(systems, model, table.rows(np.flatnonzero(new)), name)
    return int(new.sum())


def _differ(stored: Column, told: Column) -> NDArray[np.bool_]:
    """(n,) whether two columns say other things."""
    pairs = zip(_plain(stored), _plain(told), strict=True)
    return np.fromiter((one != other for one, other in pairs), dtype=np.bool_, count=len(told))


def _plain(column: Column) -> list[Any]:
    """Numbers as floats, all else as text."""
    if isinstance(column, Categories) or column.dtype.kind not in "fiub":
        return [None if one is None else str(one) for one in plain_values(column)]
    values: list[Any] = column.astype(np.float64).tolist()
    return values
