"""Profiles that cannot be added or compared say so in a sentence."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from watchkeeper.domain.bounds import wasserstein_bounds
from watchkeeper.domain.cells import LabelCells, NumberCells, ordered_numbers
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import NumberProfile, merge, profile
from watchkeeper.domain.table import Categories

NUMBERS = np.random.default_rng(2).normal(size=300)
CELLS = NumberCells.of(ordered_numbers(NUMBERS))


def test_profiles_of_different_references_are_not_added() -> None:
    other = NumberCells.of(ordered_numbers(NUMBERS * 2))
    with pytest.raises(
        DataError, match=r"profiles over different cells cannot be added: found digests .* same reference"
    ):
        merge(profile(NUMBERS, CELLS), profile(NUMBERS, other))


def test_numbers_and_labels_are_not_added() -> None:
    labels = profile(Categories.of(["a"]), LabelCells(("a",)))
    with pytest.raises(DataError, match="a profile of numbers and one of labels cannot be added"):
        merge(profile(NUMBERS, CELLS), attrs.evolve(labels, digest=CELLS.digest, counts=np.zeros(len(CELLS), np.int64)))


def test_a_profile_without_finite_values_has_no_distance() -> None:
    nothing, something = profile(np.array([np.inf]), CELLS), profile(NUMBERS, CELLS)
    assert isinstance(nothing, NumberProfile)
    assert isinstance(something, NumberProfile)
    assert (nothing.infinite, nothing.minimum, nothing.maximum) == (1, None, None)
    with pytest.raises(DataError, match="a profile without finite values has no distance to another"):
        wasserstein_bounds(CELLS, something, nothing)


def test_numbers_beyond_the_farthest_are_counted_and_summed_as_the_farthest() -> None:
    found = profile(np.array([1.7e308, -1.7e308, 0.0]), CELLS)
    assert isinstance(found, NumberProfile)
    assert (found.present, found.infinite, found.maximum) == (3, 0, 1.7e308)
    assert found.mean(CELLS).is_defined


def test_a_chunk_of_the_largest_sums_is_exact() -> None:
    column = np.full(1 << 16, CELLS.centre + 3.999999999 * CELLS.scale)
    found, one = profile(column, CELLS), profile(column[:1], CELLS)
    assert isinstance(found, NumberProfile)
    assert isinstance(one, NumberProfile)
    assert sum(found.sums) == sum(one.sums) << 16
    assert found.squares == one.squares << 16
