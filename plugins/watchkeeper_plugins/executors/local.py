"""Executor ``local``: workers on this machine, processes or threads.

>>> with build(Options(workers=2, kind="threads")).open() as pool:
...     list(pool.map(abs, [-1, -2, 3]))
[1, 2, 3]
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import BaseContext
from typing import Final, Literal

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import ConfigError
from watchkeeper.hookspecs import hookimpl

_THREADS_OF_LIBRARIES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@attrs.frozen
class Options:
    """What can be set."""

    workers: int | None = None
    """How many run at once; as many as this process may use cores when left out."""
    kind: Literal["processes", "threads"] = "processes"
    """Processes use all cores and survive a crash of one job; threads start at once and share memory."""


@attrs.frozen
class LocalExecutor:
    """Opens pools of `workers` processes or threads."""

    workers: int
    kind: Literal["processes", "threads"]

    def open(self) -> Executor:
        """A new pool; what is submitted to processes, and what it returns, must be picklable.

        A script that uses processes keeps its work under ``if __name__ == "__main__"``: workers import it again.
        """
        if self.kind == "threads":
            return ThreadPoolExecutor(self.workers, thread_name_prefix="watchkeeper-local")
        each = max(1, usable_cores() // self.workers)
        return ProcessPoolExecutor(self.workers, _context(), initializer=_share_the_cores, initargs=(each,))


def usable_cores() -> int:
    """The cores that this process may run on, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def build(options: Options) -> LocalExecutor:
    """The provider; a ConfigError for a number of workers below 1."""
    if options.workers is not None and options.workers < 1:
        raise ConfigError(f"workers: found {options.workers}, expected at least 1, or nothing for one a core")
    return LocalExecutor(options.workers or usable_cores(), options.kind)


def _context() -> BaseContext:
    # fork copies locks that other threads hold at that moment (the flusher's, say): the child may wait for ever
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def _share_the_cores(threads: int) -> None:
    """Keep numerical libraries from starting a thread per core in each worker; what the user has set stays."""
    for name in _THREADS_OF_LIBRARIES:
        os.environ.setdefault(name, str(threads))


@hookimpl
def watchkeeper_executors() -> Iterable[Plugin]:
    """One plugin: ``local``."""
    yield Plugin(Kind.EXECUTOR, "local", build, Options, summary="Processes or threads on this machine")
