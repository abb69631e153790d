"""Tables from files: CSV, Parquet, Arrow and JSON lines; what cannot be read is one sentence."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.table import Table

from .frames import table_of
from .reading import distinct, required

if TYPE_CHECKING:
    import pyarrow as pa

_EXPECTED: Final = {
    ".csv": "one line of names, then the same number of values in every line",
    ".csv.gz": "gzip over one line of names, then the same number of values in every line",
    ".parquet": "a complete Parquet file",
    ".feather": "a complete Feather file",
    ".arrow": "a complete Arrow file or stream",
    ".json": "one JSON object a line",
    ".jsonl": "one JSON object a line",
    ".ndjson": "one JSON object a line",
}


def read_table(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """Read a file, its format told by its ending.

    Parameters
    ----------
    path
        ``.csv`` (also ``.csv.gz``, first line names, commas), ``.parquet``, ``.feather`` or ``.arrow`` (Arrow's file
        or stream), ``.json``, ``.jsonl`` or ``.ndjson`` (one object a line).
    columns
        Read only these, in this order; all when None.

    Raises
    ------
    DataError
        When the file is not there, is empty, is a folder, is not what its ending says, or lacks a column.
    """
    import pyarrow as pa

    file = Path(path)
    _check_readable(file)
    ending = _checked_ending(file)
    try:
        rows = _read(file, ending, columns)
        names = rows.column_names
    except PermissionError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}; see who may read it, and who runs this") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file} cannot be read as {ending}: {_first_sentence(error)}; expected {_EXPECTED[ending]}"
        ) from None
    if columns is not None:
        required(names, columns, file.name)
        distinct(names, file.name)
        rows = rows.select(list(columns))
    return table_of(rows, what=file.name)


def readable_files(folder: Path) -> tuple[Path, ...]:
    """The files of a folder that `read_table` reads, told by their endings, in order of their names."""
    found = (file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return tuple(sorted(file for file in found if file.name.lower().endswith(tuple(_EXPECTED))))


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes in hexadecimal; a DataError when it cannot be read."""
    file = Path(path)
    _check_readable(file, may_be_empty=True)
    try:
        with file.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None


def _checked_ending(file: Path) -> str:
    name = file.name.lower()
    ending = next((ending for ending in _EXPECTED if name.endswith(ending)), None)
    if ending is None:
        found = f"the ending {file.suffix}" if file.suffix else "no ending"
        raise DataError(
            f"{file} has {found}; expected one of {' '.join(_EXPECTED)}{did_you_mean(file.suffix, _EXPECTED)}"
        )
    return ending


def _check_readable(file: Path, *, may_be_empty: bool = False) -> None:
    try:
        size = file.stat().st_size
        if file.is_dir():
            raise DataError(f"{file} is a folder; expected a file")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(_absent(file)) from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{str(file)!r} is not a file name: {error}") from None
    if size == 0 and file.is_file() and not may_be_empty:
        raise DataError(f"{file} is empty (0 bytes); expected rows with named columns")


def _absent(file: Path) -> str:
    folder = file.parent
    try:
        present = sorted(found.name for found in folder.iterdir() if found.is_file())
    except OSError:
        return f"there is no file {file}: there is no folder {folder}"
    return f"there is no file {file}{did_you_mean(file.name, present)}"


def _read(file: Path, ending: str, columns: Sequence[str] | None) -> pa.Table:
    if ending in {".csv", ".csv.gz"}:
        return _read_csv(file)
    if ending == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(file) as source:
            if columns is not None:
                required(source.schema_arrow.names, columns, file.name)
            return source.read(columns=None if columns is None else list(columns))
    if ending in {".feather", ".arrow"}:
        return _read_arrow(file)
    import pyarrow.json

    return pyarrow.json.read_json(file)


def _read_csv(file: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    options = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    rows = pyarrow.csv.read_csv(file, convert_options=options)
    foreign = next((field.name for field in rows.schema if field.type == pa.binary()), None)
    if foreign is not None:
        raise DataError(f"{file} is not UTF-8 text, in column {foreign!r}; save it as UTF-8")
    return rows


def _read_arrow(file: Path) -> pa.Table:
    import pyarrow as pa

    with pa.memory_map(str(file)) as source:
        try:
            return pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source).read_all()


def _first_sentence(error: Exception) -> str:
    """The reader's own words, without its hints about its own options."""
    return " ".join(str(error).split()).partition(". ")[0].rstrip(".") or type(error).__name__
