"""Classes by the names that records keep: found where a model is loaded, refused where no other process could."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any, Final

from watchkeeper.domain.errors import DataError, IntegrityError

_NOT_IMPORTABLE: Final = ("__main__", "__mp_main__")
FROM_ELSEWHERE: Final = "as it was when the file was written"
"""The version of a framework that wrote a file which was taken over: the environment may know it."""


def name_of(kind: type) -> str:
    """``package.module.Class``; a DataError for a class that another process cannot import."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__ in _NOT_IMPORTABLE or "<" in name:
        raise DataError(
            f"{name} exists in this process only, so the model cannot be saved: define the class by name in a module "
            "that is installed where the model will be loaded"
        )
    return name


def class_named(name: str) -> type:
    """The class that a record names; a DataError when it is not here."""
    module, _, attribute = name.rpartition(".")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise DataError(
            f"the model is a {name}, which cannot be imported here: {error}; install the package that defines it"
        ) from error
    if not isinstance(found, type):
        raise DataError(f"the record names {name} as the model's class, and it is a {type(found).__name__}")
    return found


def recorded(record: Mapping[str, str], key: str) -> str:
    """What the record says; a DataError when it does not say it."""
    if key not in record:
        raise DataError(f"the record does not say {key!r}: it is not one that this format wrote")
    return record[key]


def recorded_json(record: Mapping[str, str], key: str) -> Any:
    """The same for what is kept as JSON."""
    text = recorded(record, key)
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"the record's {key!r} is not JSON: {error}") from error


def unrecorded(found: str, consequence: str = "") -> IntegrityError:
    """The refusal of what a file holds and its record does not name.

    Parameters
    ----------
    found
        The beginning of the sentence: ``the model uses ai.onnx:Loop``.
    consequence
        Its end: what was not done therefore.
    """
    return IntegrityError(f"{found}, which its record does not name: it is not the one that was saved{consequence}")
