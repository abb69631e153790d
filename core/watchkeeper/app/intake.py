"""From a user's rows, as the configuration names their columns, to what the monitor reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.config.schema import ColumnsConfig, ModelConfig
from watchkeeper.data.frames import numeric, required, table_of, times_us
from watchkeeper.data.lengths import is_free_text, length_names, with_lengths
from watchkeeper.domain.errors import DataError, NothingToCheck
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.plural import counted
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.reserved_names import reserved
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing
from watchkeeper.domain.window import Window, told_time
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.schema import SchemaChanges, schema_changes

_FEWEST_ROWS_IN_TIME = 30
_FARTHEST_STRAY = 10
"""A few rows of a reference that come so many times later than all others lasted are a mistake."""
_TEXT_OF_NUMBERS = 0.5
"""A text column with more than this share of numbers is numbers read as text, not categories."""


def feature_names(columns: ColumnsConfig, table: Table) -> tuple[str, ...]:
    """The configured features; every column without another role when none are configured."""
    if columns.features:
        return columns.features
    alone = {segment.name for segment in columns.segments if segment.where is None}
    roles = {columns.time, columns.id, columns.prediction, columns.outcome, *alone, *columns.probabilities.values()}
    roles |= {columns.latency, columns.error}
    return tuple(name for name in table if name not in roles and kind_of(table[name]) is not ColumnKind.TIME)


@attrs.frozen(eq=False)
class ReferenceRows:
    """The reference, checked against the configuration."""

    table: Table
    """The features as numbers or categories, ``prediction``, and ``time`` (int64 µs) when the reference has one."""
    outcome: Column | None
    features: tuple[str, ...]
    probabilities: Table
    """The columns of probabilities that come with labels."""
    kinds: Mapping[str, ColumnKind]
    """What each column of the reference holds, also of those that are no features."""
    segments: Table
    """The columns that tell the segments and are no features, as far as the reference has them."""


def reference_rows(model: str, config: ModelConfig, table: Table, source: str) -> ReferenceRows:
    """Pick and check the columns of a reference.

    Raises
    ------
    DataError
        A column is missing (the nearest is named), numbers are text, or there are no rows.
    """
    columns = config.columns
    if not len(table):
        raise DataError(f"{source} has no rows; the reference of model {model!r} needs some to tell what is normal")
    kinds = {name: kind_of(table[name]) for name in table}
    named = tuple(dict.fromkeys((*feature_names(columns, table), *columns.text)))
    required(table, named, source)
    _check_names(model, named, source)
    features = tuple(one for name in named for one in _watched_as(name, columns, table))
    table = with_lengths(table, features)
    given = list(columns.probabilities.values())
    required(table, [columns.prediction, *features, *given], source)
    chosen = {name: _as_feature(table, name, source) for name in features}
    chosen["prediction"] = _as_feature(table, columns.prediction, source)
    if columns.time in table:
        chosen["time"] = at_us = times_us(table, columns.time)
        _check_times(at_us, columns.time, source)
    outcome = None
    if columns.outcome is not None and columns.outcome in table:
        outcome = _as_feature(table, columns.outcome, source)
    probabilities = Table({name: numeric(table, name) for name in given})
    numbers = {name for segment in columns.segments for name in segment.number_columns}
    needed = {name for segment in columns.segments for name in segment.columns if name not in chosen and name in table}
    segments = Table({name: _segment_column(table, name, is_number=name in numbers) for name in sorted(needed)})
    return ReferenceRows(Table(chosen), outcome, features, probabilities, kinds, segments)


def _check_names(model: str, features: Sequence[str], source: str) -> None:
    """Refuse features that something else of the same name would hide."""
    taken = reserved(features)
    if taken:
        raise DataError(
            f"the column {taken[0]!r} of {source} would be a feature of model {model!r}, and watchkeeper has that name "
            "for something else, so that it could not be watched: rename it, leave it out by listing "
            f"models.{model}.columns.features, or give it its role there"
        )


def _check_times(times: NDArray[np.int64], name: str, source: str) -> None:
    """Refuse a reference that a few rows make many times as long: what is later than its end alone is evidence."""
    if len(times) < _FEWEST_ROWS_IN_TIME:
        return
    ordered = np.sort(times)
    most = max(len(times) // 1000, 1)
    for rows in range(1, most + 1):
        last, stray = int(ordered[-rows - 1]), int(ordered[-rows])
        if stray - last > _FARTHEST_STRAY * max(last - int(ordered[0]), 1) and last > int(ordered[0]):
            told = f"{counted(rows, 'row')} with a {name!r} of {told_time(stray)} or later"
            raise DataError(
                f"{source} has {told}, and all others are from {told_time(int(ordered[0]))} to {told_time(last)}: no "
                "prediction before the reference's end would be evidence of drift; mend the time, or leave the row out"
            )


def _watched_as(name: str, columns: ColumnsConfig, table: Table) -> tuple[str, ...]:
    """The column itself; of a free text its lengths."""
    is_text = name in columns.text or (is_free_text(table[name]) and not _holds_numbers(table[name]))
    return length_names(name) if is_text else (name,)


def _holds_numbers(column: Column) -> bool:
    """Whether most texts of a text column are numbers."""
    present = [text for text in column if text is not None] if not isinstance(column, Categories) else []
    return bool(present) and sum(_is_number(text) for text in present) > _TEXT_OF_NUMBERS * len(present)


def doubts_about(columns: ColumnsConfig, reference: Table, source: str) -> tuple[str, ...]:
    """Which configured columns the reference can do without, and does; a sentence each."""
    wanting = (
        ("time", columns.time, "its rows are taken to be in order, and seasons are not learned"),
        ("outcome", columns.outcome, "nothing is estimated while outcomes lack, and performance raises no alarm"),
    )
    return tuple(
        f'{source} has no column "{name}", which columns.{role} names, so that {lack}{did_you_mean(name, reference)}'
        for role, name, lack in wanting
        if name is not None and name not in reference
    )


def _as_feature(table: Table, name: str, source: str) -> Column:
    column = table[name]
    kind = kind_of(column)
    if kind is ColumnKind.TIME:
        raise DataError(f"column {name!r} of {source} holds times; expected numbers or categories: leave it out")
    if isinstance(column, Categories) or kind is not ColumnKind.TEXT:
        return column
    if _holds_numbers(column):
        return numeric(table, name)  # tells which row is not a number
    return Categories.of(column)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def records_of(
    config: ModelConfig,
    references: Mapping[str, ReferenceColumn],
    data: Any,
    source: str,
    *,
    kinds: Mapping[str, ColumnKind] | None = None,
) -> Records:
    """The rows of a frame or file as one window.

    Parameters
    ----------
    kinds
        What the reference's columns hold. With them features that are missing or cannot be read are told of in
        `Records.strange`, and the others are read; without them one such feature is an error.

    Raises
    ------
    DataError
        A column is missing, or is text where the reference has numbers.
    NothingToCheck
        There are no rows.
    """
    columns = config.columns
    unread: dict[str, str] = {}
    table = table_of(data, what=source, strange=None if kinds is None else unread)
    features = [name for name in references if name != "prediction"]
    needed = [name for segment in columns.segments for name in segment.columns]
    segments = [name for name in dict.fromkeys(needed) if name not in references]
    numbers = {name for segment in columns.segments for name in segment.number_columns}
    given = [name for name in columns.probabilities.values() if name not in references]
    served = [name for name in (columns.latency, columns.error) if name is not None and name in table]
    _require_read(unread, [columns.prediction, columns.time, columns.outcome, *segments, *given, *served])
    required(table, [columns.prediction, *segments, *given], source)
    if not len(table):
        raise NothingToCheck(f"{source} has no rows; there is nothing to check")
    changes = None if kinds is None else _changes(kinds, table, references, unread)
    table = with_lengths(table, features)
    read, strange = _features(table, features, references, source)
    strange |= {name: reason for name, reason in unread.items() if name in features}
    if strange and (kinds is None or not read):
        raise DataError(next(iter(strange.values())))
    outcome, known = _outcome(table, columns.outcome)
    return Records(
        window=_window(table, columns.time, source),
        prediction=_like(table, columns.prediction, references["prediction"]),
        outcome=outcome,
        has_outcome=known,
        features=Table(
            read
            | {name: _segment_column(table, name, is_number=name in numbers) for name in segments}
            | {name: numeric(table, name) for name in (*given, *served)}
        ),
        strange=strange,
        changes=changes,
    )


def _require_read(unread: Mapping[str, str], names: Iterable[str | None]) -> None:
    """Pass, or a DataError: what every number depends on must be of one kind."""
    if (reason := next((unread[name] for name in names if name is not None and name in unread), None)) is not None:
        raise DataError(reason)


def _changes(
    kinds: Mapping[str, ColumnKind], table: Table, references: Mapping[str, ReferenceColumn], unread: Mapping[str, str]
) -> SchemaChanges:
    """How the columns differ from the reference's; one that cannot be read is there, and of another kind."""
    found = schema_changes({name: kind for name, kind in kinds.items() if name not in unread}, table, references)
    odd = {name: "values of no one kind" for name in unread if name in kinds}
    return attrs.evolve(found, retyped={**found.retyped, **odd})


def _features(
    table: Table, names: Sequence[str], references: Mapping[str, ReferenceColumn], source: str
) -> tuple[dict[str, Column], dict[str, str]]:
    """The features that can be read, and why the others cannot."""
    read: dict[str, Column] = {}
    strange: dict[str, str] = {}
    for name in names:
        try:
            required(table, [name], source)
            read[name] = _like(table, name, references[name])
        except DataError as error:
            strange[name] = str(error)
    return read, strange


def _segment_column(table: Table, name: str, *, is_number: bool) -> Column:
    if is_number:
        return numeric(table, name) if not missing(table[name]).all() else np.full(len(table), np.nan)
    return table_of(table.select([name]), categories=[name])[name]


def _like(table: Table, name: str, reference: ReferenceColumn) -> Column:
    column = table[name]
    if reference.kind is ColumnKind.NUMERIC:
        return numeric(table, name) if not missing(column).all() else np.full(len(column), np.nan)
    if isinstance(column, Categories):
        return column
    return table_of(table.select([name]), categories=[name])[name]


def _outcome(table: Table, name: str | None) -> tuple[Column | None, NDArray[np.bool_]]:
    if name is None or name not in table:
        return None, np.zeros(len(table), dtype=np.bool_)
    column = table[name]
    if kind_of(column) is ColumnKind.TEXT and not isinstance(column, Categories):
        column = Categories.of(column)
    return column, ~missing(column)


def _window(table: Table, name: str, source: str) -> Window:
    if name not in table:
        return Window(0, 0, len(table), source)
    times = times_us(table, name)
    return Window(int(times.min()), int(times.max()) + 1, len(table), source)
