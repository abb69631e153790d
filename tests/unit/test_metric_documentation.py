"""The reference page tells every built-in metric, and every example in a metric's module is true."""

from __future__ import annotations

import doctest
import importlib
import re
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from watchkeeper.domain.evaluation import Evaluation

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
BUILT_IN = sorted(
    point.name.removeprefix("metric.")
    for point in entry_points(group="watchkeeper")
    if point.name.startswith("metric.") and point.module.startswith("watchkeeper_plugins.")
)

YES = np.array([0.1, 0.3, 0.4, 0.6, 0.35, 0.7, 0.8, 0.9])
DAYS = np.arange(100.0)
WINDOWS = {
    "labels": Evaluation("classification", [0] * 4 + [1] * 4, (YES >= 0.5).astype(int), YES, ("no", "yes")),
    "values": Evaluation("regression", [1.0, 2.0, 3.0, 4.0, 5.0], [1.5, 2.0, 2.5, 5.0, 4.5]),
    "signals": Evaluation("score", 0.01 * np.sin(DAYS) + 0.02 * np.cos(3 * DAYS), np.sin(DAYS)),
}
"""As the page describes them."""


def rows_of_the_page(columns=5):
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {re.match(r"`(\w+)`", row[0]).group(1): row for row in cells if len(row) == columns}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_metric_is_on_the_page_with_formula_interval_and_cost(name):
    row = rows_of_the_page().get(name)
    assert row, f"docs/reference/metrics.md has no row for {name}"
    assert row[1], "the row tells the formula"
    assert row[3], "the row tells the interval's method"
    assert row[4].startswith("O("), "the row tells the cost"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_metric_has_a_source_and_an_example_that_is_true(name):
    row = rows_of_the_page(columns=3).get(name)
    assert row, f"docs/reference/metrics.md tells no source and example of {name}"
    _, source, told = row
    assert re.search(r"\(\d{4}\)", source), "the source has a year"
    window, number = told.split(": ", 1)
    module = importlib.import_module(f"watchkeeper_plugins.metrics.{name}")
    (plugin,) = module.watchkeeper_metrics()
    value = plugin.build(plugin.options()).compute(WINDOWS[window])
    assert number == f"{value.number:.4g} ({value.interval[0]:.4g} to {value.interval[1]:.4g})"


def test_the_page_tells_no_metric_that_is_not_there():
    assert sorted(rows_of_the_page()) == BUILT_IN == sorted(rows_of_the_page(columns=3))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_metric_s_module_has_an_example_that_runs_and_names_formula_and_cost(name):
    module = importlib.import_module(f"watchkeeper_plugins.metrics.{name}")
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
    for word in ("Formula:", "Undefined", "Interval:", "Cost:"):
        assert word in module.__doc__, f"{name} does not tell its {word}"
