"""What a command prints: results to stdout, talk to stderr, errors as one clear sentence and a documented code."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from watchkeeper.domain.errors import WatchkeeperError

if TYPE_CHECKING:
    from rich.console import RenderableType

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ConfigPath = Annotated[
    str, typer.Option("--config", "-c", envvar="WATCHKEEPER_CONFIG", help="The project's configuration file.")
]
DEFAULT_CONFIG = "watchkeeper.toml"
INTERNAL_ERROR = 70


def say(text: str) -> None:
    """Talk: to stderr, never part of a result."""
    sys.stderr.write(text + "\n")


def show(result: RenderableType) -> None:
    """A result for a person: a rich table, or text; to stdout, without colour when that is not a terminal."""
    from rich.console import Console

    Console(soft_wrap=not sys.stdout.isatty()).print(result)


def show_json(result: Any) -> None:
    """A result for a program, to stdout."""
    sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False, default=str) + "\n")


def exit_with(error: WatchkeeperError) -> NoReturn:
    """Say what is wrong and leave with the error's documented exit code."""
    say(f"watchkeeper: {error}" if "\n" not in str(error) else str(error))
    raise SystemExit(error.exit_code)


def exit_with_internal(error: Exception) -> NoReturn:
    """An error of ours: one line, and the traceback when WATCHKEEPER_DEBUG is set."""
    say(f"watchkeeper: internal error, {type(error).__name__}: {error}; set WATCHKEEPER_DEBUG=1 to see where")
    if os.environ.get("WATCHKEEPER_DEBUG"):
        raise error
    raise SystemExit(INTERNAL_ERROR)
