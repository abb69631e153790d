"""Finding documents by index fields, in order and by the page, each shape of question with an index of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchkeeper.contracts.storage import Document, Durability, Namespace, Outline, Scalar
from watchkeeper.domain.errors import StoreError
from watchkeeper_plugins.storage.questions import Dialect, Question, Term, field_column

from .connection import Connection
from .database import Database
from .documents import SELECT, document_of, namespace_number

_MOST_INDEXES: Final = 16
"""Of one namespace: every index makes writing slower; the questions of a program are few."""


def _beyond(term: Term, value: Scalar) -> tuple[str, list[Scalar]]:
    """None is less than anything."""
    if value is None:
        return ("0", []) if term.descends else (f"{term.column} IS NOT NULL", [])
    if term.descends:
        return f"({term.column} < ? OR {term.column} IS NULL)", [value]
    return f"{term.column} > ?", [value]


def _as_it_is(value: Scalar) -> Scalar:
    return value


_DIALECT: Final = Dialect(place="?", equal="IS", stored=_as_it_is, beyond=_beyond)


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
        question = Question.of(_DIALECT, namespace, where, order, limit)
        with self._state.reading() as connection:
            number = self._number(connection, namespace, question)
            if number is None:
                return ()
            return tuple(
                document_of(row, self._state.path, namespace)
                for row in _rows(connection, SELECT, number, question, after=after, limit=limit)
            )

    def outlines(
        self, namespace: Namespace, where: Mapping[str, Scalar] | None, order: Sequence[str]
    ) -> tuple[Outline, ...]:
        """What `find` would give, without the values; their checksums are not looked at."""
        question = Question.of(_DIALECT, namespace, where, order, None)
        columns = ("key", "revision", *(field_column(field, namespace) for field in namespace.index))
        select = " ".join(("SELECT", ", ".join(columns), "FROM document WHERE "))
        with self._state.reading() as connection:
            number = self._number(connection, namespace, question)
            if number is None:
                return ()
            rows = _rows(connection, select, number, question)
        return tuple([Outline(row[0], row[1], row[2:]) for row in rows])

    def _number(self, connection: Connection, namespace: Namespace, question: Question) -> int | None:
        """The namespace's number, with an index for the question; None when nothing was ever written there."""
        number = namespace_number(connection, namespace, create=False)
        if number is not None:
            self._make_index(connection, number, question)
        return number

    def _make_index(self, connection: Connection, number: int, question: Question) -> None:
        columns = question.index_columns()
        if columns == ["key"]:
            return  # the unique index has it
        prefix = f"find_{number}_"
        name = prefix + "_".join(column.replace(" DESC", "d") for column in columns)
        if name in self._made:
            return
        indexes = {index for (index,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        is_one_more = sum(index.startswith(prefix) for index in indexes) < _MOST_INDEXES
        if name not in indexes and is_one_more:
            statement = (
                f"CREATE INDEX IF NOT EXISTS {name} ON document ({', '.join(columns)}) WHERE namespace = {number}"
            )
            try:
                with self._state.writing(Durability.FLUSHED) as writer:
                    writer.execute(statement)
            except StoreError:
                return  # a full or busy disk must not fail a read: it is only slower without the index
        self._made.add(name)


def _rows(
    connection: Connection,
    select: str,
    number: int,
    question: Question,
    *,
    after: Document | None = None,
    limit: int | None = None,
) -> list[tuple[Any, ...]]:
    condition, values = question.conditions(number, after)
    # only column names and whole numbers of ours go into the text; what users give goes in as values
    statement = f"{select}{condition} ORDER BY {question.ordered} LIMIT ?"
    return connection.execute(statement, (*values, -1 if limit is None else limit)).fetchall()
