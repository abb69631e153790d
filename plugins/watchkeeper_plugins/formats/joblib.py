"""Any model as joblib writes it, arrays beside a pickle: used by name only, and loaded only for trusted signers.

Example
-------
>>> build(NoOptions()).runs_code
True
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, ClassVar

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError
from watchkeeper.hookspecs import hookimpl

from .code import READ_ERRORS, allowed_names, check_name, is_model, record_of
from .complaints import first_line


@attrs.frozen
class JoblibFormat:
    """Saves whatever joblib dumps and can predict; for large arrays much faster than pickle."""

    runs_code: ClassVar[bool] = True

    def handles(self, model: Any) -> bool:
        """Whether it can predict; imports nothing."""
        return is_model(model)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write it, having read it back once to note every name in it."""
        import joblib

        kept = io.BytesIO()
        try:
            joblib.dump(model, kept)
            kept.seek(0)
            _, names = _read(kept, None)
        except (*READ_ERRORS, pickle.PicklingError) as error:
            raise DataError(f"{type(model).__qualname__} cannot be saved by joblib: {first_line(error)}") from error
        record = record_of(names)
        into.write(kept.getvalue())
        return record

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """Read it; a name that the record does not have is an IntegrityError before it is looked up."""
        allowed = allowed_names(record)
        try:
            return _read(source, allowed)[0]
        except READ_ERRORS as error:
            raise DataError(f"the file cannot be read by joblib in this environment: {first_line(error)}") from error


def build(options: NoOptions) -> JoblibFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; joblib is imported at the first save or load."""
    return JoblibFormat()


def _read(source: BinaryIO, allowed: frozenset[str] | None) -> tuple[Any, set[str]]:
    from joblib.numpy_pickle import NumpyUnpickler

    class Reader(NumpyUnpickler):  # type: ignore[misc]  # joblib has no types
        """joblib's reader, which looks up nothing but the names that it was given."""

        def find_class(self, module: str, name: str) -> Any:
            check_name(f"{module}.{name}", allowed, seen)
            return super().find_class(module, name)

    seen: set[str] = set()
    return Reader("", source, ensure_native_byte_order=False, mmap_mode=None).load(), seen


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """Joblib."""
    yield Plugin(
        Kind.FORMAT, "joblib", build, NoOptions, summary="Any model by joblib; needs a signer who may run code"
    )
