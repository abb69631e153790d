"""PostgreSQL's errors, said in watchkeeper's words, and which of them are worth another try."""

from __future__ import annotations

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
_REFUSALS: Final[tuple[tuple[str, type[psycopg.Error]], ...]] = (
    ("password", errors.InvalidPassword),
    ("pg_hba.conf", errors.InvalidAuthorizationSpecification),
    ('FATAL:  role "', errors.InvalidAuthorizationSpecification),
    ('FATAL:  database "', errors.InvalidCatalogName),
    ("too many clients", errors.TooManyConnections),
    ("connection slots", errors.TooManyConnections),
)
"""What the words of a refused log-in mean, in the server's default language."""
_STARTING: Final = ("is starting up", "is shutting down", "not yet accepting", "in recovery mode")


def said(error: psycopg.Error, place: str) -> StoreError:
    """The StoreError for what PostgreSQL raised."""
    found = _refusal(error) or type(error)
    for classes, kind, message in _SAID:
        if issubclass(found, classes):
            return kind(message.format(place=place, reason=_reason(error)))
    return StoreError(f"{place} cannot be used ({_reason(error)})")


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, or none could be made, so that another may do better."""
    state = error.sqlstate or ""
    if state.startswith(("08", "57P")):
        return True
    # without a state it comes from the client's side: no server has answered
    return type(error) is errors.OperationalError and not state and _refusal(error) is None


def is_starting(error: psycopg.Error) -> bool:
    """Whether a server is there and will take connections in a moment."""
    return is_lost(error) and any(words in str(error) for words in _STARTING)


def is_worth_another_try(error: psycopg.Error) -> bool:
    """Whether the same call may succeed in a moment, and does no harm when it is made again."""
    kind = _refusal(error) or type(error)
    return is_lost(error) or issubclass(
        kind, errors.DeadlockDetected | errors.SerializationFailure | errors.TooManyConnections
    )


def _refusal(error: psycopg.Error) -> type[psycopg.Error] | None:
    """What a refused log-in was; the server has answered, and libpq hands on its words alone."""
    if error.sqlstate is not None or not isinstance(error, errors.OperationalError):
        return None
    text = str(error)
    return next((kind for mark, kind in _REFUSALS if mark in text), None)


def _reason(error: psycopg.Error) -> str:
    """The first line of what PostgreSQL says."""
    primary = error.diag.message_primary
    lines = (primary or str(error)).strip().splitlines()
    return " ".join(lines[0].split()).removeprefix("connection failed: ") if lines else type(error).__name__
