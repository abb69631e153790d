"""``log`` and ``outcomes``: rows from files into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, ConfigPath, say

Model = Annotated[str, typer.Argument(help="The model.")]
File = Annotated[Path, typer.Argument(help="A CSV, Parquet, Feather or JSON-lines file.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(log)
    app.command()(outcomes)


def log(model: Model, file: File, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Store a file's predictions, and its outcomes where it has that column."""
    from watchkeeper.data.files import read_table

    with opened(config) as watch:
        rows = watch.log_table(model, read_table(file), source=file.name)
    say(f"{rows} predictions of {model} are stored")


def outcomes(model: Model, file: File, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Store a file's outcomes: its id column says which predictions they belong to."""
    from watchkeeper.data.files import read_table

    with opened(config) as watch:
        rows = watch.record_outcomes_table(model, read_table(file), source=file.name)
    say(f"{rows} outcomes of {model} are stored")
