"""Whether the files that define normal hold what the configuration says, looked at before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs
import numpy as np

from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.schema import ColumnsConfig, ModelConfig
from watchkeeper.data.files import read_table
from watchkeeper.data.reading import as_times, numeric, required, times_us
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.model import Task
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing
from watchkeeper.monitor.alarms.blocks import block_size
from watchkeeper.monitor.alarms.fitting import reference_cut
from watchkeeper.monitor.alarms.promise import no_evidence_told, too_few_told
from watchkeeper.monitor.evaluating import judging_of

from .intake import doubts_about, reference_rows

_MOST_LABELS: Final = 100
"""A classification whose prediction has more labels than this, all of them numbers, is none."""


@attrs.frozen
class References:
    """What the reference files of a configuration were found to be."""

    features: Mapping[str, tuple[str, ...]]
    """By model, of those whose reference is a file that can be read."""
    problems: tuple[str, ...]
    """A line for each mistake, with the place of the key that it is about."""
    doubts: tuple[str, ...] = ()
    """What the references can do without, and do."""

    @classmethod
    def of(cls, loaded: LoadedConfig) -> References:
        """Read each file whole; the rows of registered versions, which are in the store, are left out."""
        found = cls({}, (), ())
        for name, config in loaded.config.models.items():
            if config.reference is not None:
                found = found._and(_looked_at(name, config, config.reference, loaded))
        return found

    def _and(self, other: References) -> References:
        return References(
            {**self.features, **other.features}, (*self.problems, *other.problems), (*self.doubts, *other.doubts)
        )


def _looked_at(name: str, config: ModelConfig, reference: Path, loaded: LoadedConfig) -> References:
    source, place = reference.name, ("models", name, "columns")
    try:
        table = read_table(loaded.config.folder / reference)
        if any(path[:3] == place for path in loaded.left_out):
            return References({}, ())  # what its columns are is in doubt
        doubts = tuple(_line(loaded, place, told) for told in doubts_about(config.columns, table, source))
        wrong = list(wrong_columns(config.task, config.columns, table, source))
        if wrong:
            return References({}, tuple(_line(loaded, (*place, role), told) for role, told in wrong), doubts)
        features = features_of(name, config, table, source)
        short = _too_short(config, table) if config.drift else None
        told = () if short is None else (_line(loaded, ("models", name, "reference"), f"{source}: {short}"),)
        return References({name: features}, (), (*doubts, *told))
    except DataError as error:
        return References({}, (_line(loaded, ("models", name, "reference"), error),))


def _too_short(config: ModelConfig, table: Table) -> str | None:
    """That the reference has too few blocks for the budget to be a promise; whether it has weather a check tells."""
    time = config.columns.time
    at = np.sort(times_us(table, time)) if time in table else None
    size = block_size(config.step, len(table), at)
    if isinstance(size, str):
        return no_evidence_told(size)
    return too_few_told(len(reference_cut(size, at, len(table))))


def _line(loaded: LoadedConfig, path: tuple[str, ...], told: object) -> str:
    return f"{loaded.places.of(path)}: {'.'.join(path)}: {told}"


def features_of(name: str, config: ModelConfig, table: Table, source: str) -> tuple[str, ...]:
    """The features that the model will have; a DataError for what cannot be fitted."""
    rows = reference_rows(name, config, table, source)
    told = config.columns.probabilities
    judging_of(config.task, rows.table["prediction"], rows.outcome, config.decision_threshold, told)
    return rows.features


def wrong_columns(task: Task, columns: ColumnsConfig, table: Table, source: str) -> Iterator[tuple[str, str]]:
    """Each role of ``columns`` that a column of the reference cannot have, and why, in words that name the file.

    A time or an outcome that is not there is no mistake: a reference can do without (`doubts_about`).
    """
    for role, name in _named(columns):
        try:
            required(table, [name], source)
        except DataError as error:
            if role not in {"time", "outcome", "id"}:
                yield role, str(error)
            continue
        reason = _reason(task, role, table, name)
        if reason is not None:
            yield role, f"{source}: {reason}"


def _named(columns: ColumnsConfig) -> Iterator[tuple[str, str]]:
    for role in ("time", "prediction", "id", "outcome"):
        name = getattr(columns, role)
        if name is not None:
            yield role, name
    yield from (("features", name) for name in columns.features)
    yield from (("text", name) for name in columns.text)
    yield from (("probabilities", name) for name in columns.probabilities.values())


def _reason(task: Task, role: str, table: Table, name: str) -> str | None:
    """Why the column cannot have the role; None when it can."""
    column = table[name]
    if role in {"time", "prediction"} and bool(missing(column).all()):
        return f"column {name!r} is empty; expected a {role} in the rows"
    try:
        if role == "time":
            as_times(column, name)
        if role in {"prediction", "outcome"} and task is not Task.CLASSIFICATION and not missing(column).all():
            numeric(table, name)
    except DataError as error:
        return str(error)
    if role == "id" and _has_fractions(column):
        return f"column {name!r} holds numbers with fractions; an id is a text or a whole number that names one row"
    if role == "prediction" and task is Task.CLASSIFICATION and _is_no_class(column):
        return (
            f"column {name!r} holds numbers that are neither probabilities from 0 to 1 nor labels; expected one of the "
            'two, or task = "regression"'
        )
    return None


def _has_fractions(column: Column) -> bool:
    if isinstance(column, Categories) or column.dtype.kind != "f":
        return False
    present = column[np.isfinite(column)]
    return bool((present != np.floor(present)).any())


def _is_no_class(column: Column) -> bool:
    """Whether it holds more numbers than there are labels, and not all of them from 0 to 1."""
    if not _has_fractions(column) or kind_of(column) is not ColumnKind.NUMERIC or isinstance(column, Categories):
        return False
    present = column[np.isfinite(column)]
    return bool(((present < 0) | (present > 1)).any()) and len(np.unique(present)) > _MOST_LABELS
