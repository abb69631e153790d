"""What an MLflow registry in SQLite holds, read from its tables; nothing of MLflow is imported or run."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import attrs

from watchkeeper.domain.errors import DataError

_VERSIONS: Final = "SELECT name, version, creation_time, user_id, current_stage, source, run_id FROM model_versions"
_MODELS_URI: Final = re.compile(r"models:/(m-[0-9a-f]{32})")
_FIELD: Final = re.compile(r"^\s*(\w+):\s*'?([\w.+-]+)'?\s*$", re.MULTILINE)
_FLAVOR: Final = re.compile(r"^  (\w+):\s*$", re.MULTILINE)
_DISTRIBUTION_OF_FIELD: Final = {
    "python_version": "python",
    "sklearn_version": "scikit-learn",
    "xgb_version": "xgboost",
    "lgb_version": "lightgbm",
    "keras_version": "keras",
    "onnx_version": "onnx",
    "pytorch_version": "torch",
}


@attrs.frozen
class ForeignVersion:
    """A version of an MLflow registry."""

    model: str
    version: int
    created_us: int
    created_by: str
    stage: str
    """None, Staging, Production or Archived; MLflow's words."""
    location: str
    """Where its files are, as the registry says; to be checked before anything is read there."""
    metrics: Mapping[str, float]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    aliases: tuple[str, ...]


def foreign_versions(database: Path) -> tuple[ForeignVersion, ...]:
    """Every version that is not deleted, by model and number; the database is opened to read only.

    Raises
    ------
    DataError
        The file is no MLflow registry.
    """
    if not database.is_file():
        raise DataError(f"{database} is no file; expected MLflow's SQLite database, such as mlflow.db")
    try:
        connection = sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)
        try:
            rows = connection.execute(f"{_VERSIONS} ORDER BY name, version").fetchall()
            return tuple(_version(connection, row) for row in rows if "Deleted" not in str(row[4]))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataError(f"{database} is no MLflow registry: {error}") from error


def environment_told(mlmodel: str) -> dict[str, str]:
    """The versions that a file ``MLmodel`` names, by distribution."""
    fields = dict(_FIELD.findall(mlmodel))
    return {name: fields[field] for field, name in _DISTRIBUTION_OF_FIELD.items() if field in fields}


def class_told(mlmodel: str) -> str | None:
    """The model's class, where a file ``MLmodel`` names one."""
    found = [value for field, value in _FIELD.findall(mlmodel) if field == "model_class"]
    return found[0] if found else None


def flavors_told(mlmodel: str) -> list[str]:
    """What MLflow can load a model as, ``python_function`` aside."""
    between = re.search(r"^flavors:\s*$(.*?)(?=^\S|\Z)", mlmodel, re.MULTILINE | re.DOTALL)
    return [] if between is None else [name for name in _FLAVOR.findall(between[1]) if name != "python_function"]


def local_path(location: str) -> Path | None:
    """The path in ``file:///a/b`` or ``/a/b``; None for what is not on this machine."""
    parts = urlsplit(location)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        return None
    return Path(unquote(parts.path)) if parts.scheme else Path(location)


def _version(connection: sqlite3.Connection, row: tuple[object, ...]) -> ForeignVersion:
    name, number, created_ms, user, stage, source, run = row
    key = (name, number)
    model_id = _MODELS_URI.match(str(source))
    metrics = {
        str(metric): float(value)
        for metric, value, is_nan in connection.execute(
            "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?", (run,)
        )
        if not is_nan and math.isfinite(value)
    }
    return ForeignVersion(
        model=str(name),
        version=int(str(number)),
        created_us=int(str(created_ms)) * 1000,
        created_by=str(user or ""),
        stage=str(stage or "None"),
        location=_location(connection, str(source), None if model_id is None else model_id[1]),
        metrics=metrics,
        parameters=dict(connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,))),
        tags=dict(connection.execute("SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?", key)),
        aliases=tuple(
            alias
            for (alias,) in connection.execute(
                "SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ? ORDER BY alias", key
            )
        ),
    )


def _location(connection: sqlite3.Connection, source: str, model_id: str | None) -> str:
    """MLflow 3 names a logged model, whose files are elsewhere; before, the source was the place itself."""
    if model_id is None:
        return source
    found = connection.execute("SELECT artifact_location FROM logged_models WHERE model_id = ?", (model_id,)).fetchone()
    return source if found is None else str(found[0])
