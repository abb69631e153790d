"""What was journaled comes back once, whole or not at all, whoever died."""

import errno
import logging
import re
import struct
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
from watchkeeper.monitor.recording.segments import Segment, read_segment
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
    found = journal.rotate(2).read().entries
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
    assert [entry[1] for entry in first.read().entries] == names
    assert ([entry[1] for entry in second.read().entries], second.seq) == (["last"], 2)
    assert journal.rotate(4).paths == ()
    journal.discard(first)
    journal.discard(second)
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_record_larger_than_a_file_gets_a_file_of_its_own(tmp_path):
    journal = Journal(tmp_path, "w", 1)
    journal.append(row("x" * 40_000_000))
    assert len(journal.rotate(2).read().entries[0][1]) == 40_000_000
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
    assert [(group.writer, group.seq, [entry[1] for entry in group.read().entries]) for group in groups] == [
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


FIRST = 27
"""Where the first record begins: behind the magic text, the marker and the size."""
SECOND = FIRST + 16 + 5
THIRD = SECOND + 16 + 5
END = THIRD + 16 + 5
CUT = "of 4096 bytes"
GAP = "bytes at 1 places are not what was written"

CORRUPTIONS = {
    "whole": (lambda data: data, "first other third", ""),
    "cut in the second record": (lambda data: data[: SECOND + 18], "first", CUT),
    "cut in the second frame": (lambda data: data[: SECOND + 3], "first", CUT),
    "cut behind the last": (lambda data: data[:END], "first other third", CUT),
    "cut before the first": (lambda data: data[:FIRST], "", CUT),
    "cut in the head": (lambda data: data[:13], "", "13 of 0 bytes"),
    "nothing": (lambda data: b"", "", ""),
    "only zeros": (lambda data: bytes(4096), "", ""),
    "a head that was not finished": (lambda data: data[:5] + bytes(4091), "", ""),
    "a bit flipped in the second": (lambda data: damaged(data, SECOND + 16, b"O"), "first third", GAP),
    "a flipped checksum": (lambda data: damaged(data, SECOND + 12, b"\0\0\0\1"), "first third", GAP),
    "a flipped marker": (lambda data: damaged(data, SECOND, bytes([data[SECOND] ^ 1])), "first third", GAP),
    "a huge length": (lambda data: damaged(data, SECOND + 8, b"\xff\xff\xff\xff"), "first third", GAP),
    "a length too small": (lambda data: damaged(data, SECOND + 8, b"\x01"), "first third", GAP),
    "the first is gone": (lambda data: damaged(data, FIRST, bytes(21)), "other third", f"21 {GAP}"),
    "a bit flipped in the last": (lambda data: damaged(data, THIRD + 16, b"T"), "first other", f"21 {GAP}"),
    "all are damaged": (lambda data: data[:SECOND] + b"x" * 42 + data[END:], "first", f"42 {GAP}"),
    "the head's marker": (lambda data: damaged(data, 11, bytes([data[11] ^ 1])), "first other third", ""),
    "a size that is not the file's": (lambda data: damaged(data, 19, b"\1"), "first other third", "of 4097 bytes"),
    "a record without a frame": (lambda data: damaged(data, THIRD, bytes(16)), "first other", ""),
    "a marker alone": (lambda data: damaged(data, THIRD + 8, bytes(8)), "first other", ""),
}


@pytest.mark.parametrize(("damage", "kept", "told"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_what_is_whole_is_read_and_what_was_damaged_is_told(tmp_path, damage, kept, told):
    path, data = segment(tmp_path, b"first", b"other", b"third")
    path.write_bytes(damage(data))
    reading = read_segment(path)
    assert b" ".join(reading.records).decode() == kept
    assert told in reading.damage
    assert bool(told) == bool(reading.damage)


def test_a_row_that_looks_like_a_record_is_not_taken_for_one(tmp_path):
    forged = b"wkjournal2\n" + struct.pack("<8sII", bytes(8), 4, zlib.crc32(b"fake")) + b"fake"
    path, data = segment(tmp_path, b"first" + forged * 3, b"other")
    path.write_bytes(damaged(data, FIRST + 16, b"F"))
    assert read_segment(path).records == (b"other",)


def test_a_journal_of_another_version_is_not_taken_for_an_empty_one(tmp_path):
    path, data = segment(tmp_path, b"first")
    path.write_bytes(data.replace(b"wkjournal2", b"wkjournal9"))
    with pytest.raises(StoreError, match="is not a journal of this version of watchkeeper"):
        read_segment(path)
    with pytest.raises(StoreError, match=r"cannot be read .No such file"):
        read_segment(tmp_path / "none")


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
    assert [entry[1] for entry in journal.rotate(2).read().entries] == ["now"]
    journal.close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the journal .* cannot be used .*: choose a folder that may be written to"):
        Journal(tmp_path / "file" / "journal", "w", 1)


@pytest.mark.parametrize(
    "record",
    [b"?", b"R", b"T\xff\xff\xff\xff", b"B" + b"x" * 9, b"O{", b'C[1, "spx"]', Encoder().records(row())[-1]],
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
    recorder._waiting._journal.discard = lambda *_: None  # killed between the commit and the removal
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


LEFT = "x.000000000001.0000.segment"


def from_the_future(path):
    made = Segment(path, 4096)
    made.append(b"?from the future")
    made.close()


UNREADABLE = {
    "a record from the future": (from_the_future, "is not understood: unknown kind"),
    "foreign bytes": (lambda path: path.write_bytes(b"hello world " * 99), "is not a journal of this version"),
    "a folder": (lambda path: path.mkdir(), r"cannot be read \(Is a directory\)"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), r"cannot be read \(No such file"),
}


@pytest.mark.parametrize(("leave", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_journal_that_cannot_be_read_stays_is_told_once_and_does_not_hold_up_the_rest(tmp_path, caplog, leave, says):
    storage = MemoryStorage()
    leave(tmp_path / LEFT)
    recorder = recorder_that_dies(storage, tmp_path)
    assert recorder.flush().rows == 2
    recorder.log("spx", None, 0.5)
    assert recorder.flush().rows == 1
    recorder.stop()
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert re.search(f"the journal of x cannot be read and stays where it is: .*{says}", told[0])
    assert recorder.stats().damaged_groups == 1
    assert {path.name for path in tmp_path.iterdir()} == {LEFT, "x.lock"}


def test_a_lock_that_may_not_be_taken_and_names_of_other_files_do_not_hold_up_the_rest(tmp_path, caplog):
    for name in ("notes.segment", "x.y.segment", "[x.000000000001.0000.segment", LEFT):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "x.lock").mkdir()
    recorder = recorder_that_dies(MemoryStorage(), tmp_path)
    assert recorder.flush().rows == 2
    recorder.stop()
    assert re.search(r"the journal of x in .* cannot be taken over \(Is a directory\): check who may", caplog.text)


def test_what_others_left_and_the_store_does_not_take_does_not_hold_up_the_rest(tmp_path):
    class Refusing(MemoryStorage):
        def commit(self, operations, *, writer, seq, **options):
            if writer == left:
                raise RuntimeError("a bug that this commit finds")
            return super().commit(operations, writer=writer, seq=seq, **options)

    storage = Refusing()
    dead = recorder_that_dies(storage, tmp_path)
    left = dead._waiting.writer
    kill(dead)
    recorder = recorder_that_dies(storage, tmp_path)
    with pytest.raises(RuntimeError, match="a bug"):
        recorder.flush()
    assert len(stored(storage)) == 2
    left = ""
    assert recorder.flush().rows == 2
    recorder.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_costs_one_row_is_told_and_the_file_is_kept_aside(tmp_path, caplog):
    storage = MemoryStorage()
    recorder = recorder_that_dies(storage, tmp_path)
    for at in range(100):
        recorder.log("spx", [1.0, 2.0], 0.5, ids=f"id-{at}")
    kill(recorder)
    (path,) = tmp_path.glob("*.segment")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"id-40", b"id-4p", 1))
    heir = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=tmp_path)
    heir.start()
    assert heir.flush().rows == 101
    heir.stop()
    assert set(stored(storage)["id"].tolist()) == {"a", "b", *(f"id-{at}" for at in range(100) if at != 40)}
    assert heir.stats().damaged_groups == 1
    assert [found.name for found in tmp_path.iterdir()] == [f"{path.name}.damaged"]
    assert re.search(
        rf"is damaged: 101 rows of it are in the store, others are lost \({path.name}: \d+ bytes at 1 places are not "
        rf"what was written\); it is kept as {path}.damaged",
        caplog.text,
    )
    again = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=tmp_path)
    again.start()
    again.stop()
    assert len(stored(storage)) == 101


def test_the_names_of_the_features_are_there_twice_and_rows_that_have_lost_them_are_counted(tmp_path):
    journal = Journal(tmp_path, "w", 1)
    for name in "abc":
        journal.append(row(name))
    group = journal.rotate(2)
    data = group.paths[0].read_bytes()
    group.paths[0].write_bytes(data.replace(b"ret1", b"ret0", 1))
    found = group.read()
    assert [entry[1] for entry in found.entries] == ["a", "b", "c"]
    assert found.damaged == group.paths
    group.paths[0].write_bytes(data.replace(b"ret1", b"ret0"))
    found = group.read()
    assert (found.entries, found.damaged) == ([], group.paths)
    assert "3 whole records cannot be used without what was lost" in found.damage
    journal.close()


def test_a_file_that_cannot_be_removed_after_its_commit_is_told_and_its_rows_come_once(tmp_path, monkeypatch, caplog):
    storage = MemoryStorage()
    recorder = recorder_that_dies(storage, tmp_path)

    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", read_only)
        assert recorder.flush().rows == 2
    assert "is in the store and cannot be removed: Read-only file system" in caplog.text
    recorder.stop()
    heir = Recorder(storage, FakeClock(), flush_seconds=3600.0, journal=tmp_path)
    heir.start()
    heir.stop()
    assert stored(storage)["id"].tolist() == ["a", "b"]
    assert list(tmp_path.iterdir()) == []
