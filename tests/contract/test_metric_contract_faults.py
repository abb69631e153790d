"""The metric contract finds the mistakes that it is there to find."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.testing.metric import MetricContract

RIGHT = Value.of(0.5, samples=1)


def metric(compute, **attributes):
    return SimpleNamespace(
        **{"tasks": frozenset({Task.SCORE}), "higher_is_better": True, "compute": compute} | attributes
    )


def first_row(evaluation):
    if len(evaluation) == 0:
        return Value.undefined("no rows")
    return Value.of(float(evaluation.truth[0]), samples=1)


def undefined(_):
    return Value.undefined("never")


def writes(evaluation):
    evaluation.truth[:] = 0.0
    return RIGHT


FAULTS = {
    "cells that are numbers": (
        metric(first_row, cells=lambda _: [({"truth": "up"}, 0.5)]),
        "cells_of_a_table",
        "each cell is a Value, found float",
    ),
    "cells without names": (
        metric(first_row, cells=lambda _: [({"truth": 1}, RIGHT)]),
        "cells_of_a_table",
        "the labels of a cell are texts by name",
    ),
    "details that are no number": (
        metric(first_row, details=lambda _: {"by_chance": math.nan}),
        "numbers_beside_its_own",
        "details are finite numbers, found nan as by_chance",
    ),
    "details without names": (
        metric(first_row, details=lambda _: {1: 0.5}),
        "numbers_beside_its_own",
        "details are numbers by name, found the name 1",
    ),
    "a refusal without a reason": (
        metric(first_row, estimate_refusal=""),
        "cannot_be_estimated",
        "estimate_refusal is a reason in words, found none",
    ),
    "a refusal that is no text": (
        metric(first_row, estimate_refusal=True),
        "cannot_be_estimated",
        "estimate_refusal is a reason in words, found True",
    ),
    "no tasks": (metric(undefined, tasks=frozenset()), "it_names_its_tasks", "tasks names at least one task"),
    "a list of tasks": (
        metric(undefined, tasks=[Task.SCORE]),
        "it_names_its_tasks",
        "tasks is a frozenset, found list",
    ),
    "a direction in words": (
        metric(undefined, higher_is_better="yes"),
        "it_names_its_tasks",
        "higher_is_better is a bool",
    ),
    "a plain number": (metric(lambda _: 0.5), "one_row", r"compute\(\) returns a Value, found float"),
    "a numpy number": (
        metric(lambda _: Value(np.float32(0.5), samples=1)),
        "one_row",
        "number is a float, found float32",
    ),
    "no samples": (metric(lambda _: Value.of(1.0)), "one_row", "a number comes from rows, found samples 0"),
    "zero for nothing": (metric(lambda _: RIGHT), "an_empty_window", "an empty window is undefined, found 0.5"),
    "zero for no weight": (metric(lambda _: RIGHT), "without_weight", "rows that all weigh 0 are as none, found 0.5"),
    "any task": (metric(lambda _: RIGHT), "a_task_it_is_not_made_for", "is not in tasks, yet compute gave 0.5"),
    "never defined": (metric(undefined), "ordinary_window", "gave a number: never"),
    "beside its interval": (
        metric(lambda _: Value.of(1.0, samples=1, interval=(2.0, 3.0))),
        "one_row",
        r"the interval \(2.0, 3.0\) does not contain 1.0",
    ),
    "an endless interval": (
        metric(lambda _: Value.of(1.0, samples=1, interval=(0.0, math.inf))),
        "one_row",
        "an interval is finite",
    ),
    "the order matters": (metric(first_row), "order_of_rows", "rows in another order give the same value"),
    "weights forgotten": (metric(lambda rows: Value.of(rows.truth.sum(), samples=1)), "weight_of_zero", "weight of 0"),
    "writes": (metric(writes), "write_into", "wrote into|read-only"),
}


@pytest.mark.parametrize(("subject", "check", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_the_contract_finds(subject, check, message):
    (name,) = [name for name in dir(MetricContract) if name.startswith("test_") and check in name]
    with pytest.raises((AssertionError, ValueError), match=message):
        getattr(MetricContract(), name)(subject)


def test_a_metric_of_a_path_may_depend_on_the_order():
    MetricContract().test_the_order_of_rows_does_not_matter_unless_it_says_so(metric(first_row, is_ordered=True))
