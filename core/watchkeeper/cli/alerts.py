"""``alerts``: what fires, and who takes care of it."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

app = typer.Typer(help="Alerts: what fires, and who takes care of it.", no_args_is_help=True)
Fingerprint = Annotated[str, typer.Argument(help="The alert's fingerprint, or its beginning.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="What to note.")]
State = Annotated[str | None, typer.Option(help="Only alerts in this state; the open ones when left out.")]


@app.command("list")
def list_alerts(
    state: State = None,
    model: Annotated[str | None, typer.Option(help="Only alerts of this model.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Alerts, last changed first."""
    from rich.table import Table

    from watchkeeper.domain.alert import AlertState
    from watchkeeper.domain.window import iso_time

    if state is not None and state not in list(AlertState):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(AlertState)}", param_hint="--state")
    with opened(config) as watch:
        found = watch.alerting.alerts(AlertState(state) if state else None, model)
    if as_json:
        import attrs

        show_json([attrs.asdict(alert) for alert in found])
        return
    table = Table("alert", "state", "severity", "model", "rule", "since", "summary")
    for alert in found:
        since = iso_time(alert.since_us)
        table.add_row(alert.fingerprint[:8], alert.state, alert.severity, alert.model, alert.rule, since, alert.summary)
    show(table)


@app.command()
def acknowledge(fingerprint: Fingerprint, comment: Comment = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Say that you take care of it: it is not told again until it is over."""
    with opened(config) as watch:
        alert = watch.alerting.acknowledge(fingerprint, getpass.getuser(), comment)
    say(f"{alert.fingerprint[:8]} {alert.rule} of {alert.model} is {alert.state}")


@app.command()
def resolve(fingerprint: Fingerprint, comment: Comment = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
    """End it; should its condition hold at the next check, it begins anew."""
    with opened(config) as watch:
        alert = watch.alerting.resolve(fingerprint, getpass.getuser(), comment)
    say(f"{alert.fingerprint[:8]} {alert.rule} of {alert.model} is {alert.state}")


@app.command()
def deliver(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Send the notifications that are due; exit code 1 when one could not be sent."""
    with opened(config) as watch:
        report = watch.deliver()
    for delivery in report.delivered:
        show(f"delivered to {delivery.receiver}: {delivery.detail}")
    for missed in report.undelivered:
        say(f"not delivered to {missed.receiver}: {missed.error}")
    if report.undelivered or report.failures:
        raise typer.Exit(1)
