"""Rows with the configured columns, handed to the recorder."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.frames import numeric, required, table_of, times_us
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import DataError, StoreError
from watchkeeper.domain.plural import counted
from watchkeeper.domain.table import Categories, Column, Table, missing
from watchkeeper.domain.window import CLOCKS_DIFFER_US, told_time
from watchkeeper.monitor.evaluating import PredictionForm
from watchkeeper.monitor.recording.refusals import Refused, forget_refused, refused_rows
from watchkeeper.monitor.records import OUTCOMES
from watchkeeper.monitor.stored_windows import times_of_ids

from .assembly import Systems
from .intake import records_of


def logged(systems: Systems, model: str, data: Any, source: str, *, ids: list[str] | None = None) -> int:
    """Record the predictions of a table, and its outcomes; returns the number of predictions.

    Without `ids` they are those of the configured column, or made up where there is none.
    """
    columns = systems.models.config(model).columns
    watched = systems.models.watched(model)
    table = table_of(data, what=source)
    required(table, [columns.time], source)
    records = records_of(systems.models.config(model), watched.references, table, source)
    times = times_us(table, columns.time)
    if ids is None and columns.id is not None and columns.id in table:
        ids = row_ids(table, columns.id)
    refused = systems.recorder.stats().refused
    given = systems.recorder.log(model, records.features.columns, records.prediction, ids=ids, times_us=times)
    if records.outcome is not None and records.has_outcome.any():
        known = np.flatnonzero(records.has_outcome)
        named = [given[row] for row in known.tolist()]
        systems.recorder.record_outcomes(model, named, records.outcome[known], times_us=times[known])
    _require_all_taken(systems, refused, source)
    return len(records)


def doubts_of_rows(systems: Systems, model: str, data: Any) -> tuple[str, ...]:
    """What is suspicious about rows of predictions, in sentences: it can be stored, and hardly be meant."""
    columns = systems.models.config(model).columns
    table = table_of(data)
    now_us = systems.clock.now_us()
    time = times_us(table, columns.time)
    later = int((time > now_us + CLOCKS_DIFFER_US).sum())
    told = []
    if later:
        told.append(
            f"{counted(later, 'row')} of {model} {'is' if later == 1 else 'are'} stamped later than now, up to "
            f"{told_time(int(time.max()))}: checks leave them out until then; are their times UTC?"
        )
    if systems.models.watched(model).judging.form is PredictionForm.PROBABILITY:
        numbers = numeric(table, columns.prediction)
        impossible = np.flatnonzero(~((numbers >= 0.0) & (numbers <= 1.0)))
        if len(impossible):
            row = int(impossible[0])
            told.append(
                f"{counted(len(impossible), 'prediction')} of {model} {'is' if len(impossible) == 1 else 'are'} no "
                f"probability from 0 to 1, the first {numbers[row]:g} in row {row + 1}: mend what answered so"
            )
    return tuple(told)


@attrs.frozen
class RecordedOutcomes:
    """What became of a table of outcomes."""

    rows: int
    """How many were recorded."""
    unknown: tuple[str, ...] = ()
    """Ids among them of which no prediction is stored; they count when one comes."""


def outcomes_recorded(systems: Systems, model: str, data: Any, source: str) -> RecordedOutcomes:
    """Record the outcomes of a table that says by id which predictions they belong to.

    What is recorded last counts: an outcome that is corrected is known just after the one that it replaces, whatever
    time its row has; and none is known before its prediction was made.
    """
    columns = systems.models.config(model).columns
    if columns.id is None or columns.outcome is None:
        raise DataError(
            f"outcomes of model {model!r} cannot be joined: set `id` and `outcome` in models.{model}.columns"
        )
    table = table_of(data, what=source)
    required(table, [columns.id, columns.outcome], source)
    outcome = table[columns.outcome]
    known = np.flatnonzero(~missing(outcome))
    ids = row_ids(table, columns.id)
    named = [ids[row] for row in known.tolist()]
    times = times_us(table, columns.time)[known] if columns.time in table else None
    predicted = corrected(systems, model, named, outcome[known], times=times, source=source)
    return RecordedOutcomes(len(known), tuple(name for name in dict.fromkeys(named) if name not in predicted))


def corrected(
    systems: Systems,
    model: str,
    ids: list[str],
    outcomes: Column,
    *,
    times: NDArray[np.int64] | None,
    source: str,
) -> dict[str, int]:
    """Record outcomes so that they count, whatever was recorded before; returns when each id was predicted.

    Parameters
    ----------
    outcomes
        (n,) none missing.
    times
        (n,) UTC microseconds; None: now.
    """
    refused = systems.recorder.stats().refused
    systems.recorder.flush()
    predicted = times_of_ids(systems.storage, model, set(ids))
    if times is not None:
        times = np.array(
            [max(time_us, predicted.get(name, time_us)) for name, time_us in zip(ids, times.tolist(), strict=True)],
            dtype=np.int64,
        )
    systems.recorder.record_outcomes(model, ids, outcomes, times_us=_after_earlier(systems, model, ids, times))
    _require_all_taken(systems, refused, source)
    return predicted


def refused_acknowledged(systems: Systems, model: str, reason: str) -> Refused | None:
    """Take note of what the store refused of a model, in the audit log too; None when there is nothing."""
    systems.models.config(model)
    acting = systems.registry.acting
    acting.require(Action.CHECK, model)
    while (found := refused_rows(systems.storage, model)) is not None:
        entry = acting.entry("acknowledge refused rows", model, **attrs.asdict(found), comment=reason)
        if forget_refused(systems.storage, model, entry):
            return found
    return None


def _after_earlier(
    systems: Systems, model: str, ids: list[str], times: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """(n,) the times, or now; where an outcome of the same id is stored with a later one, just after that.

    Costs a scan over the outcomes that are stored as of the earliest of the times.
    """
    if not ids:
        return times
    chosen = np.full(len(ids), systems.clock.now_us(), dtype=np.int64) if times is None else times
    wanted = set(ids)
    last: dict[str, int] = {}
    for batch in systems.storage.scan(OUTCOMES, model, int(chosen.min()), None, ["id"]):
        stored = batch.table["id"]
        texts = stored.texts() if isinstance(stored, Categories) else stored
        for name, time_us in zip(texts.tolist(), batch.time.tolist(), strict=True):
            if name in wanted:
                last[name] = max(time_us, last.get(name, time_us))
    return np.array(
        [max(time_us, last.get(name, time_us - 1) + 1) for name, time_us in zip(ids, chosen.tolist(), strict=True)]
    )


def _require_all_taken(systems: Systems, refused_before: int, source: str) -> None:
    """Flush; a DataError when the store did not take some of it, because of what it holds."""
    try:
        systems.recorder.flush()
    except StoreError as error:
        raise type(error)(
            f"{error}; what {source} holds is not stored: mend the store and record the file again"
        ) from error
    refused = systems.recorder.stats().refused - refused_before
    if refused:
        raise DataError(
            f"the store refused {refused} predictions or outcomes of {source} and took the others; the log says which "
            "and why: mend those rows and record them again"
        )


def row_ids(table: Table, name: str) -> list[str]:
    """The ids in a column as text; a DataError where one is missing."""
    column: Column = table[name]
    gone = np.flatnonzero(missing(column))
    if len(gone):
        raise DataError(f"column {name!r} has no id in row {gone[0] + 1}; expected one for each row")
    return [str(one) for one in (column.texts() if isinstance(column, Categories) else column.tolist())]
