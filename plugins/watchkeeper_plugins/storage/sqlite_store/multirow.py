"""Many rows in one statement: each step gives up Python's lock, and beside a busy thread waits 5 ms to get it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import Any, Final

_SIZES: Final = (64, 16, 4, 1)
"""Rows of one statement: few sizes, so that each is prepared once."""


def insert_rows(connection: Connection, table: str, rows: Sequence[Sequence[Any]], on_conflict: str = "") -> None:
    """Insert rows of all columns of a table, in order; O(rows / 64) steps.

    Parameters
    ----------
    table
        A table's name from our own code, never from data.
    on_conflict
        An ``ON CONFLICT`` clause of our own code.
    """
    for start, count in _pieces(len(rows)):
        values = [value for row in rows[start : start + count] for value in row]
        connection.execute(_statement(table, len(rows[start]), count, on_conflict), values)


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in _SIZES:
        while rows - start >= size:
            yield start, size
            start += size


@lru_cache(maxsize=64)
def _statement(table: str, width: int, count: int, on_conflict: str) -> str:
    row = f"({', '.join('?' * width)})"
    return f"INSERT INTO {table} VALUES {', '.join([row] * count)} {on_conflict}"  # noqa: S608 - our own names
