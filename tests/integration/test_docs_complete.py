"""The documentation names every hook, every contract's method, every built-in plugin and every option."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import attrs
import pytest

from watchkeeper.contracts.plugin import Kind
from watchkeeper.plugins import Plugins

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_hook_has_its_section(generate):
    page = generate.hooks_page()
    names = generate.hook_names()
    assert len(names) >= 10
    for name in names:
        assert f"## `{name}(" in page, name


def test_every_kind_has_its_contract(generate):
    assert set(generate.CONTRACT_OF_KIND) == set(Kind)
    page = generate.hooks_page()
    for module, name in generate.CONTRACT_OF_KIND.values():
        assert f"watchkeeper.contracts.{module}.{name}" in page


def test_every_plugin_and_option_is_named(generate):
    page, plugins = generate.plugins_page(), Plugins()
    for kind in Kind:
        for name in plugins.names(kind):
            plugin = plugins.get(kind, name)
            assert f"### {plugin.title}\n" in page
            for field in attrs.fields(plugin.options):
                assert f"| `{field.name}` |" in page, (plugin.title, field.name)


def test_every_command_and_option_says_what_it_is(generate):
    import typer

    from watchkeeper.cli.main import app

    page = generate.commands_page()
    commands = list(generate.leaf_commands(typer.main.get_command(app), ("watchkeeper",)))
    assert len(commands) > 20
    for path, command in commands:
        assert f"## `{' '.join(path)}`\n" in page
        assert command.help, path
        for option in command.params:
            assert getattr(option, "help", None), (path, option.name)
