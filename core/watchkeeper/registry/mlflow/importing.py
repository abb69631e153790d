"""An MLflow registry taken over: versions, metrics, parameters, tags, stages, aliases; no model is run on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from watchkeeper.domain.errors import DataError, WatchkeeperError
from watchkeeper.domain.model import Stage, Version, VersionNumber
from watchkeeper.registry.artifacts import SavedModel
from watchkeeper.registry.refs import Ref

from .reading import ForeignVersion, class_told, environment_told, flavors_told, foreign_versions, local_path

if TYPE_CHECKING:
    from watchkeeper.registry.registry import Registry

_FORMAT_OF_FILE: Final = {
    "model.skops": "sklearn",
    "model.pkl": "pickle",
    "model.ubj": "xgboost",
    "model.json": "xgboost",
    "model.lgb": "lightgbm",
    "model.onnx": "onnx",
    "data/model.keras": "keras",
    "data/model.pt2": "torch",
}
_WAY_TO: Final[Mapping[str, tuple[Stage, ...]]] = {
    "None": (),
    "Staging": (Stage.STAGING,),
    "Production": (Stage.STAGING, Stage.PRODUCTION),
    "Archived": (Stage.STAGING, Stage.RETIRED),
}


@attrs.frozen
class Imported:
    """What came of one version; ``problem`` says why something is not as it was."""

    source: str
    """``line/3``."""
    ref: str | None
    """What it is now, None when it was left out."""
    problem: str = ""


def imported(
    registry: Registry,
    database: Path,
    artifacts: Path,
    names: Mapping[str, str] | None = None,
    *,
    trusted: Iterable[str] = (),
) -> Iterator[Imported]:
    """Take over every version, the oldest first, version N as N.0.0; what is there already is left alone.

    Parameters
    ----------
    artifacts
        The folder that all files must be in, whatever the database says.
    names
        New names for models whose names are none here.
    trusted
        Types that may be built though they are none of their framework's own.
    """
    known = tuple(trusted)
    root = artifacts.resolve()
    if not root.is_dir():
        raise DataError(f"{artifacts} is no folder; expected the one that MLflow keeps its artifacts in")
    for foreign in foreign_versions(database):
        name = (names or {}).get(foreign.model, foreign.model)
        source = f"{foreign.model}/{foreign.version}"
        try:
            model = attrs.evolve(_saved_model(foreign, root), trusted=known)
            version = _registered(registry, foreign, name, model)
        except WatchkeeperError as error:
            yield Imported(source, None, str(error))
            continue
        problems = [*_staged(registry, version, foreign.stage), *_aliased(registry, version, foreign.aliases)]
        yield Imported(source, version.ref, "; ".join(problems))


def _registered(registry: Registry, foreign: ForeignVersion, name: str, model: SavedModel) -> Version:
    return registry.register(
        model,
        name,
        number=VersionNumber(foreign.version, 0, 0),
        metrics=foreign.metrics,
        parameters=foreign.parameters,
        tags=(
            f"mlflow.version={foreign.version}",
            f"mlflow.created_us={foreign.created_us}",
            *(f"{key}={value}" for key, value in foreign.tags.items()),
        ),
    )


def _saved_model(foreign: ForeignVersion, root: Path) -> SavedModel:
    folder = _folder(foreign, root)
    told = _text(folder / "MLmodel")
    for file, format_name in _FORMAT_OF_FILE.items():
        path = folder / file
        if not (path.exists() or path.is_symlink()):
            continue
        if path.resolve() != path or not path.is_file():
            raise DataError(f"{path} is a link, or in a folder that is one; expected the file itself")
        known = class_told(told)
        is_estimator = format_name == "xgboost" and known is not None
        return SavedModel(path, format_name, environment_told(told), {"class": str(known)} if is_estimator else {})
    there = _names_in(folder)
    flavors = f" of the flavor {', '.join(flavors_told(told))}" if flavors_told(told) else ""
    raise DataError(
        f"{folder} holds {', '.join(there) or 'nothing'}{flavors}; expected one of {', '.join(_FORMAT_OF_FILE)}: load "
        "it with MLflow and register the model"
    )


def _folder(foreign: ForeignVersion, root: Path) -> Path:
    folder = local_path(foreign.location)
    if folder is None:
        raise DataError(f"its files are at {foreign.location}, which is not on this machine: download them first")
    # resolved: neither .. nor a link leads out of the folder that the caller named
    found = folder.resolve()
    if not found.is_relative_to(root):
        raise DataError(f"its files are said to be in {folder}, which is not inside {root}: nothing was read there")
    return found


def _names_in(folder: Path) -> list[str]:
    """The files of a model, those in its folder ``data`` too; no link is followed."""
    names = [
        str(path.relative_to(folder))
        for place in (folder, folder / "data")
        if place.is_dir() and place.resolve() == place
        for path in place.iterdir()
    ]
    return sorted(name for name in names if name != "data")


def _text(path: Path) -> str:
    try:
        return "" if path.is_symlink() else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _staged(registry: Registry, version: Version, stage: str) -> Iterator[str]:
    for step in _WAY_TO.get(stage, ()):
        try:
            registry.promote(version.ref, step, reason=f"imported from MLflow, where it was in {stage}")
        except WatchkeeperError as error:
            yield str(error)
            return


def _aliased(registry: Registry, version: Version, aliases: tuple[str, ...]) -> Iterator[str]:
    for alias in aliases:
        try:
            registry.aliases.set(str(Ref.parse(version.ref).model) + f"@{version.number}", alias)
        except WatchkeeperError as error:
            yield str(error)
