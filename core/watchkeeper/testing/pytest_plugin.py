"""A pytest plugin: failed asserts of the contract suites show their values, and a fixture for a clock that stands."""

from __future__ import annotations

import pytest

from watchkeeper.contracts.plugin import Kind

from .clock import FakeClock

pytest.register_assert_rewrite(*(f"watchkeeper.testing.{kind.value}" for kind in Kind))


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that moves only when it is told to."""
    return FakeClock()
