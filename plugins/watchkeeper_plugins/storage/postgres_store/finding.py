"""Finding documents by index fields, in order and by the page, each shape of question with an index of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchkeeper.contracts.storage import Document, Namespace, Outline, Scalar
from watchkeeper.contracts.storage_rules import checked_scalar
from watchkeeper.domain.errors import StoreError
from watchkeeper_plugins.storage.questions import Dialect, Question, Term

from .documents import SELECT, Namespaces, document_of
from .index_values import index_value
from .layout import Connection
from .server import Server

_SELECT_OUTLINE: Final = "SELECT key, revision, fields FROM document WHERE "
_WORTH_AN_INDEX: Final = 500
"""Documents; below that a namespace is read faster as it lies."""


def _beyond(term: Term, value: bytes) -> tuple[str, list[Any]]:
    return f"{term.column} {_further(term)} %s", [value]


def _further(term: Term) -> str:
    return "<" if term.descends else ">"


_DIALECT: Final = Dialect(place="%s", equal="=", stored=index_value, beyond=_beyond)


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
        question = Question.of(_DIALECT, namespace, where, order, limit)
        number = self._server.read(lambda connection: self._namespaces.number(connection, namespace))
        if number is None:
            return ()
        self._make_index(number, question)
        condition, values = question.conditions(number, after)
        if after is not None:
            entry, value = _entry(question, after)
            condition, values = f"{condition} AND {entry}", [*values, value]
        # only column names and whole numbers of ours go into the text; what users give goes in as values
        statement = f"{SELECT}{condition} ORDER BY {question.ordered} LIMIT %s"
        rows = self._server.read(lambda connection: connection.execute(statement, (*values, limit)).fetchall())
        return tuple(document_of(row, self._server.place, namespace) for row in rows)

    def outlines(
        self, namespace: Namespace, where: Mapping[str, Scalar] | None, order: Sequence[str]
    ) -> tuple[Outline, ...]:
        """What `find` would give, without the values; their checksums are not looked at."""
        question = Question.of(_DIALECT, namespace, where, order, None)
        number = self._server.read(lambda connection: self._namespaces.number(connection, namespace))
        if number is None:
            return ()
        self._make_index(number, question)
        condition, values = question.conditions(number, None)
        # only column names and whole numbers of ours go into the text; what users give goes in as values
        statement = f"{_SELECT_OUTLINE}{condition} ORDER BY {question.ordered}"
        rows = self._server.read(lambda connection: connection.execute(statement, values).fetchall())
        fields = json.loads(f"[{','.join(row[2] for row in rows)}]")  # many at once: each by itself takes longer
        return tuple(Outline(row[0], row[1], tuple(found)) for row, found in zip(rows, fields, strict=True))

    def _make_index(self, number: int, question: Question) -> None:
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


def _entry(question: Question, after: Document) -> tuple[str, Any]:
    """What follows from the other conditions of a page; with it an index is entered at the right place."""
    if not question.order:
        return "key > %s", after.key
    term = question.order[0]
    value = index_value(checked_scalar(after.index.get(term.field), term.field))
    return f"{term.column} {_further(term)}= %s", value


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
