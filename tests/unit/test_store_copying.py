"""Copying a store: everything arrives, a stopped copy goes on, and nothing that differs passes for equal."""

from __future__ import annotations

import io

import numpy as np
import pytest

from watchkeeper.app.storing.contents import COPY_MARK, contents_of
from watchkeeper.app.storing.copying import copy
from watchkeeper.contracts.storage import Append, LogEntry, Namespace, Put
from watchkeeper.domain.errors import StoreCorrupt, StoreError, UsageError
from watchkeeper.domain.table import Categories, Table
from watchkeeper.testing.memory import MemoryStorage

ALERTS = Namespace("alerts", index=("state", "rank"))
NOTES = Namespace("notes")


def silent(_):
    pass


def append(start, count, key="spx"):
    numbers = np.arange(start, start + count)
    venues = Categories.of([None if number % 3 == 0 else f"v{number % 5}" for number in numbers])
    texts = np.array([None if number % 7 == 0 else f"naïve ☂ {number}" for number in numbers], dtype=object)
    columns = {"number": numbers.astype(np.float32), "venue": venues, "text": texts, "feature": numbers * 0.5}
    return Append("rows", key, numbers, Table(columns), ("feature",))


@pytest.fixture
def source():
    store = MemoryStorage()
    store.commit([append(0, 100), append(50, 100), append(0, 10, "ndx")])
    store.commit([Put(ALERTS, f"{number}", {"n": number}, {"state": "firing", "rank": number}) for number in range(7)])
    store.commit([Put(NOTES, "a", {"text": "x"})])
    store.commit([Put(NOTES, "a", {"text": "y"})])
    store.commit([LogEntry("audit", {"n": number}) for number in range(450)])
    for data in (b"", b"small", b"large" * 100_000):
        store.put_blob(io.BytesIO(data))
    return store


class Stopping(MemoryStorage):
    """A target that stops taking commits, or blobs, after a few."""

    def __init__(self, commits):
        super().__init__()
        self.left = commits

    def commit(self, *arguments, **keywords):
        if self.left == 0:
            raise StoreError("pulled the plug")
        self.left -= 1
        return super().commit(*arguments, **keywords)


def test_everything_is_copied_and_the_report_counts_it(source):
    target = MemoryStorage()
    told = []
    done = copy(source, target, "memory", told.append)
    assert (done.rows, done.documents, done.entries, done.blobs) == (210, 8, 450, 3)
    assert contents_of(target, silent) == contents_of(source, silent)
    assert done.digest == contents_of(source, silent).digest
    assert target.get(ALERTS, "3").index == {"state": "firing", "rank": 3}
    assert [batch.wide for batch in target.scan("rows", "ndx")] == [("feature",)]
    assert target.get(COPY_MARK, "target") is None
    assert "copying 10 rows of rows/ndx" in told


def test_a_copy_that_was_stopped_anywhere_goes_on_and_ends_the_same(source, monkeypatch):
    monkeypatch.setattr("watchkeeper.app.storing.copying._ROWS", 60)
    whole = contents_of(source, silent)
    for commits in range(1, 10):  # the tenth takes the mark away
        target = Stopping(commits)
        with pytest.raises(StoreError, match="pulled the plug"):
            copy(source, target, "memory", silent)
        target.left = -1
        assert copy(source, target, "memory", silent).digest == whole.digest
        assert contents_of(target, silent) == whole


def test_documents_that_changed_or_went_since_a_stopped_copy_follow(source):
    target = Stopping(4)
    with pytest.raises(StoreError, match="pulled the plug"):
        copy(source, target, "memory", silent)
    target.left = -1
    target.commit([Put(ALERTS, "gone", {"n": 0}), Put(ALERTS, "1", {"n": -1})])
    copy(source, target, "memory", silent)
    assert contents_of(target, silent) == contents_of(source, silent)


def test_a_target_with_anything_in_it_is_refused(source):
    for fill, told in (
        (lambda store: store.commit([append(0, 1, "own")]), "rows/own"),
        (lambda store: store.commit([Put(NOTES, "mine", {})]), "notes"),
        (lambda store: store.commit([LogEntry("mine", {})]), "mine"),
        (lambda store: store.put_blob(io.BytesIO(b"x")), "blobs"),
    ):
        target = MemoryStorage()
        fill(target)
        with pytest.raises(StoreError, match=f"the target is not empty, it holds {told}; nothing was written"):
            copy(source, target, "memory", silent)


def test_a_finished_copy_is_not_copied_over(source):
    target = MemoryStorage()
    copy(source, target, "memory", silent)
    with pytest.raises(StoreError, match=r"not empty, it holds rows/ndx, rows/spx, alerts and 2 more"):
        copy(source, target, "memory", silent)


def test_a_copy_of_another_source_is_not_gone_on_with(source):
    target = Stopping(2)
    with pytest.raises(StoreError, match="pulled the plug"):
        copy(source, target, "sqlite:///one", silent)
    target.left = -1
    with pytest.raises(StoreError, match="a copy of sqlite:///one into the target was begun and not finished"):
        copy(source, target, "sqlite:///other", silent)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda store: store.commit([append(900, 1)]), "the rows of rows/spx"),
        (lambda store: store.commit([append(900, 1, "new")]), "the rows of rows/new"),
        (lambda store: store.commit([Put(NOTES, "a", {"text": "z"})]), "the documents of notes"),
        (lambda store: store.commit([LogEntry("audit", {"n": 450})]), "the log audit"),
        (lambda store: store.put_blob(io.BytesIO(b"new")), "the blob"),
    ],
    ids=["rows", "a series", "a document", "an entry", "a blob"],
)
def test_a_source_that_is_written_to_meanwhile_is_told(source, change, part):
    class Target(MemoryStorage):
        def put_blob(self, data):
            digest = super().put_blob(data)
            if len(list(self.blobs())) == 3:  # the last thing that is copied
                change(source)
            return digest

    with pytest.raises(StoreError, match=rf"somebody wrote to the source while it was copied \({part}.*start the same"):
        copy(source, Target(), "memory", silent)


def test_a_target_that_lies_is_found_out(source):
    class Forgetful(MemoryStorage):
        def scan(self, stream, key, *window, **columns):
            batches = list(super().scan(stream, key, *window, **columns))
            return iter(batches[1:] if key == "spx" else batches)

    with pytest.raises(
        StoreCorrupt, match="the copy differs from its source in the rows of rows/spx: empty the target"
    ):
        copy(source, Forgetful(), "memory", silent)


def test_a_log_that_is_no_beginning_of_the_source_s_is_refused(source):
    target = Stopping(8)
    with pytest.raises(StoreError, match="pulled the plug"):
        copy(source, target, "memory", silent)
    target.left = -1
    target._state.logs.clear()
    target.commit([LogEntry("audit", {"n": "other"})])
    with pytest.raises(StoreCorrupt, match="the log 'audit' of the target is not a beginning of the source's"):
        copy(source, target, "memory", silent)


def test_a_back_end_that_does_not_tell_what_it_holds_cannot_be_copied(source):
    class Silent:
        """What a store of somebody else may be: the contract and no more."""

        def __init__(self, store, *left_out):
            self._store = store
            for name in (
                "commit", "scan", "keys", "span", "get", "find", "put_blob", "open_blob", "read_log", "describe",
                "inventory", "blobs", "remove_blob",
            ):  # fmt: skip
                if name not in left_out:
                    setattr(self, name, getattr(store, name))

    with pytest.raises(UsageError, match="the storage memory does not tell what it holds"):
        copy(Silent(source, "inventory"), MemoryStorage(), "memory", silent)
    with pytest.raises(UsageError, match="the storage memory does not list its blobs"):
        copy(Silent(source, "blobs"), MemoryStorage(), "memory", silent)


def test_equal_contents_have_equal_digests_whatever_was_written_in_which_order():
    one, other = MemoryStorage(), MemoryStorage()
    one.commit([append(0, 10), append(10, 10)])
    other.commit([append(10, 10)])
    other.commit([append(0, 10)])
    for store, keys in ((one, "ab"), (other, "ba")):
        for key in keys:
            store.commit([Put(NOTES, key, {"n": 1})])
    other.commit([Put(NOTES, "a", {"n": 2})])
    assert contents_of(one, silent).differences(contents_of(other, silent)) == ("the documents of notes",)
    other.commit([Put(NOTES, "a", {"n": 1})])
    assert contents_of(one, silent).digest == contents_of(other, silent).digest
