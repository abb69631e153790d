"""A segment: a part of the rows whose performance is told apart from the whole's."""

from __future__ import annotations

from typing import ClassVar

import attrs

from .row_condition import RowCondition


@attrs.frozen
class Segment:
    """Each value of a column, or the rows for which a condition holds.

    Examples
    --------
    >>> Segment("venue").columns
    ('venue',)
    >>> Segment("large", RowCondition.parse("size > 1000")).columns
    ('size',)
    """

    name: str
    """The column; with a condition what the rows are called."""
    where: RowCondition | None = None

    EXPECTED: ClassVar[str] = (
        'a column\'s name, or a table with a name and a condition such as { name = "large", where = "size > 1000" }'
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell which rows are in it."""
        return (self.name,) if self.where is None else self.where.columns

    @property
    def number_columns(self) -> frozenset[str]:
        """Those of them that it takes for numbers."""
        return frozenset() if self.where is None else self.where.numbers

    def __str__(self) -> str:
        return self.name
