"""A faulty plugin: what it builds is no metric."""

from collections.abc import Iterable

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.hookspecs import hookimpl


class Half:
    """It has no `compute`, and does not say which tasks it is for."""

    higher_is_better = True


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    yield Plugin(Kind.METRIC, "wrong_build", lambda _: Half())
