"""What the tests' processes do, each as if it were a host of its own."""

from __future__ import annotations

import numpy as np

from watchkeeper.contracts.storage import Append, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.table import Table

NOTES = Namespace("notes", index=("by",))


def rows(*values, key="spx", wide=()):
    """An append whose rows say their time again, as a number and as its double."""
    found = np.array(values, dtype=np.int64)
    return Append("rows", key, found, Table({"number": found, "double": found * 2.0}), wide)


def numbers(store, key="spx"):
    """What `rows` appended, sorted."""
    return sorted(int(number) for batch in store.scan("rows", key) for number in batch.table["number"])


def commit_until_killed(opener, start, sender):
    """Append a row, then change a document and a log together; tell the number after both receipts."""
    store = opener()
    number = start
    while True:
        store.commit([rows(number)], Durability.FLUSHED)
        store.commit([Put(NOTES, "last", {"n": number}), LogEntry("audit", {"n": number})], Durability.FLUSHED)
        sender.send(number)
        number += 1


def append_and_maintain(opener, start):
    """Append 200 rows, two at a time, with scans and maintenance between."""
    store = opener()
    for number in range(start, start + 200, 2):
        store.commit([rows(number, number + 1, wide=("double",))], Durability.FLUSHED)
        if number % 40 == 0:
            store.maintain(0.2)
            mine = [found for found in numbers(store) if start <= found < start + 200]
            assert mine == list(range(start, number + 2)), "a scan beside other hosts' maintenance misses nothing"
    store.close()
