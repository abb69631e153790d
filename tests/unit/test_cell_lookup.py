"""Cells of unsorted values: what a binary search for each finds, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from watchkeeper.domain.cell_lookup import CellLookup
from watchkeeper.domain.cells import NumberCells, ordered_numbers

REFERENCES = {
    "normal": lambda rng: rng.normal(size=20_000),
    "heavy tails": lambda rng: rng.standard_cauchy(20_000),
    "few values": lambda rng: rng.integers(0, 7, 20_000).astype(np.float64),
    "one value": lambda rng: np.full(50, 3.0),
    "single precision": lambda rng: rng.normal(size=5_000).astype(np.float32),
    "as wide as float64": lambda rng: np.array([1e308, -1e308, 0.0, 1.0] * 300),
    "nothing": lambda rng: np.empty(0),
    "infinite ones": lambda rng: np.concatenate((rng.normal(size=500), [np.inf, -np.inf, np.nan])),
}


def values_of(rng, edges):
    """Numbers inside, far outside, and at and just beside each edge."""
    with np.errstate(over="ignore"):
        beside = [np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)]
    numbers = [rng.normal(size=1_000), 1e5 * rng.standard_cauchy(1_000), edges, *beside, [np.inf, -np.inf, 0.0, -0.0]]
    return rng.permutation(np.concatenate(numbers))


@pytest.mark.parametrize("draw", REFERENCES.values(), ids=REFERENCES.keys())
def test_positions_are_those_of_a_binary_search(draw):
    rng = np.random.default_rng(3)
    cells = NumberCells.of(ordered_numbers(draw(rng)))
    values = values_of(rng, cells.edges)
    np.testing.assert_array_equal(cells.positions(values), np.searchsorted(cells.edges, values, side="left"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int64", "uint64", "bool"])
def test_numbers_of_every_type_are_compared_as_float64(dtype):
    cells = NumberCells.of(ordered_numbers(np.random.default_rng(1).normal(size=1_000)))
    values = np.arange(-300, 300).astype(dtype)
    np.testing.assert_array_equal(cells.positions(values), np.searchsorted(cells.edges, values, side="left"))


@given(
    st.lists(st.floats(allow_nan=False), min_size=2, max_size=40, unique=True),
    hnp.arrays(np.float64, st.integers(64, 200), elements=st.floats(allow_nan=False)),
    st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
)
def test_any_edges_any_bins_any_values(edges, values, reach):
    found = CellLookup.of(np.sort(np.array(edges)), *reach)
    if found is not None:
        np.testing.assert_array_equal(found.of_values(values), np.searchsorted(found.edges, values, side="left"))


def test_bins_that_cannot_be_laid_are_none():
    edges = np.array([0.0, 1.0])
    assert CellLookup.of(edges, 1.0, 1.0) is None
    assert CellLookup.of(edges, 2.0, 1.0) is None
    assert CellLookup.of(edges, -np.inf, 1.0) is None
    assert CellLookup.of(np.arange(40_000.0), 0.0, 40_000.0) is None
