"""Every measurement that was ever made, kept in the store and read back in order."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Append, Batch, Durability, Storage
from watchkeeper.domain.measurement import Measurement, title_of
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window

from .time_order import sorted_rows
from .titles import is_title, name_asked, spellings

MEASUREMENTS = "measurements"


def keep_measurements(storage: Storage, model: str, measurements: Sequence[Measurement], now_us: int) -> None:
    """Append them under the model, stamped `now_us`; durable against the death of the process."""
    if measurements:
        storage.commit([to_append(model, measurements, now_us)], Durability.FLUSHED)


def to_append(model: str, measurements: Sequence[Measurement], now_us: int) -> Append:
    """The operation that keeps them, for a commit that has others beside it."""
    table = _table(measurements)
    return Append(MEASUREMENTS, model, np.full(len(table), now_us, dtype=np.int64), table)


def kept_measurements(
    storage: Storage,
    model: str,
    name: str | Collection[str] | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
) -> list[tuple[int, Measurement]]:
    """(when it was made in µs, measurement) in order of time; only those called `name`, or by one of them, if given.

    A name stands for all that are called so, a title, ``ks{feature=vol10}``, for those with these labels.
    """
    batches = storage.scan(MEASUREMENTS, model, since_us, until_us)
    names = {name} if isinstance(name, str) else name
    time, table = sorted_rows(batches if names is None else (_only(batch, names) for batch in batches))
    return list(zip(time.tolist(), measurements_of(table, model, range(len(time))), strict=True)) if len(time) else []


def _only(batch: Batch, wanted: Collection[str]) -> Batch:
    """The measurements of those names: a window has hundreds of others, which are not worth decoding."""
    return chosen_rows(batch, is_called(batch.table, wanted))


def is_called(table: Table, wanted: Collection[str]) -> NDArray[np.bool_]:
    """(n,) whether the measurement is of one of these names or titles; titles need the column of labels."""
    chosen = is_one_of(table["name"], wanted)
    for asked in filter(is_title, wanted):
        named = is_one_of(table["name"], (name_asked(asked),))
        if named.any():
            chosen |= named & is_one_of(table["labels"], _with_labels(table["labels"], asked))
    return chosen


def _with_labels(column: Column, asked: str) -> set[str]:
    """Those texts of a column of labels that are the ones of a title."""
    titles, name = spellings(asked), name_asked(asked)
    texts = column.labels if isinstance(column, Categories) else set(column.tolist())
    return {text for text in texts if title_of(name, json.loads(text)) in titles}


def is_one_of(column: Column, texts: Collection[str]) -> NDArray[np.bool_]:
    """(n,) whether the column has one of these texts there."""
    if not isinstance(column, Categories):
        return np.isin(column, list(texts))
    return np.isin(column.codes, [code for code, label in enumerate(column.labels) if label in texts])


def chosen_rows(batch: Batch, chosen: NDArray[np.bool_]) -> Batch:
    """Those rows, without the labels and details of the others, which are different for almost every row."""
    if chosen.all():
        return batch
    rows = batch.table.rows(chosen)
    columns = {key: one.compacted() if isinstance(one, Categories) else one for key, one in rows.columns.items()}
    return Batch(batch.time[chosen], Table(columns))


def _table(measurements: Sequence[Measurement]) -> Table:
    intervals = [found.value.interval or (np.nan, np.nan) for found in measurements]
    numbers = [np.nan if found.value.number is None else found.value.number for found in measurements]
    return Table(
        {
            "name": Categories.of(found.name for found in measurements),
            "value": np.array(numbers, dtype=np.float64),
            "reason": Categories.of(found.value.reason for found in measurements),
            "low": np.array([low for low, _ in intervals], dtype=np.float64),
            "high": np.array([high for _, high in intervals], dtype=np.float64),
            "samples": np.array([found.value.samples for found in measurements], dtype=np.int64),
            "version": Categories.of(found.version for found in measurements),
            "start_us": np.array([found.window.start_us for found in measurements], dtype=np.int64),
            "end_us": np.array([found.window.end_us for found in measurements], dtype=np.int64),
            "rows": np.array([found.window.rows for found in measurements], dtype=np.int64),
            "source": Categories.of(found.window.source for found in measurements),
            "labels": Categories.of(json.dumps(dict(found.labels), sort_keys=True) for found in measurements),
            "details": Categories.of(json.dumps(dict(found.details), sort_keys=True) for found in measurements),
        }
    )


def measurements_of(table: Table, model: str, rows: Iterable[int]) -> list[Measurement]:
    """These rows of a table of measurements, as they were made."""
    text = {name: _texts(table[name]) for name in ("name", "reason", "version", "source", "labels", "details")}
    number = {name: _numbers(table[name]) for name in ("value", "low", "high", "samples", "start_us", "end_us", "rows")}
    found = []
    for row in rows:
        window = Window(
            int(number["start_us"][row]), int(number["end_us"][row]), int(number["rows"][row]), text["source"][row]
        )
        low, high = float(number["low"][row]), float(number["high"][row])
        value = Value(
            None if text["reason"][row] is not None else float(number["value"][row]),
            text["reason"][row],
            None if np.isnan(low) else (low, high),
            int(number["samples"][row]),
        )
        labels, details = json.loads(text["labels"][row]), json.loads(text["details"][row])
        found.append(Measurement(text["name"][row], value, model, text["version"][row], window, labels, details))
    return found


def _texts(column: Column) -> list[Any]:
    return list(column.texts() if isinstance(column, Categories) else column)


def _numbers(column: Column) -> list[Any]:
    return [] if isinstance(column, Categories) else column.tolist()
