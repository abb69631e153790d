"""A first configuration, from a file of rows that define normal."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from watchkeeper.config.schema import ColumnsConfig, ModelConfig
from watchkeeper.data.files import read_table
from watchkeeper.data.frames import required
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.model import Task, checked_name
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing

from .references import features_of, wrong_columns

_TEMPLATE = """\
# See `watchkeeper config schema` for every key, and `watchkeeper config show` for what holds now.
[project]
name = {project}
storage = "sqlite:///watch"            # a folder beside this file
false_alarms = "1 per 30d"             # what each model's alarms together may cost you

[models.{model}]
task = "{task}"
reference = {reference}
columns = {{ {columns} }}
window = "{window} rows"                    # each check judges the last so many, or a time such as "1h"

[rules.inputs-drifted]
when = "drift_share >= 0.5"
for = "2 checks"
severity = "warning"
do = ["notify:console"]
next_step = "Look at the drifted features with `watchkeeper check`."

[notifiers.console]
kind = "console"
"""
_MOST_WINDOW_ROWS = 500
_FEWEST_WINDOW_ROWS = 30
"""What `min_rows` is when nobody says: a shorter window would never be judged."""
_FEWEST_ROWS_OF_A_NAME = 20
"""Text of which hardly a value comes twice in so many rows names the rows; it is no category."""


def begun(
    config: Path, *, reference: Path, model: str, task: str, columns: Mapping[str, str | None]
) -> tuple[str, ...]:
    """Write a configuration for one model; an existing file is left as it is.

    Returns
    -------
    The columns that are no features because they name the rows: hardly a value of theirs comes twice.

    Raises
    ------
    UsageError
        The file exists, or the task is none.
    DataError
        The reference cannot be read, has no rows, lacks a named column (the nearest is named), or has something in it
        that cannot have its role; every one is told, and nothing is written.
    """
    if config.exists():
        raise UsageError(f"{config} exists already; remove it, or name another by --config")
    if task not in list(Task):
        raise UsageError(f"{task!r} is no task; expected {', '.join(Task)}")
    table = read_table(reference)
    named = {role: name for role, name in columns.items() if name is not None}
    required(table, named.values(), reference.name)
    if not len(table):
        raise DataError(f"{reference.name} has names of columns and no rows; expected the rows that define normal")
    names_of_rows = tuple(name for name in table if name not in named.values() and _names_rows(table[name]))
    features = _features(table, {*named.values(), *names_of_rows})
    roles = ColumnsConfig(
        time=named["time"],
        prediction=named["prediction"],
        id=named.get("id"),
        outcome=named.get("outcome"),
        features=features,
    )
    _require_usable(model, Task(task), roles, table, reference.name)
    text = _TEMPLATE.format(
        project=_quoted(config.absolute().parent.name or "project"),
        model=_key(checked_name(model)),
        task=task,
        reference=_quoted(_relative(reference, config)),
        columns=_columns(named, features),
        window=min(_MOST_WINDOW_ROWS, max(len(table) // 20, _FEWEST_WINDOW_ROWS)),
    )
    config.write_text(text, encoding="utf-8")
    return names_of_rows


def _names_rows(column: Column) -> bool:
    if kind_of(column) is ColumnKind.TIME or (not isinstance(column, Categories) and column.dtype.kind != "O"):
        return False
    texts = (column.texts() if isinstance(column, Categories) else column)[~missing(column)].tolist()
    return len(texts) >= _FEWEST_ROWS_OF_A_NAME and len(set(texts)) > len(texts) // 2


def _require_usable(model: str, task: Task, columns: ColumnsConfig, table: Table, source: str) -> None:
    """Pass, or a DataError that tells everything for which such a model could not be watched."""
    problems = [problem for _, problem in wrong_columns(task, columns, table, source)]
    if columns.id is not None and not problems:
        problems += _repeated(table[columns.id], columns.id, source)
    if not problems:
        try:
            features_of(model, ModelConfig(task=task, columns=columns, window=WindowSize(rows=1)), table, source)
        except DataError as error:
            told = str(error)
            problems = [told if source in told else f"{source}: {told}"]
    if problems:
        raise DataError("; ".join(problems))


def _repeated(column: Column, name: str, source: str) -> list[str]:
    """What is said of an id that names more than one row."""
    known = column.texts() if isinstance(column, Categories) else column
    values, counts = np.unique(known[~missing(column)].astype(str), return_counts=True)
    if not len(values) or counts.max() == 1:
        return []
    found, rows = values[counts.argmax()], counts.max()
    return [
        f"{source}: column {name!r} holds {str(found)!r} in {rows} rows; an id names one row: choose another column"
    ]


def _features(table: Table, used: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in table if name not in used and kind_of(table[name]) is not ColumnKind.TIME)


def _columns(named: Mapping[str, str], features: Sequence[str]) -> str:
    roles = [f"{role} = {_quoted(name)}" for role, name in named.items()]
    return ", ".join([*roles, f"features = [{', '.join(_quoted(name) for name in features)}]"])


def _relative(reference: Path, config: Path) -> str:
    return os.path.relpath(reference.absolute(), config.absolute().parent)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in plain) + '"'


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else _quoted(name)
