"""``alerts``: what fires, and who takes care of it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.alerting.delivery import DeliveryReport
    from watchkeeper.alerting.outbox import Letter

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
    from rich.markup import escape
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
        since, told = iso_time(alert.since_us), escape(alert.summary) + (" (muted)" if alert.muted else "")
        table.add_row(alert.fingerprint[:8], alert.state, alert.severity, alert.model, alert.rule, since, told)
    show(table)


@app.command("show")
def show_alert(fingerprint: Fingerprint, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """One alert: what, since when, who takes care of it, and why nobody is told when that is so."""
    import attrs

    with opened(config) as watch:
        alert = watch.alerting.alert(fingerprint)
    if as_json:
        show_json(attrs.asdict(alert))
        return
    from rich.markup import escape
    from rich.table import Table

    from watchkeeper.domain.window import iso_time

    table = Table("alert", alert.fingerprint)
    for name, value in attrs.asdict(alert).items():
        if name == "fingerprint" or value in (None, "", {}):
            continue
        if name == "labels":
            told = ", ".join(f"{label}={found}" for label, found in alert.labels.items())
        else:
            told = iso_time(value) if name.endswith("_us") else str(value)
        table.add_row(name.removesuffix("_us"), escape(told))
    show(table)


@app.command()
def history(
    fingerprint: Annotated[
        str | None, typer.Argument(help="The alert's fingerprint, or its beginning; every alert when left out.")
    ] = None,
    last: Annotated[int, typer.Option(help="Only so many entries, the last ones.", min=1)] = 50,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """What the log says: each change of an alert, who made it and who was told; oldest first."""
    from collections import deque

    with opened(config) as watch:
        entries = deque(watch.alerting.log() if fingerprint is None else watch.alerting.history(fingerprint), last)
    if as_json:
        show_json([{"number": one.number, "digest": one.digest, **one.body} for one in entries])
        return
    from rich.markup import escape
    from rich.table import Table

    from watchkeeper.domain.window import iso_time

    table = Table("number", "time", "event", "alert", "by", "what")
    for one in entries:
        body = one.body
        words = [str(body[key]) for key in ("receiver", "rule", "summary", "comment", "detail") if body.get(key)]
        told = f"told: {', '.join(body['told'])}" if body.get("told") else ""
        about = str(body.get("fingerprint") or body.get("silence") or "")[:8]
        what = escape("; ".join([*words, *([told] if told else [])]))
        table.add_row(str(one.number), iso_time(body["at_us"]), body["event"], about, body.get("by") or "", what)
    show(table)


@app.command()
def acknowledge(fingerprint: Fingerprint, comment: Comment = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Say that you take care of it: it is not told again until it is over."""
    with opened(config) as watch:
        alert = watch.alerting.acknowledge(fingerprint, getpass.getuser(), comment)
    say(f"{alert.fingerprint[:8]} {alert.rule} of {alert.model} is {alert.state}")


@app.command("give-back")
def give_back(fingerprint: Fingerprint, comment: Comment = "", config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Say that you do not take care of it any more: it is told again, and its escalation goes on."""
    with opened(config) as watch:
        alert = watch.alerting.give_back(fingerprint, getpass.getuser(), comment)
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
    tell_report(report)


@app.command()
def dead(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Notifications that could not be delivered and are not tried again; exit code 1 when there are any."""
    with opened(config) as watch:
        letters = watch.alerting.outbox.dead_letters()
    if as_json:
        show_json([_plain_letter(letter) for letter in letters])
    else:
        from rich.markup import escape
        from rich.table import Table

        table = Table("key", "receiver", "alert", "state", "attempts", "error")
        for letter in letters:
            alert = letter.notification.alert
            about = escape(f"{alert.rule} of {alert.model}")
            table.add_row(letter.key, letter.receiver, about, alert.state, str(letter.attempts), escape(letter.error))
        show(table)
    if letters:
        raise typer.Exit(1)


@app.command()
def resend(
    key: Annotated[
        str | None, typer.Argument(help="The notification's key, or its beginning, as `dead` shows it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Send again what could not be delivered, with its old key; exit code 1 when one could not be sent now."""
    from watchkeeper.domain.errors import NotFound

    if (key is None) is not every:
        raise typer.BadParameter("expected the key of a notification, or --all", param_hint="KEY")
    with opened(config) as watch:
        known = [letter.key for letter in watch.alerting.outbox.dead_letters()]
        wanted = known if key is None else [one for one in known if one.startswith(key)]
        if key is not None and len(wanted) != 1:
            raise NotFound(
                f"{key!r} begins {len(wanted)} notifications that could not be delivered; expected one: "
                "`watchkeeper alerts dead` shows their keys"
            )
        for one in wanted:
            watch.resend(one)
        say(f"{len(wanted)} notifications are due again")
        report = watch.deliver()
    tell_report(report)


def tell_report(report: DeliveryReport) -> None:
    """What one pass over the outbox did; leaves with 1 when something could not be sent."""
    for delivery in report.delivered:
        show(f"delivered to {delivery.receiver}: {delivery.detail}")
    for missed in report.undelivered:
        say(f"not delivered to {missed.receiver}: {missed.error}")
    if report.undelivered or report.failures:
        raise typer.Exit(1)


def _plain_letter(letter: Letter) -> dict[str, Any]:
    alert = letter.notification.alert
    return {
        "key": letter.key,
        "receiver": letter.receiver,
        "fingerprint": alert.fingerprint,
        "rule": alert.rule,
        "model": alert.model,
        "state": alert.state.value,
        "attempts": letter.attempts,
        "error": letter.error,
        "first_us": letter.first_us,
    }
