"""Whatever is appended comes back bit for bit, and whatever changes afterwards is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.table import Categories, Table
from watchkeeper_plugins.storage.encoding.blocks import BlockDamaged, opened_block
from watchkeeper_plugins.storage.encoding.chunks import StoredChunk, chunks_of

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = [np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float16]
NUMBERS += [np.float32, np.float64, np.dtype("M8[us]"), np.dtype(">f8"), np.dtype(">i2")]


@st.composite
def columns(draw, rows):
    kind = draw(st.sampled_from(["number", "text", "category"]))
    if kind == "number":
        return draw(hnp.arrays(draw(st.sampled_from(NUMBERS)), rows))
    texts = draw(st.lists(TEXTS, min_size=rows, max_size=rows))
    if kind == "category":
        return Categories.of(texts)
    column = np.empty(rows, dtype=object)
    column[:] = texts
    return column


@st.composite
def appends(draw):
    rows = draw(st.integers(1, 12))
    names = draw(st.lists(st.text("abcdeéß", min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
    table = Table({name: draw(columns(rows)) for name in names})
    time = draw(hnp.arrays(np.int64, rows, elements=st.integers(-(2**63), 2**63 - 1)))
    wide = tuple(draw(st.lists(st.sampled_from(names), unique=True)))
    return Append("s", "k", time, table, wide)


def listed(column):
    """The column's values in a form in which NaN equals itself and -0.0 differs from 0.0."""
    if isinstance(column, Categories):
        return column.texts().tolist()
    if column.dtype.kind == "O":
        return column.tolist()
    return [column.dtype.newbyteorder("=").str, column.astype(column.dtype.newbyteorder("=")).tobytes()]


def joined_rows(batches, name):
    column = [batch.table[name] for batch in batches]
    if isinstance(column[0], Categories):
        return [text for part in column for text in part.texts().tolist()]
    return listed(np.concatenate(column))


@given(append=appends(), chunk_rows=st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_chunks_hold_the_rows_in_the_order_of_time(append, chunk_rows):
    order = np.argsort(append.time, kind="stable")
    chunks = list(chunks_of(append, chunk_rows))
    batches = [StoredChunk(chunk.narrow, lambda chunk=chunk: chunk.wide).batch() for chunk in chunks]
    assert np.concatenate([batch.time for batch in batches]).tolist() == append.time[order].tolist()
    for chunk, batch in zip(chunks, batches, strict=True):
        assert (chunk.first_us, chunk.last_us, chunk.rows) == (batch.time[0], batch.time[-1], len(batch.time))
        assert batch.table.names == append.table.names
        assert len(batch.time) <= chunk_rows
    for name in append.table:
        expected = append.table[name][order]
        texts = expected.texts().tolist() if isinstance(expected, Categories) else listed(expected)
        assert joined_rows(batches, name) == texts


@given(append=appends(), since=st.integers(-(2**63), 2**63 - 1), until=st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=100, deadline=None)
def test_a_window_of_a_chunk_holds_what_a_mask_holds(append, since, until):
    (chunk,) = chunks_of(append, 100)
    batch = StoredChunk(chunk.narrow, lambda: chunk.wide).batch(since, until)
    order = np.argsort(append.time, kind="stable")
    inside = order[(append.time[order] >= since) & (append.time[order] < until)]
    assert batch.time.tolist() == append.time[inside].tolist()
    for name in append.table:
        assert listed(batch.table[name]) == listed(append.table[name][inside])


@given(append=appends(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_is_never_silent(append, data):
    (chunk,) = chunks_of(append, 100)
    whole = StoredChunk(chunk.narrow, lambda: chunk.wide).batch()
    block = chunk.wide if chunk.wide is not None and data.draw(st.booleans()) else chunk.narrow
    bit = data.draw(st.integers(0, 8 * len(block) - 1))
    flipped = bytearray(block)
    flipped[bit // 8] ^= 1 << bit % 8
    narrow, wide = (bytes(flipped), chunk.wide) if block is chunk.narrow else (chunk.narrow, bytes(flipped))
    try:
        found = StoredChunk(narrow, lambda: wide).batch()
    except BlockDamaged:
        return
    # a bit of the padding between columns: nothing that was written has changed
    assert found.time.tolist() == whole.time.tolist()
    assert all(listed(found.table[name]) == listed(whole.table[name]) for name in whole.table)


@given(append=appends(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_torn_block_is_never_silent(append, data):
    (chunk,) = chunks_of(append, 100)
    with pytest.raises(BlockDamaged):
        opened_block(chunk.narrow[: data.draw(st.integers(0, len(chunk.narrow) - 1))])
