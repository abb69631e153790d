"""The journal: every row that was logged and is not yet in the store, kept through the death of the process."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import attrs

from watchkeeper.domain.errors import StoreError

from .encoding import Encoder, entries_of
from .entries import Entry
from .forks import not_inherited
from .segments import Segment, read_segment

_FIRST_BYTES: Final = 256 * 1024
_MOST_BYTES: Final = 16 * 1024 * 1024
_NAME: Final = re.compile(r"([^.]+)\.([0-9]{12})\.([0-9]{4,})\.segment")
"""Writer, seq, and the number of the file in its group."""
_log = logging.getLogger("watchkeeper.monitor")


@attrs.frozen
class Group:
    """The segments whose entries belong into one commit, of this pair of writer and seq."""

    writer: str
    seq: int
    paths: tuple[Path, ...]

    def read(self) -> Contents:
        """What was recorded, as far as it is whole.

        Raises
        ------
        StoreError
            When a file cannot be read, or is no journal of this version.
        DataError
            When nothing is damaged, and a record is still not understood.
        """
        readings = [read_segment(path) for path in self.paths]
        damaged = [reading for reading in readings if reading.damage]
        missed: list[str] = []
        records = [record for reading in readings for record in reading.records]
        entries = entries_of(records, missed=missed if damaged else None)
        told = [f"{reading.path.name}: {reading.damage}" for reading in damaged]
        if missed:
            told.append(f"{len(missed)} whole records cannot be used without what was lost")
        return Contents(entries, tuple(reading.path for reading in damaged), "; ".join(told))


@attrs.frozen(eq=False)
class Contents:
    """What a group of segments holds."""

    entries: list[Entry]
    damaged: tuple[Path, ...] = ()
    """The files of the group that hold something that cannot be read any more."""
    damage: str = ""
    """What is wrong with them."""


class Journal:
    """A folder of segments, one group for each commit to come; several processes may share the folder.

    Each writer holds a lock on ``<writer>.lock`` while it lives, so that whoever gets the lock may adopt what a dead
    one left. Not safe from several threads: the caller holds a lock.

    Parameters
    ----------
    folder
        Made when it is not there.
    writer
        The name under which the groups are committed, never used by another.
    seq
        The number of the first commit.

    Raises
    ------
    StoreError
        When the folder cannot be used.
    """

    def __init__(self, folder: Path, writer: str, seq: int) -> None:
        self._folder = folder
        self._writer = writer
        self._locks: dict[str, int] = {}
        self._paths: list[Path] = []
        self._encoder = Encoder()
        self._begin(seq)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder / f"{writer}.lock")
        except OSError as error:
            raise StoreError(
                f"the journal {folder} cannot be used ({error.strerror}): choose a folder that may be written to"
            ) from error
        if lock is None:
            raise StoreError(f"the journal {folder} has another writer {writer!r} at work; expected a name of its own")
        self._locks[writer] = lock
        not_inherited(self)
        # a recorder that was stopped while the store could not be written goes on in the same group
        self._paths = [path for group in self._groups_of(writer) if group.seq == seq for path in group.paths]

    def append(self, entry: Entry) -> None:
        """Keep the entry; when this returns, it outlives kill -9. A StoreError when there is no room on the disk."""
        try:
            for record in self._encoder.records(entry):
                if self._segment is None or not self._segment.append(record):
                    self._extend(record).append(record)
        except StoreError:
            self._encoder = Encoder()  # the record that names the channel may be the one that was not kept
            raise

    def rotate(self, seq: int) -> Group:
        """End the group and begin the next, of number `seq`; returns the ended one."""
        group = Group(self._writer, self._seq, tuple(self._paths))
        if self._segment is not None:
            self._segment.close()
        self._begin(seq)
        return group

    def discard(self, group: Group, damaged: Collection[Path] = ()) -> None:
        """Forget a group that is in the store; `damaged` ones of its files are kept beside, as ``NAME.damaged``."""
        for path in group.paths:
            try:
                if path in damaged:
                    path.rename(path.with_name(f"{path.name}.damaged"))
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                # its pair tells the store that it was there: the next start adds nothing twice
                _log.error("the journal's file %s is in the store and cannot be removed: %s", path, error.strerror)
        if group.writer != self._writer:
            self._release(group.writer)

    def leftovers(self) -> list[Group]:
        """The groups of writers that have died, in their order; they are this journal's to commit now."""
        groups: list[Group] = []
        for writer in sorted({found[1] for path in self._folder.iterdir() if (found := _NAME.fullmatch(path.name))}):
            lock = None if writer in self._locks else self._taken_over(writer)
            if lock is not None:
                self._locks[writer] = lock
                groups.extend(self._groups_of(writer))
                self._release(writer)
        return groups

    def close(self) -> None:
        """Let go of files and locks; what was not discarded stays for the next start. May be called twice."""
        self.rotate(self._seq)
        for writer in tuple(self._locks):
            self._release(writer, forget=True)

    def _taken_over(self, writer: str) -> int | None:
        """The lock of a writer that has died."""
        try:
            return _locked(self._folder / f"{writer}.lock")
        except OSError as error:
            _log.error(
                "the journal of %s in %s cannot be taken over (%s): check who may read and write there",
                writer,
                self._folder,
                error.strerror,
                extra={"writer": writer},
            )
            return None

    def let_go(self) -> None:
        """In a forked child: close the parent's files, which stay as they are; the child cannot use this journal."""
        while self._locks:
            os.close(self._locks.popitem()[1])
        if self._segment is not None:
            self._segment.close()

    def _begin(self, seq: int) -> None:
        self._seq = seq
        self._paths = []
        self._segment: Segment | None = None
        self._encoder = Encoder()

    def _extend(self, record: bytes) -> Segment:
        path = self._folder / f"{self._writer}.{self._seq:012d}.{len(self._paths):04d}.segment"
        size = min(_FIRST_BYTES << len(self._paths), _MOST_BYTES)
        segment = Segment(path, max(size, Segment.room_for(record)))
        if self._segment is not None:
            self._segment.close()
        self._paths.append(path)
        self._segment = segment
        return segment

    def _segments_of(self, writer: str) -> list[Path]:
        names = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(self._folder / found[0] for found in names if found and found[1] == writer)

    def _groups_of(self, writer: str) -> Iterator[Group]:
        paths: dict[int, list[Path]] = {}
        for path in self._segments_of(writer):
            paths.setdefault(int(path.name.split(".")[1]), []).append(path)
        for seq in sorted(paths):
            yield Group(writer, seq, tuple(paths[seq]))

    def _release(self, writer: str, *, forget: bool = False) -> None:
        """Give up a writer's lock: when nothing is left of it (then its file too), or when asked to forget it."""
        is_empty = not self._segments_of(writer)
        if not is_empty and not forget:
            return
        if is_empty:
            (self._folder / f"{writer}.lock").unlink(missing_ok=True)
        os.close(self._locks.pop(writer))


def _locked(path: Path) -> int | None:
    """An open file that holds the lock, or None when another holds it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        # somebody may have removed the file between the two calls: then the lock is on nothing
        if _is_same(path, lock):
            return lock
        os.close(lock)


def _is_same(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
