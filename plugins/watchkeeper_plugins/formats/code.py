"""Formats that can run code when they are read: only by name, only under a policy, and only what the record names."""

from __future__ import annotations

import json
import pickle
import pickletools
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from watchkeeper.domain.errors import DataError

from .naming import recorded_json, unrecorded

_FRAMEWORKS: Final = {
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "torch": "torch",
    "keras": "keras",
}
# what unpickling raises for bytes that are no pickle, or one of other versions of the classes in it
READ_ERRORS: Final = (
    AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError, RecursionError, RuntimeError, TypeError,
    ValueError, pickle.UnpicklingError,
)  # fmt: skip


class Reader(pickle.Unpickler):
    """Reads a pickle, and looks up nothing but the names that it was given; with None it notes what it looks up."""

    def __init__(self, source: BinaryIO, allowed: frozenset[str] | None) -> None:
        super().__init__(source)
        self.allowed = allowed
        self.seen: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """The class or function of that name, if the record has it."""
        check_name(f"{module}.{name}", self.allowed, self.seen)
        return super().find_class(module, name)


def check_name(title: str, allowed: frozenset[str] | None, seen: set[str]) -> None:
    """Note a name, or refuse it with an IntegrityError."""
    if allowed is not None and title not in allowed:
        raise unrecorded(f"the file asks for {title}", ", and was not run")
    seen.add(title)


def names_in(data: bytes) -> set[str]:
    """Every name that a pickle looks up, from its instructions alone; nothing of it is run.

    Raises
    ------
    DataError
        It is no pickle.
    """
    found: set[str] = set()
    texts: list[str] = []
    memo: dict[int, str] = {}
    last = ""
    try:
        for code, argument, _ in pickletools.genops(data):
            if code.name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
                memo[len(memo) if argument is None else int(argument)] = last
                continue
            last = argument if isinstance(argument, str) else ""
            if code.name in ("GLOBAL", "INST"):
                found.add(last.replace(" ", "."))
            elif code.name == "STACK_GLOBAL":
                found.add(".".join(texts[-2:]))
            elif code.name in ("BINGET", "LONG_BINGET"):
                last = memo.get(int(argument or 0), "")
            if last and code.name not in ("GLOBAL", "INST"):
                texts.append(last)
    except (ValueError, EOFError, LookupError) as error:
        raise DataError(f"this file is no pickle: {error}") from error
    return found


def is_model(thing: Any) -> bool:
    """Whether it is an object that can predict."""
    return not isinstance(thing, type) and callable(getattr(type(thing), "predict", None))


def record_of(names: set[str]) -> dict[str, str]:
    """The record of a file that asks for these names, with the versions of the frameworks among them."""
    local = sorted(name for name in names if name.startswith(("__main__.", "__mp_main__.")) or "<" in name)
    if local:
        raise DataError(
            f"{local[0]} exists in this process only, so the model cannot be saved: define it by name in a module that "
            "is installed where the model will be loaded"
        )
    record = {"names": json.dumps(sorted(names))}
    for package in sorted({name.partition(".")[0] for name in names} & _FRAMEWORKS.keys()):
        record[_FRAMEWORKS[package]] = str(getattr(sys.modules.get(package), "__version__", "not loaded"))
    return record


def allowed_names(record: Mapping[str, str]) -> frozenset[str]:
    """What a record lets the file ask for."""
    return frozenset(recorded_json(record, "names"))
