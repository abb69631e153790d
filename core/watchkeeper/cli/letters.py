"""``alerts deliver``, ``waiting``, ``dead``, ``resend`` and ``drop``: notifications on their way or given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchkeeper.domain.plural import counted

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.alerting.letters import Letter
    from watchkeeper.alerting.reports import DeliveryReport
    from watchkeeper.app import Watchkeeper

Key = Annotated[str | None, typer.Argument(help="The notification's key, or its beginning, as `dead` shows it.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(deliver)
    app.command()(waiting)
    app.command()(dead)
    app.command()(resend)
    app.command()(drop)


def deliver(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Send the notifications that are due; exit code 1 when one could not be sent."""
    with opened(config) as watch:
        report = watch.deliver()
    tell_report(report)


def waiting(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Notifications that are still to be delivered, soonest due first: why each waits, and when it is tried again."""
    with opened(config) as watch:
        letters = watch.alerting.outbox.waiting()
    if as_json:
        show_json([{**_plain_letter(letter), "next_us": letter.next_us} for letter in letters])
        return
    from rich.table import Table

    from watchkeeper.domain.window import iso_time

    table = Table("key", "receiver", "alert", "state", "attempts", "written", "due", "error")
    for letter in letters:
        times = (iso_time(letter.first_us), iso_time(letter.next_us))
        table.add_row(*_cells(letter), *times, _error(letter))
    show(table)


def dead(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Notifications that could not be delivered and are not tried again; exit code 1 when there are any."""
    with opened(config) as watch:
        letters = watch.alerting.outbox.dead_letters()
    if as_json:
        show_json([_plain_letter(letter) for letter in letters])
    else:
        from rich.table import Table

        table = Table("key", "receiver", "alert", "state", "attempts", "error")
        for letter in letters:
            table.add_row(*_cells(letter), _error(letter))
        show(table)
    if letters:
        raise typer.Exit(1)


def resend(key: Key = None, every: Every = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Send again what could not be delivered, with its old key; exit code 1 when one could not be sent now.

    It tells how its alerts stand by then: one that is over opens no incident any more.
    """
    _require_one_way(key, every)
    with opened(config) as watch:
        wanted = _chosen(watch, key)
        sent = sum(_is_due_again(watch, one, every=every) for one in wanted)
        say(f"{counted(sent, 'notification')} {'is' if sent == 1 else 'are'} due again")
        report = watch.deliver()
    tell_report(report)


def drop(key: Key = None, every: Every = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Remove what could not be delivered and is of no use any more; the log keeps that it was, and who dropped it."""
    _require_one_way(key, every)
    with opened(config) as watch:
        wanted = _chosen(watch, key)
        for one in wanted:
            watch.drop(one)
    say(f"{len(wanted)} notifications are dropped")


def _is_due_again(watch: Watchkeeper, key: str, *, every: bool) -> bool:
    """Whether it could be sent again; of many, one that cannot is said and holds up no other."""
    from watchkeeper.domain.errors import UsageError

    try:
        watch.resend(key)
    except UsageError as error:
        if not every:
            raise
        say(str(error))
        return False
    return True


def _require_one_way(key: str | None, every: bool) -> None:
    if (key is None) is not every:
        raise typer.BadParameter("expected the key of a notification, or --all", param_hint="KEY")


def _chosen(watch: Watchkeeper, key: str | None) -> list[str]:
    """The keys of all dead letters, or of the one that begins so."""
    from watchkeeper.domain.errors import NotFound

    known = [letter.key for letter in watch.alerting.outbox.dead_letters()]
    wanted = known if key is None else [one for one in known if one.startswith(key)]
    if key is not None and len(wanted) != 1:
        raise NotFound(
            f"{key!r} begins {len(wanted)} notifications that could not be delivered; expected one: "
            "`watchkeeper alerts dead` shows their keys"
        )
    return wanted


def tell_report(report: DeliveryReport) -> None:
    """What one pass over the outbox did; leaves with 1 when something could not be sent."""
    for delivery in report.delivered:
        show(f"delivered to {delivery.receiver}: {delivery.detail}")
    for missed in report.undelivered:
        say(f"not delivered to {missed.receiver}: {missed.error}")
    if report.undelivered or report.failures:
        raise typer.Exit(1)


def _cells(letter: Letter) -> tuple[str, ...]:
    from watchkeeper.domain.wording import one_line

    alert = letter.notification.alert
    about = one_line(f"{alert.rule} of {alert.model}")
    return (letter.key, letter.receiver, about, str(alert.state), str(letter.attempts))


def _error(letter: Letter) -> str:
    from watchkeeper.domain.wording import one_line

    return one_line(letter.error)


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
