"""The pages that are written from the code: hooks with their contracts, built-in plugins, and every command."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

from watchkeeper import hookspecs
from watchkeeper.contracts.plugin import API, Kind, Plugin
from watchkeeper.plugins import Plugins

CONTRACT_OF_KIND = {
    Kind.METRIC: ("metric", "Metric"),
    Kind.DRIFT: ("drift", "DriftDetector"),
    Kind.WEIGHTING: ("weighting", "Weighting"),
    Kind.EXPLAINER: ("explainer", "Explainer"),
    Kind.NOTIFIER: ("notifier", "Notifier"),
    Kind.STORAGE: ("storage", "Storage"),
    Kind.FORMAT: ("format", "Format"),
    Kind.EXECUTOR: ("executor", "ExecutorProvider"),
}


def write_pages(folder: Path) -> None:
    """Write ``hooks.md``, ``plugins.md`` and ``commands.md``; a file that would not change is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("hooks.md", hooks_page()),
        ("plugins.md", plugins_page()),
        ("commands.md", commands_page()),
    ):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def hook_names() -> list[str]:
    """Every hook that is specified."""
    return [name for name in vars(hookspecs) if name.startswith("watchkeeper_")]


def hooks_page() -> str:
    """Each hook, and the contract of the objects that its plugins build."""
    parts = ["# Hooks and contracts", "", *_paragraph(hookspecs.__doc__), ""]
    kind_of_hook = {hook: kind for kind, hook in hookspecs.HOOK_OF_KIND.items()}
    for name in hook_names():
        hook = getattr(hookspecs, name)
        parts += [f"## `{name}{inspect.signature(hook)}`", "", *_paragraph(hook.__doc__), ""]
        if name in kind_of_hook:
            parts += _contract(kind_of_hook[name])
    return "\n".join(parts) + "\n"


def plugins_page() -> str:
    """Every installed built-in plugin: what it does and what can be set."""
    plugins = Plugins()
    parts = [
        "# Built-in plugins",
        "",
        "Each is an entry point like anybody else's; see them with `watchkeeper plugins list`.",
        "",
    ]
    for kind in Kind:
        parts += [f"## {kind.value}", ""]
        for name in plugins.names(kind):
            parts += _plugin(plugins.get(kind, name))
    return "\n".join(parts) + "\n"


def commands_page() -> str:
    """Every command with its arguments and options."""
    import typer

    from watchkeeper.cli.main import app

    parts = ["# Every command", "", "What they have in common is told [apart](../commands.md).", ""]
    for path, command in leaf_commands(typer.main.get_command(app), ("watchkeeper",)):
        parts += [f"## `{' '.join(path)}`", "", *_paragraph(command.help), ""]
        rows = [f"| {_named(option)} | {_told(option)} |" for option in command.params if option.name != "help"]
        if rows:
            parts += ["| argument or option | what it is |", "|---|---|", *rows, ""]
    return "\n".join(parts) + "\n"


def leaf_commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The commands that do something, with the words that call them."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from leaf_commands(child, (*path, name))


def _named(option: Any) -> str:
    return f"`{option.name.upper()}`" if option.param_type_name == "argument" else f"`{', '.join(option.opts)}`"


def _told(option: Any) -> str:
    return " ".join((getattr(option, "help", None) or "").split()).replace("|", "or")


def _contract(kind: Kind) -> list[str]:
    module_name, class_name = CONTRACT_OF_KIND[kind]
    module: ModuleType = import_module(f"watchkeeper.contracts.{module_name}")
    contract = getattr(module, class_name)
    told = f"Plugins of kind **{kind.value}** (contract version {API[kind]}) build objects that satisfy "
    parts = [f"{told}`watchkeeper.contracts.{module_name}.{class_name}`:", "", *_quoted(contract.__doc__), ""]
    for name, member in vars(contract).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            parts += [f"### `{name}{_signature(member)}`", "", *_quoted(member.__doc__), ""]
    return parts


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "")


def _plugin(plugin: Plugin) -> list[str]:
    parts = [f"### {plugin.title}", "", plugin.summary or "", ""]
    fields = attrs.fields(plugin.options)
    if not fields:
        return [*parts, "No options.", ""]
    parts += ["| option | type | default |", "|---|---|---|"]
    for field in fields:
        default = "required" if field.default is attrs.NOTHING else _shown(field.default)
        parts.append(f"| `{field.name}` | `{_type_name(field.type)}` | {default} |")
    return [*parts, ""]


def _shown(default: Any) -> str:
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return "empty"
    return f"`{default!r}`"


def _type_name(annotation: Any) -> str:
    return (annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))).replace(
        "|", "or"
    )


def _paragraph(text: str | None) -> list[str]:
    return inspect.cleandoc(text or "").splitlines()


def _quoted(text: str | None) -> list[str]:
    return ["```text", *_paragraph(text), "```"]
