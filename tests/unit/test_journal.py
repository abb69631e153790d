"""What was journaled comes back once, whole or not at all, whoever died."""

import errno
import zlib
from pathlib import Path

import attrs
import numpy as np
import pytest

from watchkeeper.domain.errors import DataError, StoreError
from watchkeeper.domain.table import Categories, Table, joined
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.recording.channel import Channel
from watchkeeper.monitor.recording.encoding import Encoder, entries_of
from watchkeeper.monitor.recording.entries import Outcomes, Rows
from watchkeeper.monitor.recording.journal import Journal
from watchkeeper.monitor.recording.segments import Segment, records_in
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage

SPX = Channel("spx", ("ret1", "vol10"))
FX = Channel("fx", ("ret1", "venue"), ("venue",))


def row(name="a", numbers=(0.5, 2.0), prediction=0.25, version=None):
    packed = None if numbers is None else np.array(numbers).tobytes()
    return (SPX, name, LEHMAN_US, prediction, packed, (), version)


def rows():
    features = {"ret1": np.array([1.0, np.nan]), "venue": Categories.of(["X", None])}
    return Rows(FX, ["é", "b"], np.array([1, 2]), Categories.of(["up", "down"]), features, "1.0.0")


ENTRIES = {
    "a row": row(),
    "a row with a version": row("é\ud800" * 99, (np.nan, np.inf), 1e300, "1.4.0"),
    "a row without features": row(numbers=None),
    "a row with a label": row(prediction="up"),
    "a row with a label and without features": row(prediction="up", numbers=None, version="2.0.0"),
    "a row with categories": (FX, "b", 1, 0.5, np.array([1.0]).tobytes(), ("X",), None),
    "a row with a missing category": (FX, "b", 1, "up", np.array([1.0]).tobytes(), (None,), None),
    "many rows": rows(),
    "many rows without features": Rows(SPX, ["a"], np.array([1]), np.array([0.5]), None, None),
    "outcomes": Outcomes("spx", ["a", "b", "c"], [1, 2, 3], [0.5, "up", None]),
}


def told(entry):
    """An entry as plain values, the channel by what was declared."""

    def plain(value):
        if isinstance(value, Channel):
            return value.model, value.features, value.categories
        if isinstance(value, Categories):
            return value.texts().tolist()
        if isinstance(value, np.ndarray):
            return [str(item) for item in value.tolist()]
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        return value

    values = entry if isinstance(entry, tuple) else attrs.astuple(entry, recurse=False)
    return [type(entry), *(plain(value) for value in values)]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_kind_of_entry_comes_back_as_it_was(tmp_path, entry):
    journal = Journal(tmp_path, "w", 1)
    journal.append(entry)
    journal.append(entry)
    found = journal.rotate(2).entries()
    assert [told(each) for each in found] == [told(entry)] * 2
    journal.close()


def test_a_group_holds_what_was_appended_between_two_rotations_also_over_many_files(tmp_path):
    journal = Journal(tmp_path, "w", 1)
    names = [f"{at}-{'x' * 1000}" for at in range(1000)]
    for name in names:
        journal.append(row(name))
    first = journal.rotate(2)
    journal.append(row("last"))
    second = journal.rotate(3)
    assert len(first.paths) > 1
    assert [entry[1] for entry in first.entries()] == names
    assert ([entry[1] for entry in second.entries()], second.seq) == (["last"], 2)
    assert journal.rotate(4).paths == ()
    journal.discard(first)
    journal.discard(second)
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_record_larger_than_a_file_gets_a_file_of_its_own(tmp_path):
    journal = Journal(tmp_path, "w", 1)
    journal.append(row("x" * 40_000_000))
    assert len(journal.rotate(2).entries()[0][1]) == 40_000_000
    journal.close()


def test_what_a_living_writer_has_is_not_touched_and_what_a_dead_one_left_is_adopted_once(tmp_path):
    living, dead = Journal(tmp_path, "living", 1), Journal(tmp_path, "dead", 1)
    living.append(row("mine"))
    for seq in (1, 2):
        dead.append(row(f"left {seq}"))
        dead.rotate(seq + 1)
    heir, late = Journal(tmp_path, "heir", 1), Journal(tmp_path, "late", 1)
    assert heir.leftovers() == []
    dead.close()  # what the kernel does for a process that was killed
    groups = heir.leftovers()
    assert [(group.writer, group.seq, [entry[1] for entry in group.entries()]) for group in groups] == [
        ("dead", 1, ["left 1"]),
        ("dead", 2, ["left 2"]),
    ]
    assert late.leftovers() == []
    for group in groups:
        heir.discard(group)
    assert not list(tmp_path.glob("dead*"))
    assert late.leftovers() == []
    for journal in (living, heir, late):
        journal.close()


def test_two_writers_of_one_name_are_refused(tmp_path):
    journal = Journal(tmp_path, "w", 1)
    with pytest.raises(StoreError, match="has another writer 'w' at work"):
        Journal(tmp_path, "w", 1)
    journal.close()
    journal.close()
    Journal(tmp_path, "w", 1).close()


def segment(tmp_path, *records):
    """A segment's file, cut to what was written."""
    path = tmp_path / "w.000000000001.0000.segment"
    made = Segment(path, 4096)
    for record in records:
        assert made.append(record)
    made.close()
    return path, path.read_bytes()


def damaged(data, at, value):
    return data[:at] + value + data[at + len(value) :]


FIRST = 11
"""Where the first record begins: behind the magic text."""
SECOND = FIRST + 8 + 5

CORRUPTIONS = {
    "whole": (lambda data: data, [b"first", b"other", b"third"]),
    "cut in the second record": (lambda data: data[: SECOND + 10], [b"first"]),
    "cut in the second length": (lambda data: data[: SECOND + 3], [b"first"]),
    "cut before the first": (lambda data: data[:FIRST], []),
    "nothing": (lambda data: b"", []),
    "only zeros": (lambda data: bytes(4096), []),
    "a bit flipped in the second": (lambda data: damaged(data, SECOND + 8, b"O"), [b"first"]),
    "a flipped checksum": (lambda data: damaged(data, SECOND + 4, b"\0\0\0\0"), [b"first"]),
    "a huge length": (lambda data: damaged(data, SECOND, b"\xff\xff\xff\xff"), [b"first"]),
    "a length too small": (lambda data: damaged(data, SECOND, b"\x01"), [b"first"]),
    "a torn tail": (lambda data: damaged(data, SECOND + 13 + 8, b"\0\0\0\0\0"), [b"first", b"other"]),
}


@pytest.mark.parametrize(("damage", "kept"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_reading_ends_at_the_first_record_that_is_not_whole(tmp_path, damage, kept):
    path, data = segment(tmp_path, b"first", b"other", b"third")
    path.write_bytes(damage(data))
    assert list(records_in(path)) == kept


def test_a_journal_of_another_version_is_not_taken_for_an_empty_one(tmp_path):
    path, data = segment(tmp_path, b"first")
    path.write_bytes(data.replace(b"wkjournal1", b"wkjournal9"))
    with pytest.raises(StoreError, match="is not a journal of this version of watchkeeper"):
        list(records_in(path))
    with pytest.raises(StoreError, match=r"cannot be read .No such file"):
        list(records_in(tmp_path / "none"))


def test_a_full_segment_says_so(tmp_path):
    made = Segment(tmp_path / "s", Segment.room_for(b"12345"))
    with pytest.raises(StoreError, match=r"the journal cannot make .* \(File exists\)"):
        Segment(tmp_path / "s", 4096)
    assert made.append(b"12345")
    assert not made.append(b"1")
    made.close()


def test_a_disk_without_room_shows_at_once_and_leaves_no_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    journal = Journal(tmp_path, "w", 1)
    with pytest.raises(
        StoreError, match=r"the journal cannot make .*\.segment \(No space left on device\): free some space"
    ):
        journal.append(row())
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    monkeypatch.undo()
    journal.append(row("now"))
    assert [entry[1] for entry in journal.rotate(2).entries()] == ["now"]
    journal.close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the journal .* cannot be used .*: choose a folder that may be written to"):
        Journal(tmp_path / "file" / "journal", "w", 1)


@pytest.mark.parametrize(
    "record",
    [b"?", b"R", b"T\xff\xff\xff\xff", b"B" + b"x" * 9, b"O{", b'C[1, "spx"]', Encoder().records(row())[1]],
    ids=["unknown", "short row", "long text", "rows", "outcomes", "channel", "row of an unknown channel"],
)
def test_a_record_that_is_whole_and_not_understood_is_told(record):
    with pytest.raises(DataError, match=r"a record of the journal, .* is not understood"):
        entries_of([record])


def stored(storage, model="spx"):
    return joined([Table({"time": batch.time, **batch.table.columns}) for batch in storage.scan("predictions", model)])


def recorder_that_dies(storage, folder):
    """A recorder whose process is 'killed' with two rows logged: its journal's lock falls, nothing is flushed."""
    recorder = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=folder)
    recorder.declare("spx", ("ret1", "vol10"))
    recorder.log("spx", [0.5, 2.0], 0.25, ids="a")
    recorder.log("spx", np.ones((1, 2)), [0.75], ids=["b"])
    return recorder


def kill(recorder):
    recorder._waiting._journal.close()
    recorder._waiting._journal = None
    recorder._waiting._entries = []
    recorder._waiting.size = recorder._waiting.rows = 0
    recorder.stop()


def test_what_a_dead_process_left_is_committed_at_the_next_start_and_once(tmp_path):
    storage = MemoryStorage()
    kill(recorder_that_dies(storage, tmp_path))
    assert storage.keys("predictions") == ()
    for _ in range(2):
        heir = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=tmp_path)
        heir.start()
        heir.stop()
    table = stored(storage)
    assert (table["id"].tolist(), table["prediction"].tolist()) == (["a", "b"], [0.25, 0.75])
    assert (table["ret1"].tolist(), table["vol10"].tolist()) == ([0.5, 1.0], [2.0, 1.0])
    assert list(tmp_path.iterdir()) == []


def test_rows_that_were_committed_before_the_kill_are_not_committed_again(tmp_path):
    storage = MemoryStorage()
    recorder = recorder_that_dies(storage, tmp_path)
    discard = recorder._waiting._journal.discard
    recorder._waiting._journal.discard = lambda group: None  # killed between the commit and the removal
    recorder.flush()
    recorder._waiting._journal.discard = discard
    kill(recorder)
    heir = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=tmp_path)
    heir.start()
    assert heir.flush().rows == 2
    heir.stop()
    assert stored(storage)["id"].tolist() == ["a", "b"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_stays_until_the_store_takes_it(tmp_path):
    class Failing(MemoryStorage):
        fails = True

        def commit(self, *args, **kwargs):
            if self.fails:
                raise StoreError("full")
            return super().commit(*args, **kwargs)

    storage = Failing()
    kill(recorder_that_dies(storage, tmp_path))
    heir = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=tmp_path)
    heir.start()
    with pytest.raises(StoreError, match="full"):
        heir.flush()
    storage.fails = False
    assert heir.flush().rows == 2
    heir.stop()
    assert stored(storage)["id"].tolist() == ["a", "b"]


def test_a_journal_that_is_not_understood_stays_and_does_not_hold_up_the_rest(tmp_path, caplog):
    storage = MemoryStorage()
    record = b"?from the future"
    made = Segment(tmp_path / "x.000000000001.0000.segment", 4096)
    made.append(record)
    made.close()
    assert zlib.crc32(record) == int.from_bytes(made.path.read_bytes()[15:19], "little")
    recorder = recorder_that_dies(storage, tmp_path)
    assert recorder.flush().rows == 2
    recorder.stop()
    assert "the journal of x cannot be read and stays where it is" in caplog.text
    assert Path(made.path).exists()
