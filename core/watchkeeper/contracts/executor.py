"""What an executor plugin is: where work is computed."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol, runtime_checkable


@runtime_checkable
class ExecutorProvider(Protocol):
    """Opens a pool of workers; the caller closes it with ``shutdown`` or a ``with`` block."""

    def open(self) -> Executor:
        """A `concurrent.futures.Executor`: whatever is submitted must be picklable."""
        ...
