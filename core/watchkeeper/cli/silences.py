"""``silences``: for a while nobody is told about certain alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from watchkeeper.domain.plural import counted

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.alerting.silences import Silence

app = typer.Typer(help="Silences: for a while nobody is told about certain alerts.", no_args_is_help=True)
Matchers = Annotated[
    list[str], typer.Argument(help="What is meant, all of it: model=momentum, feature=vol*, severity!=critical.")
]


@app.command()
def add(
    matchers: Matchers,
    lasts: Annotated[str, typer.Option("--for", help="How long: 90s, 15m, 2h, 1d.")],
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.")],
    after: Annotated[str | None, typer.Option(help="Begin so long from now; at once when left out.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Tell nobody about alerts that fit every matcher; they still fire and are listed."""
    from watchkeeper.alerting.matching import Matcher
    from watchkeeper.app.silencing import doubts_about_models, doubts_about_rules
    from watchkeeper.domain.spans import Duration
    from watchkeeper.domain.window import iso_time

    wanted = [Matcher.parse(text) for text in matchers]
    length_us = Duration.parse(lasts).us
    wait_us = 0 if after is None else Duration.parse(after).us
    with opened(config) as watch:
        made = watch.silence(wanted, length_us, by=watch.actor, comment=comment, wait_us=wait_us)
        doubts = (*doubts_about_models(wanted, watch.models), *doubts_about_rules(wanted, watch.config))
        covered = sum(made.covers(alert) for alert in watch.alerting.alerts())
    show(made.id)
    for doubt in doubts:
        say(f"WARNING: {doubt}")
    times = f"from {iso_time(made.starts_us)} to {iso_time(made.ends_us)}"
    say(f"nobody is told about {_meant(made)} {times}; it covers {counted(covered, 'open alert')} now")


@app.command("list")
def list_silences(
    state: Annotated[
        str | None, typer.Option(help="pending, active or expired; all that are not over when left out.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Silences, the last to end first."""
    from rich.table import Table

    from watchkeeper.alerting.silences import SilenceState
    from watchkeeper.domain.window import iso_time

    if state is not None and state not in list(SilenceState):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(SilenceState)}", param_hint="--state")
    with opened(config) as watch:
        found = watch.alerting.silences.listed(None if state is None else SilenceState(state))
    if as_json:
        from watchkeeper.app.silencing import plain_silence

        show_json([plain_silence(one) for one in found])
        return
    table = Table("silence", "matchers", "from", "until", "by", "why")
    for one in found:
        times = (iso_time(one.starts_us), iso_time(one.ends_us))
        table.add_row(one.id, _meant(one), *times, one.by, one.comment)
    show(table)


@app.command()
def end(
    silence: Annotated[str, typer.Argument(help="The silence's id, as `list` shows it.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """End it now; what still fires is told when notifications are sent next."""
    with opened(config) as watch:
        ended = watch.alerting.silences.end(silence, watch.actor)
    say(f"silence {ended.id} is over: {_meant(ended)}")


def _meant(silence: Silence) -> str:
    return " and ".join(str(matcher) for matcher in silence.matchers)
