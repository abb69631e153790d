"""Works on a store until it is killed: forks one child for each line it reads, and tells the child's number.

A line holds a folder, a seed, the number of the run and a file for acknowledgements. Everything the store has
acknowledged is appended to that file, one line each, after the receipt and before the next operation.
"""

from __future__ import annotations

import io
import os
import signal
import sys

import numpy as np

from watchkeeper.contracts.storage import Append, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.table import Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

COUNTERS = Namespace("counters", index=("run",))
LEVELS = (Durability.FLUSHED, Durability.FLUSHED, Durability.SYNCED)
RUNS_A_DAY = 12
NEIGHBOURS = 1200
"""Runs from here on only append, beside one that does everything."""


def rows(run: int, seq: int, count: int) -> Append:
    """Rows of one commit, whose content says where they belong."""
    numbers = np.arange(count, dtype=np.int64)
    table = Table({"seq": np.full(count, seq), "number": numbers, "feature": (numbers * 0.5).astype(np.float32)})
    return Append("rows", f"run{run % 3}", run * 1_000_000 + seq * 100 + numbers, table, ("feature",))


def rows_of_many(run: int, seq: int) -> list[Append]:
    """What some commits hold besides: a row in each of up to 90 other series."""
    time = np.array([run * 1_000_000 + seq * 100])
    table = Table({"seq": np.array([seq])})
    return [Append("extra", f"series{key:02}", time, table) for key in range(seq * 7 % 91 if seq % 5 == 0 else 0)]


def work(folder: str, seed: int, run: int, told: int) -> None:
    rng = np.random.default_rng(seed)
    clock = FakeClock()
    clock.advance(86_400.0 * (run % NEIGHBOURS // RUNS_A_DAY))
    options = SqliteOptions(
        f"sqlite:///{folder}", chunk_rows=60, checkpoint_bytes=100_000, small_blob_bytes=500, scan_seconds=1e-6
    )
    store = SqliteStorage(options, clock)
    document = store.get(COUNTERS, "count")
    count = document.value["n"] if document is not None else 0

    def tell(line: str) -> None:
        os.write(told, f"{line}\n".encode())

    seq = 0
    while True:
        clock.advance(0.001)
        choice = rng.random() * (0.55 if run >= NEIGHBOURS else 1.0)
        level = LEVELS[rng.integers(len(LEVELS))]
        if choice < 0.55:
            seq += 1
            appends = [rows(run, seq, 1 + seq % 7), *rows_of_many(run, seq)]
            store.commit(appends, level, writer=f"run{run}", seq=seq)
            tell(f"rows {seq}")
        elif choice < 0.8:
            change = [Put(COUNTERS, "count", {"n": count + 1}, {"run": run}), LogEntry("audit", {"n": count + 1})]
            store.commit(change, level)
            count += 1
            tell(f"count {count}")
        elif choice < 0.9:
            data = rng.bytes((50, 5_000)[rng.integers(2)])
            tell(f"blob {store.put_blob(io.BytesIO(data))}")
        else:
            store.maintain(0.003)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    print("ready", flush=True)
    for line in sys.stdin:
        folder, seed, run, acknowledgements = line.split("\t")
        child = os.fork()
        if child == 0:
            told = os.open(acknowledgements.strip(), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                work(folder, int(seed), int(run), told)
            except BaseException as error:  # noqa: BLE001 - the child ends here, and the parent reads why
                os.write(told, f"failed {error!r}\n".encode())
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
