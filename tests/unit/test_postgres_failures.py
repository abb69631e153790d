"""PostgreSQL's errors in watchkeeper's words: each class its own sentence, each with what to do."""

from __future__ import annotations

import pytest

psycopg = pytest.importorskip("psycopg")

from psycopg import errors  # noqa: E402 - it is there only when psycopg is

from watchkeeper.domain.errors import StoreBusy, StoreCorrupt, StoreError  # noqa: E402
from watchkeeper_plugins.storage.postgres_store.failures import (  # noqa: E402
    is_lost,
    is_starting,
    is_worth_another_try,
    said,
)

PLACE = "postgresql://h/db"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (errors.LockNotAvailable("canceling"), StoreBusy, "look for a transaction that is stuck"),
        (errors.QueryCanceled("canceling"), StoreBusy, "look for a transaction that is stuck"),
        (errors.DeadlockDetected("deadlock"), StoreBusy, "nothing was written: try again"),
        (errors.TooManyConnections("too many"), StoreBusy, "raise its max_connections"),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), StoreBusy, "raise its max_connections"),
        (errors.DiskFull("no space"), StoreError, "there is no room to write .*free some space"),
        (errors.ReadOnlySqlTransaction("cannot"), StoreError, "only reads .*connect to the primary"),
        (errors.InsufficientPrivilege("denied"), StoreError, "the role may not do that"),
        (
            psycopg.OperationalError('FATAL:  password authentication failed for user "ada"'),
            StoreError, "refused the user or the password .*check the storage URL",
        ),
        (psycopg.OperationalError("fe_sendauth: no password supplied"), StoreError, "refused the user"),
        (psycopg.OperationalError("FATAL:  no pg_hba.conf entry for host"), StoreError, "refused the user"),
        (psycopg.OperationalError('FATAL:  role "ada" does not exist'), StoreError, "refused the user"),
        (psycopg.OperationalError('FATAL:  database "x" does not exist'), StoreError, "create it with CREATE DATABASE"),
        (errors.DataCorrupted("invalid page"), StoreCorrupt, "is damaged .*restore it"),
        (errors.UndefinedTable("no table"), StoreCorrupt, "has lost some of its tables"),
        (psycopg.OperationalError("connection refused"), StoreError, "does not answer .*check that it runs"),
        (psycopg.InternalError("odd\nDETAIL: more"), StoreError, r"cannot be used \(odd\)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)  # fmt: skip
def test_each_failure_has_its_sentence(error, kind, words):
    found = said(error, PLACE)
    assert type(found) is kind
    assert PLACE in str(found)
    with pytest.raises(kind, match=words):
        raise found


@pytest.mark.parametrize(
    ("error", "lost", "again"),
    [
        (psycopg.OperationalError("server closed the connection unexpectedly"), True, True),
        (errors.AdminShutdown("terminating"), True, True),
        (errors.CannotConnectNow("the database system is starting up"), True, True),
        (errors.DeadlockDetected("deadlock"), False, True),
        (errors.SerializationFailure("concurrent"), False, True),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), False, True),
        (psycopg.OperationalError("FATAL:  password authentication failed"), False, False),
        (errors.UniqueViolation("twice"), False, False),
        (errors.DiskFull("no space"), False, False),
    ],
)
def test_only_what_may_do_better_is_tried_again(error, lost, again):
    assert (is_lost(error), is_worth_another_try(error)) == (lost, again)


def test_a_server_that_is_starting_is_waited_for_and_one_that_is_not_there_is_not():
    assert is_starting(psycopg.OperationalError("FATAL:  the database system is not yet accepting connections"))
    assert not is_starting(psycopg.OperationalError("connection refused"))
