"""A first configuration, from a file of rows that define normal."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from watchkeeper.config.schema import ColumnsConfig, ModelConfig
from watchkeeper.data.files import read_table
from watchkeeper.data.frames import required
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.model import Task, checked_name
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing
from watchkeeper.monitor.evaluating import Judging, PredictionForm, judging_of

from .found_probabilities import are_rounded, found_probabilities
from .intake import reference_rows
from .references import wrong_columns

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
{metrics}
[rules.inputs-drifted]
when = "drift_share >= 0.5"
for = "2 checks"
severity = "warning"
do = ["notify:console"]
next_step = "Look at the drifted features with `watchkeeper check`."

[notifiers.console]
kind = "console"
"""
_METRICS_OF_LABELS = """\
metrics = ["accuracy", "precision", "recall", "f1"]  # roc_auc, log_loss and brier need columns.probabilities
"""
_METRICS_OF_ROUNDED = """\
metrics = ["accuracy", "precision", "recall", "f1", "roc_auc"]  # log_loss and brier need rows that add up to 1
"""
_MOST_WINDOW_ROWS = 500
_FEWEST_WINDOW_ROWS = 30
"""What `min_rows` is when nobody says: a shorter window would never be judged."""
_FEWEST_ROWS_OF_A_NAME = 20
"""Text of which hardly a value comes twice in so many rows names the rows; it is no category."""


@attrs.frozen
class Begun:
    """What was found out about the columns that nobody named."""

    names_of_rows: tuple[str, ...]
    """Those that are no features because they name the rows: hardly a value of theirs comes twice."""
    probabilities: Mapping[str, str]
    """By class the column with its probability, where the prediction is a label; empty without."""


def begun(config: Path, *, reference: Path, model: str, task: str, columns: Mapping[str, str | None]) -> Begun:
    """Write a configuration for one model; an existing file is left as it is.

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
    judging = _usable(model, Task(task), roles, table, reference.name)
    is_label = judging.form is PredictionForm.LABEL
    found = found_probabilities(table, judging.classes, {*named.values(), *names_of_rows}) if is_label else {}
    features = tuple(name for name in features if name not in found.values())
    text = _TEMPLATE.format(
        project=_quoted(config.absolute().parent.name or "project"),
        model=_key(checked_name(model)),
        task=task,
        reference=_quoted(_relative(reference, config)),
        columns=_columns(named, features, found),
        metrics=_metrics(table, found) if is_label else "",
        window=min(_MOST_WINDOW_ROWS, max(len(table) // 20, _FEWEST_WINDOW_ROWS)),
    )
    config.write_text(text, encoding="utf-8")
    return Begun(names_of_rows, found)


def _metrics(table: Table, probabilities: Mapping[str, str]) -> str:
    """The line of metrics of a model that answers with labels; "" where none has to be left out."""
    if not probabilities:
        return _METRICS_OF_LABELS
    return _METRICS_OF_ROUNDED if are_rounded(table, probabilities.values()) else ""


def _names_rows(column: Column) -> bool:
    if kind_of(column) is ColumnKind.TIME or (not isinstance(column, Categories) and column.dtype.kind != "O"):
        return False
    texts = (column.texts() if isinstance(column, Categories) else column)[~missing(column)].tolist()
    return len(texts) >= _FEWEST_ROWS_OF_A_NAME and len(set(texts)) > len(texts) // 2


def _usable(model: str, task: Task, columns: ColumnsConfig, table: Table, source: str) -> Judging:
    """How it is judged, or a DataError that tells everything for which such a model could not be watched."""
    problems = [problem for _, problem in wrong_columns(task, columns, table, source)]
    if columns.id is not None and not problems:
        problems += _repeated(table[columns.id], columns.id, source)
    if problems:
        raise DataError("; ".join(problems))
    config = ModelConfig(task=task, columns=columns, window=WindowSize(rows=1))
    try:
        rows = reference_rows(model, config, table, source)
        return judging_of(task, rows.table["prediction"], rows.outcome, config.decision_threshold)
    except DataError as error:
        told = str(error)
        raise DataError(told if source in told else f"{source}: {told}") from None


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


def _columns(named: Mapping[str, str], features: Sequence[str], probabilities: Mapping[str, str]) -> str:
    roles = [f"{role} = {_quoted(name)}" for role, name in named.items()]
    if probabilities:
        told = ", ".join(f"{_quoted(label)} = {_quoted(name)}" for label, name in probabilities.items())
        roles.append(f"probabilities = {{ {told} }}")
    return ", ".join([*roles, f"features = [{', '.join(_quoted(name) for name in features)}]"])


def _relative(reference: Path, config: Path) -> str:
    return os.path.relpath(reference.absolute(), config.absolute().parent)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in plain) + '"'


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else _quoted(name)
