"""The reference pages of weightings, explainers and formats name every built-in plugin and each of its options."""

import tomllib
from importlib import import_module
from pathlib import Path

import attrs
import pytest

from watchkeeper.contracts.plugin import Plugin
from watchkeeper.hookspecs import HOOK_OF_KIND

ROOT = Path(__file__).parents[2]
PAGES = {"weighting": "weighting.md", "explainer": "explainers.md", "format": "formats.md"}


def built_in_plugins() -> list[Plugin]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = [
        (title.partition(".")[0], module)
        for title, module in project["entry-points"]["watchkeeper"].items()
        if title.partition(".")[0] in PAGES
    ]
    return [plugin for kind, module in modules for plugin in getattr(import_module(module), HOOK_OF_KIND[kind])()]


@pytest.mark.parametrize("plugin", built_in_plugins(), ids=lambda plugin: plugin.title)
def test_the_page_has_a_section_for_the_plugin_and_a_row_for_each_option(plugin: Plugin) -> None:
    page = (ROOT / "docs" / "reference" / PAGES[plugin.kind]).read_text(encoding="utf-8")
    assert f"[`{plugin.name}`](#{plugin.name})" in page
    section = page.partition(f"\n## {plugin.name}\n")[2].partition("\n## ")[0]
    assert section, f"{PAGES[plugin.kind]} has no section '## {plugin.name}'"
    for option in attrs.fields(plugin.options):
        assert f"| `{option.name}` | `{option.default!r}` |" in section
    if not attrs.fields(plugin.options):
        assert "No options." in section


@pytest.mark.parametrize("page", PAGES.values())
def test_the_page_names_no_plugin_that_does_not_exist(page: str) -> None:
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    linked = {line.partition("`](#")[0].partition("[`")[2] for line in text.splitlines() if line.startswith("| [`")}
    assert linked <= {plugin.name for plugin in built_in_plugins()}
    assert linked
