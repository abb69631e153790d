"""Where a version was made: Python, the platform, and the installed packages that its model depends on."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

_DISTRIBUTION_OF: Final = {"sklearn": "scikit-learn"}
_WATCHED: Final = (
    "numpy", "scipy", "sklearn", "skops", "joblib", "pandas", "polars", "pyarrow", "torch", "tensorflow", "keras",
    "onnx", "onnxruntime", "xgboost", "lightgbm", "catboost", "statsmodels", "watchkeeper",
)  # fmt: skip


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
        return None
