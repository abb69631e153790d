"""What a version was made from: the revision of the code, and a digest of each column of the training rows."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import numpy as np

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.model import TrainingData
from watchkeeper.domain.table import Categories, Table

from .rows import rows_as_bytes

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def training_data_of(rows: Table, *, time: str | None = None, source: str = "") -> TrainingData:
    """Digests of the rows, column by column; O(bytes).

    Parameters
    ----------
    time
        The column with each row's time: datetime64 or UTC microseconds as integers.
    """
    first_us = last_us = None
    if time is not None and len(rows):
        first_us, last_us = _span(rows, time)
    columns = {
        name: hashlib.sha256(rows_as_bytes(Table({name: column}))).hexdigest() for name, column in rows.columns.items()
    }
    return TrainingData(len(rows), columns, first_us, last_us, source)


def revision_of(folder: Path) -> str | None:
    """The commit that is checked out in the Git repository around `folder`; None when there is none.

    Read from the repository's own files, without running git: whether files were changed since is not known.
    """
    for place in (folder, *folder.parents):
        found = _git_folder(place / ".git")
        if found is not None:
            return _head(found)
    return None


def _span(rows: Table, time: str) -> tuple[int, int]:
    if time not in rows:
        raise DataError(f"the training rows have no column {time!r}; they have {', '.join(rows.names)}")
    column = rows[time]
    if isinstance(column, Categories) or column.dtype.kind not in "Mi":
        raise DataError(f"the training rows' column {time!r} holds no times: expected datetime64 or integers")
    times = column.astype("datetime64[us]") if column.dtype.kind == "M" else column
    numbers = times[~np.isnat(times)].astype(np.int64) if times.dtype.kind == "M" else times.astype(np.int64)
    if not len(numbers):
        raise DataError(f"the training rows' column {time!r} holds no time at all")
    return int(numbers.min()), int(numbers.max())


def _git_folder(path: Path) -> Path | None:
    if path.is_dir():
        return path
    text = _text(path)  # of a work tree or submodule
    if text is None or not text.startswith("gitdir: "):
        return None
    return path.parent / text.removeprefix("gitdir: ")


def _head(folder: Path) -> str | None:
    head = _text(folder / "HEAD")
    if head is None or not head.startswith("ref: "):
        return head if head is not None and _COMMIT.fullmatch(head) else None
    name = head.removeprefix("ref: ")
    shared = _text(folder / "commondir")
    for place in (folder, *([] if shared is None else [folder / shared])):
        found = _text(place / name) or _packed(place / "packed-refs", name)
        if found is not None and _COMMIT.fullmatch(found):
            return found
    return None


def _packed(path: Path, name: str) -> str | None:
    lines = (_text(path) or "").splitlines()
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {name}")), None)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
