"""What a command prints: results to stdout, talk to stderr, errors as one clear sentence and a documented code."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from watchkeeper.domain.errors import ConfigError, DataError, WatchkeeperError

if TYPE_CHECKING:
    from rich.console import RenderableType

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ConfigPath = Annotated[
    str, typer.Option("--config", "-c", envvar="WATCHKEEPER_CONFIG", help="The project's configuration file.")
]
DEFAULT_CONFIG = "watchkeeper.toml"
INTERNAL_ERROR = 70
PLAIN_WIDTH = 140
"""Columns of a table that goes to a file or a pipe."""


def say(text: str) -> None:
    """Talk: to stderr, never part of a result."""
    sys.stderr.write(text + "\n")


def show(result: RenderableType) -> None:
    """A result for a person: a rich table, or text; to stdout, without colour when that is not a terminal."""
    from rich.console import Console

    # names and reasons are anybody's text: [/this] and :that: mean nothing in them
    Console(width=width(), soft_wrap=not sys.stdout.isatty(), markup=False, emoji=False).print(result)


def width() -> int:
    """How many columns a result may have: the terminal's, or `PLAIN_WIDTH`."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH


def show_json(result: Any) -> None:
    """A result for a program, to stdout."""
    sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False, default=str) + "\n")


def exit_with(error: WatchkeeperError) -> NoReturn:
    """Say what is wrong and leave with the error's documented exit code."""
    # problems of a configuration begin with their place, which terminals and editors make a link of
    say(str(error) if isinstance(error, ConfigError) else f"watchkeeper: {error}")
    raise SystemExit(error.exit_code)


def exit_with_internal(error: Exception) -> NoReturn:
    """An error of ours: one line, and the traceback when WATCHKEEPER_DEBUG is set.

    A file or folder that the system refuses is none of ours: which one, and what the system says.
    """
    if isinstance(error, OSError) and error.filename is not None and not os.environ.get("WATCHKEEPER_DEBUG"):
        say(f"watchkeeper: {error.filename} cannot be used ({error.strerror}); name another place, or mend this one")
        raise SystemExit(DataError.exit_code)
    say(f"watchkeeper: internal error, {type(error).__name__}: {error}; set WATCHKEEPER_DEBUG=1 to see where")
    if os.environ.get("WATCHKEEPER_DEBUG"):
        raise error
    raise SystemExit(INTERNAL_ERROR)
