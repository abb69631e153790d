"""Versions written as folders that MLflow reads as models of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from watchkeeper.domain.errors import DataError, UsageError, WatchkeeperError
from watchkeeper.domain.model import Version
from watchkeeper.domain.window import iso_time

if TYPE_CHECKING:
    from watchkeeper.registry.registry import Registry

_FILE_OF_FORMAT: Final = {"sklearn": ("model.skops", "skops"), "pickle": ("model.pkl", "pickle")}
_NO_PACKAGES: Final = frozenset({"python", "implementation", "platform", "watchkeeper"})


@attrs.frozen
class Exported:
    """What came of one version."""

    ref: str
    folder: Path | None
    """None when it was left out."""
    problem: str = ""


def exported(registry: Registry, model: str, into: Path) -> Iterator[Exported]:
    """Write each version to ``<into>/<model>/<number>/``, and what MLflow keeps elsewhere to ``versions.json`` beside.

    `mlflow.sklearn.load_model` reads the folders, and `MlflowClient.create_model_version` registers them. Each
    version's bytes are verified as they are for a load.
    """
    folder = into / model
    if folder.exists():
        raise UsageError(f"{folder} is there already; choose a folder in which it is not")
    told: list[Mapping[str, Any]] = []
    aliases = registry.aliases.of(model)
    for version in reversed(registry.versions(model)):
        try:
            place = _written(registry, version, folder / str(version.number))
        except WatchkeeperError as error:
            yield Exported(version.ref, None, str(error))
            continue
        told.append(_told(version, [alias for alias, ref in aliases.items() if ref == version.ref]))
        yield Exported(version.ref, place)
    _write(folder / "versions.json", json.dumps(told, indent=2, ensure_ascii=False))


def _written(registry: Registry, version: Version, folder: Path) -> Path:
    if version.format not in _FILE_OF_FORMAT:
        raise DataError(
            f"{version.ref} was saved by {version.format!r}, which MLflow's layout is not written for; expected "
            f"{' or '.join(_FILE_OF_FORMAT)}"
        )
    file, serialization = _FILE_OF_FORMAT[version.format]
    with registry.verified(version.ref) as source:
        folder.mkdir(parents=True)
        with (folder / file).open("xb") as target:
            shutil.copyfileobj(source, target)
    requirements = [
        f"{name}=={number}" for name, number in sorted(version.environment.items()) if name not in _NO_PACKAGES
    ]
    _write(folder / "requirements.txt", "\n".join(requirements) + "\n")
    # JSON is YAML
    _write(folder / "MLmodel", json.dumps(_mlmodel(version, file, serialization), indent=2))
    return folder


def _mlmodel(version: Version, file: str, serialization: str) -> dict[str, Any]:
    python = version.environment.get("python", "")
    return {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": file,
                "predict_fn": "predict",
                "python_version": python,
            },
            "sklearn": {
                "code": None,
                "pickled_model": file,
                "serialization_format": serialization,
                "sklearn_version": version.environment.get("scikit-learn", ""),
                "skops_trusted_types": json.loads(version.format_record.get("trusted", "null")),
            },
        },
        "utc_time_created": iso_time(version.created_us).replace("T", " ").rstrip("Z"),
        "metadata": {"watchkeeper": {"ref": version.ref, "sha256": version.digest}},
    }


def _told(version: Version, aliases: list[str]) -> Mapping[str, Any]:
    return {
        "ref": version.ref,
        "stage": version.stage,
        "aliases": aliases,
        "metrics": dict(version.metrics),
        "parameters": dict(version.parameters),
        "tags": list(version.tags),
        "sha256": version.digest,
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}") from error
