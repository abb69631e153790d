"""The command ``watchkeeper``: its groups, and what becomes of an error."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.domain.errors import WatchkeeperError

from . import (
    alerts,
    audit,
    checking,
    comparing,
    config,
    deploy,
    ensemble,
    explaining,
    models,
    notify,
    plugins,
    project,
    silences,
    staying,
    store,
    telemetry,
)
from .output import exit_with, exit_with_internal

app = typer.Typer(
    name="watchkeeper",
    help="Keeps watch over machine-learning models in production.",
    epilog="Exit codes: 0 healthy, 1 an alert at or above --fail-on, 2 usage, 3 configuration, 4 data unreadable, "
    "5 nothing to check, 70 internal error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for part in (project, staying, checking, comparing, telemetry, explaining):
    part.add_to(app)
for name, group in (
    ("config", config.app),
    ("plugins", plugins.app),
    ("models", models.app),
    ("deploy", deploy.app),
    ("alerts", alerts.app),
    ("silences", silences.app),
    ("notify", notify.app),
    ("ensemble", ensemble.app),
    ("audit", audit.app),
    ("store", store.app),
):
    app.add_typer(group, name=name)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version as installed

        typer.echo(installed("watchkeeper"))
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """What comes before any command."""


def main() -> None:
    """Run the command line; every error of watchkeeper's own becomes a sentence and its exit code."""
    try:
        app()
    except WatchkeeperError as error:
        exit_with(error)
    except Exception as error:  # noqa: BLE001 - the last resort of the program, not a swallowed error: it exits 70
        exit_with_internal(error)
