"""Contract checks with several processes on one store: one winner, no lost row, no half commit."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import unittest
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any

from watchkeeper.contracts.storage import Durability, LogEntry, Put, Storage
from watchkeeper.domain.errors import Conflict

from .storage_hooks import ALERTS, KEY, STREAM, Opener, StorageHooks, numbered, numbers_of, times_of

_RACERS = 8
_ROUNDS = 10
_LONGEST_SECONDS = 120.0


class ProcessChecks(StorageHooks):
    """What holds when many use the same store; skipped for a back end of one process."""

    def test_of_eight_racing_processes_one_wins_each_round(self, subject: Storage) -> None:
        opener = self._shared(subject)
        barrier = _SPAWN.Barrier(_RACERS)
        wins = _results([(race, (opener, barrier, racer)) for racer in range(_RACERS)])
        counted = Counter(number for won in wins for number in won)
        assert counted == dict.fromkeys(range(_ROUNDS), 1), f"exactly one winner each round, found {counted}"
        found = subject.get(ALERTS, "prize")
        assert found is not None, "the document that they raced for is there"
        assert found.revision == _ROUNDS

    def test_rows_of_several_processes_are_all_there_once(self, subject: Storage) -> None:
        opener = self._shared(subject)
        told = _results([(append, (opener, writer * 1000, 20)) for writer in range(3)])
        expected = sorted(number for numbers in told for number in numbers)
        assert len(expected) == 3 * 20 * 5
        assert numbers_of(subject) == expected

    def test_a_log_of_several_processes_is_one_chain(self, subject: Storage) -> None:
        opener = self._shared(subject)
        told = _results([(log, (opener, writer)) for writer in range(3)])
        entries = list(subject.read_log("audit"))
        assert [entry.number for entry in entries] == list(range(1, 31))
        assert {entry.digest for entry in entries} == {digest for digests in told for digest in digests}

    def test_readers_beside_a_writer_see_whole_commits_only(self, subject: Storage) -> None:
        opener = self._shared(subject)
        subject.commit([numbered(0, 5)])
        process, receiver = _started(append, (opener, 1000, 40))
        seen = 0
        while process.is_alive():
            count = len(times_of(subject.scan(STREAM, KEY)))
            assert count % 5 == 0, f"commits of 5 rows, and a reader saw {count}"
            assert count >= seen, f"a reader saw {seen} rows, and then {count}"
            seen = count
        _result(process, receiver)
        assert len(numbers_of(subject)) == 205

    def test_a_killed_process_loses_nothing_that_it_acknowledged(self, subject: Storage) -> None:
        opener = self._shared(subject)
        process, receiver = _started(append_until_killed, (opener,))
        acknowledged = [receiver.recv() for _ in range(10)]
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(_LONGEST_SECONDS)
        found = numbers_of(subject)
        assert set(acknowledged) <= set(found), "an acknowledged row is missing"
        assert found == list(range(len(found))), "rows are there once, and without a gap"
        subject.commit([numbered(len(found), 1)])
        assert numbers_of(subject) == list(range(len(found) + 1)), "the store goes on after a killed process"

    def test_threads_share_a_store(self, subject: Storage) -> None:
        failures: list[BaseException] = []

        def work(start: int) -> None:
            try:
                for number in range(start, start + 50, 5):
                    subject.commit([numbered(number, 5)], Durability.FLUSHED)
                    subject.commit([Put(ALERTS, f"t{number}", {})], Durability.FLUSHED)
                    times_of(subject.scan(STREAM, KEY))
            except BaseException as error:  # noqa: BLE001 - it is raised again below, in the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=work, args=(start,)) for start in (0, 1000, 2000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_LONGEST_SECONDS)
        if failures:
            raise failures[0]
        assert len(numbers_of(subject)) == 150
        assert len(subject.find(ALERTS)) == 30

    def _shared(self, subject: Storage) -> Opener:
        if not subject.describe().many_processes:
            raise unittest.SkipTest(f"{subject.describe().name} is for one process, as it says itself")
        return self.opener(subject)


_SPAWN = multiprocessing.get_context("spawn")


def race(opener: Opener, barrier: Barrier, racer: int) -> list[int]:
    """Try to be the one who writes the next revision; the rounds that were won."""
    store = opener()
    won: list[int] = []
    try:
        for number in range(_ROUNDS):
            barrier.wait(_LONGEST_SECONDS)
            try:
                store.commit([Put(ALERTS, "prize", {"to": racer}, expect=number)])
            except Conflict:
                continue
            won.append(number)
    finally:
        store.close()
    return won


def append(opener: Opener, start: int, commits: int) -> list[int]:
    """Append five rows at a time; the numbers that were acknowledged."""
    store = opener()
    try:
        for number in range(start, start + commits * 5, 5):
            store.commit([numbered(number, 5)])
    finally:
        store.close()
    return list(range(start, start + commits * 5))


def log(opener: Opener, writer: int) -> list[str]:
    """Add ten entries; their digests."""
    store = opener()
    try:
        return [store.commit([LogEntry("audit", {"writer": writer, "n": n})]).digests[0] for n in range(10)]
    finally:
        store.close()


def append_until_killed(opener: Opener, sender: Any) -> None:
    """Append a row at a time, flushed, and tell its number after its receipt."""
    store = opener()
    number = 0
    while True:
        store.commit([numbered(number, 1)], Durability.FLUSHED)
        sender.send(number)
        number += 1


def _results(jobs: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
    started = [_started(work, arguments) for work, arguments in jobs]
    return [_result(process, receiver) for process, receiver in started]


def _started(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[BaseProcess, Any]:
    receiver, sender = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_run, args=(work, arguments, sender), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def _result(process: BaseProcess, receiver: Any) -> Any:
    try:
        if not receiver.poll(_LONGEST_SECONDS):
            raise AssertionError(f"a process did not end within {_LONGEST_SECONDS:g} s")
        return receiver.recv()
    except EOFError:
        process.join(_LONGEST_SECONDS)
        raise AssertionError(f"a process died with exit code {process.exitcode}; its error is above") from None
    finally:
        process.join(_LONGEST_SECONDS)


def _run(work: Callable[..., Any], arguments: tuple[Any, ...], sender: Any) -> None:
    if work is append_until_killed:
        work(*arguments, sender)
    else:
        sender.send(work(*arguments))
