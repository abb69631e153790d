"""Verifying a whole store: every page, list, chunk, document, log and blob is read and compared with its checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from watchkeeper.contracts.storage import Namespace
from watchkeeper.domain.errors import NotFound, StoreError

from . import documents, logs
from .blobs import Blobs
from .database import Database
from .days import Days
from .directory import ChunkRow, Series, all_series, found_series, live_rows, require_chunks, require_series
from .reading import naming, read_chunk


def problems_of(state: Database, days: Days, blobs: Blobs) -> Iterator[str]:
    """A sentence for each thing that is not as it was written; reads everything, O(bytes of the store)."""
    yield from _problems_of_pages(state)
    yield from _problems_of_state(state, blobs)
    try:
        names = days.names()
    except StoreError as error:
        yield str(error)
        names = sorted(days.present())
    for name in names:
        try:
            database = days.file(name)
        except StoreError as error:
            yield str(error)
            continue
        if database is not None:
            yield from _problems_of_pages(database)
            yield from _problems_of_day(database)


def _problems_of_pages(database: Database) -> Iterator[str]:
    found: list[str] = []
    yield from _said(_check_pages, database, found)
    yield from (f"{database.path}: {line}" for line in found if line != "ok")


def _check_pages(database: Database, found: list[str]) -> None:
    with database.reading() as connection:
        found.extend(line for (line,) in connection.execute("PRAGMA integrity_check(20)"))


def _problems_of_state(state: Database, blobs: Blobs) -> Iterator[str]:
    yield from _said(_read_documents, state)
    for name in _listed(state, "SELECT name FROM log_head UNION SELECT name FROM log"):
        yield from _said(_read_log, state, name)
    for digest in _listed(state, "SELECT digest FROM blob"):
        yield from _said(_read_blob, blobs, digest)


def _read_documents(state: Database) -> None:
    with state.reading() as connection:
        names = dict(connection.execute("SELECT id, name FROM namespace"))
        for number, name in names.items():
            for row in connection.execute(documents.SELECT + "namespace = ?", (number,)):
                documents.document_of(row, state.path, Namespace(name))


def _read_log(state: Database, name: str) -> None:
    for _ in logs.read(state, name, 0):
        pass


def _read_blob(blobs: Blobs, digest: str) -> None:
    blobs.open(digest).close()


def _problems_of_day(database: Database) -> Iterator[str]:
    series: list[Series] = []
    yield from _said(_list_series, database, series)
    for each in series:
        rows: list[ChunkRow] = []
        yield from _said(_list_chunks, database, each, rows)
        for row in rows:
            yield from _said(_read_rows, database, row)


def _list_series(database: Database, found: list[Series]) -> None:
    with database.snapshot() as connection:
        require_series(connection, database.path)
        found.extend(all_series(connection, database.path))


def _list_chunks(database: Database, series: Series, found: list[ChunkRow]) -> None:
    with database.snapshot() as connection:
        now = found_series(connection, database.path, (series.stream, series.key))
        if now is not None:
            require_chunks(connection, database.path, now)
            found.extend(live_rows(connection, database.path, now))


def _read_rows(database: Database, row: ChunkRow) -> None:
    with database.reading() as connection:
        chunk = read_chunk(connection, database.path, row)
        if chunk is not None:
            with naming(database.path, row):
                chunk.batch()


def _listed(state: Database, question: str) -> list[str]:
    try:
        with state.reading() as connection:
            return [name for (name,) in connection.execute(question)]
    except StoreError:
        return []  # the pages are damaged, which was told before


def _said(check: Callable[..., None], *arguments: object) -> Iterator[str]:
    try:
        check(*arguments)
    except (StoreError, NotFound) as error:
        yield str(error)
