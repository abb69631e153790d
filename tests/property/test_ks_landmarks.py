"""The Kolmogorov-Smirnov distance by landmarks is that of all values, to the bit, whatever lies between them."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper_plugins.drift.ks import KolmogorovSmirnov

SHAPES = {
    "continuous": lambda rng, n: rng.normal(size=n),
    "shifted": lambda rng, n: rng.normal(size=n) + 5.0,
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
    "few values": lambda rng, n: rng.integers(0, 4, n).astype(np.float64),
    "large whole numbers": lambda rng, n: rng.integers(-(10**12), 10**12, n),
    "two fifths zero": lambda rng, n: np.where(rng.random(n) < 0.4, 0.0, rng.normal(size=n)),
    "single precision": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "infinite ones": lambda rng, n: np.where(rng.random(n) < 0.1, rng.choice([-np.inf, np.inf], n), rng.normal(size=n)),
    "missing ones": lambda rng, n: np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
    "one value": lambda rng, n: np.full(n, 0.5),
}


def distance_of_all(reference, current):
    """Both distribution functions at every value of either side."""
    points = np.concatenate((reference, current))
    shares = [np.searchsorted(side, points, "right") / len(side) for side in (reference, current)]
    return float(np.abs(shares[0] - shares[1]).max())


@pytest.mark.parametrize("before", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("now", SHAPES.values(), ids=SHAPES.keys())
def test_the_distance_is_that_of_all_values(before, now):
    rng = np.random.default_rng(7)
    for rows, window in [(3, 2), (40, 3_000), (2_000, 30), (3_000, 1_500)]:
        comparison = Comparison(ReferenceColumn.fit("x", before(rng, rows)), now(rng, window))
        found = KolmogorovSmirnov().compare(comparison).statistic
        if found.number is not None:
            assert found.number == distance_of_all(*comparison.ordered)
