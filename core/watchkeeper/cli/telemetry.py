"""``log`` and ``outcomes``: rows from files into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.domain.plural import counted

from .busy import busy
from .opening import opened
from .output import DEFAULT_CONFIG, ConfigPath, say

Model = Annotated[str, typer.Argument(help="The model.")]
File = Annotated[Path, typer.Argument(help="A CSV, Parquet, Feather or JSON-lines file.")]

_EXAMPLES = 5


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(log)
    app.command()(outcomes)


def log(
    model: Model,
    file: File,
    config: ConfigPath = DEFAULT_CONFIG,
    again: Annotated[
        bool, typer.Option("--again", help="Store every row, also those that are stored already.")
    ] = False,
) -> None:
    """Store a file's predictions, and its outcomes where it has that column; what is stored already is left alone."""
    with opened(config) as watch, busy("storing", file):
        found = watch.log_file(model, file, again=again)
    for told in found.doubts:
        say(told)
    say(found.sentence)


def outcomes(model: Model, file: File, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Store a file's outcomes: its id column says which predictions they belong to."""
    from watchkeeper.data.files import read_table

    with opened(config) as watch, busy("storing", file):
        found = watch.record_outcomes_table(model, read_table(file), source=file.name)
    say(f"{counted(found.rows, 'outcome')} of {model} {'is' if found.rows == 1 else 'are'} stored")
    if found.unknown:
        examples = ", ".join(found.unknown[:_EXAMPLES]) + (", …" if len(found.unknown) > _EXAMPLES else "")
        say(
            f"{counted(len(found.unknown), 'id')} of {file.name} belong{'s' if len(found.unknown) == 1 else ''} to no "
            f"stored prediction of {model}: {examples}; is the id column right, and are the predictions logged?"
        )
