"""The digest of rows: the same however they are ordered and cut, another when anything is changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from watchkeeper.domain.row_digest import RowDigest
from watchkeeper.domain.table import Categories, Table

ROWS = some.lists(
    some.tuples(
        some.integers(-(2**63), 2**63 - 1),
        some.floats(width=32),
        some.one_of(some.none(), some.text(max_size=3)),
        some.sampled_from([None, "a", "b"]),
    ),
    min_size=1,
    max_size=30,
)


def digest(rows):
    table = Table(
        {
            "number": np.array([row[1] for row in rows], dtype=np.float32),
            "text": np.array([row[2] for row in rows], dtype=object),
            "category": Categories.of(row[3] for row in rows),
        }
    )
    return RowDigest.of(np.array([row[0] for row in rows], dtype=np.int64), table)


@given(ROWS, some.randoms(use_true_random=False), some.integers(0, 30))
def test_neither_order_nor_cuts_change_it(rows, random, cut):
    shuffled = list(rows)
    random.shuffle(shuffled)
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    assert sum(map(digest, parts), RowDigest()) == digest(rows)


@given(ROWS, some.data())
def test_any_change_of_a_value_changes_it(rows, data):
    at = data.draw(some.integers(0, len(rows) - 1))
    field = data.draw(some.integers(0, 3))
    changed = list(rows[at])
    changed[field] = data.draw(
        [some.integers(0, 9), some.floats(0, 9, width=32), some.text(max_size=2), some.sampled_from([None, "a", "c"])][
            field
        ]
    )
    other = [*rows[:at], tuple(changed), *rows[at + 1 :]]
    is_same = (
        repr(np.float32(changed[field])) == repr(np.float32(rows[at][field]))
        if field == 1
        else (changed[field] == rows[at][field])
    )
    assert (digest(other) == digest(rows)) is is_same


@given(ROWS)
def test_a_lost_row_and_a_doubled_row_change_it(rows):
    assert digest(rows) != digest([*rows, rows[0]])
    assert digest(rows) != (digest(rows[1:]) if rows[1:] else RowDigest())


def test_values_that_changed_places_change_it():
    time = np.array([1, 2])
    one = RowDigest.of(time, Table({"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}))
    assert one != RowDigest.of(time, Table({"a": np.array([2.0, 1.0]), "b": np.array([3.0, 4.0])}))
    assert one != RowDigest.of(time, Table({"b": np.array([1.0, 2.0]), "a": np.array([3.0, 4.0])}))
    assert one == RowDigest.of(time, Table({"b": np.array([3.0, 4.0]), "a": np.array([1.0, 2.0])}))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (np.array([1.5], dtype=">f8"), np.array([1.5]), True),
        (np.array([1.5, 9.0, 2.5])[::2][:1], np.array([1.5]), True),
        (np.array([1.0], dtype=np.float32), np.array([1.0]), False),
        (np.array([0.0]), np.array([-0.0]), False),
        (np.array([True]), np.array([1], dtype=np.int8), False),
        (np.array(["NaT"], dtype="M8[us]"), np.array([np.iinfo(np.int64).min]), False),
        (Categories.of(["a"]), np.array(["a"], dtype=object), False),
        (Categories(np.array([1], dtype=np.int32), ("x", "a")), Categories.of(["a"]), True),
        (np.array([None], dtype=object), np.array([""], dtype=object), False),
    ],
    ids=[
        "byte order", "stride", "precision", "the sign of zero", "booleans", "a missing time", "categories", "labels",
        "nothing and an empty text",
    ],
)  # fmt: skip
def test_what_counts_as_the_same_column(one, other, same):
    time = np.array([1])
    assert (RowDigest.of(time, Table({"c": one})) == RowDigest.of(time, Table({"c": other}))) is same


def test_an_expired_column_is_no_column_of_missing_values():
    time = np.array([1])
    assert RowDigest.of(time, Table({})) != RowDigest.of(time, Table({"c": np.array([np.nan])}))
    assert str(RowDigest()) == "0-" + "0" * 32
