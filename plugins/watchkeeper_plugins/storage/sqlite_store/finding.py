"""Finding documents by index fields, in order and by the page, each shape of question with an index of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Durability, Namespace, Scalar
from watchkeeper.contracts.storage_rules import checked_scalar
from watchkeeper.domain.errors import StoreError, UsageError

from .database import Database
from .documents import SELECT, document_of, field_column, namespace_number, where_of

_MOST_INDEXES: Final = 16
"""Of one namespace: every index makes writing slower; the questions of a program are few."""


@attrs.frozen
class _Term:
    """One column to order by."""

    column: str
    field: str
    descends: bool

    @property
    def sql(self) -> str:
        return f"{self.column} DESC" if self.descends else self.column


@attrs.frozen
class _Question:
    """What `find` was asked, in terms of columns."""

    where: Mapping[str, Scalar]
    order: tuple[_Term, ...]

    @classmethod
    def of(cls, namespace: Namespace, where: Mapping[str, Scalar] | None, order: Sequence[str]) -> _Question:
        terms = []
        for name in order:
            field = name.removeprefix("-")
            terms.append(_Term(field_column(field, namespace), field, name.startswith("-")))
        return cls(where_of(where, namespace), tuple(terms))

    def index_columns(self) -> list[str]:
        """What an index must hold, in order, to answer without sorting."""
        fixed = sorted(self.where)
        return [*fixed, *(term.sql for term in self.order if term.column not in fixed), "key"]

    def conditions(self, number: int, after: Document | None) -> tuple[str, list[Scalar]]:
        """The WHERE clause and its values. The namespace's number is spelled out: a partial index asks for that."""
        parts = [f"namespace = {number}", *(f"{column} IS ?" for column in self.where)]
        values: list[Scalar] = list(self.where.values())
        if after is not None:
            condition, more = self._after(after)
            parts.append(condition)
            values += more
        return " AND ".join(parts), values

    def _after(self, after: Document) -> tuple[str, list[Scalar]]:
        """Strictly behind a document: equal in the first terms, and greater in the next; None is less than anything."""
        alternatives: list[str] = []
        values: list[Scalar] = []
        equal: list[str] = []
        equal_values: list[Scalar] = []
        for term in self.order:
            value = checked_scalar(after.index.get(term.field), term.field)
            condition, needed = _beyond(term, value)
            alternatives.append(" AND ".join([*equal, condition]))
            values += [*equal_values, *needed]
            equal.append(f"{term.column} IS ?")
            equal_values.append(value)
        alternatives.append(" AND ".join([*equal, "key > ?"]))
        values += [*equal_values, after.key]
        return "(" + " OR ".join(f"({part})" for part in alternatives) + ")", values


def _beyond(term: _Term, value: Scalar) -> tuple[str, list[Scalar]]:
    if value is None:
        return ("0", []) if term.descends else (f"{term.column} IS NOT NULL", [])
    if term.descends:
        return f"({term.column} < ? OR {term.column} IS NULL)", [value]
    return f"{term.column} > ?", [value]


class Finding:
    """Answers `find`, and makes an index for a shape of question when it is first asked."""

    def __init__(self, state: Database) -> None:
        self._state = state
        self._made: set[str] = set()

    def find(
        self,
        namespace: Namespace,
        where: Mapping[str, Scalar] | None,
        order: Sequence[str],
        after: Document | None,
        limit: int | None,
    ) -> tuple[Document, ...]:
        """The documents that match, in order; see the contract."""
        if limit is not None and limit < 0:
            raise UsageError(f"limit is {limit}; expected a number of documents, or None for all")
        question = _Question.of(namespace, where, order)
        with self._state.reading() as connection:
            number = namespace_number(connection, namespace, create=False)
        if number is None:
            return ()
        self._make_index(number, question)
        with self._state.reading() as connection:
            return tuple(
                document_of(row, self._state.path, namespace)
                for row in _rows(connection, number, question, after, limit)
            )

    def _make_index(self, number: int, question: _Question) -> None:
        columns = question.index_columns()
        if columns == ["key"]:
            return  # the unique index has it
        prefix = f"find_{number}_"
        name = prefix + "_".join(column.replace(" DESC", "d") for column in columns)
        if name in self._made:
            return
        with self._state.reading() as connection:
            indexes = {index for (index,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        is_one_more = sum(index.startswith(prefix) for index in indexes) < _MOST_INDEXES
        if name not in indexes and is_one_more:
            statement = (
                f"CREATE INDEX IF NOT EXISTS {name} ON document ({', '.join(columns)}) WHERE namespace = {number}"
            )
            try:
                with self._state.writing(Durability.FLUSHED) as connection:
                    connection.execute(statement)
            except StoreError:
                return  # a full or busy disk must not fail a read: it is only slower without the index
        self._made.add(name)


def _rows(
    connection: Connection, number: int, question: _Question, after: Document | None, limit: int | None
) -> list[tuple[object, ...]]:
    condition, values = question.conditions(number, after)
    order = ", ".join([*(term.sql for term in question.order), "key"])
    # only column names and whole numbers of ours go into the text; what users give goes in as values
    statement = f"{SELECT}{condition} ORDER BY {order} LIMIT ?"
    return connection.execute(statement, (*values, -1 if limit is None else limit)).fetchall()
