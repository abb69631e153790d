"""Named corruptions of the SQLite store, each with its exact answer: never a crash, never silent."""

from __future__ import annotations

import shutil
import sqlite3

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.errors import StoreCorrupt, StoreError
from watchkeeper.domain.table import Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

pytestmark = pytest.mark.faults
DAY = "2008-09-15"
FLIPS = 400
COMMITS, ROWS = 12, 40
NOTES = Namespace("notes", index=("by",))


def append(number, rows=ROWS):
    time = np.arange(number * rows, (number + 1) * rows)
    texts = np.array([f"request-{each}" for each in time], dtype=object)
    columns = {"number": time, "feature": time.astype(np.float32), "request": texts}
    return Append("rows", "momentum", time, Table(columns), ("feature",))


def opened(folder, clock=None):
    return SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock or FakeClock())


def content(store):
    columns = ("number", "feature", "request")
    return [
        (batch.time.tolist(), *(batch.table[name].tolist() for name in columns))
        for batch in store.scan("rows", "momentum")
    ]


def commits_of(store):
    """Which commits are there, each of them whole."""
    times = sorted(time for batch in store.scan("rows", "momentum") for time in batch.time.tolist())
    numbers = sorted({time // ROWS for time in times})
    assert times == [time for number in numbers for time in range(number * ROWS, (number + 1) * ROWS)]
    return numbers


@pytest.fixture
def folder(tmp_path):
    """A store that was closed well, with a day of rows and the day after."""
    clock = FakeClock()
    store = opened(tmp_path / "watch", clock)
    for number in range(COMMITS):
        store.commit([append(number)])
    store.commit([Put(NOTES, "a", {"n": 1}, {"by": "ada"}), LogEntry("audit", {"n": 1})])
    clock.advance(86_400.0)
    store.commit([append(COMMITS)])
    store.close()
    return tmp_path / "watch"


@pytest.fixture
def day(folder):
    return folder / "telemetry" / f"{DAY}.db"


def test_a_flipped_bit_anywhere_in_a_day_is_told_or_changes_nothing(folder, day):
    store = opened(folder)
    good = content(store)
    store.close()
    data, rng = day.read_bytes(), np.random.default_rng(7)
    told = []
    for bit in rng.integers(8 * len(data), size=FLIPS):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        day.write_bytes(flipped)
        store = opened(folder)
        try:
            assert content(store) == good, f"bit {bit} was flipped, and the rows changed silently"
        except StoreError as error:
            told.append(str(error))
        finally:
            store.close()
    assert len(told) > FLIPS / 10
    assert [message for message in told if DAY not in message] == [], "each message names the file"


def test_a_flipped_bit_in_a_chunk_names_file_and_chunk(folder, day):
    connection = sqlite3.connect(day)
    (number, data) = connection.execute("SELECT chunk, data FROM wide ORDER BY chunk LIMIT 1 OFFSET 3").fetchone()
    flipped = bytearray(data)
    flipped[-5] ^= 1
    connection.execute("UPDATE wide SET data = ? WHERE chunk = ?", (bytes(flipped), number))
    connection.commit()
    connection.close()
    store = opened(folder)
    with pytest.raises(StoreCorrupt, match=rf"{DAY}\.db, chunk {number}: column 'feature' has other bytes than were"):
        content(store)
    narrow = [batch.table["number"][0] // ROWS for batch in store.scan("rows", "momentum", columns=["number"])]
    assert narrow == list(range(COMMITS + 1)), "what does not need the damaged bytes is still read"
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM narrow WHERE chunk = (SELECT max(chunk) FROM narrow)",
        "DELETE FROM wide WHERE chunk = (SELECT min(chunk) FROM wide)",
        "DELETE FROM chunk WHERE number = (SELECT max(number) FROM chunk)",
        "UPDATE chunk SET retired_us = 1 WHERE number = (SELECT max(number) FROM chunk)",
        "UPDATE chunk SET rows = rows - 1 WHERE number = (SELECT max(number) FROM chunk)",
        "DELETE FROM series",
        "UPDATE series SET key = 'another'",
    ],
    ids=["narrow", "wide", "chunk", "retired", "rows", "series", "key"],
)
def test_a_row_that_is_gone_or_changed_is_told(folder, day, statement):
    connection = sqlite3.connect(day)
    connection.execute(statement)
    connection.commit()
    connection.close()
    store = opened(folder)
    with pytest.raises(StoreCorrupt, match=rf"{DAY}\.db.*: restore this file|{DAY}\.db.*; restore this file"):
        content(store)
    store.close()


def test_chunks_that_changed_places_are_told(folder, day):
    connection = sqlite3.connect(day)
    first, second = (number for (number,) in connection.execute("SELECT chunk FROM wide ORDER BY chunk LIMIT 2"))
    for was, becomes in ((first, -1), (second, first), (-1, second)):
        connection.execute("UPDATE wide SET chunk = ? WHERE chunk = ?", (becomes, was))
    connection.commit()
    connection.close()
    store = opened(folder)
    with pytest.raises(StoreCorrupt, match=f"chunk {first}: its wide columns are another chunk's"):
        content(store)
    store.close()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_torn_file_is_told_and_the_rest_can_be_read_without_it(folder, day, share):
    data = day.read_bytes()
    day.write_bytes(data[: int(len(data) * share)])
    store = opened(folder)
    with pytest.raises(StoreError, match=DAY):
        content(store)
    assert store.get(NOTES, "a") is not None, "documents are in another file"
    store.close()
    day.unlink()
    store = opened(folder)
    with pytest.raises(StoreCorrupt, match=rf"{DAY}\.db is missing, and with it the rows written on {DAY}"):
        content(store)
    assert store.forget_missing() == (DAY,)
    assert commits_of(store) == [COMMITS]
    store.commit([append(COMMITS + 1)])
    assert commits_of(store) == [COMMITS, COMMITS + 1]
    store.close()


@pytest.mark.parametrize(
    "text", ["", "time,number\n1,2\n", "SQLite format 3\0" + "x" * 5000], ids=["empty", "csv", "fake"]
)
def test_a_foreign_file_in_place_of_a_day_is_told(folder, day, text):
    day.write_text(text)
    store = opened(folder)
    with pytest.raises(StoreError, match=DAY):
        content(store)
    store.close()
    assert day.read_text() == text, "it was left as it was"


def torn_logs(tmp_path, damage):
    """Stores whose log was damaged at 25 places, each with how many commits lie wholly before the damage."""
    store = opened(tmp_path / "live")
    store.commit([append(0)])
    wal = tmp_path / "live" / "telemetry" / f"{DAY}.db-wal"
    ends = [wal.stat().st_size]
    for number in range(1, COMMITS):
        store.commit([append(number)], Durability.FLUSHED)
        ends.append(wal.stat().st_size)
    for place in np.random.default_rng(3).integers(ends[0] - 1, ends[-1], size=25):
        copy = tmp_path / f"copy-{place}"
        shutil.copytree(tmp_path / "live", copy)
        damaged = copy / "telemetry" / wal.name
        (copy / "telemetry" / f"{DAY}.db-shm").unlink()
        damage(damaged, int(place))
        yield copy, sum(end <= place for end in ends)
    store.close()


def cut(path, place):
    path.write_bytes(path.read_bytes()[:place])


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 16
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip], ids=["torn", "flipped"])
def test_a_damaged_log_keeps_every_commit_before_the_damage(tmp_path, damage):
    for copy, intact in torn_logs(tmp_path, damage):
        store = opened(copy)
        assert commits_of(store) == list(range(intact))
        store.commit([append(50)])
        assert commits_of(store) == [*range(intact), 50], "the store goes on"
        store.close()


def test_a_day_that_turns_up_again_counts_again(folder, day, tmp_path):
    day.rename(tmp_path / "aside.db")
    store = opened(folder)
    store.forget_missing()
    assert commits_of(store) == [COMMITS]
    (tmp_path / "aside.db").rename(day)
    assert commits_of(store) == list(range(COMMITS + 1))
    while not store.maintain(1.0).is_finished:
        pass
    assert commits_of(store) == list(range(COMMITS + 1))
    store.close()


def test_a_day_that_was_never_finished_is_no_loss(folder):
    (folder / "telemetry" / "2008-09-17.db").touch()
    store = opened(folder)
    assert commits_of(store) == list(range(COMMITS + 1))
    clock = FakeClock()
    clock.advance(2 * 86_400.0)
    later = opened(folder, clock)
    later.commit([append(50)])
    assert commits_of(store) == [*range(COMMITS + 1), 50]
    later.close()
    store.close()


def test_files_that_can_be_made_again_are_made_again(folder):
    for name in ("state.lock", "telemetry.lock", "layout.lock"):
        (folder / name).unlink()
    store = opened(folder)
    assert commits_of(store) == list(range(COMMITS + 1))
    store.commit([append(50)])
    store.close()


@pytest.mark.parametrize("is_empty", [True, False], ids=["empty", "missing"])
def test_a_state_that_is_gone_is_told_and_not_replaced(folder, is_empty):
    state = folder / "state.db"
    state.unlink()
    if is_empty:
        state.touch()
    with pytest.raises(StoreCorrupt, match=r"state\.db is missing or empty, and there are rows under .*telemetry"):
        opened(folder)
    assert state.exists() is is_empty


def test_a_flipped_bit_in_a_document_or_log_is_told_or_changes_nothing(folder):
    """A bit in the few bytes of a page's own header could hide a document: `verify` looks there, a read does not."""
    state = folder / "state.db"
    data = state.read_bytes()
    connection = sqlite3.connect(state)
    body, value = '{"n":1}', '{"n":1}'
    assert connection.execute("SELECT body FROM log").fetchone() == (body,)
    connection.close()
    places = [at for at in range(len(data)) if data.startswith(value.encode(), at)]
    assert len(places) == 2
    for place in places:
        for bit in range(8 * len(value)):
            flipped = bytearray(data)
            flipped[place + bit // 8] ^= 1 << bit % 8
            state.write_bytes(flipped)
            store = opened(folder)
            with pytest.raises(StoreCorrupt, match=r"state\.db"):
                assert (store.get(NOTES, "a"), list(store.read_log("audit"))) is None
            store.close()
