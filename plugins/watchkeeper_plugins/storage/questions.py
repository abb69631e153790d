"""What `find` was asked, as SQL over the index columns ``i1`` to ``i4`` of a table of documents, for any dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from watchkeeper.contracts.storage import Document, Namespace, Scalar
from watchkeeper.contracts.storage_rules import checked_field, checked_scalar
from watchkeeper.domain.errors import UsageError


@attrs.frozen
class Term:
    """One column to order by."""

    column: str
    field: str
    descends: bool

    @property
    def sql(self) -> str:
        """As it stands in ORDER BY."""
        return f"{self.column} DESC" if self.descends else self.column


@attrs.frozen
class Dialect:
    """How a back end says what a question needs."""

    place: str
    """Where a value goes: ``?`` or ``%s``."""
    equal: str
    """What stands between a column and a value that may be None."""
    stored: Callable[[Scalar], Any]
    """An index value as its column holds it."""
    beyond: Callable[[Term, Any], tuple[str, list[Any]]]
    """The condition for rows strictly behind a stored value in a term's order, and its values."""


@attrs.frozen
class Question:
    """What `find` was asked, in terms of columns."""

    dialect: Dialect
    where: Mapping[str, Any]
    order: tuple[Term, ...]

    @classmethod
    def of(
        cls,
        dialect: Dialect,
        namespace: Namespace,
        where: Mapping[str, Scalar] | None,
        order: Sequence[str],
        limit: int | None,
    ) -> Question:
        """The question; a UsageError for fields that the namespace does not declare, values, or a limit below 0."""
        if limit is not None and limit < 0:
            raise UsageError(f"limit is {limit}; expected a number of documents, or None for all")
        conditions = {
            field_column(field, namespace): dialect.stored(checked_scalar(value, field))
            for field, value in (where or {}).items()
        }
        terms = []
        for name in order:
            field = name.removeprefix("-")
            terms.append(Term(field_column(field, namespace), field, name.startswith("-")))
        return cls(dialect, conditions, tuple(terms))

    def index_columns(self) -> list[str]:
        """What an index must hold, in order, to answer without sorting."""
        fixed = sorted(self.where)
        return [*fixed, *(term.sql for term in self.order if term.column not in fixed), "key"]

    @property
    def ordered(self) -> str:
        """What follows ORDER BY."""
        return ", ".join([*(term.sql for term in self.order), "key"])

    def conditions(self, number: int, after: Document | None) -> tuple[str, list[Any]]:
        """The WHERE clause and its values. The namespace's number is spelled out: a partial index asks for that."""
        parts = [f"namespace = {number}", *map(self._is, self.where)]
        values = list(self.where.values())
        if after is not None:
            condition, more = self._after(after)
            parts.append(condition)
            values += more
        return " AND ".join(parts), values

    def _is(self, column: str) -> str:
        return f"{column} {self.dialect.equal} {self.dialect.place}"

    def _after(self, after: Document) -> tuple[str, list[Any]]:
        """Strictly behind a document: equal in the first terms, and further in the next."""
        alternatives: list[str] = []
        values: list[Any] = []
        equal: list[str] = []
        equal_values: list[Any] = []
        for term in self.order:
            value = self.dialect.stored(checked_scalar(after.index.get(term.field), term.field))
            condition, needed = self.dialect.beyond(term, value)
            alternatives.append(" AND ".join([*equal, condition]))
            values += [*equal_values, *needed]
            equal.append(self._is(term.column))
            equal_values.append(value)
        alternatives.append(" AND ".join([*equal, f"key > {self.dialect.place}"]))
        values += [*equal_values, after.key]
        return "(" + " OR ".join(f"({part})" for part in alternatives) + ")", values


def field_column(field: str, namespace: Namespace) -> str:
    """The column (``i1``...) that holds a declared field."""
    return f"i{namespace.index.index(checked_field(field, namespace)) + 1}"
