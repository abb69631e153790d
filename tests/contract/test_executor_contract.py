"""The local executor keeps the contract of executors, with processes and with threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from watchkeeper.contracts.plugin import Kind
from watchkeeper.plugins import Plugins
from watchkeeper.testing import ExecutorContract, Outcome, check


class TestLocalProcesses(ExecutorContract):
    @pytest.fixture
    def subject(self):
        return Plugins().build(Kind.EXECUTOR, "local", {"workers": 2, "kind": "processes"})


class TestLocalThreads(ExecutorContract):
    @pytest.fixture
    def subject(self):
        return Plugins().build(Kind.EXECUTOR, "local", {"workers": 2, "kind": "threads"})


class Shared:
    """A provider with a fault: all its pools are one."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(1)

    def open(self):
        return self.pool


class Reversing:
    """A provider with a fault: its pools mix up the order."""

    def open(self):
        class Pool(ThreadPoolExecutor):
            def map(self, *arguments, **named):
                return reversed(list(super().map(*arguments, **named)))

        return Pool(1)


class Strange:
    """A provider with a fault: what it opens is no pool."""

    def open(self):
        return object()


@pytest.mark.parametrize(
    ("provider", "failed", "reason"),
    [
        (Shared, "test_two_pools_do_not_close_each_other", "cannot schedule new futures after shutdown"),
        (Reversing, "test_map_keeps_the_order", "results come in the order of the inputs, found [-49, -48"),
        (Strange, "test_it_opens_an_executor", "TypeError: 'object' object does not support the context manager"),
    ],
)
def test_the_contract_finds_a_fault(provider, failed, reason):
    results = {result.name: result for result in check(ExecutorContract, lambda _: provider())}

    assert results[failed].outcome is Outcome.FAILED
    assert reason in results[failed].reason
