"""P-values in findings: a bound where the computation is no longer exact, never 0."""

from __future__ import annotations

import pytest

from watchkeeper.monitor.judging import p_value_told


@pytest.mark.parametrize(
    ("p_value", "told"),
    [(0.0412, "p = 0.041"), (3e-7, "p = 3e-07"), (1e-15, "p = 1e-15"), (1e-16, "p < 1e-15"), (0.0, "p < 1e-15")],
)
def test_a_p_value_is_never_told_to_be_nothing(p_value, told):
    assert p_value_told(p_value) == told
