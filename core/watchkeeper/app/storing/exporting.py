"""Exporting rows to Parquet: a folder for each stream and key, files of at most a million rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.contracts.storage_contents import HeldSeries
from watchkeeper.domain.errors import DataError, NotFound
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.table import Categories, Column

from .addresses import require_outside
from .contents import Teller, inventory_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_FILE_ROWS: Final = 1_000_000
_GROUP_ROWS: Final = 100_000
_UNSAFE: Final = frozenset('/\\:*?"<>|%')
_LONGEST_NAME: Final = 200
"""Bytes of a folder's name."""


@attrs.frozen
class Selection:
    """Which rows are wanted."""

    stream: str | None = None
    key: str | None = None
    since_us: int | None = None
    until_us: int | None = None

    def has(self, held: HeldSeries) -> bool:
        """Whether the series is among them."""
        return self.stream in {None, held.stream} and self.key in {None, held.key}


@attrs.frozen
class Exported:
    """What was written for one series."""

    stream: str
    key: str
    rows: int
    files: int
    folder: Path


def export(storage: Storage, folder: Path, selection: Selection, tell: Teller) -> tuple[Exported, ...]:
    """Write the selected rows into a folder that is empty or not there.

    The time is the column ``time`` (``row_time`` where the rows have a ``time`` of their own), numbers and texts are
    themselves, categories are dictionaries, missing values of texts, categories and times are null.

    Raises
    ------
    NotFound
        No series is selected.
    DataError
        The folder is not empty or cannot be written.
    StoreError
        The folder is inside of a store.
    """
    require_outside(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty; nothing was written: name a folder that is empty or not there")
    held = inventory_of(storage).series
    wanted = [one for one in held if selection.has(one)]
    if not wanted:
        raise _nothing_selected(held, selection)
    written = []
    for one in wanted:
        tell(f"writing {one.stream}/{one.key}")
        place = folder / folder_name(one.stream) / folder_name(one.key)
        batches = storage.scan(one.stream, one.key, selection.since_us, selection.until_us)
        try:
            rows, files = _written(batches, place)
        except OSError as error:
            raise DataError(
                f"{place} cannot be written ({error.strerror or error}); remove {folder} and try again"
            ) from error
        written.append(Exported(one.stream, one.key, rows, files, place))
    return tuple(written)


def folder_name(name: str) -> str:
    """A stream's or key's name as one that every file system takes; different names stay different.

    Examples
    --------
    >>> folder_name("measurements"), folder_name("spx/1h"), folder_name(".hidden")
    ('measurements', 'spx%2F1h', '%2Ehidden')
    """
    quoted = "".join(f"%{ord(letter):02X}" if letter in _UNSAFE else letter for letter in name)
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if quoted.endswith((".", " ")):
        quoted = f"{quoted[:-1]}%{ord(quoted[-1]):02X}"
    if len(quoted.encode()) <= _LONGEST_NAME:
        return quoted
    start = quoted.encode()[: _LONGEST_NAME - 20].decode(errors="ignore")
    return f"{start}%{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _nothing_selected(held: Sequence[HeldSeries], selection: Selection) -> NotFound:
    if not held:
        return NotFound("the store has no rows to export")
    if selection.stream is not None and all(one.stream != selection.stream for one in held):
        streams = sorted({one.stream for one in held})
        return NotFound(
            f"the store has no stream {selection.stream!r}; it has {', '.join(streams)}"
            f"{did_you_mean(selection.stream, streams)}"
        )
    keys = sorted({one.key for one in held if selection.stream in {None, one.stream}})
    return NotFound(
        f"the store has no rows under {selection.key!r}; there are some under {', '.join(keys[:10])}"
        f"{did_you_mean(selection.key or '', keys)}"
    )


def _written(batches: Iterator[Batch], place: Path) -> tuple[int, int]:
    """Write the batches into files ``part-<number>.parquet``; returns how many rows, in how many files."""
    files = _Files(place)
    try:
        for batch in batches:
            files.add(_arrow_table(batch))
        files.close()
    except BaseException:
        files.give_up()
        raise
    return files.rows, files.count


@attrs.define
class _Files:
    """The files of one series: a new one where the columns change, or when one is full."""

    _place: Path
    rows: int = 0
    count: int = 0
    _writer: pq.ParquetWriter | None = None
    _file_rows: int = 0
    _waiting: list[pa.Table] = attrs.field(factory=list)

    def add(self, table: pa.Table) -> None:
        """Write the rows, many at a time: small groups of rows make files slow to read."""
        if self._waiting and self._waiting[0].schema != table.schema:
            self.close()
        self._waiting.append(table)
        if sum(one.num_rows for one in self._waiting) >= _GROUP_ROWS:
            self._write_group()
        if self._file_rows >= _FILE_ROWS:
            self.close()

    def close(self) -> None:
        """End the file; what was written whole gets its name."""
        self._write_group()
        if self._writer is not None:
            self._writer.close()
            self._unfinished.rename(self._place / f"part-{self.count:05}.parquet")
            self.count += 1
        self._writer, self._file_rows = None, 0

    def give_up(self) -> None:
        """Leave the file as it is, under a name that says so."""
        if self._writer is not None:
            self._writer.close()

    @property
    def _unfinished(self) -> Path:
        return self._place / f"part-{self.count:05}.unfinished"

    def _write_group(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        group = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
        self._waiting.clear()
        if self._writer is None:
            self._place.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._unfinished, group.schema)
        self._writer.write_table(group)
        self.rows += group.num_rows
        self._file_rows += group.num_rows


def _arrow_table(batch: Batch) -> pa.Table:
    import pyarrow as pa

    name = "row_time" if "time" in batch.table else "time"
    columns = {name: pa.array(batch.time.view("M8[us]"), type=pa.timestamp("us", tz="UTC"))}
    columns |= {column: _arrow_column(values) for column, values in batch.table.columns.items()}
    return pa.table(columns)


def _arrow_column(column: Column) -> pa.Array:
    import pyarrow as pa

    if isinstance(column, Categories):
        codes = pa.array(column.codes, mask=column.codes < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.labels, type=pa.string()))
    if column.dtype.kind == "O":
        return pa.array(column.tolist(), type=pa.string())
    if column.dtype.kind == "M":
        return pa.array(column, type=pa.timestamp("us", tz="UTC"))
    return pa.array(column.astype(column.dtype.newbyteorder("="), copy=False))
