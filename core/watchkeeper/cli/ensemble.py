"""``ensemble``: how much each member counts."""

from __future__ import annotations

from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

app = typer.Typer(help="Ensembles: how much each member counts.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The ensemble.")]


@app.command()
def weights(name: Name, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The weights that were set, the latest last."""
    from rich.table import Table

    from watchkeeper.domain.errors import NothingToCheck, UsageError
    from watchkeeper.domain.nearest import did_you_mean
    from watchkeeper.domain.window import iso_time

    with opened(config) as watch:
        settings = watch.ensembles.weights_history(name)
        known = tuple(watch.config.ensembles)
    if not settings and name not in known:
        raise UsageError(
            f"there is no ensemble {name!r} in the configuration, which has {', '.join(known) or 'none'}"
            f"{did_you_mean(name, known)}"
        )
    if not settings:
        raise NothingToCheck(
            f"ensemble {name!r} has no weights yet; set them with `watchkeeper ensemble reweigh {name}`"
        )
    if as_json:
        show_json([{"set": iso_time(one.set_us), "strategy": one.strategy, "shares": one.shares} for one in settings])
        return
    members = list(settings[-1].shares)
    table = Table("set", "strategy", "rows", *members)
    for one in settings:
        shares = [f"{one.shares[member]:.3f}" if member in one.shares else "" for member in members]
        table.add_row(iso_time(one.set_us), one.strategy, str(one.rows), *shares)
    show(table)


@app.command()
def reweigh(name: Name, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Learn the weights from the members' latest outcomes."""
    with opened(config) as watch:
        found = watch.reweigh(name)
    say(f"{name}: " + ", ".join(f"{member} {share:.3f}" for member, share in found.shares.items()))
