"""``init``, ``demo`` and ``doctor``: a project's beginning and its health."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(demo)
    app.command()(doctor)


def init(
    reference: Annotated[Path, typer.Argument(help="A file of rows that define normal: CSV, Parquet, …")],
    prediction: Annotated[str, typer.Option(help="The column with what the model said.")],
    time: Annotated[str, typer.Option(help="The column with the time of each row.")],
    task: Annotated[str, typer.Option(help="classification, regression or score.")] = "classification",
    outcome: Annotated[str | None, typer.Option(help="The column with what turned out to be true.")] = None,
    row_id: Annotated[str | None, typer.Option("--id", help="The column that identifies a row.")] = None,
    model: Annotated[str, typer.Option(help="The model's name.")] = "model",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write a watchkeeper.toml for one model, from a file of rows that define normal."""
    from watchkeeper.app.beginning import begun

    found = begun(
        Path(config),
        reference=reference,
        model=model,
        task=task,
        columns={"time": time, "id": row_id, "prediction": prediction, "outcome": outcome},
    )
    for name in found.names_of_rows:
        as_id = "" if row_id else f"; --id {name} joins predictions to outcomes by it"
        say(f"column {name!r} is no feature, as it names the rows{as_id}")
    if found.probabilities:
        told = ", ".join(f"{name} of {label}" for label, name in found.probabilities.items())
        say(f"columns that are no features, as they are the probabilities of the classes: {told}")
    say(f"wrote {config}; next: watchkeeper check {model} --data NEW_ROWS{reference.suffix}")


def demo(
    folder: Annotated[Path, typer.Option(help="Where to leave the project; must not exist yet.")] = Path(
        "watchkeeper-demo"
    ),
) -> None:
    """Watch five volatility forecasters live through 2007 to 2010 on S&P 500 history; takes under a minute."""
    from .demo import told

    told(folder)


def doctor(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Whether everything is there that the project needs: configuration, plugins, references, store."""
    from watchkeeper.app.doctor import examined

    found = examined(config)
    if as_json:
        show_json([{"what": one.subject, "status": one.status, "finding": one.sentence} for one in found])
    else:
        from rich.table import Table

        table = Table("what", "status", "finding")
        for one in found:
            table.add_row(one.subject, one.status, one.sentence)
        show(table)
    if any(one.status != "OK" for one in found):
        raise typer.Exit(1)
