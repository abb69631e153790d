"""What the author of a back end tells its contract suite, and the small samples that its checks share."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from watchkeeper.contracts.storage import Append, Batch, Namespace, Storage
from watchkeeper.domain.errors import WatchkeeperError
from watchkeeper.domain.table import Column, Table

Opener = Callable[[], Storage]
"""Opens the same store once more; crosses to other processes by pickle."""

STREAM, KEY = "contract.rows", "momentum"
ALERTS = Namespace("contract.alerts", index=("state", "rank"))


class StorageHooks:
    """The methods that an author overrides."""

    def opener(self, subject: Storage) -> Opener:  # noqa: ARG002 - for who overrides it
        """A picklable callable that opens the store of `subject` once more, such as ``partial(build, options)``."""
        raise unittest.SkipTest(f"{type(self).__name__} does not override opener()")

    def written_by_newer(self, subject: Storage) -> None:  # noqa: ARG002 - for who overrides it
        """Close `subject` and change its store so that a newer watchkeeper seems to have written it."""
        raise unittest.SkipTest(f"{type(self).__name__} does not override written_by_newer()")

    def damage_blob(self, subject: Storage, digest: str) -> None:  # noqa: ARG002 - for who overrides it
        """Change a stored blob's bytes behind the store's back."""
        raise unittest.SkipTest(f"{type(self).__name__} does not override damage_blob()")


def rows(times: Iterable[int], wide: tuple[str, ...] = (), /, **columns: Column) -> Append:
    """An append to the suite's stream."""
    return Append(STREAM, KEY, np.array(list(times), dtype=np.int64), Table(columns), wide)


def numbered(start: int, count: int) -> Append:
    """Rows whose time is their number, with one narrow and one wide column that say it again."""
    numbers = np.arange(start, start + count)
    return rows(range(start, start + count), ("double",), number=numbers, double=numbers * 2.0)


def times_of(batches: Iterable[Batch]) -> list[int]:
    """The times of all rows, batch after batch."""
    return [int(time) for batch in batches for time in batch.time]


def numbers_of(store: Storage) -> list[int]:
    """What `numbered` appended and the store gives back, sorted."""
    found: list[int] = []
    for batch in store.scan(STREAM, KEY):
        column: Any = batch.table["number"]
        found += column.tolist()
    return sorted(found)


@contextmanager
def refused(kind: type[WatchkeeperError], *told: str) -> Iterator[None]:
    """The block must raise `kind` with a message that holds each of `told`."""
    message: str | None = None
    try:
        yield
    except kind as error:
        message = str(error)
    assert message is not None, f"expected a {kind.__name__}, and nothing was raised"
    for text in told:
        assert text in message, f"the message should tell {text!r}: {message}"
