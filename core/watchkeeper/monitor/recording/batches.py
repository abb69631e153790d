"""Entries become appends, and appends one commit; what the store refuses does not hold up the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Append, Durability, Storage
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, Table, joined
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS
from watchkeeper.monitor.rollups.beside import Rollups

from .channel import KEPT_COLUMNS, Channel
from .entries import Entry, Outcomes, Prediction, Row, Rows

_MOST_ATTEMPTS: Final = 1024
"""How many commits the search for the bad rows of one append may take; what is not cleared by then counts as bad."""


@attrs.frozen
class Refusal:
    """Rows that the store did not take."""

    model: str
    rows: int
    first_id: str
    reason: str
    last_us: int
    """The latest of the rows' times."""


@attrs.frozen
class Committed:
    """How a commit ended."""

    durability: Durability
    rows: int
    refusals: tuple[Refusal, ...] = ()

    @property
    def refused_rows(self) -> int:
        """How many rows the store did not take."""
        return sum(refusal.rows for refusal in self.refusals)


def appends_of(entries: Iterable[Entry]) -> list[Append]:
    """The entries as appends, one for each model and layout, in the order of arrival; equal entries give equal ones."""
    runs: dict[tuple[Channel, bool, bool], list[list[Row] | Rows]] = {}
    outcomes: dict[tuple[str, bool], list[Outcomes]] = {}
    for entry in entries:
        if isinstance(entry, tuple):
            channel, _, _, prediction, numbers, _, _ = entry
            alike = runs.setdefault((channel, isinstance(prediction, str), numbers is None), [])
            last = alike[-1] if alike else None
            if isinstance(last, list):
                last.append(entry)
            else:
                alike.append([entry])
        elif isinstance(entry, Rows):
            key = (entry.channel, isinstance(entry.prediction, Categories), entry.features is None)
            runs.setdefault(key, []).append(entry)
        else:
            for group in entry.by_kind():
                outcomes.setdefault((group.model, isinstance(group.values[0], float)), []).append(group)
    predictions = [_append_of_runs(channel.model, alike) for (channel, *_), alike in runs.items()]
    return [*predictions, *(_append_of_outcomes(group) for group in outcomes.values())]


def committed(storage: Storage, appends: Sequence[Append], writer: str, seq: int, rollups: Rollups) -> Committed:
    """Commit all appends at once; when the store refuses some of their rows, all others one by one.

    Every commit has a pair of writer and seq that depends on the appends alone, so that repeating the whole call
    after a crash or an error adds nothing twice. The rows' roll-ups are part of the same commit.

    Raises
    ------
    StoreError
        When the store could not be written; call again with the same arguments.
    """
    rows = sum(len(append.time) for append in appends)
    try:
        receipt = storage.commit([*appends, *rollups.beside(appends, writer, seq)], writer=writer, seq=seq)
    except DataError:
        rollups.refused(writer, seq)
        refusals: list[Refusal] = []
        for number, append in enumerate(appends):
            refusals += _salvaged(storage, append, f"{writer}.{number}", seq, rollups)
        refused = sum(refusal.rows for refusal in refusals)
        return Committed(Durability.SYNCED, rows - refused, tuple(refusals))
    rollups.done(writer, seq, is_replay=receipt.is_replay)
    return Committed(receipt.durability, rows)


def _salvaged(storage: Storage, append: Append, writer: str, seq: int, rollups: Rollups) -> list[Refusal]:
    """Commit the append but for the rows that the store refuses, found by halving, the largest part first."""
    refusals: dict[str, Refusal] = {}
    parts = deque([(_rows_of(append, slice(None)), writer)])
    attempts = 0
    while parts:
        part, name = parts.popleft()
        attempts += 1
        try:
            storage.commit([part, *rollups.beside([part], name, seq)], writer=name, seq=seq)
        except DataError as error:
            rows = len(part.time)
            if rows > 1 and attempts + len(parts) < _MOST_ATTEMPTS:
                parts.append((_rows_of(part, slice(None, rows // 2)), f"{name}.0"))
                parts.append((_rows_of(part, slice(rows // 2, None)), f"{name}.1"))
                continue
            known = refusals.get(str(error))
            refusals[str(error)] = (
                _refusal(part, str(error))
                if known is None
                else attrs.evolve(known, rows=known.rows + rows, last_us=max(known.last_us, int(part.time.max())))
            )
    return list(refusals.values())


def _rows_of(append: Append, rows: slice) -> Append:
    """Those rows, without the labels of others: a store refuses a column for a label that none of its rows has."""
    columns = {name: column[rows] for name, column in append.table.columns.items()}
    reduced = {name: one.reduced() if isinstance(one, Categories) else one for name, one in columns.items()}
    return attrs.evolve(append, time=append.time[rows], table=Table(reduced))


def _refusal(append: Append, reason: str) -> Refusal:
    ids = append.table["id"]
    first = ids.texts()[0] if isinstance(ids, Categories) else ids[0]
    return Refusal(append.key, len(append.time), str(first), reason, int(append.time.max()))


def _append_of_runs(model: str, runs: Sequence[list[Row] | Rows]) -> Append:
    parts = [_part_of_many(run) if isinstance(run, Rows) else _part_of_rows(run) for run in runs]
    times = np.concatenate([time for time, _ in parts])
    table = joined([table for _, table in parts]) if len(parts) > 1 else parts[0][1]
    return Append(PREDICTIONS, model, times, table, table.names[len(KEPT_COLUMNS) :])


def _part_of_rows(rows: Sequence[Row]) -> tuple[NDArray[np.int64], Table]:
    channels, ids, times, predictions, numbers, texts, versions = zip(*rows, strict=True)
    columns: dict[str, Column] = {
        "id": _texts(ids),
        "prediction": _column_of(predictions),
        "version": Categories.of(versions),
    }
    if numbers[0] is not None:
        columns |= channels[0].columns_of_rows(list(zip(numbers, texts, strict=True)))
    return np.array(times, dtype=np.int64), Table(columns)


def _part_of_many(rows: Rows) -> tuple[NDArray[np.int64], Table]:
    labels = () if rows.version is None else (rows.version,)
    versions = np.full(len(rows.ids), len(labels) - 1, dtype=np.int32)
    columns: dict[str, Column] = {
        "id": _texts(rows.ids),
        "prediction": rows.prediction,
        "version": Categories(versions, labels),
    }
    return rows.times, Table(columns | dict(rows.features or {}))


def _append_of_outcomes(groups: Sequence[Outcomes]) -> Append:
    times = np.array([time for group in groups for time in group.times_us], dtype=np.int64)
    columns: dict[str, Column] = {
        "id": _texts([name for group in groups for name in group.ids]),
        "outcome": _column_of([value for group in groups for value in group.values]),
    }
    return Append(OUTCOMES, groups[0].model, times, Table(columns))


def _texts(values: Sequence[str]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _column_of(values: Sequence[Prediction | None]) -> Column:
    """All numbers, or all labels."""
    if isinstance(values[0], float):
        return np.array(values, dtype=np.float64)
    return Categories.of([value if isinstance(value, str) else None for value in values])
