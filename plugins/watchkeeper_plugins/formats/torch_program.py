"""Exported PyTorch programs as PT2 archives from which nothing can be run: refused is what torch would unpickle freely.

`torch.export.load` reads tensors of unusual kinds, sample inputs and objects from pickles without any limit, and loads
compiled libraries. So an archive is let through only when it holds JSON, short texts, raw tensors, and pickles that
torch's own restricted reader accepts. It is then written anew: two readers of a ZIP file may see different parts of it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any, Final

from watchkeeper.domain.errors import DataError, IntegrityError

from .complaints import first_line

_TEXTS: Final = frozenset({"archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id"})
_DESCRIPTION: Final = re.compile(r"models/\w+\.json")
_CONFIG: Final = re.compile(r"data/(weights|constants)/\w+_config\.json")
_TENSOR: Final = re.compile(r"data/(weights/weight|constants/tensor)_\d+")
_SAMPLES: Final = re.compile(r"data/sample_inputs/\w+\.pt")
_ZIP_ERRORS: Final = (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, LookupError)
# what torch raises for a pickle that its restricted reader does not accept, and for one that is damaged
_PICKLE_ERRORS: Final = (
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def harmless(archive: bytes) -> bytes:
    """The archive, of the parts that were checked.

    Raises
    ------
    DataError
        It is no PT2 archive.
    IntegrityError
        It holds something that torch would run, or that nobody has looked into.
    """
    parts = _parts(archive)
    if parts.get("archive_format") != b"pt2":
        raise DataError("these bytes are no exported program: expected a PT2 archive and nothing else")
    unpickled = _pickles_named(parts)
    for name, data in parts.items():
        if name in unpickled or _SAMPLES.fullmatch(name):
            _require_tensors(name, data)
        elif not (name in _TEXTS or _TENSOR.fullmatch(name) or _DESCRIPTION.fullmatch(name) or _CONFIG.fullmatch(name)):
            raise IntegrityError(
                f"the program's archive holds {name}, which is neither its graph nor a tensor: nothing of it was run; "
                "export the model without it"
            )
    return _written(parts)


def described_operators(archive: bytes) -> list[str]:
    """The operators that the archive's descriptions name."""
    found: set[str] = set()
    try:
        for name, data in _parts(archive).items():
            if _DESCRIPTION.fullmatch(name):
                nodes = json.loads(data)["graph_module"]["graph"]["nodes"]
                found.update(str(node["target"]).removeprefix("torch.ops.") for node in nodes)
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"these bytes are no exported program: {first_line(error)}") from error
    return sorted(found)


def _parts(archive: bytes) -> dict[str, bytes]:
    """The parts by name below the archive's one folder; a DataError where two names are the same to some reader."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            names = found.namelist()
            parts = {name.partition("/")[2]: found.read(name) for name in names}
    except _ZIP_ERRORS as error:
        raise DataError(f"these bytes are no exported program: {first_line(error)}") from error
    if len({name.casefold() for name in parts}) != len(names) or len({name.partition("/")[0] for name in names}) != 1:
        raise DataError("these bytes are no exported program: parts of the archive have the same name")
    return parts


def _pickles_named(parts: dict[str, bytes]) -> set[str]:
    """The tensors that torch would unpickle, as the archive's configurations say."""
    found: set[str] = set()
    for name, data in parts.items():
        if not _CONFIG.fullmatch(name):
            continue
        try:
            entries: list[Any] = list(json.loads(data)["config"].values())
            pickled = [str(entry["path_name"]) for entry in entries if entry["use_pickle"] is not False]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DataError(f"these bytes are no exported program: {name} cannot be read: {error}") from error
        found.update(f"{name.rpartition('/')[0]}/{file}" for file in pickled)
    return found


def _require_tensors(name: str, data: bytes) -> None:
    import pickle

    import torch

    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise IntegrityError(f"the program's archive holds {name}, which is a bare pickle: nothing of it was run")
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    except (*_PICKLE_ERRORS, pickle.UnpicklingError) as error:
        raise IntegrityError(
            f"the program's archive holds {name}, which is more than tensors: nothing of it was run "
            f"({first_line(error)})"
        ) from error


def _written(parts: dict[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), data)
    return kept.getvalue()
