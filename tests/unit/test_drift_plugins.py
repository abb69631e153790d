"""The built-in drift plugins: their options, their documentation, and what importing them costs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.drift import DriftDetector, StreamDetector, TableDetector
from watchkeeper.contracts.plugin import Plugin
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.encoding import TableEncoding
from watchkeeper.domain.errors import ConfigError, UsageError
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Table
from watchkeeper.monitor.quality import quality_of
from watchkeeper.plugins.options import structured_options
from watchkeeper_plugins.drift import chi2, hellinger, jensen_shannon, psi

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGE = DOCS / "drift.md"
PAGES = {DriftDetector: PAGE, TableDetector: PAGE, StreamDetector: DOCS / "streaming.md"}
WORDS = ("**Formula.**", "**Source.**", "**Cost.**", "**Example.**")


def built_in(shape: type = DriftDetector) -> list[Plugin]:
    """The built-in detectors of a shape: of columns, of tables, of streams."""
    points = distribution("watchkeeper").entry_points.select(group="watchkeeper")
    modules = [import_module(point.value) for point in points if point.name.startswith("drift.")]
    return [plugin for module in modules for plugin in module.watchkeeper_drift() if isinstance(built(plugin), shape)]


def built(plugin: Plugin) -> Any:
    return plugin.build(plugin.options())


def sections(page: Path) -> dict[str, str]:
    return dict(part.split("\n", 1) for part in page.read_text(encoding="utf-8").split("\n## ")[1:])


@pytest.mark.parametrize("shape", list(PAGES), ids=["columns", "tables", "streams"])
def test_every_built_in_detector_is_documented_with_formula_source_cost_and_options(shape: type) -> None:
    page = PAGES[shape]
    found = sections(page)
    assert built_in(shape)
    for plugin in built_in(shape):
        section = found.get(f"`{plugin.name}`")
        assert section is not None, f"{page.name} has no section ## `{plugin.name}`"
        for word in (*WORDS, *(["**Undefined**"] if page == PAGE else [])):
            assert word in section, f"{page.name}: `{plugin.name}` lacks {word}"
        for field in attrs.fields(plugin.options):
            assert f"`{field.name}`" in section, f"{page.name}: `{plugin.name}` lacks option {field.name}"


def test_the_numbers_in_the_documentation_are_computed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    reference, window = ReferenceColumn.fit("x", np.arange(100.0)), np.arange(50.0, 150.0)
    for plugin in built_in():
        found = built(plugin).compare(Comparison(reference, window))
        assert f"`{plugin.name}` {found.statistic.number:.4f}" in text


def test_the_numbers_of_table_detectors_in_the_documentation_are_computed() -> None:
    many, few = np.arange(200.0), np.arange(100.0)
    reference = Table({"a": many % 20, "b": many % 20 + many % 3})
    window = Table({"a": few % 20, "b": 7 * few % 20 + few % 3})
    encoding = TableEncoding.of(ReferenceColumn.fit(name, reference[name]) for name in reference)
    found = sections(PAGE)
    for plugin in built_in(TableDetector):
        drift = built(plugin).fit(encoding.encoded(reference)).compare(encoding.encoded(window))
        told = re.search(rf"\*\*Example\.\*\* `{plugin.name}` ([0-9]+[.][0-9]+)", found[f"`{plugin.name}`"])
        assert told is not None, plugin.name
        # forests of another release of scikit-learn may differ a little
        within = 0.05 if plugin.name == "domain_classifier" else 6e-5
        assert drift.statistic.number == pytest.approx(float(told[1]), abs=within), plugin.name


def test_the_examples_of_stream_detectors_in_the_documentation_are_computed() -> None:
    at = np.arange(3000)
    errors = ((at % 5 == 0) | ((at >= 2000) & (at % 5 < 3))).astype(float)
    streams = {"Errors": errors, "Numbers": 1.4 * np.sin(at) + 2.0 * (at >= 2000)}
    text = PAGES[StreamDetector].read_text(encoding="utf-8")
    for plugin in built_in(StreamDetector):
        detector = built(plugin)
        (signal,) = detector.begin().update_many(streams[str(detector.values).capitalize()]).tolist()
        assert f"{str(detector.values).capitalize()}: `{plugin.name}` signals at {signal}." in text


def test_the_score_in_the_documentation_is_computed() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan, np.nan, np.inf, 200.0])
    score = quality_of(values, ReferenceColumn.fit("x", np.arange(100.0)))["quality_score"].number
    text = (DOCS / "quality.md").read_text(encoding="utf-8")
    assert f"`quality_score`\n{score:.1f}" in text
    for name in ("missing_share", "infinite_share", "out_of_range_share", "unseen_share", "constant", "type_changed"):
        assert f"| `{name}` |" in text


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
        + "\n".join(f"import watchkeeper_plugins.drift.{plugin.name}" for shape in PAGES for plugin in built_in(shape))
        + "\nheavy = {'scipy.stats', 'sklearn', 'pandas', 'pyarrow'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
