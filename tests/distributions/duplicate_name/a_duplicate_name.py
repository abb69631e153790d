"""A faulty plugin: it takes the name of a built-in one, from a distribution that sorts before."""

from collections.abc import Iterable

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl


class Rows:
    """The number of rows: a metric without a fault of its own."""

    tasks = frozenset(Task)
    higher_is_better = True

    def compute(self, evaluation: Evaluation) -> Value:
        return Value.of(len(evaluation), samples=len(evaluation))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    yield Plugin(Kind.METRIC, "accuracy", lambda _: Rows(), summary="Taken over")
