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
from watchkeeper.monitor.recording.segments import Segment, records_in

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


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.data())
def test_a_file_cut_anywhere_gives_back_its_whole_records(found, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        segment = Segment(path, 4096)
        ends = [segment._end]
        for record in found:
            segment.append(record)
            ends.append(segment._end)
        segment.close()
        cut = data.draw(st.integers(0, ends[-1]))
        path.write_bytes(path.read_bytes()[:cut])
        whole = sum(end <= cut for end in ends[1:])
        assert list(records_in(path)) == found[:whole]
