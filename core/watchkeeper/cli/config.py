"""``watchkeeper config``: check a configuration, show what it comes to, and give editors its schema."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.config import Config, Setting

app = typer.Typer(
    help="The configuration: check it, show where each value comes from, print its schema.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def check(
    config: ConfigPath = DEFAULT_CONFIG,
    secrets: Annotated[
        bool, typer.Option("--secrets/--no-secrets", help="Whether secrets must be there and plugins must load.")
    ] = True,
) -> None:
    """Find every mistake in the configuration; exit code 3 when there is one."""
    from watchkeeper.app.mistakes import checked_whole
    from watchkeeper.plugins import Plugins

    with redirect_stdout(sys.stderr):  # what a plugin prints at import is no result
        loaded, doubts = checked_whole(config, Plugins(), os.environ, at_use=secrets)
    for doubt in doubts:
        say(f"WARNING: {doubt}")
    typer.echo(f"{config}: no mistake found; {_counted(loaded.config)}")


@app.command("show")
def show_settings(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Every value that counts and where it comes from: a line of the file, a variable, or a default."""
    from watchkeeper.config import load, settings
    from watchkeeper.plugins import Plugins

    plugins = Plugins()
    with redirect_stdout(sys.stderr):
        found = settings(load(config, plugins, os.environ), plugins)
    if as_json:
        show_json([{"key": each.key, "value": each.value, "origin": each.origin} for each in found])
    else:
        _show_table(found)


@app.command()
def schema() -> None:
    """JSON Schema of the configuration, for editors: watchkeeper config schema > watchkeeper.schema.json."""
    from watchkeeper.config import schema_json
    from watchkeeper.plugins import Plugins

    show_json(schema_json(Plugins()))


def _show_table(found: tuple[Setting, ...]) -> None:
    """A rich table on a terminal; otherwise a line for each, parted by tabs."""
    if not sys.stdout.isatty():
        for each in found:
            typer.echo(f"{each.key}\t{_told(each.value)}\t{each.origin}")
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for title in ("key", "value", "from"):
        table.add_column(title, overflow="fold")
    for each in found:
        # values come from a file: no markup in them is meant
        table.add_row(Text(each.key), Text(_told(each.value)), Text(each.origin, style="dim"))
    show(table)


def _told(value: object) -> str:
    """A value in one line; texts without quotes."""
    import json

    from watchkeeper.config.problems import one_line

    if value is None:
        return "not set"
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _counted(config: Config) -> str:
    """``2 models, 1 rule and 1 notifier``."""
    counts = {"model": config.models, "ensemble": config.ensembles, "rule": config.rules, "notifier": config.notifiers}
    return ", ".join(f"{len(named)} {word}{'' if len(named) == 1 else 's'}" for word, named in counts.items())
