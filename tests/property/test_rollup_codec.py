"""A profile written as text is read back to the bit, and many of them add up to what merging gives."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from watchkeeper.domain.cells import LabelCells, NumberCells, ordered_numbers
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import merge, profile
from watchkeeper.domain.table import Categories
from watchkeeper.monitor.rollups.adding import ProfileSum
from watchkeeper.monitor.rollups.codec import decoded, encoded

REFERENCES = (
    np.random.default_rng(1).normal(size=2000),
    np.repeat([0.0, 1.0, 5.0], 300),
    np.array([np.inf, -np.inf]),
    np.array([1e-300, 2e-300]),
)
numbers = arrays(
    np.float64,
    st.integers(0, 60),
    elements=st.one_of(st.floats(width=64), st.sampled_from([0.0, 1.0, 5.0, np.nan, np.inf, 1e300, -(2.0**60)])),
)
labels = st.lists(st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["X", "Y", "é", "\ud800"])), max_size=30)


@given(numbers, st.sampled_from(REFERENCES))
def test_a_profile_of_numbers_is_read_back_to_the_bit(column, reference):
    cells = NumberCells.of(ordered_numbers(reference))
    found = profile(column, cells)

    assert decoded(encoded(found), cells.digest) == found


@given(labels)
def test_a_profile_of_labels_is_read_back_to_the_bit(column):
    cells = LabelCells(("X", "Y", "Z"))
    found = profile(Categories.of(column), cells)

    text = encoded(found)

    assert text.isascii()
    assert decoded(text, cells.digest) == found


@settings(deadline=None)
@given(st.lists(numbers, min_size=1, max_size=6), st.sampled_from(REFERENCES))
def test_a_sum_is_what_merging_gives_in_any_order(columns, reference):
    cells = NumberCells.of(ordered_numbers(reference))
    found = [profile(column, cells) for column in columns]
    added, reversed_ = ProfileSum(cells.digest), ProfileSum(cells.digest)
    for one in found:
        added.add(encoded(one))
    for one in reversed(found):
        reversed_.add(encoded(one))

    assert added.total() == reversed_.total() == reduce(merge, found)


def test_sums_that_need_more_than_64_bits_are_added_too():
    cells = NumberCells.of(ordered_numbers(np.arange(100.0)))
    near, far = profile(np.arange(50.0), cells), profile(np.array([1e250, -1e250]), cells)
    found = ProfileSum(cells.digest)
    for one in (near, far, near):
        found.add(encoded(one))

    assert found.total() == merge(merge(near, far), near)


def test_nothing_added_is_no_profile():
    assert ProfileSum("abc").total() is None


def test_labels_are_added_too():
    cells = LabelCells(("X",))
    found = ProfileSum(cells.digest)
    found.add(encoded(profile(Categories.of(["X", "Q"]), cells)))
    found.add_profile(profile(Categories.of(["Q", None]), cells))

    assert found.total() == profile(Categories.of(["X", "Q", "Q", None]), cells)


@pytest.mark.parametrize(
    "text",
    ["", "z", "n", "n@@@", "nAAAA", "l", "l{}", "l[1,2]", "l[2,[7],[1],0,0,[]]"],
)
def test_a_damaged_profile_is_told(text):
    with pytest.raises(DataError, match="stored profile"):
        decoded(text, "abc")


def test_a_flipped_cell_beyond_the_last_is_told():
    cells = NumberCells.of(ordered_numbers(np.arange(100.0)))
    text = encoded(profile(np.arange(100.0), cells))
    found = ProfileSum(cells.digest)

    with pytest.raises(DataError, match=r"a stored profile of \d+ characters cannot be read"):
        found.add(text[:70] + "////" * 20 + text[150:])


def test_profiles_of_one_digest_with_other_cells_are_told():
    few, many = (NumberCells.of(ordered_numbers(np.arange(count))) for count in (3.0, 100.0))
    found = ProfileSum("abc")
    found.add(encoded(profile(np.arange(3.0), few)))

    with pytest.raises(DataError, match=r"of one digest, abc…, have \d+ and \d+ cells: one of them is damaged"):
        found.add(encoded(profile(np.arange(3.0), many)))


@pytest.mark.parametrize("rows", [128, 1024, 16_384])
def test_a_profile_takes_fewer_bytes_than_its_rows(rows):
    rng = np.random.default_rng(rows)
    cells = NumberCells.of(ordered_numbers(rng.normal(size=100_000)))

    assert len(encoded(profile(rng.standard_t(3, size=rows), cells))) < 8 * rows
