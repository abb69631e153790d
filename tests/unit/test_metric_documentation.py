"""The reference page tells every built-in metric, and every example in a metric's module is true."""

from __future__ import annotations

import doctest
import importlib
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
BUILT_IN = sorted(
    point.name.removeprefix("metric.")
    for point in entry_points(group="watchkeeper")
    if point.name.startswith("metric.") and point.module.startswith("watchkeeper_plugins.")
)


def rows_of_the_page():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {re.match(r"`(\w+)`", row[0]).group(1): row for row in cells}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_metric_is_on_the_page_with_formula_interval_and_cost(name):
    row = rows_of_the_page().get(name)
    assert row, f"docs/reference/metrics.md has no row for {name}"
    assert len(row) == 5
    assert row[1], "the row tells the formula"
    assert row[3], "the row tells the interval's method"
    assert row[4].startswith("O("), "the row tells the cost"


def test_the_page_tells_no_metric_that_is_not_there():
    assert sorted(rows_of_the_page()) == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_metric_s_module_has_an_example_that_runs_and_names_formula_and_cost(name):
    module = importlib.import_module(f"watchkeeper_plugins.metrics.{name}")
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
    for word in ("Formula:", "Undefined", "Interval:", "Cost:"):
        assert word in module.__doc__, f"{name} does not tell its {word}"
