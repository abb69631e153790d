"""Columns of a file as the reference counts them."""

from __future__ import annotations

import numpy as np

from watchkeeper.data.frames import numeric, table_of
from watchkeeper.domain.cells import Cells, LabelCells
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing


def as_counted(table: Table, name: str, cells: Cells) -> Column:
    """A column as its reference counts it; a DataError when it holds text for numbers, or times."""
    column = table[name]
    if isinstance(cells, LabelCells):
        return column if isinstance(column, Categories) else as_labels(table, name)
    if not isinstance(column, Categories) and kind_of(column) is ColumnKind.NUMERIC:
        return column  # in its own precision: sorting float32 takes half the time
    return np.full(len(table), np.nan) if missing(column).all() else numeric(table, name)


def as_labels(table: Table, name: str) -> Column:
    """A column of text, or of whole numbers that stand for things, as categories."""
    return table_of(table.select([name]), categories=[name])[name]
