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

import json
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, BinaryIO, Final, TypeVar, cast

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.data.memory_file import MemoryFile, own_view
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper.hookspecs import hookimpl

from .complaints import first_line
from .naming import FROM_ELSEWHERE, unrecorded
from .skops_archive import (
    canonical,
    constructed,
    large_arrays,
    require_undamaged,
    schema_of,
    types_in,
    unimportable,
)

_Result = TypeVar("_Result")
_OWN_FORMATS: Final = frozenset({"xgboost", "lightgbm", "catboost"})
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
    struct.error,
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
        archive = _told(f"{title} cannot be saved", lambda: canonical(_dumped(model))).getbuffer()
        trusted = _read_back(title, archive)
        into.write(archive)
        return {
            "trusted": json.dumps(trusted),
            "class": title,
            "skops": skops.__version__,
            "scikit-learn": sklearn.__version__,
        }

    def adopt(self, source: BinaryIO, into: BinaryIO, trusted: Collection[str] = ()) -> Mapping[str, str]:
        """Take over an archive that skops wrote: its types are named in the record, nothing is constructed.

        Parameters
        ----------
        trusted
            Types that may be built besides those of scikit-learn, NumPy and SciPy that skops trusts by itself.

        Raises
        ------
        IntegrityError
            It names another type: whoever wrote the file could have it call anything.
        DataError
            It is no skops archive.
        """
        archive = _told("this file is not a skops archive", lambda: _adopted(memoryview(source.read())))
        asked = _told("this file is not a skops archive", lambda: _code_in(archive))
        strangers = sorted(set(asked).difference(trusted))
        if strangers:
            raise IntegrityError(
                f"the archive asks for {', '.join(strangers)}, which skops does not trust by itself: look at who wrote "
                "it, and name these types with --trust, or as SavedModel(trusted=...), to have them built"
            )
        names = _described(cast("BinaryIO", MemoryFile(archive)))[1].union(asked)
        into.write(archive)
        return {"trusted": json.dumps(sorted(names)), "scikit-learn": FROM_ELSEWHERE}

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
        schema, names = _told("these bytes are not a skops archive", lambda: _described(source))
        strangers = names.difference(trusted)
        if strangers:
            raise _stranger(", ".join(sorted(strangers)))
        return _constructed("the archive cannot be read in this environment", source, schema, trusted)


def build(options: NoOptions) -> SklearnFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; skops is imported at the first save or load."""
    return SklearnFormat()


def _read_back(title: str, archive: memoryview) -> list[str]:
    """The names that loading the archive needs, having loaded it with them."""
    source = cast("BinaryIO", MemoryFile(archive))
    schema, names = _described(source)
    _check_importable(title, names)
    complaint = f"{title} cannot be read back once saved"
    try:
        _constructed(complaint, source, schema, sorted(names))
    except IntegrityError:
        # bound methods and the like have names that only skops can tell; asking it costs as much as loading
        names = names.union(_told(complaint, lambda: _code_in(archive)))
        _check_importable(title, names)
        _constructed(complaint, source, schema, sorted(names))
    return sorted(names)


def _described(source: BinaryIO) -> tuple[bytes, frozenset[str]]:
    schema = schema_of(source)
    return schema, types_in(schema)


def _adopted(archive: memoryview) -> memoryview:
    require_undamaged(archive)
    return canonical(archive).getbuffer()


def _told(complaint: str, work: Callable[[], _Result]) -> _Result:
    try:
        return work()
    except _STATE_ERRORS as error:
        raise DataError(f"{complaint}: {first_line(error)}") from error


def _stranger(names: str) -> IntegrityError:
    return unrecorded(f"the archive holds {names}", ", or the record was changed; nothing of it was run")


class _Kept:
    """A file that keeps what is written to it, without a copy."""

    view: memoryview

    def write(self, view: memoryview) -> None:
        self.view = view


def _dumped(model: Any) -> memoryview:
    import skops.io

    kept = _Kept()
    skops.io.dump(model, kept)  # in one write
    return kept.view


def _code_in(archive: memoryview) -> list[str]:
    import skops.io

    names: list[str] = skops.io.get_untrusted_types(data=bytes(archive))
    return names


def _constructed(complaint: str, source: BinaryIO, schema: bytes, trusted: list[str]) -> Any:
    from skops.io.exceptions import UntrustedTypesFoundException

    def work() -> Any:
        whole = own_view(source)
        arrays = {} if whole is None else large_arrays(source, whole, schema)
        source.seek(0)
        try:
            return constructed(source, trusted, arrays)
        except UntrustedTypesFoundException as error:
            raise _stranger(str(error).partition("\n")[0]) from error

    return _told(complaint, work)


def _check_importable(title: str, names: Iterable[str]) -> None:
    name = unimportable(names)
    if name is not None:
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
        summary="scikit-learn models as skops archives: no pickle, every type named",
    )
