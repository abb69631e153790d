"""scikit-learn models as skops archives: arrays and plain state, no pickle, and every type named in the record.

An archive is rewritten before it leaves `SklearnFormat.save`, so that equal models give equal bytes: skops itself names
the parts after memory addresses and stamps them with the time.

Example
-------
>>> import io
>>> from sklearn.linear_model import LinearRegression
>>> from watchkeeper.contracts.plugin import NoOptions
>>> line = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
>>> kept = io.BytesIO()
>>> record = build(NoOptions()).save(line, kept)
>>> record["class"]
'sklearn.linear_model._base.LinearRegression'
>>> loaded = build(NoOptions()).load(io.BytesIO(kept.getvalue()), record)
>>> loaded.predict([[2.0]]).round(6).tolist()
[5.0]
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final, TypeVar

import attrs
import numpy as np

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper.hookspecs import hookimpl

_Result = TypeVar("_Result")
_SCHEMA: Final = "schema.json"
_PADDING_FIELD: Final = b"('', '|V"
_NPY_HEADER_BYTES: Final = 4096
_PLAIN_LOADER: Final = "JsonNode"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_OWN_FORMATS: Final = frozenset({"xgboost", "lightgbm", "catboost"})
_NOT_IMPORTABLE: Final = ("__main__.", "__mp_main__.")
# what skops, and the types that it takes apart and puts together, raise for state that they cannot handle
_STATE_ERRORS: Final = (
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.PicklingError,
    zipfile.BadZipFile,
)


@attrs.frozen
class SklearnFormat:
    """Saves any scikit-learn estimator or pipeline whose classes can be imported where it is loaded."""

    def handles(self, model: Any) -> bool:
        """Whether it is a scikit-learn estimator, of no library with a format of its own; imports nothing."""
        loaded = sys.modules.get("sklearn.base")
        is_estimator = loaded is not None and isinstance(model, loaded.BaseEstimator)
        return is_estimator and type(model).__module__.partition(".")[0] not in _OWN_FORMATS

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the archive, having read it back once so that what is kept can be loaded.

        O(bytes), with about three copies of them in memory.

        Raises
        ------
        DataError
            When skops cannot write a part of the model, or a part is defined where no other process can import it.
        """
        import sklearn
        import skops

        title = f"{type(model).__module__}.{type(model).__qualname__}"
        archive = _told(f"{title} cannot be saved", lambda: _canonical(_dumped(model)))
        trusted = _read_back(title, archive)
        into.write(archive)
        return {
            "trusted": json.dumps(trusted),
            "class": title,
            "skops": skops.__version__,
            "scikit-learn": sklearn.__version__,
        }

    def adopt(self, source: BinaryIO, into: BinaryIO) -> Mapping[str, str]:
        """Take over an archive that skops wrote: its types are named in the record, nothing is constructed.

        Raises
        ------
        DataError
            When it is no skops archive.
        """
        archive = _told("this file is not a skops archive", lambda: _canonical(source.read()))
        names = _types_in(io.BytesIO(archive)).union(
            _told("this file is not a skops archive", lambda: _code_in(archive))
        )
        into.write(archive)
        return {"trusted": json.dumps(sorted(names)), "scikit-learn": "as it was when the file was written"}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """Build the model; nothing is constructed before every type in the archive was found in the record.

        Raises
        ------
        IntegrityError
            When the archive holds a type that ``record["trusted"]`` does not name.
        DataError
            When it is not a skops archive, or needs what this environment does not have.
        """
        trusted = _recorded(record)
        # the file itself and not its bytes: for a large model that saves a copy of it
        strangers = _told("these bytes are not a skops archive", lambda: _types_in(source)).difference(trusted)
        if strangers:
            raise _stranger(", ".join(sorted(strangers)))
        source.seek(0)
        return _told("the archive cannot be read in this environment", lambda: _constructed(source, trusted))


def build(options: NoOptions) -> SklearnFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; skops is imported at the first save or load."""
    return SklearnFormat()


def _read_back(title: str, archive: bytes) -> list[str]:
    """The names that loading the archive needs, having loaded it with them."""
    names = _types_in(io.BytesIO(archive))
    _check_importable(title, names)
    complaint = f"{title} cannot be read back once saved"
    try:
        _told(complaint, lambda: _constructed(io.BytesIO(archive), sorted(names)))
    except IntegrityError:
        # bound methods and the like have names that only skops can tell; asking it costs as much as loading
        names = names.union(_told(complaint, lambda: _code_in(archive)))
        _check_importable(title, names)
        _told(complaint, lambda: _constructed(io.BytesIO(archive), sorted(names)))
    return sorted(names)


def _told(complaint: str, work: Callable[[], _Result]) -> _Result:
    try:
        return work()
    except _STATE_ERRORS as error:
        first_line = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{complaint}: {first_line}") from error


def _stranger(names: str) -> IntegrityError:
    return IntegrityError(
        f"the archive holds {names}, which its record does not name: it is not the one that was saved, or the record "
        "was changed; nothing of it was run"
    )


def _dumped(model: Any) -> bytes:
    import skops.io

    archive: bytes = skops.io.dumps(model)
    return archive


def _code_in(archive: bytes) -> list[str]:
    import skops.io

    names: list[str] = skops.io.get_untrusted_types(data=archive)
    return names


def _constructed(archive: BinaryIO, trusted: list[str]) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.load(archive, trusted=trusted)
    except UntrustedTypesFoundException as error:
        raise _stranger(str(error).partition("\n")[0]) from error


def _canonical(archive: bytes) -> bytes:
    """The same archive with its parts named and numbered in order of use, compact JSON and no times."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as found, zipfile.ZipFile(rewritten, "w") as written:
        schema = json.loads(found.read(_SCHEMA))
        parts = frozenset(found.namelist())
        names: dict[str, str] = {}
        numbers: dict[int, int] = {}
        for node in _nodes(schema):
            part, number = node.get("file"), node.get("__id__")
            if isinstance(part, str) and part in parts:
                node["file"] = names.setdefault(part, f"{len(names)}{part[part.rfind('.') :]}")
            if isinstance(number, int) and node.get("__loader__") == _PLAIN_LOADER:
                del node["__id__"]  # whether two equal constants are one object is an accident of the interpreter
            elif isinstance(number, int):
                node["__id__"] = numbers.setdefault(number, len(numbers) + 1)
        for old, new in names.items():
            written.writestr(zipfile.ZipInfo(new, _EPOCH), _without_padding(found.read(old)))
        written.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), json.dumps(schema, separators=(",", ":")))
    return rewritten.getvalue()


def _without_padding(part: bytes) -> bytes:
    """The .npy file with zeros between the fields of its records: in a fitted tree they hold stray memory."""
    if _PADDING_FIELD not in part[:_NPY_HEADER_BYTES]:
        return part
    records = np.load(io.BytesIO(part), allow_pickle=False)
    clean = np.zeros(records.shape, records.dtype)
    for field in records.dtype.names:
        clean[field] = records[field]
    rewritten = io.BytesIO()
    np.save(rewritten, clean, allow_pickle=False)
    return rewritten.getvalue()


def _types_in(archive: BinaryIO) -> set[str]:
    with zipfile.ZipFile(archive) as found:
        schema = json.loads(found.read(_SCHEMA))
    return {
        f"{node['__module__']}.{node['__class__']}"
        for node in _nodes(schema)
        if isinstance(node.get("__class__"), str) and node.get("__loader__") != _PLAIN_LOADER
    }


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in the schema, in the order in which it is written."""
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def _check_importable(title: str, names: Iterable[str]) -> None:
    for name in sorted(names):
        if name.startswith(_NOT_IMPORTABLE) or "<" in name:
            raise DataError(
                f"{title} cannot be saved: {name} exists in this process only; define it by name in a module that is "
                "installed where the model will be loaded"
            )


def _recorded(record: Mapping[str, str]) -> list[str]:
    try:
        names = json.loads(record.get("trusted", "[]"))
    except json.JSONDecodeError as error:
        raise DataError(f"the record's 'trusted' is not JSON: {error}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError("the record's 'trusted' must be a JSON list of type names, found something else")
    return names


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """The skops format for scikit-learn."""
    yield Plugin(
        Kind.FORMAT,
        "sklearn",
        build,
        NoOptions,
        summary="scikit-learn models as skops archives: no pickle, every type named.",
    )
