"""The checks that every executor must pass."""

from __future__ import annotations

import math
import operator
import time
from concurrent.futures import Executor, wait

from watchkeeper.contracts.executor import ExecutorProvider

_TIMEOUT_SECONDS = 120
"""For the first answer of a pool: remote workers may have to start."""


class ExecutorContract:
    """Subclass it in your tests and give a fixture ``subject``: a provider that can open a pool.

    Only functions of the standard library are submitted, so that workers need nothing but Python.
    """

    def test_it_satisfies_the_protocol(self, subject: ExecutorProvider) -> None:
        assert isinstance(subject, ExecutorProvider), f"a provider has open(), found {type(subject).__name__}"

    def test_it_opens_an_executor(self, subject: ExecutorProvider) -> None:
        with subject.open() as pool:
            assert isinstance(pool, Executor), (
                f"open() returns a concurrent.futures.Executor, found {type(pool).__name__}"
            )

    def test_a_submitted_call_gives_its_result(self, subject: ExecutorProvider) -> None:
        with subject.open() as pool:
            found = pool.submit(math.hypot, 3, 4).result(_TIMEOUT_SECONDS)
        assert found == 5.0, f"hypot(3, 4) is 5, found {found!r}"

    def test_map_keeps_the_order(self, subject: ExecutorProvider) -> None:
        with subject.open() as pool:
            found = list(pool.map(operator.neg, range(50), timeout=_TIMEOUT_SECONDS))
        assert found == [-number for number in range(50)], f"results come in the order of the inputs, found {found}"

    def test_an_exception_travels_back_and_the_pool_goes_on(self, subject: ExecutorProvider) -> None:
        with subject.open() as pool:
            error = pool.submit(operator.truediv, 1, 0).exception(_TIMEOUT_SECONDS)
            assert isinstance(error, ZeroDivisionError), f"1 / 0 raises a ZeroDivisionError, found {error!r}"
            after = pool.submit(abs, -7).result(_TIMEOUT_SECONDS)
        assert after == 7, f"a failed job does not spoil the next, found {after!r}"

    def test_large_arguments_and_results_travel_whole(self, subject: ExecutorProvider) -> None:
        sent = bytes(range(256)) * 4096
        with subject.open() as pool:
            found = pool.submit(bytes.swapcase, sent).result(_TIMEOUT_SECONDS)
        assert found == sent.swapcase(), f"1 MiB travels whole, found {len(found)} bytes"

    def test_a_closed_pool_takes_no_more_work(self, subject: ExecutorProvider) -> None:
        pool = subject.open()
        pool.shutdown()
        try:
            pool.submit(abs, -1)
        except RuntimeError:
            return
        raise AssertionError("submit() after shutdown() raises a RuntimeError, and it was accepted")

    def test_a_pool_can_be_closed_twice(self, subject: ExecutorProvider) -> None:
        pool = subject.open()
        pool.shutdown()
        pool.shutdown()

    def test_closing_waits_for_work_that_was_accepted(self, subject: ExecutorProvider) -> None:
        pool = subject.open()
        jobs = [pool.submit(time.sleep, 0.01) for _ in range(4)]
        pool.shutdown(wait=True)
        done, unfinished = wait(jobs, timeout=0)
        assert not unfinished, f"{len(unfinished)} of {len(done) + len(unfinished)} jobs were not done at shutdown"

    def test_two_pools_do_not_close_each_other(self, subject: ExecutorProvider) -> None:
        with subject.open() as first:
            subject.open().shutdown()
            found = first.submit(abs, -1).result(_TIMEOUT_SECONDS)
        assert found == 1, f"closing one pool leaves the other open, found {found!r}"
