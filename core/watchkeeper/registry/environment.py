"""Where a version was made: Python, the platform, and the installed packages that its model depends on."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Final

import attrs

from watchkeeper.domain.model import Version

_DISTRIBUTION_OF: Final = {"sklearn": "scikit-learn"}
_WATCHED: Final = (
    "numpy", "scipy", "sklearn", "skops", "joblib", "pandas", "polars", "pyarrow", "torch", "tensorflow", "keras",
    "onnx", "onnxruntime", "xgboost", "lightgbm", "catboost", "statsmodels", "watchkeeper",
)  # fmt: skip

FRAMEWORKS: Final = frozenset(
    {"scikit-learn", "torch", "tensorflow", "keras", "onnxruntime", "xgboost", "lightgbm", "catboost", "statsmodels"}
)
"""What decides how a model answers, when its format names it."""


def environment_of(model: Any, known: dict[str, str | None]) -> Mapping[str, str]:
    """Python, platform, and the versions of what is imported now and decides how the model answers.

    Parameters
    ----------
    model
        Its own package is included, whatever it is.
    known
        The versions that the caller has looked up before, None for what is no distribution; filled here. Reading
        a distribution's metadata takes about half a millisecond.
    """
    found = {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": f"{sys.platform}-{platform.machine()}",
    }
    own = type(model).__module__.partition(".")[0]
    for package in sorted({*(name for name in _WATCHED if name in sys.modules), own}):
        distribution = _DISTRIBUTION_OF.get(package, package)
        if distribution not in known:
            known[distribution] = _installed(distribution)
        version = known[distribution]
        if version is not None:
            found[distribution] = version
    return found


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return _installed_otherwise(distribution) if distribution in FRAMEWORKS else None


def _installed_otherwise(framework: str) -> str | None:
    """The version of a framework that came under another name, as ``xgboost-cpu`` is the package xgboost too."""
    module = next((name for name, found in _DISTRIBUTION_OF.items() if found == framework), framework)
    if find_spec(module) is None:
        return None
    names = metadata.packages_distributions().get(module, ())  # slow, and needed for these alone
    return metadata.version(names[0]) if names else None


@attrs.frozen
class EnvironmentChange:
    """A package that has another version now than when the model was saved."""

    package: str
    recorded: str
    found: str | None
    """None when it is not installed."""
    is_decisive: bool
    """Whether the model may answer differently: another major or minor version of its own framework."""

    def __str__(self) -> str:
        return f"{self.package} is {self.found or 'not installed'} and was {self.recorded}"


def environment_changes(
    version: Version, known: dict[str, str | None], frameworks: frozenset[str] = FRAMEWORKS
) -> tuple[EnvironmentChange, ...]:
    """What is different here from where the version was made, among its framework's packages.

    Which packages these are is what the format wrote into the version's record; `known` is as in `environment_of`.
    """
    changes: list[EnvironmentChange] = []
    for package in sorted(frameworks & version.format_record.keys() & version.environment.keys()):
        if package not in known:
            known[package] = _installed(package)
        recorded, found = version.environment[package], known[package]
        if found != recorded:
            is_decisive = found is None or recorded.split(".")[:2] != found.split(".")[:2]
            changes.append(EnvironmentChange(package, recorded, found, is_decisive))
    return tuple(changes)
