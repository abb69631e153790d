"""Executor ``dask``: workers of a Dask cluster, of this machine or of a scheduler somewhere else.

A part whose worker dies is computed again by another: the cluster's own way, `deaths` times at most.

>>> build(Options(workers=0))
Traceback (most recent call last):
    ...
watchkeeper.domain.errors.ConfigError: workers: found 0, expected at least 1, or nothing for one a core
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import ConfigError, PluginBroken
from watchkeeper.hookspecs import hookimpl

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

T = TypeVar("T")


@attrs.frozen
class Options:
    """What can be set."""

    address: str | None = None
    """A running scheduler, such as ``tcp://dask.example:8786``; a cluster of this machine when left out."""
    workers: int | None = None
    """Processes of this machine's cluster; as many as this process may use cores when left out."""
    deaths: int = attrs.field(default=3)
    """How many workers may die of one part before it is given up."""
    wait_seconds: float = 30.0
    """How long to wait for the scheduler."""


@attrs.frozen
class DaskExecutor:
    """Opens pools over a Dask cluster; each pool of this machine has a cluster of its own."""

    options: Options

    def open(self) -> Executor:
        """A new pool; closing it ends its cluster's processes, or leaves a remote scheduler as it was.

        A script that uses this machine's cluster keeps its work under ``if __name__ == "__main__"``: workers import it.

        Raises
        ------
        PluginBroken
            The scheduler cannot be reached.
        """
        import dask
        from distributed import Client, LocalCluster

        if self.options.address is not None:
            try:
                return _Pool(
                    Client(self.options.address, timeout=self.options.wait_seconds, set_as_default=False), None
                )
            except OSError as error:
                raise PluginBroken(
                    f"no Dask scheduler answers at {self.options.address} within {self.options.wait_seconds:g} s "
                    f"({error}); start one with `dask scheduler`, or leave `address` out"
                ) from error
        with dask.config.set({"distributed.scheduler.allowed-failures": self.options.deaths}):
            cluster = LocalCluster(
                n_workers=self.options.workers or _usable_cores(),
                threads_per_worker=1,
                dashboard_address=":0",  # a free port: another cluster may have the usual one
                memory_limit=0,  # rows are read a little at a time: a worker that grows is not helped by being killed
            )
        return _Pool(Client(cluster, set_as_default=False), cluster)


class _Pool(Executor):
    """The client's executor, closed together with everything that was opened for it."""

    def __init__(self, client: Client, cluster: LocalCluster | None) -> None:
        self._client = client
        self._cluster = cluster
        # every call is work of its own: equal calls are not taken for one
        self._inner = client.get_executor(pure=False)

    def submit(self, call: Callable[..., T], /, *args: Any, **named: Any) -> Future[T]:
        """Compute it on some worker."""
        future: Future[T] = self._inner.submit(call, *args, **named)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Executor's own signature
        """Take no more work; wait for what was accepted, or drop it; release the workers."""
        self._inner.shutdown(wait=wait and not cancel_futures)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def build(options: Options) -> DaskExecutor:
    """The provider; a ConfigError for a number of workers below 1."""
    if options.workers is not None and options.workers < 1:
        raise ConfigError(f"workers: found {options.workers}, expected at least 1, or nothing for one a core")
    if options.address is not None and options.workers is not None:
        raise ConfigError(f"workers: the scheduler at {options.address} has its own; leave `workers` or `address` out")
    import distributed  # noqa: F401 - so that a missing extra is told now

    return DaskExecutor(options)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@hookimpl
def watchkeeper_executors() -> Iterable[Plugin]:
    """One plugin: ``dask``."""
    yield Plugin(
        Kind.EXECUTOR,
        "dask",
        build,
        Options,
        summary="A Dask cluster, of this machine or elsewhere",
        extra="dask",
        modules=("distributed",),
    )
