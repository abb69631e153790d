"""Quality shares: what is missing, infinite, out of range, never seen before."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories
from watchkeeper.monitor.quality import quality_of


def test_shares_are_counted_over_the_right_rows():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0, 3.0, 4.0]))
    column = np.array([np.nan, np.inf, 0.5, 2.0, 9.0])
    found = quality_of(column, reference)
    assert found["missing_share"].number == pytest.approx(1 / 5)
    assert found["infinite_share"].number == pytest.approx(1 / 5)
    assert found["out_of_range_share"].number == pytest.approx(2 / 3)


def test_unseen_categories_are_a_share_of_those_present():
    reference = ReferenceColumn.fit("venue", Categories.of(["X", "Y", "X"]))
    found = quality_of(Categories.of(["X", None, "Z", "Z"]), reference)
    assert found["unseen_share"].number == pytest.approx(2 / 3)
    assert found["missing_share"].number == pytest.approx(1 / 4)


def test_an_empty_column_has_undefined_shares_and_no_zeros():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0]))
    found = quality_of(np.empty(0), reference)
    assert all(value.number is None for value in found.values())
    assert found["missing_share"].reason == "there are no values to take a share of"


def test_a_reference_without_numbers_has_no_range():
    reference = ReferenceColumn.fit("vol", np.array([np.nan, np.nan]))
    found = quality_of(np.array([1.0, 2.0]), reference)
    assert "no range" in (found["out_of_range_share"].reason or "")


def test_the_callers_array_is_not_written_to():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0]))
    column = np.array([1.0, np.nan])
    column.flags.writeable = False
    quality_of(column, reference)
