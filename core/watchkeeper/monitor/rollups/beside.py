"""What a recorder's flusher commits beside its rows, once for each pair of writer and seq."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append, Storage
from watchkeeper.domain.cells import Cells

from .increments import Counting, Increments


class Rollups:
    """The roll-ups of one recorder; without `is_on` there are none.

    A commit is counted once, when it is first tried. Every further try of the same pair sends the same again; one that
    took very long marks its hours to be read instead. Only commits of this recorder's own name are counted. Those of
    others (what a dead process left in the journal, parts of a commit that was refused as a whole) may have been made
    before: their hours are marked to be read, too.

    Parameters
    ----------
    writer
        The name under which the recorder commits.
    """

    def __init__(self, writer: str, clock: Clock, *, is_on: bool) -> None:
        self._writer = writer
        self._is_on = is_on
        self._counting = Counting(writer, clock)
        self._tried: Increments | None = None
        self._pair = ("", 0)
        """What `_tried` is beside."""
        self._is_replaced = False
        """Whether the last try sent something else."""
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
        if self._tried is None or self._pair != (writer, seq):
            self._tried, self._pair = self._counting.of_commit(appends), (writer, seq)
        self._is_replaced = self._counting.is_stale(self._tried)
        if self._is_replaced:
            return self._counting.unread(appends, f"{writer}/{seq}").appends
        return self._tried.appends

    def done(self, writer: str, seq: int, *, is_replay: bool) -> None:
        """The pair is in the store; as a replay it has been since an earlier try."""
        if self._tried is not None and self._pair == (writer, seq):
            if self._is_replaced and not is_replay:
                self._counting.forget(self._tried)
            self._tried = None
            self._counting.fold()

    def refused(self, writer: str, seq: int) -> None:
        """The store will never take the pair as a whole."""
        if self._tried is not None and self._pair == (writer, seq):
            self._counting.forget(self._tried)
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
