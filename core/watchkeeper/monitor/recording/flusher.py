"""The flusher: a thread that commits what waits, again and again until the store has taken it."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Final

import attrs

from watchkeeper.contracts.storage import Durability, Storage
from watchkeeper.data.objects import shown
from watchkeeper.domain.errors import DataError, StoreError
from watchkeeper.domain.verdict import Failure
from watchkeeper.monitor.rollups.beside import Rollups
from watchkeeper.plugins.boundary import attempt

from .batches import Committed, appends_of, committed
from .journal import Group
from .reentry import is_held
from .refusals import keep_refusal
from .waiting import Batch, Waiting

_log = logging.getLogger("watchkeeper.monitor")
_LONGEST_PAUSE_SECONDS: Final = 5.0


@attrs.frozen
class Flushed:
    """What one flush put into the store."""

    rows: int
    refused: int
    """Rows that the store did not take, because of what they hold; the log has the reasons."""
    durability: Durability | None
    """None when there was nothing to write."""


@attrs.frozen
class RecorderStats:
    """How the recorder is doing."""

    logged: int
    """Rows and outcomes accepted since the start."""
    flushed: int
    """Those of them that are in the store, and those that a dead process had left in the journal."""
    refused: int
    """Those that the store did not take, because of what they hold."""
    waiting_rows: int
    waiting_bytes: int
    blocked_calls: int
    """Calls that had to wait for room."""
    flush_lag_seconds: float
    """How long the oldest row has been waiting now."""
    longest_lag_seconds: float
    """The longest that a row waited until its commit."""
    failures: int
    """Attempts at a commit that failed."""
    last_failure: str = ""
    damaged_groups: int = 0
    """What dead processes left in the journal and could not be read, or not whole, counted in commits: the log tells
    the files, and they are kept."""


class Flusher:
    """Moves entries from `Waiting` to the store, in their order, one commit at a time."""

    def __init__(self, storage: Storage, waiting: Waiting, flush_seconds: float, rollups: Rollups) -> None:
        self.flushed = 0
        self.refused = 0
        self.failures = 0
        self.damaged_groups = 0
        self.longest_lag_seconds = 0.0
        self.last_failure = ""
        self._storage = storage
        self._waiting = waiting
        self._flush_seconds = flush_seconds
        self._rollups = rollups
        self._lock = threading.RLock()
        self.is_held = is_held(self._lock)
        """Whether this thread is at a commit."""
        self._leftovers: list[Group] = []
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def start(self, leftovers: list[Group]) -> None:
        """Begin; commit first what dead processes left in the journal."""
        self._leftovers += leftovers
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="watchkeeper-flusher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the commit that it is at."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._is_stopping = True
            self._waiting.wake.set()
            thread.join()

    def flush(self) -> Flushed:
        """Commit everything that waits now; a StoreError when the store cannot be written, and then all is kept."""
        done: list[Committed] = []
        with self._lock:
            try:
                for group in tuple(self._leftovers):
                    self._adopt(group, done)
            finally:  # what others have left never holds up what comes in
                # a batch whose commit failed before comes first, and what came after it second
                for _ in range(2 if self._waiting.is_taken else 1):
                    batch = self._waiting.take()
                    if batch is not None:
                        done.append(self._committed(batch))
        return Flushed(
            sum(each.rows for each in done),
            sum(each.refused_rows for each in done),
            done[-1].durability if done else None,
        )

    def settle(self, *, is_end: bool = False) -> Failure | None:
        """Commit the roll-ups that are due, all of them at the end; the rows that they count are stored already."""
        with self._lock:
            return attempt("storage", "roll-ups", lambda: self._rollups.commit_due(self._storage, is_end=is_end))

    def _run(self) -> None:
        pause = self._flush_seconds
        while not self._is_stopping:
            self._waiting.wake.wait(pause)
            self._waiting.wake.clear()
            result = attempt("storage", "predictions and outcomes", self.flush)
            if not isinstance(result, Failure):
                result = self.settle() or result
            if isinstance(result, Failure):
                self.failures += 1
                self.last_failure = result.error
                pause = min(max(pause, 0.01) * 2, _LONGEST_PAUSE_SECONDS)
            else:
                pause = self._flush_seconds

    def _committed(self, batch: Batch) -> Committed:
        result = committed(self._storage, appends_of(batch.entries), batch.writer, batch.seq, self._rollups)
        self.longest_lag_seconds = max(self.longest_lag_seconds, self._waiting.lag_seconds())
        self._waiting.done(batch)
        self._count(result)
        return result

    def _adopt(self, group: Group, done: list[Committed]) -> None:
        """Commit what a dead process left; what cannot be read stays for another start, and is not tried again."""
        told = {"writer": group.writer, "group": group.seq}
        try:
            found = group.read()
            appends = appends_of(found.entries)
        except (DataError, StoreError) as error:
            self._leftovers.remove(group)
            self.damaged_groups += 1
            _log.error("the journal of %s cannot be read and stays where it is: %s", group.writer, error, extra=told)
            return
        result = committed(self._storage, appends, group.writer, group.seq, self._rollups)
        done.append(result)
        self._leftovers.remove(group)
        self._waiting.discard(group, found.damaged)
        self._count(result)
        if found.damage:
            self.damaged_groups += 1
            _log.error(
                "the journal of %s is damaged: %d rows of it are in the store, others are lost (%s); it is kept as %s",
                group.writer,
                result.rows,
                found.damage,
                ", ".join(f"{path}.damaged" for path in found.damaged),
                extra=told,
            )

    def _count(self, result: Committed) -> None:
        self.flushed += result.rows
        self.refused += result.refused_rows
        for refusal in result.refusals:
            _log.error(
                "the store refused %d rows of model %s, the first with id %s: %s",
                refusal.rows,
                refusal.model,
                shown(refusal.first_id),  # an id may hold what no log file can encode
                refusal.reason,
                extra={"model": refusal.model, "rows": refusal.rows},
            )
            attempt("storage", "the count of refused rows", partial(keep_refusal, self._storage, refusal))
