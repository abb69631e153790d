"""Folding rows into profiles a few thousand at a time, so that memory stays bounded whatever comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from watchkeeper.domain.cells import Cells, LabelCells
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import Profile, merge, profile
from watchkeeper.domain.table import Categories, Column, Table, joined

FOLD_ROWS: Final = 4096
"""Rows that wait until they are profiled together: fewer cost more time each, more cost memory."""


class Folding:
    """Profiles of the rows added so far, column by column.

    A column's profile counts the rows that have the column at all; rows logged without features are in none.

    Parameters
    ----------
    cells
        The cells of each column that is profiled.
    """

    def __init__(self, cells: Mapping[str, Cells]) -> None:
        self.cells = cells
        self.rows = 0
        """All rows added."""
        self.waiting_rows = 0
        self.strange: dict[str, str] = {}
        """By column that could not be profiled: why."""
        self._waiting: list[Table] = []
        self._totals: dict[str, Profile] = {}

    def add(self, table: Table, rows: int) -> None:
        """Add rows; those of a few adds are profiled together."""
        self.rows += rows
        self.waiting_rows += rows
        self._waiting.append(table)

    def fold(self) -> None:
        """Profile what waits, and let go of its rows."""
        waiting, self._waiting, self.waiting_rows = self._waiting, [], 0
        for name, cells in self.cells.items():
            parts = [table[name] for table in waiting if name in table]
            if parts and name not in self.strange:
                self._fold_column(name, parts, cells)

    def profiles(self) -> dict[str, Profile]:
        """The profile of each column in all rows added, of no rows where none has the column; no strange ones."""
        self.fold()
        return {
            name: self._totals[name] if name in self._totals else _of_nothing(cells)
            for name, cells in self.cells.items()
            if name not in self.strange
        }

    def _fold_column(self, name: str, parts: list[Column], cells: Cells) -> None:
        try:
            found = profile(_joined(name, parts), cells)
        except DataError as error:
            self.strange[name] = str(error)
            return
        known = self._totals.get(name)
        self._totals[name] = found if known is None else merge(known, found)


def _joined(name: str, parts: list[Column]) -> Column:
    """The parts' rows; numbers without a table for each, which would take as long as profiling them."""
    numbers = [part for part in parts if not isinstance(part, Categories)]
    if len(numbers) == len(parts):
        return np.concatenate(numbers) if len(numbers) > 1 else numbers[0]
    return joined([Table({name: part}) for part in parts])[name]


def _of_nothing(cells: Cells) -> Profile:
    return profile(Categories.of([]) if isinstance(cells, LabelCells) else np.empty(0), cells)
