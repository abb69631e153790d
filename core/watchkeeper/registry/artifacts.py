"""A model as bytes in the store, and the model again, by the format that knows its framework."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, runtime_checkable

import attrs

from watchkeeper.contracts.format import Format
from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.errors import (
    DataError,
    ExtraMissing,
    IntegrityError,
    NotFound,
    PluginError,
    PluginMissing,
    StoreCorrupt,
)
from watchkeeper.domain.model import Version
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.table import Table

from .rows import rows_as_bytes, rows_from_bytes

_IN_MEMORY_BYTES: Final = 2**30
"""A model that is saved is in memory several times anyway; past this size once less."""


@attrs.frozen
class Artifact:
    """A saved model: which format wrote it, what that format must be told to read it, and which bytes they are."""

    format: str
    digest: str
    size: int
    record: Mapping[str, str]


@attrs.frozen
class SavedModel:
    """A file that the framework itself wrote, to be registered without reading it as a model."""

    path: Path
    format: str
    """The format whose `adopt` takes it over."""
    environment: Mapping[str, str]
    """Where it was made, as far as that is known."""
    record: Mapping[str, str] = attrs.field(factory=dict)
    """What belongs in the format's record and the file does not tell, such as an estimator's class."""
    trusted: tuple[str, ...] = ()
    """Types in the file that may be built although they are none of the framework's own."""


@runtime_checkable
class Adopting(Protocol):
    """What a format has besides when it can take over files of its framework."""

    def adopt(self, source: BinaryIO, into: BinaryIO, trusted: Collection[str] = ()) -> Mapping[str, str]:
        """Copy the file, perhaps in canonical form, and return its record; runs nothing from it.

        Types that are none of the framework's own are refused unless they are `trusted`: who wrote the file chose them.
        """
        ...


@attrs.frozen
class Artifacts:
    """Saves and loads; nothing that is not in the store under its digest reaches a parser."""

    storage: Storage
    formats: Mapping[str, Format]

    def save(self, model: Any, format_name: str | None) -> Artifact:
        """Write the model by the named format, or by the first that handles it; the same bytes are kept once."""
        chosen = self._handling(model) if format_name is None else self._asked_for(format_name, model)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as written, _installed(chosen, "save the model"):
            record = dict(self.formats[chosen].save(model, written))  # type: ignore[arg-type]  # it has the methods
            size = written.seek(0, os.SEEK_END)
            written.seek(0)
            return Artifact(chosen, self.storage.put_blob(written), size, record)  # type: ignore[arg-type]  # as above

    def adopt(self, model: SavedModel) -> Artifact:
        """Keep a file as it is; a DataError when it is not one of the format's, or the format takes over none."""
        plugin = self.formats[self._named(model.format)]
        if not isinstance(plugin, Adopting):
            raise DataError(f"the format {model.format!r} takes over no files: load the model and register it")
        if model.path.exists() and not model.path.is_file():
            raise DataError(f"{model.path} is no file: expected one that {model.format} wrote")
        with (
            tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as written,
            _installed(model.format, f"take over {model.path}"),
        ):
            try:
                with model.path.open("rb") as source:
                    record = dict(plugin.adopt(source, written, model.trusted))  # type: ignore[arg-type]  # it has the methods
            except OSError as error:
                raise DataError(f"{model.path} cannot be read: {error}") from error
            except DataError as error:
                raise DataError(
                    f"{model.path} cannot be taken over as {model.format}: {error}; name the format that wrote it, or "
                    "load the model in Python and give it to watch.registry.register"
                ) from error
            size = written.seek(0, os.SEEK_END)
            written.seek(0)
            return Artifact(model.format, self.storage.put_blob(written), size, {**record, **model.record})  # type: ignore[arg-type]

    def verified(self, version: Version) -> BinaryIO:
        """The artifact's bytes at their start, compared with size and digest; no parser has seen them yet.

        Raises
        ------
        IntegrityError
            When the bytes are gone or are not those that were registered.
        """
        source = self._verified(version.ref, "artifact", version.digest)
        size = source.seek(0, os.SEEK_END)
        if size != version.size:
            source.close()
            raise IntegrityError(
                f"the artifact of {version.ref} has {size} bytes, expected {version.size}: it was not loaded"
            )
        source.seek(0)
        return source

    def parsed(self, version: Version, source: BinaryIO) -> Any:
        """The model in bytes that `verified` gave."""
        plugin = self.formats[self._named(version.format)]
        with _installed(version.format, f"load {version.ref}"):
            return plugin.load(source, version.format_record)

    def save_rows(self, rows: Table) -> str:
        """Keep the reference rows; returns their digest."""
        return self.storage.put_blob(io.BytesIO(rows_as_bytes(rows)))

    def load_rows(self, version: Version) -> Table | None:
        """The reference rows, None when the version has none; an IntegrityError as for `load`."""
        if version.reference_digest is None:
            return None
        with self._verified(version.ref, "reference", version.reference_digest) as source:
            return rows_from_bytes(source)

    def _verified(self, ref: str, what: str, digest: str) -> BinaryIO:
        try:
            return self.storage.open_blob(digest)
        except StoreCorrupt as error:
            raise IntegrityError(
                f"the {what} of {ref} is not the one that was registered, so it was not loaded: {error}"
            ) from error
        except NotFound as error:
            raise IntegrityError(
                f"the {what} of {ref} is missing from the store: expected the bytes with SHA-256 {digest}; restore the "
                "store from a backup"
            ) from error

    def runs_code(self, format_name: str) -> bool:
        """Whether loading by that format can run code from the file."""
        return bool(getattr(self.formats[self._named(format_name)], "runs_code", False))

    def _handling(self, model: Any) -> str:
        """The first format that handles it; one that runs code when it loads is never chosen unasked."""
        for name in self.formats:
            try:
                plugin = self.formats[name]
            except PluginError:
                continue  # a framework that is not installed: the model is none of its models
            if not getattr(plugin, "runs_code", False) and plugin.handles(model):
                return name
        raise DataError(
            f"no format can save a {type(model).__module__}.{type(model).__qualname__}: expected a model for one of "
            f"{', '.join(self.formats) or 'no formats at all'}; install the plugin of its framework, "
            "or name a format with save_as"
        )

    def _asked_for(self, name: str, model: Any) -> str:
        if not self.formats[self._named(name)].handles(model):
            raise DataError(
                f"the format {name!r} does not save a {type(model).__module__}.{type(model).__qualname__}: name the "
                "format of its framework, or leave save_as out to have it chosen"
            )
        return name

    def _named(self, name: str) -> str:
        if name in self.formats:
            return name
        raise PluginMissing(
            f"there is no format {name!r}; available are {', '.join(self.formats) or 'none'}"
            f"{did_you_mean(name, self.formats)}"
        )


@contextmanager
def _installed(format_name: str, what: str) -> Iterator[None]:
    """Run the block; a package that it does not find is told."""
    try:
        yield
    except ImportError as error:
        raise ExtraMissing(
            f"the format {format_name!r} cannot {what} here: {error}; install the package that it needs"
        ) from error
