"""The rules that every storage back end applies alike: names, JSON bodies, the digest chain, what a commit may hold."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.table import kind_of

from .storage import Append, Operation

LONGEST_NAME = 200


def checked_storage_name(name: str, what: str) -> str:
    """The name itself, or a UsageError: 1 to 200 characters of NFC text without control characters."""
    expected = f"expected 1 to {LONGEST_NAME} characters of NFC text without control characters"
    if not isinstance(name, str):
        raise UsageError(f"a {what} must be text, found {type(name).__name__}; {expected}")
    if not 1 <= len(name) <= LONGEST_NAME:
        raise UsageError(f"a {what} of {len(name)} characters cannot be stored; {expected}")
    bad = next((letter for letter in name if unicodedata.category(letter) in {"Cc", "Cs"}), None)
    if bad is not None:
        raise UsageError(f"the {what} {name!r} holds the character U+{ord(bad):04X}; {expected}")
    if not unicodedata.is_normalized("NFC", name):
        raise UsageError(f"the {what} {name!r} is not in Unicode's NFC form, so that it has a twin; {expected}")
    return name


def canonical_json(body: Mapping[str, Any], what: str) -> str:
    """The body as JSON in the one form that digests are computed over: keys sorted, no spaces, no NaN."""
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"the {what} cannot be kept as JSON: {error}; expected text, numbers, lists and maps"
        ) from None


def entry_digest(previous: str, number: int, body: str) -> str:
    """SHA-256 in hexadecimal of a log entry; `body` is its canonical JSON."""
    return hashlib.sha256(f"{previous}\n{number}\n{body}".encode()).hexdigest()


def has_appends(operations: Sequence[Operation]) -> bool:
    """Whether a commit is of telemetry; a UsageError when it holds Appends beside other operations."""
    appends = sum(isinstance(operation, Append) for operation in operations)
    if 0 < appends < len(operations):
        raise UsageError(
            f"a commit holds {appends} Append and {len(operations) - appends} other operations; "
            "expected one sort: make two commits, the Appends first"
        )
    return appends > 0


def checked_append(append: Append) -> Append:
    """The append itself; a UsageError for its names, a DataError for rows that do not fit together."""
    checked_storage_name(append.stream, "stream")
    checked_storage_name(append.key, "key")
    if append.time.dtype != np.int64 or append.time.ndim != 1:
        raise DataError(
            f"the time of rows for {append.stream} must be (n,) int64 microseconds, "
            f"found {append.time.dtype} of shape {append.time.shape}"
        )
    if len(append.table) != len(append.time):
        raise DataError(f"{len(append.time)} times for {len(append.table)} rows of {append.stream}; expected one a row")
    for name, column in append.table.columns.items():
        checked_storage_name(name, "column name")
        kind_of(column)
    strangers = [name for name in append.wide if name not in append.table]
    if strangers:
        raise DataError(f"wide column {strangers[0]!r} is not among the columns {', '.join(append.table.names)}")
    return append
