"""``init``, ``demo``, ``run`` and ``doctor``: a project's beginning, its daily life and its health."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(demo)
    app.command()(run)
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

    left_out = begun(
        Path(config),
        reference=reference,
        model=model,
        task=task,
        columns={"time": time, "id": row_id, "prediction": prediction, "outcome": outcome},
    )
    for name in left_out:
        as_id = "" if row_id else f"; --id {name} joins predictions to outcomes by it"
        say(f"column {name!r} is no feature, as it names the rows{as_id}")
    say(f"wrote {config}; next: watchkeeper check {model} --data NEW_ROWS{reference.suffix}")


def demo(
    folder: Annotated[Path, typer.Option(help="Where to leave the project; must not exist yet.")] = Path(
        "watchkeeper-demo"
    ),
) -> None:
    """Watch five volatility forecasters live through 2007 to 2010 on S&P 500 history; takes under a minute."""
    from .demo import told

    told(folder)


def run(
    config: ConfigPath = DEFAULT_CONFIG,
    every: Annotated[
        str, typer.Option(help="How often to check models that have no `every` of their own: 30s, 15m, 1h.")
    ] = "15m",
    times: Annotated[int | None, typer.Option(help="Stop after so many rounds.", min=1)] = None,
) -> None:
    """Check every model again and again, as often as its `every` says, and deliver alerts, until interrupted.

    Ctrl-C ends it, and so does SIGTERM, after the model that is being checked; both with exit code 0. What cannot be
    delivered is said on standard error.
    """
    from contextlib import closing

    from watchkeeper.app.rounds import rounds
    from watchkeeper.domain.spans import Duration
    from watchkeeper.domain.window import iso_time
    from watchkeeper.monitor.rendering import headline

    from .ending import ended_by_sigterm
    from .heard import Heard

    pause = Duration.parse(every)
    with ended_by_sigterm() as ending, opened(config) as watch:
        told = ", ".join(f"{name} every {model.every or pause}" for name, model in watch.config.models.items())
        say(f"checking {told}; stop with Ctrl-C")
        try:
            heard = Heard(say)
            heard.tell_dead(len(watch.alerting.outbox.dead_letters(limit=1_000)))
            with closing(rounds(watch, pause, times, ending, heard=heard)) as each:
                for results in each:
                    now = iso_time(watch.now_us() // 1_000_000 * 1_000_000)
                    for result in results.values():
                        show(f"{now} {headline(result)}")
        except KeyboardInterrupt:
            say("stopped")
        else:
            if ending.is_set():
                say("stopped by SIGTERM")


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
