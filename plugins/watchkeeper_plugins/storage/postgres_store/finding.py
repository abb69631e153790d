"""Finding documents by index fields, in order and by the page, each shape of question with an index of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Document, Namespace, Scalar
from watchkeeper.contracts.storage_rules import checked_field, checked_scalar
from watchkeeper.domain.errors import StoreError, UsageError

from .documents import SELECT, Namespaces, document_of
from .index_values import index_value
from .layout import Connection
from .server import Server

_WORTH_AN_INDEX: Final = 500
"""Documents; below that a namespace is read faster as it lies."""


@attrs.frozen
class _Term:
    """One column to order by."""

    column: str
    field: str
    descends: bool

    @property
    def sql(self) -> str:
        return f"{self.column} DESC" if self.descends else self.column

    @property
    def beyond(self) -> str:
        return "<" if self.descends else ">"


@attrs.frozen
class _Question:
    """What `find` was asked, in terms of columns."""

    where: Mapping[str, bytes]
    order: tuple[_Term, ...]

    @classmethod
    def of(cls, namespace: Namespace, where: Mapping[str, Scalar] | None, order: Sequence[str]) -> _Question:
        conditions = {
            _column(field, namespace): index_value(checked_scalar(value, field))
            for field, value in (where or {}).items()
        }
        terms = []
        for name in order:
            field = name.removeprefix("-")
            terms.append(_Term(_column(field, namespace), field, name.startswith("-")))
        return cls(conditions, tuple(terms))

    def index_columns(self) -> list[str]:
        """What an index must hold, in order, to answer without sorting."""
        fixed = sorted(self.where)
        return [*fixed, *(term.sql for term in self.order if term.column not in fixed), "key"]

    def conditions(self, number: int, after: Document | None) -> tuple[str, list[Any]]:
        """The WHERE clause and its values. The namespace's number is spelled out: a partial index asks for that."""
        parts = [f"namespace = {number}", *(f"{column} = %s" for column in self.where)]
        values: list[Any] = list(self.where.values())
        if after is not None:
            condition, more = self._after(after)
            parts.append(condition)
            values += more
        return " AND ".join(parts), values

    def _after(self, after: Document) -> tuple[str, list[Any]]:
        """Strictly behind a document: equal in the first terms, and further in the next."""
        alternatives: list[str] = []
        values: list[Any] = []
        equal: list[str] = []
        equal_values: list[Any] = []
        places: list[tuple[str, str, Any]] = [
            (term.column, term.beyond, index_value(checked_scalar(after.index.get(term.field), term.field)))
            for term in self.order
        ]
        places.append(("key", ">", after.key))
        for column, beyond, value in places:
            alternatives.append(" AND ".join([*equal, f"{column} {beyond} %s"]))
            values += [*equal_values, value]
            equal.append(f"{column} = %s")
            equal_values.append(value)
        column, beyond, value = places[0]
        # the first condition follows from the others; with it an index is entered at the right place
        either = " OR ".join(f"({part})" for part in alternatives)
        return f"{column} {beyond}= %s AND ({either})", [value, *values]


class Finding:
    """Answers `find`, and makes an index for a shape of question that is asked of many documents."""

    def __init__(self, server: Server, namespaces: Namespaces) -> None:
        self._server = server
        self._namespaces = namespaces
        self._made: set[str] = set()
        self._asked: Counter[str] = Counter()

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
        number = self._server.read(lambda connection: self._namespaces.number(connection, namespace))
        if number is None:
            return ()
        self._make_index(number, question)
        condition, values = question.conditions(number, after)
        ordered = ", ".join([*(term.sql for term in question.order), "key"])
        # only column names and whole numbers of ours go into the text; what users give goes in as values
        statement = f"{SELECT}{condition} ORDER BY {ordered} LIMIT %s"
        rows = self._server.read(lambda connection: connection.execute(statement, (*values, limit)).fetchall())
        return tuple(document_of(row, self._server.place, namespace) for row in rows)

    def _make_index(self, number: int, question: _Question) -> None:
        columns = question.index_columns()
        if columns == ["key"]:
            return  # the primary key has it
        name = f"find_{number}_" + "_".join(column.replace(" DESC", "d") for column in columns)
        if name in self._made:
            return
        self._asked[name] += 1
        if self._asked[name] & (self._asked[name] - 1):
            return  # looked at when it is asked for the first time, the second, the fourth, the eighth...
        try:
            is_made = self._server.write(lambda connection: _index_made(connection, number, name, columns))
        except StoreError:
            return  # a full disk or a role without the right must not fail a read: it is only slower without the index
        if is_made:
            self._made.add(name)


def _index_made(connection: Connection, number: int, name: str, columns: Sequence[str]) -> bool:
    """Whether the index is there now; few documents need none."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    if row is not None and row[0]:
        return True
    found = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM document WHERE namespace = %s LIMIT %s) AS counted",
        (number, _WORTH_AN_INDEX),
    ).fetchone()
    if found is None or found[0] < _WORTH_AN_INDEX:
        return False
    connection.execute("SET LOCAL lock_timeout = '2s'")
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"watchkeeper.{name}",))
    connection.execute(
        f"CREATE INDEX IF NOT EXISTS {name} ON document ({', '.join(columns)}) WHERE namespace = {number}"
    )
    return True


def _column(field: str, namespace: Namespace) -> str:
    """The column (``i1``...) that holds a declared field."""
    return f"i{namespace.index.index(checked_field(field, namespace)) + 1}"
