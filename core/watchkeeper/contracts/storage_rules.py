"""What a commit may hold, by the rules that every storage back end applies alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from watchkeeper.domain.chain import canonical_json, entry_digest
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.names import LONGEST_NAME
from watchkeeper.domain.names import stored_name as checked_storage_name
from watchkeeper.domain.table import Categories, Column

from .storage import Append, Namespace, Operation, Scalar

__all__ = [
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "MOST_COLUMNS",
    "MOST_FIELDS",
    "canonical_json",
    "checked_append",
    "checked_field",
    "checked_namespace",
    "checked_scalar",
    "checked_storage_name",
    "entry_digest",
    "has_appends",
]

MOST_COLUMNS: Final = 4096
MOST_FIELDS: Final = 4
LONGEST_TEXT: Final = 1_000_000
"""Characters of one text in a column."""
_PLAIN: Final = frozenset(
    np.dtype(f"{order}{kind}")
    for kind in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "M8[us]")
    for order in "<>"
)
_EXPECTED: Final = (
    "expected booleans, integers, floats of at most 64 bits, datetime64[us], text or None as objects, or Categories"
)


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
    """The append itself; a UsageError for its names, a DataError for rows that cannot be stored or do not fit together.

    O(rows) for text and categories, O(columns) for the rest.
    """
    title = f"{checked_storage_name(append.stream, 'stream')}/{checked_storage_name(append.key, 'key')}"
    columns = append.table.columns
    if append.time.dtype != np.int64 or append.time.ndim != 1:
        raise DataError(
            f"the time of rows for {append.stream} must be (n,) int64 microseconds, "
            f"found {append.time.dtype} of shape {append.time.shape}"
        )
    if len(columns) > MOST_COLUMNS:
        raise DataError(
            f"{title} has {len(columns):,} columns; expected at most {MOST_COLUMNS:,}: keep the rest under another key"
        )
    for name, column in columns.items():
        _require_storable(checked_storage_name(name, "column name"), column)
    if len(append.table) != len(append.time):
        raise DataError(f"{len(append.time)} times for {len(append.table)} rows of {append.stream}; expected one a row")
    strangers = [name for name in append.wide if name not in append.table]
    if strangers:
        raise DataError(f"wide column {strangers[0]!r} is not among the columns {', '.join(append.table.names)}")
    return append


def checked_namespace(namespace: Namespace) -> Namespace:
    """The namespace itself, or a UsageError for its name or its index fields."""
    checked_storage_name(namespace.name, "namespace")
    if len(namespace.index) > MOST_FIELDS or len(set(namespace.index)) < len(namespace.index):
        raise UsageError(
            f"the namespace {namespace.name!r} is indexed by {list(namespace.index)}; "
            f"expected at most {MOST_FIELDS} different fields"
        )
    return namespace


def checked_field(field: str, namespace: Namespace) -> str:
    """The field itself, or a UsageError when the namespace does not declare it."""
    if field in namespace.index:
        return field
    near = difflib.get_close_matches(field, namespace.index, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    declared = ", ".join(namespace.index) or "none"
    raise UsageError(f"{field!r} is not an index field of {namespace.name}; declared are {declared}{hint}")


def checked_scalar(value: object, field: str) -> Scalar:
    """The value of an index field in its plain type, or a UsageError."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"the index field {field!r} is {value!r}, no text: it has a lone surrogate") from None
        return str(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    if isinstance(value, float) and not np.isnan(value):
        return float(value)
    raise UsageError(
        f"the index field {field!r} is {value!r}; expected text, a 64-bit integer, a float that is not NaN, or None"
    )


def _require_storable(name: str, column: Column) -> None:
    if isinstance(column, Categories):
        _require_codes(name, column)
        return
    if not isinstance(column, np.ndarray):
        raise DataError(f"column {name!r} is a {type(column).__name__}; expected a numpy array or Categories")
    if column.ndim != 1:
        raise DataError(f"column {name!r} has shape {column.shape}; expected one dimension: a name for each column")
    if column.dtype in _PLAIN:
        return
    if column.dtype.kind == "O":
        _require_texts(name, column.tolist())
    elif column.dtype.kind == "M":
        raise DataError(f"column {name!r} is {column.dtype}; expected datetime64[us]: convert it with astype")
    else:
        raise DataError(f"column {name!r} of dtype {column.dtype} cannot be stored; {_EXPECTED}")


def _require_codes(name: str, column: Categories) -> None:
    _require_texts(name, column.labels)
    if None in column.labels:
        raise DataError(f"column {name!r} has the label None; expected text: give missing rows the code -1")
    if len(column.codes) and not (int(column.codes.min()) >= -1 and int(column.codes.max()) < len(column.labels)):
        raise DataError(
            f"column {name!r} has codes from {column.codes.min()} to {column.codes.max()} for {len(column.labels)} "
            f"labels; expected -1 (missing) to {len(column.labels) - 1}"
        )


def _require_texts(name: str, items: Iterable[object]) -> None:
    # one pass over the types, in C: a loop with isinstance takes six times as long
    strange = {kind for kind in set(map(type, items)) if not issubclass(kind, str | type(None))}
    if strange:
        row, item = next((row, item) for row, item in enumerate(items) if type(item) in strange)
        raise DataError(f"column {name!r} has a {type(item).__name__} in row {row}; {_EXPECTED}")
    longest = max(map(len, filter(None, items)), default=0)  # type: ignore[arg-type]
    if longest > LONGEST_TEXT:
        raise DataError(
            f"column {name!r} has a text of {longest:,} characters; expected at most {LONGEST_TEXT:,}: "
            "keep such values as blobs, and store their digests"
        )
