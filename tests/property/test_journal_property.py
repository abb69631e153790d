"""Whatever is journaled and wherever the file is cut, what comes back is what was written, up to the cut."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.contracts.storage import Append
from watchkeeper.monitor.recording.batches import appends_of
from watchkeeper.monitor.recording.channel import Channel
from watchkeeper.monitor.recording.encoding import Encoder, entries_of
from watchkeeper.monitor.recording.entries import Outcomes
from watchkeeper.monitor.recording.segments import Segment, read_segment

SPX = Channel("spx", ("ret1", "vol10"))
FX = Channel("fx", ("ret1", "venue"), ("venue",))

texts = st.text(max_size=5)
floats = st.floats(allow_nan=False)
predictions = st.one_of(floats, texts)
times = st.integers(-(2**62), 2**62)
versions = st.one_of(st.none(), texts)
numbers = st.tuples(floats, floats).map(lambda found: np.array(found).tobytes())
plain = st.tuples(st.just(SPX), texts, times, predictions, st.one_of(st.none(), numbers), st.just(()), versions)
number = floats.map(lambda found: np.array([found]).tobytes())
mixed = st.tuples(st.just(FX), texts, times, predictions, number, st.tuples(st.one_of(st.none(), texts)), versions)
outcomes = st.lists(st.tuples(texts, times, st.one_of(predictions, st.none())), min_size=1, max_size=4).map(
    lambda found: Outcomes("spx", *(list(column) for column in zip(*found, strict=True)))
)
entries = st.lists(st.one_of(plain, mixed, outcomes), max_size=12)


def told(append: Append):
    columns = {
        name: getattr(column, "texts", lambda c=column: c)().tolist() for name, column in append.table.columns.items()
    }
    return append.stream, append.key, append.time.tolist(), columns, append.wide


@given(entries)
def test_entries_that_were_journaled_make_the_same_commit(found):
    encoder = Encoder()
    again = entries_of(record for entry in found for record in encoder.records(entry))
    assert [told(append) for append in appends_of(again)] == [told(append) for append in appends_of(found)]
    assert sum(len(append.time) for append in appends_of(found)) == sum(
        len(entry.ids) if isinstance(entry, Outcomes) else 1 for entry in found
    )


RECORDS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


def written(folder, found):
    """A segment with these records, and where each ends; the first number is where they begin."""
    segment = Segment(Path(folder) / "s", 4096)
    ends = [segment._end]
    for record in found:
        segment.append(record)
        ends.append(segment._end)
    segment.close()
    return segment.path, ends


@given(RECORDS, st.data())
def test_a_file_cut_anywhere_gives_back_its_whole_records_and_says_that_it_was_cut(found, data):
    with tempfile.TemporaryDirectory() as folder:
        path, ends = written(folder, found)
        cut = data.draw(st.integers(0, ends[-1]))
        path.write_bytes(path.read_bytes()[:cut])
        reading = read_segment(path)
        whole = sum(end <= cut for end in ends[1:])
        assert list(reading.records) == found[:whole]
        assert bool(reading.damage) == (cut >= 11)  # shorter ones hold no record, nor a file's head


@given(RECORDS, st.data())
def test_a_bit_flipped_anywhere_costs_its_own_record_alone_and_is_told(found, data):
    with tempfile.TemporaryDirectory() as folder:
        path, ends = written(folder, found)
        at = data.draw(st.integers(11, ends[-1] - 1))
        spoilt = bytearray(path.read_bytes())
        spoilt[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(spoilt)
        reading = read_segment(path)
        lost = sum(end <= at for end in ends) - 1
        if len(found) == 1 and 0 <= at - ends[0] < 8:
            lost = -1  # the only frame's marker: the record is read by its checksum alone
        assert list(reading.records) == [record for place, record in enumerate(found) if place != lost]
        assert bool(reading.damage) == (
            lost >= 0 or 19 <= at < ends[0]
        )  # the marker in the head may be read from a record


@given(RECORDS, st.binary(min_size=1, max_size=40), st.data())
def test_a_record_whose_process_was_killed_while_copying_it_is_no_damage(found, last, data):
    with tempfile.TemporaryDirectory() as folder:
        path, ends = written(folder, found)
        copied = data.draw(st.lists(st.booleans(), min_size=len(last), max_size=len(last)))
        torn = bytes(byte if was_copied else 0 for byte, was_copied in zip(last, copied, strict=True))
        spoilt = bytearray(path.read_bytes())
        spoilt[ends[-1] + 16 : ends[-1] + 16 + len(torn)] = torn
        path.write_bytes(spoilt)
        reading = read_segment(path)
        assert (list(reading.records), reading.damage) == (found, "")
