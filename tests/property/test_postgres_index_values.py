"""Index fields as bytes: they sort as the contract's values do, for any values."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as some

from watchkeeper_plugins.storage.postgres_store.index_values import index_value

_LARGE = 2**53
SCALARS = some.one_of(
    some.none(),
    some.integers(-(2**63), 2**63 - 1),
    some.integers(-(2**63), 2**63 - 1).map(float),
    some.sampled_from([_LARGE - 1, _LARGE, _LARGE + 1, float(_LARGE), -_LARGE - 1, -0.0, 0, 0.0]),
    some.floats(allow_nan=False),
    some.text(alphabet=some.characters(exclude_categories=["Cs"])),
)


def rank(value):
    """None, then numbers by size, then text by code point; exact, as fractions are."""
    if value is None:
        return (0,)
    if isinstance(value, str):
        return (2, value)
    if value in {float("inf"), float("-inf")}:
        return (1, 1 if value > 0 else -1, Fraction(0))
    return (1, 0, Fraction(value))


@given(SCALARS, SCALARS)
def test_bytes_compare_as_the_values_do(one, other):
    found = (index_value(one) > index_value(other)) - (index_value(one) < index_value(other))
    expected = (rank(one) > rank(other)) - (rank(one) < rank(other))
    assert found == expected
