"""The built-in drift plugins: their options, their documentation, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.plugin import Plugin
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.errors import ConfigError, UsageError
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.plugins.options import structured_options
from watchkeeper_plugins.drift import chi2, hellinger, jensen_shannon, psi

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "drift.md"


def built_in() -> list[Plugin]:
    points = distribution("watchkeeper").entry_points.select(group="watchkeeper")
    modules = [import_module(point.value) for point in points if point.name.startswith("drift.")]
    return [plugin for module in modules for plugin in module.watchkeeper_drift() if _compares_windows(plugin)]


def _compares_windows(plugin: Plugin) -> bool:
    """Whether it compares a window with a reference; the others watch streams."""
    return hasattr(plugin.build(plugin.options()), "compare")  # type: ignore[attr-defined]


def test_every_built_in_detector_is_documented_with_formula_source_cost_and_options() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    for plugin in built_in():
        section = sections.get(f"`{plugin.name}`")
        assert section is not None, f"docs/reference/drift.md has no section ## `{plugin.name}`"
        for word in ("**Formula.**", "**Source.**", "**Cost.**", "**Undefined**", "**Example.**"):
            assert word in section, f"docs/reference/drift.md: `{plugin.name}` lacks {word}"
        for field in attrs.fields(plugin.options):
            assert f"`{field.name}`" in section, f"docs/reference/drift.md: `{plugin.name}` lacks option {field.name}"


def test_the_numbers_in_the_documentation_are_computed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    reference, window = ReferenceColumn.fit("x", np.arange(100.0)), np.arange(50.0, 150.0)
    for plugin in built_in():
        found = plugin.build(plugin.options()).compare(Comparison(reference, window))  # type: ignore[attr-defined]
        assert f"`{plugin.name}` {found.statistic.number:.4f}" in text


@pytest.mark.parametrize("module", [psi, jensen_shannon, hellinger, chi2])
def test_a_bin_count_that_no_cells_sum_to_is_refused(module: object) -> None:
    with pytest.raises(UsageError, match="7 bins cannot be summed from 240 quantile cells: expected a divisor of 240"):
        module.Options(bins=7)  # type: ignore[attr-defined]


def test_a_wrong_bin_count_in_the_configuration_names_the_plugin_and_the_option() -> None:
    with pytest.raises(ConfigError, match=r"drift.psi: 7 bins cannot be summed .*; the nearest is 6"):
        structured_options("drift.psi", psi.Options, {"bins": 7})


def test_an_empty_cell_counts_as_the_rows_that_the_option_says() -> None:
    comparison = Comparison(ReferenceColumn.fit("x", np.arange(100.0)), np.arange(50.0))
    half, tenth = (psi.build(psi.Options(empty_rows=rows)).compare(comparison) for rows in (0.5, 0.1))
    assert half.statistic.number == pytest.approx(5 * 0.1 * np.log(2) + 5 * 0.09 * np.log(10))
    assert tenth.statistic.number == pytest.approx(5 * 0.1 * np.log(2) + 5 * 0.098 * np.log(50))


def test_importing_the_detectors_loads_no_heavy_package() -> None:
    code = (
        "import sys\n"
        + "\n".join(f"import watchkeeper_plugins.drift.{plugin.name}" for plugin in built_in())
        + "\nheavy = {'scipy.stats', 'sklearn', 'pandas', 'pyarrow'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
