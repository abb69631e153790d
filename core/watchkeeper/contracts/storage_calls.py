"""What a caller says besides the data: who commits, how durably, from when to when; alike in all back ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.names import stored_name

from .storage import Append, Delete, Durability, LogEntry, Operation, Put


def checked_operations(operations: Sequence[object]) -> Sequence[Operation]:
    """The operations themselves, or a UsageError for the first that is none."""
    for operation in operations:
        if not isinstance(operation, Append | Put | Delete | LogEntry):
            raise UsageError(
                f"{type(operation).__name__} is not an operation; expected Append, Put, Delete or LogEntry"
            )
    return cast("Sequence[Operation]", operations)


def checked_pair(writer: str | None, seq: object) -> tuple[str, int] | None:
    """What names a commit, None for one without a name; a UsageError for half of a name, or a number that is none."""
    if writer is None and seq is None:
        return None
    if writer is None or seq is None:
        raise UsageError(f"writer and seq go together, found writer={writer!r} and seq={seq!r}: give both, or neither")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq < 2**63:
        raise UsageError(f"seq is {seq!r}; expected a whole number from 0 to 2**63 - 1")
    return stored_name(writer, "writer"), seq


def checked_durability(durability: object) -> Durability:
    """The durability itself, or a UsageError."""
    if not isinstance(durability, Durability):
        names = ", ".join(f"Durability.{one.name}" for one in Durability)
        raise UsageError(f"durability is {durability!r}; expected one of {names}")
    return durability


def checked_moment(moment: object, name: str) -> int | None:
    """A bound of a scan, or a UsageError."""
    if moment is None or (isinstance(moment, int) and not isinstance(moment, bool)):
        return moment
    raise UsageError(f"{name} is {moment!r}; expected UTC microseconds since 1970 as a whole number, or None")
