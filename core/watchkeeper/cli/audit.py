"""``audit``: who changed what, in a chain that shows when something was taken out."""

from __future__ import annotations

from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

app = typer.Typer(help="The audit log: who changed what.", no_args_is_help=True)


@app.command("show")
def show_entries(
    config: ConfigPath = DEFAULT_CONFIG,
    after: Annotated[int, typer.Option(help="Only entries with a number above this.")] = 0,
    as_json: AsJson = False,
) -> None:
    """The entries, oldest first, each checked against the one before."""
    from rich.table import Table

    with opened(config) as watch:
        entries = list(watch.registry.audit(after))
    if as_json:
        show_json([{"number": one.number, "digest": one.digest, **one.body} for one in entries])
        return
    table = Table("number", "digest", "entry")
    for one in entries:
        table.add_row(str(one.number), one.digest[:12], ", ".join(f"{key} {value}" for key, value in one.body.items()))
    show(table)


@app.command()
def verify(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Recompute the whole chain; a broken one is an error that names the entry."""
    with opened(config) as watch:
        count = sum(1 for _ in watch.registry.audit())
    say(f"{count} entries, the chain is whole")
