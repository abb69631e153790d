"""Commits: all operations in one transaction, once, whatever becomes of the connection meanwhile.

A commit begins by writing its (writer, seq). When the connection is lost while COMMIT is on its way, nobody knows
whether it arrived: the call makes itself known by an id of its own, begins again, and finds its first attempt done, or
waits until the server has given it up. A commit without writer and seq is given a pair of its own for that.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import psycopg

from watchkeeper.contracts.storage import Append, Delete, Durability, LogEntry, Operation, Put, Receipt
from watchkeeper.contracts.storage_rules import checked_namespace
from watchkeeper.domain.errors import StoreBusy, StoreError
from watchkeeper.domain.names import stored_name

from . import documents
from .appending import Appending
from .documents import Namespaces, ReadyPut
from .failures import is_lost
from .layout import Connection, require_layout
from .logs import Heads, ReadyEntry
from .server import Cursor, Server

OWN_WRITER: Final = ".."
"""How the writers that we make up begin; no name of a user's has these two dots."""
_BEGIN: Final = (
    "INSERT INTO applied (writer, seq, call) VALUES (%s, %s, %s) ON CONFLICT (writer, seq) DO NOTHING"
    " RETURNING (SELECT value FROM meta WHERE name = 'schema')"
)
"""Writes the pair; no row when it is there already. Waits for another attempt with it that is under way."""


@attrs.frozen
class Done:
    """What a commit has brought about."""

    revisions: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()


Work = Callable[[Connection], Done]
Ready = ReadyPut | ReadyEntry | Delete


class Committing:
    """Writes commits to a server."""

    def __init__(self, server: Server, namespaces: Namespaces, appending: Appending) -> None:
        self._server = server
        self._namespaces = namespaces
        self._appending = appending
        self._writer = f"{OWN_WRITER}{uuid.uuid4().hex}"
        self._numbers = itertools.count(1)

    def append(self, appends: Sequence[Append], durability: Durability, pair: tuple[str, int] | None) -> Receipt:
        """Add all rows, or none."""
        ready = [self._appending.ready(append) for append in appends]
        learned = self._appending.learning()

        def work(connection: Connection) -> Done:
            learned.clear()
            self._appending.write(connection, ready, learned)
            return Done()

        receipt = self._committed(work, durability, pair)
        if not receipt.is_replay:
            self._appending.remember(learned)
        return receipt

    def change(self, operations: Sequence[Operation], durability: Durability, pair: tuple[str, int] | None) -> Receipt:
        """Change all documents and logs, or none."""
        ready = [_ready(operation) for operation in operations]
        for one in ready:
            self._look_up(one)
        return self._committed(lambda connection: self._change(connection, ready), durability, pair)

    def _look_up(self, ready: Ready) -> None:
        """Learn the number of a namespace before the transaction, where what is seen may be remembered."""
        operation = ready.put if isinstance(ready, ReadyPut) else ready
        if isinstance(operation, Put | Delete) and not self._namespaces.is_known(operation.namespace):
            self._server.read(lambda connection: self._namespaces.number(connection, operation.namespace))

    def _committed(self, work: Work, durability: Durability, pair: tuple[str, int] | None) -> Receipt:
        kept = self._server.kept(durability)
        written = pair or (self._writer, next(self._numbers))
        call = uuid.uuid4()
        attempts: list[Done] = []
        """What this call has done so far; the last may have arrived, or not."""

        def attempt(connection: Connection, begun: Cursor) -> Receipt:
            row = begun.fetchone()
            if row is None:
                whose, done = _earlier(connection, written)
                is_replay = whose != call
                done = done if is_replay else attempts[-1]
                return Receipt(kept, done.revisions, done.digests, is_replay=is_replay)
            require_layout(row[0], self._server.place)
            done = work(connection)
            attempts.append(done)
            if pair is not None and (done.revisions or done.digests):
                _note(connection, pair, done)
            return Receipt(kept, done.revisions, done.digests)

        try:
            return self._server.write_after((_BEGIN, (*written, call)), attempt, kept)
        except StoreError as error:
            if attempts and isinstance(error.__cause__, psycopg.Error) and is_lost(error.__cause__):
                raise StoreError(
                    f"{error}; whether this commit arrived is not known: send it again with the same writer and seq, "
                    "or read before you send it"
                ) from error
            raise

    def _change(self, connection: Connection, ready: Sequence[Ready]) -> Done:
        numbers = self._locked(connection, ready)
        heads = Heads()
        heads.lock(connection, (one.entry.log for one in ready if isinstance(one, ReadyEntry)))
        revisions: list[int] = []
        digests: list[str] = []
        for one, number in zip(ready, numbers, strict=True):
            if isinstance(one, ReadyEntry):
                digests.append(heads.add(one))
            elif isinstance(one, ReadyPut):
                revisions.append(documents.put(connection, number, one))
            else:
                documents.delete(connection, number, one)
        heads.write(connection)
        return Done(tuple(revisions), tuple(digests))

    def _locked(self, connection: Connection, ready: Sequence[Ready]) -> list[int]:
        """The number of each operation's namespace (0 for a log), the documents of several locked in one order."""
        numbers: list[int] = []
        places: list[tuple[int, str]] = []
        for one in ready:
            operation = one.put if isinstance(one, ReadyPut) else one
            if isinstance(operation, ReadyEntry):
                numbers.append(0)
                continue
            numbers.append(self._namespaces.number_to_write(connection, operation.namespace))
            places.append((numbers[-1], operation.key))
        if len(places) > 1:
            documents.lock(connection, places)
        return numbers


def _ready(operation: Operation) -> Ready:
    if isinstance(operation, Put):
        return ReadyPut.of(operation)
    if isinstance(operation, LogEntry):
        return ReadyEntry.of(operation)
    if isinstance(operation, Delete):
        stored_name(operation.key, "key")
        checked_namespace(operation.namespace)
        return operation
    raise TypeError(f"an {type(operation).__name__} is committed by `append`")


def _note(connection: Connection, pair: tuple[str, int], done: Done) -> None:
    """Keep what a caller is told who sends the same pair again."""
    connection.execute(
        "UPDATE applied SET receipt = %s WHERE writer = %s AND seq = %s",
        (json.dumps([done.revisions, done.digests]), *pair),
    )


def _earlier(connection: Connection, pair: tuple[str, int]) -> tuple[uuid.UUID, Done]:
    """Whose commit of this pair is done, and what it brought about."""
    row = connection.execute("SELECT call, receipt FROM applied WHERE writer = %s AND seq = %s", pair).fetchone()
    if row is None:
        raise StoreBusy(f"the commit {pair[1]} of {pair[0]!r} was forgotten while it was sent again: try again")
    call, text = row
    revisions, digests = json.loads(text) if text else ((), ())
    return call, Done(tuple(revisions), tuple(digests))
