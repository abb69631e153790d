"""PostgreSQL's errors, said in watchkeeper's words, and which of them are worth another try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors

from watchkeeper.domain.errors import StoreBusy, StoreCorrupt, StoreError

_UNANSWERED: Final = "the PostgreSQL server {place} does not answer ({reason}): check that it runs and can be reached"
_SAID: Final[tuple[tuple[tuple[type[psycopg.Error], ...], type[StoreError], str], ...]] = (
    (
        (errors.LockNotAvailable, errors.QueryCanceled, errors.IdleInTransactionSessionTimeout),
        StoreBusy,
        (
            "somebody else has kept what this call needs in {place} for too long ({reason}); nothing was written: look "
            "for a transaction that is stuck (pg_stat_activity), or try again"
        ),
    ),
    (
        (errors.DeadlockDetected, errors.SerializationFailure),
        StoreBusy,
        "others kept changing the same documents of {place} ({reason}); nothing was written: try again",
    ),
    (
        (errors.TooManyConnections,),
        StoreBusy,
        (
            "the PostgreSQL server {place} takes no more connections ({reason}): raise its max_connections, or lower "
            "the storage option connections"
        ),
    ),
    (
        (errors.DiskFull, errors.OutOfMemory, errors.ConfigurationLimitExceeded),
        StoreError,
        "there is no room to write {place} ({reason}); nothing was written: free some space on the server",
    ),
    (
        (errors.ReadOnlySqlTransaction,),
        StoreError,
        (
            "{place} only reads ({reason}); nothing was written: connect to the primary server, for example with "
            "?target_session_attrs=read-write"
        ),
    ),
    (
        (errors.InsufficientPrivilege,),
        StoreError,
        (
            "the role may not do that in {place} ({reason}): let an administrator run CREATE SCHEMA ... AUTHORIZATION "
            "for it, or use another role"
        ),
    ),
    (
        (errors.InvalidPassword, errors.InvalidAuthorizationSpecification),
        StoreError,
        "the PostgreSQL server {place} refused the user or the password ({reason}): check the storage URL",
    ),
    (
        (errors.InvalidCatalogName,),
        StoreError,
        (
            "{place} does not exist ({reason}): create it with CREATE DATABASE ... ENCODING 'UTF8', or check the "
            "storage URL"
        ),
    ),
    (
        (errors.DataCorrupted, errors.IndexCorrupted),
        StoreCorrupt,
        "{place} is damaged ({reason}): restore it from a backup",
    ),
    (
        (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName),
        StoreCorrupt,
        "{place} has lost some of its tables ({reason}): restore it from a backup, or open the store again",
    ),
    ((errors.OperationalError,), StoreError, _UNANSWERED),
)
"""What is raised for the first class that fits, and its words."""


@contextmanager
def told(place: str) -> Iterator[None]:
    """Run the block; what PostgreSQL raises becomes a StoreError that says what to do."""
    try:
        yield
    except psycopg.Error as error:
        raise said(error, place) from error


def said(error: psycopg.Error, place: str) -> StoreError:
    """The StoreError for what PostgreSQL raised."""
    for classes, kind, message in _SAID:
        if isinstance(error, classes):
            return kind(message.format(place=place, reason=_reason(error)))
    return StoreError(f"{place} cannot be used ({_reason(error)})")


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, or none could be made, so that another may do better."""
    state = error.sqlstate or ""
    if state.startswith(("08", "57P")):
        return True
    # without a state it comes from the client's side: no server has answered
    return isinstance(error, errors.OperationalError) and not state and not _is_refusal(error)


def is_worth_another_try(error: psycopg.Error) -> bool:
    """Whether the same call may succeed in a moment, and does no harm when it is made again."""
    return is_lost(error) or isinstance(
        error, errors.DeadlockDetected | errors.SerializationFailure | errors.TooManyConnections
    )


def _is_refusal(error: psycopg.Error) -> bool:
    """A refused log-in comes without a state; the server has answered, and will answer the same."""
    text = str(error)
    return any(mark in text for mark in ("password authentication", "pg_hba.conf", "does not exist", "no password"))


def _reason(error: psycopg.Error) -> str:
    """The first line of what PostgreSQL says."""
    primary = error.diag.message_primary
    lines = (primary or str(error)).strip().splitlines()
    return " ".join(lines[0].split()) if lines else type(error).__name__
