"""Keras models as ``.keras`` archives in safe mode, with every class that the archive names in the record.

Example
-------
>>> build(NoOptions()).handles("no model")
False
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper.hookspecs import hookimpl

from .complaints import first_line
from .naming import FROM_ELSEWHERE, recorded_json, unrecorded

_CONFIG: Final = "config.json"
_METADATA: Final = "metadata.json"
_OWN: Final = "keras."
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
# what keras raises for archives that it cannot read
_READ_ERRORS: Final = (
    AttributeError, EOFError, ImportError, LookupError, NotImplementedError, OSError, RuntimeError, TypeError,
    ValueError, zipfile.BadZipFile,
)  # fmt: skip


@attrs.frozen
class KerasFormat:
    """Saves models without their optimizer: what is loaded can predict, and be compiled again to train."""

    def handles(self, model: Any) -> bool:
        """Whether it is a Keras model; imports nothing."""
        keras = sys.modules.get("keras")
        return keras is not None and isinstance(model, keras.Model)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the archive, having read it back once in safe mode.

        Raises
        ------
        DataError
            Keras cannot save a part, or cannot read it back without running code: a Lambda layer, a class that is not
            registered.
        """
        import keras

        archive = _without_times(_saved(model))
        record = {"classes": json.dumps(sorted(_classes(archive))), "keras": keras.__version__}
        if keras.backend.backend() == "tensorflow":
            record["tensorflow"] = str(sys.modules["tensorflow"].__version__)
        _read(archive, f"{type(model).__qualname__} cannot be read back once saved")
        into.write(archive)
        return record

    def adopt(self, source: BinaryIO, into: BinaryIO, trusted: Collection[str] = ()) -> Mapping[str, str]:
        """Take over a ``.keras`` archive: the classes in it are named in the record, nothing is built.

        Parameters
        ----------
        trusted
            Classes that may be built besides those of Keras itself.

        Raises
        ------
        IntegrityError
            It names another class: whoever wrote the file chose which.
        DataError
            It is no such archive: the HDF5 files of Keras 2 are none.
        """
        archive = source.read()
        named = _modules_by_class(archive)
        strangers = sorted(name for name in set(named) - set(trusted) if not named[name].startswith(_OWN))
        if strangers:
            raise IntegrityError(
                f"the archive asks for {', '.join(strangers)}, which is not Keras' own: look at who wrote it, and name "
                "it with --trust, or as SavedModel(trusted=...), to have it built"
            )
        into.write(_without_times(archive))
        return {"classes": json.dumps(sorted(named)), "keras": FROM_ELSEWHERE}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """The model, not compiled; nothing is built before every class in the archive was found in the record.

        Raises
        ------
        IntegrityError
            The archive names a class that the record does not.
        DataError
            It is no ``.keras`` archive, or keras cannot read it here.
        """
        allowed = recorded_json(record, "classes")
        archive = source.read()
        strangers = _classes(archive) - set(allowed)
        if strangers:
            raise unrecorded(f"the archive names {', '.join(sorted(strangers))}", "; nothing of it was built")
        return _read(archive, "the archive cannot be read in this environment")


def build(options: NoOptions) -> KerasFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; keras is imported at the first save or load."""
    return KerasFormat()


def _saved(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            model.save(path, include_optimizer=False)
        except _READ_ERRORS as error:
            raise DataError(f"{type(model).__qualname__} cannot be saved: {first_line(error)}") from error
        return path.read_bytes()


def _read(archive: bytes, complaint: str) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(archive)
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except _READ_ERRORS as error:
            raise DataError(f"{complaint}: {first_line(error)}") from error


def _without_times(archive: bytes) -> bytes:
    """The same archive without the moment at which it was made, so that equal models give equal bytes."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as found, zipfile.ZipFile(rewritten, "w") as written:
        for name in sorted(found.namelist()):
            data = found.read(name)
            if name == _METADATA:
                data = json.dumps({**json.loads(data), "date_saved": ""}, sort_keys=True).encode()
            written.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return rewritten.getvalue()


def _classes(archive: bytes) -> set[str]:
    """Every class that the archive's configuration names: ``keras.layers.Dense``, ``registered>Mine``."""
    return set(_modules_by_class(archive))


def _modules_by_class(archive: bytes) -> dict[str, str]:
    """The same with the module that each would be imported from; what has none, as tensors, is Keras' own notation."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            config = json.loads(found.read(_CONFIG))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise DataError(f"these bytes are no .keras archive: {first_line(error)}") from error
    modules: dict[str, str] = {}
    for node in _nodes(config):
        if isinstance(node.get("class_name"), str):
            name = f"{node.get('registered_name') or node.get('module')}.{node['class_name']}"
            module = _OWN if node.get("module") is None else f"{node['module']}."
            if modules.get(name, _OWN).startswith(_OWN):  # a stranger under a name of Keras' own stays a stranger
                modules[name] = module
    return modules


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """The ``.keras`` archive for Keras."""
    yield Plugin(
        Kind.FORMAT,
        "keras",
        build,
        NoOptions,
        summary="Keras models as .keras archives in safe mode, every class named",
        extra="tensorflow",
        modules=("keras",),
    )
