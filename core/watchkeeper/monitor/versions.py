"""Two versions side by side: every metric of each, and their difference, on the same rows where both predicted them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.jackknife import FEWEST_BLOCKS, interval, jackknife_variance
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt

from .evaluating import Judging, evaluation_of
from .records import Records


@attrs.frozen(eq=False)
class Side:
    """One of the two: its rows, in order of time, and how they are judged."""

    title: str
    """``momentum@1.2``."""
    records: Records
    judging: Judging

    @property
    def labelled(self) -> Side:
        """Only the rows with an outcome."""
        return attrs.evolve(self, records=self.records.rows(self.records.has_outcome))

    def rows(self, which: NDArray[np.bool_]) -> Side:
        """Only these rows."""
        return attrs.evolve(self, records=self.records.rows(which))

    def within(self, window: Window) -> Side:
        """Only the rows of a window."""
        time = self.records.time
        if time is None:
            return self
        return self.rows((time >= window.start_us) & (time < window.end_us))


@attrs.frozen
class Compared:
    """One metric of two versions."""

    metric: str
    first: Value
    second: Value
    difference: Value
    """Second less first, with a 95 % interval; its `samples` are the pairs, 0 where the rows are not the same."""
    better: str
    """``first``, ``second``, or "" as long as the difference may be chance."""


def compared_versions(first: Side, second: Side, metrics: Mapping[str, Metric]) -> tuple[Compared, ...]:
    """Each metric over all rows with an outcome of each version, and the difference.

    The difference is of the rows that both predicted, told by their ids, where there are at least 8 blocks of five;
    else of all rows of each, which then are taken to be independent of the other's. Costs 160 metrics at most.
    """
    one, two = first.labelled, second.labelled
    pair = _paired(one, two)
    is_paired = len(pair[0].records) >= 5 * FEWEST_BLOCKS
    return tuple(_compared(name, metric, (one, two), pair if is_paired else None) for name, metric in metrics.items())


def windows_compared(
    first: Side, second: Side, windows: Iterator[Window], metrics: Mapping[str, Metric]
) -> Iterator[tuple[Window, dict[str, tuple[Value, Value]]]]:
    """Each window in which one of them predicted, with every metric of both; see `at_shared_times`."""
    for window in windows:
        one, two = first.within(window), second.within(window)
        if len(one.records) or len(two.records):
            values = {name: (_value(name, metric, one), _value(name, metric, two)) for name, metric in metrics.items()}
            yield window, values


def at_shared_times(first: Side, second: Side) -> Side:
    """The second with the first's times at the rows that both predicted, so that pairs are of the same window."""
    time = second.records.time
    if first.records.time is None or time is None or not first.records.ids or not second.records.ids:
        return second
    known = dict(zip(first.records.ids, first.records.time.tolist(), strict=True))
    moved = np.array(
        [known.get(name, at) for name, at in zip(second.records.ids, time.tolist(), strict=True)], dtype=np.int64
    )
    order = np.argsort(moved, kind="stable")
    records = attrs.evolve(second.records, time=moved).taken(order)
    return attrs.evolve(second, records=records)


def _paired(first: Side, second: Side) -> tuple[Side, Side]:
    """The rows of both that have the same id, in order of the first's times; of an id that stands twice the last."""
    where = {name: at for at, name in enumerate(second.records.ids)}
    here = {name: at for at, name in enumerate(first.records.ids) if name in where}
    left = np.array(sorted(here.values()), dtype=np.int64)
    right = np.array([where[first.records.ids[at]] for at in left.tolist()], dtype=np.int64)
    return (
        attrs.evolve(first, records=first.records.taken(left)),
        attrs.evolve(second, records=second.records.taken(right)),
    )


def _compared(name: str, metric: Metric, sides: tuple[Side, Side], pair: tuple[Side, Side] | None) -> Compared:
    first, second = (_value(name, metric, side) for side in sides)
    difference = _of_pairs(name, metric, *pair) if pair is not None else _of_both(name, metric, *sides)
    better = ""
    if difference.interval is not None and (difference.interval[0] > 0.0 or difference.interval[1] < 0.0):
        better = "second" if (difference.interval[0] > 0.0) == metric.higher_is_better else "first"
    return Compared(name, first, second, difference, better)


def _of_pairs(name: str, metric: Metric, first: Side, second: Side) -> Value:
    rows = len(first.records)

    def difference(kept: NDArray[np.bool_]) -> float | None:
        one, two = (_value(name, metric, side.rows(kept)).number for side in (first, second))
        return None if one is None or two is None else two - one

    found = difference(np.ones(rows, dtype=np.bool_))
    if found is None:
        return Value.undefined("it is undefined on the rows that both predicted", samples=rows)
    spread = jackknife_variance(difference, rows)
    around = None if spread is None else interval(found, *spread)
    return Value.of(found, samples=rows, interval=around)


def _of_both(name: str, metric: Metric, first: Side, second: Side) -> Value:
    one, two = (_value(name, metric, side).number for side in (first, second))
    if one is None or two is None:
        return Value.undefined("it is undefined of one of them")
    spreads = [jackknife_variance(_without(name, metric, side), len(side.records)) for side in (first, second)]
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads):
        return Value.of(two - one)
    variance, degrees = sum(spread[0] for spread in known), min(spread[1] for spread in known)
    return Value.of(two - one, interval=interval(two - one, variance, degrees))


def _without(name: str, metric: Metric, side: Side) -> Callable[[NDArray[np.bool_]], float | None]:
    return lambda kept: _value(name, metric, side.rows(kept)).number


def _value(name: str, metric: Metric, side: Side) -> Value:
    try:
        evaluation = evaluation_of(side.records, side.judging)
    except DataError as error:
        return Value.undefined(str(error))
    if evaluation.task not in metric.tasks:
        return Value.undefined(f"{name} is not for {evaluation.task.value}")
    found = attempt(f"metric.{name}", side.title, lambda: metric.compute(evaluation))
    return Value.undefined(f"it failed: {found.error}") if isinstance(found, Failure) else found
