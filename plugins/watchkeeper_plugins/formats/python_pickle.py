"""Any model as a pickle: reading one runs code, so this is used by name only, and loaded only for trusted signers.

Example
-------
>>> build(NoOptions()).runs_code
True
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Collection, Iterable, Mapping
from typing import Any, BinaryIO, ClassVar

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError
from watchkeeper.hookspecs import hookimpl

from .code import READ_ERRORS, Reader, allowed_names, is_model, names_in, record_of
from .complaints import first_line


@attrs.frozen
class PickleFormat:
    """Saves whatever pickles and can predict."""

    runs_code: ClassVar[bool] = True

    def handles(self, model: Any) -> bool:
        """Whether it can predict; imports nothing."""
        return is_model(model)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the pickle, having read it back once to note every name in it."""
        try:
            data = pickle.dumps(model, protocol=5)
            reader = Reader(io.BytesIO(data), None)
            reader.load()
        except (*READ_ERRORS, pickle.PicklingError) as error:
            raise DataError(f"{type(model).__qualname__} cannot be pickled: {first_line(error)}") from error
        record = record_of(reader.seen)
        into.write(data)
        return record

    def adopt(
        self,
        source: BinaryIO,
        into: BinaryIO,
        trusted: Collection[str] = (),  # noqa: ARG002 - nothing in such a file asks for trust
    ) -> Mapping[str, str]:
        """Take over a pickle: the names in it are found without reading it as one."""
        data = source.read()
        record = record_of(names_in(data))
        into.write(data)
        return record

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """Read the pickle; a name that the record does not have is an IntegrityError before it is looked up."""
        allowed = allowed_names(record)
        try:
            return Reader(source, allowed).load()
        except READ_ERRORS as error:
            raise DataError(f"the pickle cannot be read in this environment: {first_line(error)}") from error


def build(options: NoOptions) -> PickleFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format."""
    return PickleFormat()


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """Pickle."""
    yield Plugin(
        Kind.FORMAT, "pickle", build, NoOptions, summary="Any model as a pickle; needs a signer who may run code"
    )
