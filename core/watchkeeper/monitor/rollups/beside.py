"""What a recorder's flusher commits beside its rows, once for each pair of writer and seq."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append, Storage
from watchkeeper.domain.cells import Cells

from .increments import Counting, Increments


class Rollups:
    """The roll-ups of one recorder; without `is_on` there are none.

    A commit is counted once, when it is first tried; every further try of the same pair sends the same again. Only
    commits of this recorder's own name are counted. Those of others (what a dead process left in the journal, or parts
    of a commit that was refused as a whole) may have been made before: their hours are marked to be read.

    Parameters
    ----------
    writer
        The name under which the recorder commits.
    """

    def __init__(self, writer: str, clock: Clock, *, is_on: bool) -> None:
        self._writer = writer
        self._is_on = is_on
        self._counting = Counting(writer, clock)
        self._tried: tuple[tuple[str, int], Increments] | None = None
        self._own: Increments | None = None
        self._own_seq = 1

    def declare(self, model: str, cells: Mapping[str, Cells]) -> None:
        """Say in which cells the model's columns are counted; again when its reference changes."""
        self._counting.declare(model, cells)

    def beside(self, appends: Sequence[Append], writer: str, seq: int) -> list[Append]:
        """What to commit together with `appends` under this pair."""
        if not self._is_on:
            return []
        if writer != self._writer:
            return self._counting.unread(appends, f"{writer}/{seq}").appends
        if self._tried is None or self._tried[0] != (writer, seq):
            self._tried = (writer, seq), self._counting.of_commit(appends)
        return self._tried[1].appends

    def done(self, writer: str, seq: int) -> None:
        """The pair is in the store."""
        if self._tried is not None and self._tried[0] == (writer, seq):
            self._tried = None
            self._counting.fold()

    def refused(self, writer: str, seq: int) -> None:
        """The store will never take the pair as a whole."""
        if self._tried is not None and self._tried[0] == (writer, seq):
            self._counting.forget(self._tried[1])
            self._tried = None

    def commit_due(self, storage: Storage, *, is_end: bool = False) -> None:
        """Commit the roll-ups that are due although no rows come; all of them at the end.

        Raises
        ------
        StoreError
            When the store cannot be written; call it again.
        """
        if self._own is not None and is_end:
            self.commit_due(storage)
        if self._own is None:
            self._own = self._counting.of_nothing(is_end=is_end)
        if self._own.appends:
            storage.commit(self._own.appends, writer=f"{self._writer}.rollups", seq=self._own_seq)
            self._own_seq += 1
        self._own = None
