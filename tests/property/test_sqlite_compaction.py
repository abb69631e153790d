"""Which chunks are compacted together: none is lost, it ends, and no row is rewritten often."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper_plugins.storage.sqlite_store.compaction import Piece, groups_of
from watchkeeper_plugins.storage.sqlite_store.directory import ChunkRow

FULL = 100
SIZES = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 2)), max_size=80)


def pieces_of(sizes):
    return [piece(at, rows, likeness) for at, (rows, likeness) in enumerate(sizes)]


def piece(at, rows, likeness=0):
    return Piece(ChunkRow(1, at, at, at, rows, likeness), has_wide=True)


def merged(pieces, groups):
    """The pieces after each group has become one."""
    place = {each.row.key: group for group in groups for each in group}
    left = []
    for each in pieces:
        group = place.get(each.row.key)
        if group is None:
            left.append(each)
        elif each is group[0]:
            left.append(piece(each.row.first_us, sum(other.rows for other in group), each.row.shape))
    return left


@given(sizes=SIZES, is_closed=st.booleans())
def test_groups_are_runs_of_like_pieces(sizes, is_closed):
    pieces = pieces_of(sizes)
    groups = list(groups_of(pieces, FULL, is_closed=is_closed))
    for group in groups:
        start = pieces.index(group[0])
        assert pieces[start : start + len(group)] == list(group)
        assert len({each.likeness for each in group}) == 1
        assert len(group) > 1
        assert sum(each.rows for each in group) <= FULL * 1.5
    grouped = [each.row.key for group in groups for each in group]
    assert len(grouped) == len(set(grouped))


@given(sizes=SIZES, is_closed=st.booleans())
def test_compaction_comes_to_an_end(sizes, is_closed):
    pieces = pieces_of(sizes)
    for _ in range(len(sizes) + 1):
        groups = list(groups_of(pieces, FULL, is_closed=is_closed))
        if not groups:
            return
        fewer = merged(pieces, groups)
        assert len(fewer) < len(pieces)
        pieces = fewer
    raise AssertionError("every round must have fewer pieces than the one before")


@given(sizes=SIZES)
def test_a_closed_file_ends_without_two_small_neighbours_that_are_alike(sizes):
    pieces = pieces_of(sizes)
    while groups := list(groups_of(pieces, FULL, is_closed=True)):
        pieces = merged(pieces, groups)
    for one, next_one in itertools.pairwise(pieces):
        is_small = max(one.rows, next_one.rows) * 2 <= FULL
        assert not (is_small and one.likeness == next_one.likeness)


@given(flush=st.integers(1, 5), every=st.integers(1, 40))
@settings(deadline=None)
def test_an_open_file_stays_small_and_rewrites_each_row_few_times(flush, every):
    full, total = 1000, 4000
    pieces: list[Piece] = []
    written = rewritten = longest = 0
    while written < total:
        pieces.append(piece(written, flush))
        written += flush
        if len(pieces) % every == 0 or len(pieces) > 200:
            groups = list(groups_of(pieces, full, is_closed=False))
            rewritten += sum(each.rows for group in groups for each in group)
            pieces = merged(pieces, groups)
        longest = max(longest, len(pieces))
    fullest = total // full
    assert longest <= fullest + 16 * math.log2(full) + every + 40
    assert rewritten <= written * (2 + math.log2(full / flush))
