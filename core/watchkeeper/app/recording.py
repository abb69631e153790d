"""Rows with the configured columns, handed to the recorder."""

from __future__ import annotations

from typing import Any

import numpy as np

from watchkeeper.data.frames import required, table_of, times_us
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, Table, missing

from .assembly import Systems
from .intake import records_of


def logged(systems: Systems, model: str, data: Any, source: str) -> int:
    """Record the predictions of a table, and its outcomes; returns the number of predictions."""
    columns = systems.models.config(model).columns
    watched = systems.models.watched(model)
    table = table_of(data, what=source)
    required(table, [columns.time], source)
    records = records_of(systems.models.config(model), watched.references, table, source)
    times = times_us(table, columns.time)
    ids = _ids(table, columns.id) if columns.id is not None and columns.id in table else None
    given = systems.recorder.log(model, records.features.columns, records.prediction, ids=ids, times_us=times)
    if records.outcome is not None and records.has_outcome.any():
        known = np.flatnonzero(records.has_outcome)
        named = [given[row] for row in known.tolist()]
        systems.recorder.record_outcomes(model, named, records.outcome[known], times_us=times[known])
    return len(records)


def outcomes_recorded(systems: Systems, model: str, data: Any, source: str) -> int:
    """Record the outcomes of a table that says by id which predictions they belong to; returns their number."""
    columns = systems.models.config(model).columns
    if columns.id is None or columns.outcome is None:
        raise DataError(
            f"outcomes of model {model!r} cannot be joined: set `id` and `outcome` in models.{model}.columns"
        )
    table = table_of(data, what=source)
    required(table, [columns.id, columns.outcome], source)
    outcome = table[columns.outcome]
    known = np.flatnonzero(~missing(outcome))
    times = times_us(table, columns.time)[known] if columns.time in table else None
    ids = _ids(table, columns.id)
    systems.recorder.record_outcomes(model, [ids[row] for row in known.tolist()], outcome[known], times_us=times)
    return len(known)


def _ids(table: Table, name: str) -> list[str]:
    column: Column = table[name]
    gone = np.flatnonzero(missing(column))
    if len(gone):
        raise DataError(f"column {name!r} has no id in row {gone[0] + 1}; expected one for each row")
    return [str(one) for one in (column.texts() if isinstance(column, Categories) else column.tolist())]
