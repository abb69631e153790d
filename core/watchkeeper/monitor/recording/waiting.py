"""What has been logged and waits for its commit: bounded in bytes, kept in a journal when there is one."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

import attrs

from watchkeeper.domain.errors import StoreBusy, UsageError

from .entries import Entry
from .journal import Group, Journal
from .reentry import is_held
from .slowness import Slowness


@attrs.frozen(eq=False)
class Batch:
    """The entries of one commit; its pair of writer and seq stays the same through all attempts."""

    writer: str
    seq: int
    entries: list[Entry]
    rows: int
    size: int
    since: float
    """When the oldest entry came, by the monotonic clock."""
    group: Group | None


class Waiting:
    """A bounded queue between those who log and the one who flushes.

    Parameters
    ----------
    max_bytes
        How much may wait; estimated, about right within a factor of two.
    block_seconds
        How long `put` waits for room before it gives up.
    journal
        The folder of the journal, or None.
    """

    def __init__(self, max_bytes: int, block_seconds: float, journal: Path | None) -> None:
        self.lock = threading.RLock()
        self.is_held: Callable[[], bool] = is_held(self.lock)
        """Whether this thread is inside already: a signal handler that interrupted it must not go on."""
        self.writer = f"recorder-{uuid.uuid4().hex}"
        self.wake = threading.Event()
        """Set to flush before the usual time: when somebody waits for room, or the flusher is to end."""
        self.blocked_calls = 0
        self.logged = 0
        self.size = 0
        self.rows = 0
        self._room = threading.Condition(self.lock)
        self._max_bytes = max_bytes
        self._block_seconds = block_seconds
        self._folder = journal
        self._journal: Journal | None = None
        self._seq = 1
        self._entries: list[Entry] = []
        self._since: float | None = None
        self._taken: Batch | None = None
        self._slowness = Slowness()
        self._is_open = False

    @property
    def max_part(self) -> int:
        """The size of the pieces in which many rows are put."""
        return max(self._max_bytes // 4, 1)

    @property
    def is_taken(self) -> bool:
        """Whether a batch was taken and is not done."""
        return self._taken is not None

    def open(self) -> list[Group]:
        """Accept entries; returns what dead processes left in the journal, to be committed first."""
        with self.lock:
            leftovers: list[Group] = []
            if self._folder is not None and self._journal is None:
                self._journal = Journal(self._folder, self.writer, self._seq)
                leftovers = self._journal.leftovers()
            self._is_open = True
            return leftovers

    def refuse(self) -> None:
        """Accept nothing from now on; what is there can still be taken."""
        with self.lock:
            self._is_open = False

    def close(self) -> None:
        """Close the journal, with whatever is in it."""
        with self.lock:
            journal, self._journal = self._journal, None
            if journal is not None:
                journal.close()

    def put(self, entry: Entry, size: int, rows: int = 1) -> None:
        """Add an entry of `rows` rows and about `size` bytes; the caller holds `lock`.

        Raises
        ------
        StoreBusy
            When there was no room for `block_seconds`; the entry was not added.
        StoreError
            When the journal has no room on the disk; the entry was not added.
        UsageError
            When nothing is accepted any more.
        """
        if self.size and self.size + size > self._max_bytes:
            self._wait_for_room(size)
        if not self._is_open:
            raise UsageError("the recorder is stopped, so that this call was not recorded: start it again")
        if self._journal is not None:
            self._journal.append(entry)
        if not self._entries:
            self._since = time.monotonic()
        self._entries.append(entry)
        self.size += size
        self.rows += rows
        self.logged += rows

    def take(self) -> Batch | None:
        """Everything that waits, as the next commit; the same again until it is `done`. None when nothing waits."""
        if self._taken is not None:
            return self._taken
        with self.lock:
            if not self._entries:
                return None
            entries, self._entries = self._entries, []
            since = self._since if self._since is not None else time.monotonic()
            group = None if self._journal is None else self._journal.rotate(self._seq + 1)
            batch = Batch(self.writer, self._seq, entries, self.rows, self.size, since, group)
            self._seq += 1
            self._taken = batch
        return batch

    def done(self, batch: Batch) -> None:
        """The batch is in the store: make room."""
        if batch.group is not None:
            self.discard(batch.group)
        with self.lock:
            self._taken = None
            self.size -= batch.size
            self.rows -= batch.rows
            self._room.notify_all()
            self._slowness.look()

    def discard(self, group: Group, damaged: Collection[Path] = ()) -> None:
        """A group is in the store: its files may go; the damaged ones are put aside."""
        if self._journal is not None:
            self._journal.discard(group, damaged)

    def lag_seconds(self) -> float:
        """How long the oldest entry has been waiting; 0 when nothing waits."""
        taken = self._taken
        since = self._since if taken is None else taken.since
        return max(time.monotonic() - since, 0.0) if self.rows and since is not None else 0.0

    def _wait_for_room(self, size: int) -> None:
        """Wait until `size` bytes fit; an entry that is larger than everything fits when nothing else waits."""
        self.blocked_calls += 1
        self._slowness.blocked(self.rows, self.size)
        self.wake.set()
        fits = self._room.wait_for(lambda: not self.size or self.size + size <= self._max_bytes, self._block_seconds)
        self._slowness.released()
        if not fits:
            raise StoreBusy(
                f"{self.rows} rows ({self.size} bytes of at most {self._max_bytes}) still wait for the store after "
                f"{self._block_seconds:g} s, so that this call was not recorded: call again, or make the store faster"
            )
