"""The connections to a server: a few that threads share, each call tried again when its connection is lost."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.pq import TransactionStatus

from watchkeeper.contracts.storage import Durability
from watchkeeper.domain.errors import ConfigError, StoreBusy, StoreError

from .failures import is_lost, is_starting, is_worth_another_try, said
from .layout import Connection, make_ready
from .options import PostgresOptions

T = TypeVar("T")
Cursor = psycopg.Cursor[tuple[Any, ...]]
Statement = tuple[str, tuple[Any, ...]]
"""The text, and the values that go into it."""
_INSIDE: Final = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR})
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0


class Server:
    """One database, as one process sees it."""

    def __init__(self, options: PostgresOptions) -> None:
        self.place = options.place
        self.process = os.getpid()
        self._options = options
        self._conninfo = _conninfo(options)
        self._free = threading.BoundedSemaphore(options.connections)
        self._idle: deque[Connection] = deque()
        self._is_closed = False
        connection, fsync = self._persistently(self._first_connected, is_starting)
        self.syncs = fsync == "on"
        """Whether the server brings its commits to the disk at all."""
        self._idle.append(connection)

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; each of its statements sees one moment. It may be called more than once."""

        def attempt() -> T:
            with self._borrowed() as connection:
                return work(connection)

        return self._persistently(attempt)

    def write(self, work: Callable[[Connection], T], durability: Durability = Durability.SYNCED) -> T:
        """What `work` returns, in a transaction. It may be called more than once, so it must do no harm twice."""
        return self.write_after(None, lambda connection, _: work(connection), durability)

    def write_after(
        self, opening: Statement | None, work: Callable[[Connection, Cursor], T], durability: Durability
    ) -> T:
        """The same with a first statement, whose cursor `work` is given: it goes to the server with the BEGIN."""

        def attempt() -> T:
            with self._borrowed() as connection, _rolled_back(connection):
                with together(connection):
                    cursor = connection.execute("BEGIN")
                    if durability is not Durability.SYNCED:
                        connection.execute("SET LOCAL synchronous_commit = off")
                    if opening is not None:
                        cursor = connection.execute(*opening)
                result = work(connection, cursor)
                connection.execute("COMMIT")
                return result

        return self._persistently(attempt)

    def read_together(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; all of its statements see the same moment."""

        def attempt() -> T:
            with self._borrowed() as connection, connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return work(connection)

        return self._persistently(attempt)

    def kept(self, durability: Durability) -> Durability:
        """How durable a commit really is when so much is asked for."""
        return Durability.SYNCED if durability is Durability.SYNCED and self.syncs else Durability.FLUSHED

    def close(self) -> None:
        """Close all connections; may be called twice."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _first_connected(self) -> tuple[Connection, str]:
        """A connection to a store that is ready, and whether its server syncs."""
        connection = self._connected()
        try:
            make_ready(connection, self._options.schema, self.place)
            row = connection.execute("SELECT current_setting('fsync')").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection, "" if row is None else str(row[0])

    def _persistently(
        self, attempt: Callable[[], T], is_worth_it: Callable[[psycopg.Error], bool] = is_worth_another_try
    ) -> T:
        """What `attempt` returns; made again while that may help, for as long as the options say."""
        deadline = time.monotonic() + self._options.retry_seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except psycopg.Error as error:
                if not is_worth_it(error) or time.monotonic() + pause > deadline:
                    raise said(error, self.place) from error
                if is_lost(error):
                    self._drop_idle()  # what one connection met, the others have met too
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        if self._is_closed:
            raise StoreError(f"{self.place} is closed: open the store again")
        if not self._free.acquire(timeout=self._options.busy_seconds):
            raise StoreBusy(
                f"all {self._options.connections} connections to {self.place} have been in use for "
                f"{self._options.busy_seconds:g} s: raise the storage option connections"
            )
        try:
            connection = self._idle.pop() if self._idle else self._connected()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def _give_back(self, connection: Connection) -> None:
        is_usable = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
        if is_usable and not self._is_closed:
            self._idle.append(connection)
        else:
            connection.close()

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return  # another thread was faster

    def _connected(self) -> Connection:
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)


def together(connection: Connection) -> AbstractContextManager[object]:
    """What is executed in the block goes to the server at once, its answers are there after it."""
    return connection.pipeline() if psycopg.Pipeline.is_supported() else nullcontext()


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[None]:
    """When the block raises inside of a transaction, the transaction ends with it."""
    try:
        yield
    except BaseException:
        if not connection.closed and connection.info.transaction_status in _INSIDE:
            connection.execute("ROLLBACK")
        raise


def _conninfo(options: PostgresOptions) -> str:
    """What libpq is given; what the URL sets itself stays."""
    try:
        given = conninfo.conninfo_to_dict(options.conninfo)
    except psycopg.ProgrammingError:
        # libpq's own words may repeat a part of the password
        raise ConfigError(
            "the storage URL cannot be read as PostgreSQL's: expected postgresql://user:password@host:5432/database, "
            "with special characters of a password written as %XX"
        ) from None
    settings = {
        "search_path": options.schema,
        "synchronous_commit": "on",
        "lock_timeout": f"{int(options.busy_seconds * 1000)}",
        "idle_in_transaction_session_timeout": "60000",  # so that a host that vanished gives its locks back
        "extra_float_digits": "3",
    }
    chosen = " ".join(f"-c {name}={value}" for name, value in settings.items())
    parameters: dict[str, str | int | None] = {"connect_timeout": options.connect_seconds}
    parameters.update({name: value for name, value in given.items() if value is not None})
    parameters.setdefault("application_name", "watchkeeper")
    parameters["client_encoding"] = "UTF8"
    parameters["options"] = f"{given.get('options') or ''} {chosen}".strip()
    return conninfo.make_conninfo("", **parameters)
