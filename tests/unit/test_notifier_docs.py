"""docs/reference/notifiers.md lists every notifier with every option."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import attrs
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "notifiers.md"
PLUGINS = [
    plugin
    for entry_point in entry_points(group="watchkeeper")
    if entry_point.name.startswith("notifier.") and entry_point.value.startswith("watchkeeper_plugins.")
    for plugin in entry_point.load().watchkeeper_notifiers()
]


def section(name):
    found = re.search(
        rf"^## {re.escape(name)}$(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return found[1] if found else ""


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_each_notifier_has_a_section_and_a_line_in_the_list(plugin):
    assert section(plugin.name), f"docs/reference/notifiers.md has no section {plugin.name!r}"
    assert f"[`{plugin.name}`](#{plugin.name})" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("plugin", "option"),
    [(plugin, field.name) for plugin in PLUGINS for field in attrs.fields(plugin.options)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_each_option_has_a_line(plugin, option):
    assert re.search(rf"^\| `{option}` \|", section(plugin.name), re.MULTILINE), (
        f"{plugin.name}: no line about {option!r}"
    )


def test_the_page_names_no_option_that_there_is_not():
    for plugin in PLUGINS:
        known = {field.name for field in attrs.fields(plugin.options)}
        table = re.search(r"\| option \|.*?\n\n", section(plugin.name) + "\n\n", re.DOTALL)
        named = set(re.findall(r"^\| `(\w+)` \|", table[0], re.MULTILINE)) if table else set()
        assert named <= known, f"{plugin.name}: {named - known}"
