"""Conditions over the columns of rows, such as ``size > 1000 and venue in ("LSE", "NYSE")``: which rows they hold for.

The words are those of the rules' conditions, read the same way; nothing of the text is ever run as code. A row in which
a column that matters is missing makes the condition neither true nor false (Kleene's strong logic).
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, DataError
from .row_grammar import RowGrammar
from .row_truth import Truth, holds_texts
from .table import Table


@attrs.frozen(eq=False)
class RowCondition:
    """A condition that was read; `holds` tells for which rows it is true."""

    text: str
    numbers: frozenset[str]
    """The columns that it takes for numbers."""
    texts: frozenset[str]
    """The columns that it takes for labels."""
    _truth: Truth

    @classmethod
    def parse(cls, text: str) -> RowCondition:
        """Read a condition of at most 1000 characters.

        ``and``, ``or``, ``not``, comparisons, ``+ - * /``, ``abs``, ``min``, ``max``, ``venue in ("LSE", "NYSE")``,
        ``size is missing``; a column whose name is no plain word is written ``column("ret 1")``.

        Raises
        ------
        ConfigError
            With the column of the text, what was found and what was expected.

        Examples
        --------
        >>> from watchkeeper.domain.table import Categories, Table
        >>> rows = Table({"size": np.array([1.0, 5.0, np.nan]), "venue": Categories.of(["LSE", "NYSE", "LSE"])})
        >>> RowCondition.parse('size > 2 or venue == "LSE"').holds(rows).tolist()
        [True, True, True]
        >>> RowCondition.parse("not size > 2").holds(rows).tolist()
        [True, False, False]
        """
        parser = RowGrammar(text)
        truth = parser.whole()
        texts = parser.texts | (parser.either - parser.numbers)
        if not parser.numbers | texts:
            raise ConfigError(f"condition {text!r} names no column: expected something like 'size > 1000'")
        return cls(text, frozenset(parser.numbers), frozenset(texts), truth)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it names, sorted."""
        return tuple(sorted(self.numbers | self.texts))

    def holds(self, rows: Table) -> NDArray[np.bool_]:
        """(n,) bool: where it is true. A DataError when a column is not there, or holds labels instead of numbers."""
        for name in self.columns:
            if name not in rows:
                raise DataError(f"condition {self.text!r} needs the column {name!r}, which the rows do not have")
            if name in self.numbers and holds_texts(rows[name]):
                raise DataError(f"condition {self.text!r} takes column {name!r} for numbers; it holds labels")
        return self._truth(rows)[0]
