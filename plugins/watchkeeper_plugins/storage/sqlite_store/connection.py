"""A connection that remembers what never changes once it is committed: the numbers of namespaces."""

from __future__ import annotations

import sqlite3
from typing import Any


class Connection(sqlite3.Connection):
    """One of the connections to a file of the store."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.namespaces: dict[str, tuple[int, str]] = {}
        """Number and index fields of each namespace seen; to be cleared when a transaction is rolled back."""
