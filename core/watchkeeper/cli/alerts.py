"""``alerts``: what fires, and who takes care of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from . import letters
from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from watchkeeper.domain.alert import Alert, AlertState, Severity

app = typer.Typer(help="Alerts: what fires, and who takes care of it.", no_args_is_help=True)
Fingerprint = Annotated[str, typer.Argument(help="The alert's fingerprint, or its beginning.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="What to note.")]
By = Annotated[str | None, typer.Option(help="Who does it, for the log; who acts when left out.")]
Model = Annotated[str | None, typer.Option(help="Only alerts of this model.")]
Matchers = Annotated[
    list[str] | None,
    typer.Argument(help="Only alerts that fit, all of it: feature=vol*, rule!=accuracy-fell.", show_default=False),
]
State = Annotated[str | None, typer.Option(help="Only alerts in this state; the open ones when left out.")]


@app.command("list")
def list_alerts(
    matchers: Matchers = None,
    state: State = None,
    severity: Annotated[str | None, typer.Option(help="Only alerts of this severity.")] = None,
    model: Model = None,
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all of them.", min=0)] = 100,
    after: Annotated[
        str | None,
        typer.Option(help="Where the page begins, as the page before says; or after which alert, by its fingerprint."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Alerts, last changed first: a page of them."""
    from watchkeeper.alerting.matching import Matcher
    from watchkeeper.app.alert_pages import AlertFilter, alert_page
    from watchkeeper.app.silencing import doubts_about_models, require_known_labels

    wanted = AlertFilter(
        state=_state(state),
        model=model,
        severity=_severity(severity),
        matchers=tuple(Matcher.parse(text) for text in matchers or ()),
    )
    named = (*wanted.matchers, *((Matcher.parse(f"model={model}"),) if model else ()))
    with opened(config) as watch:
        if wanted.state is None:  # alerts of the past may have labels that no rule has any more
            require_known_labels(wanted.matchers, watch.config, watch.alerting.alerts())
        page = alert_page(watch.alerting, wanted, limit or None, after)
        doubts = () if page.alerts else doubts_about_models(named, watch.models)
    for doubt in doubts:
        say(f"WARNING: {doubt}")
    if as_json:
        import attrs

        show_json([attrs.asdict(alert) for alert in page.alerts])
    else:
        show(_table(page.alerts))
    if page.next is not None:
        say(f"there are more: --after {page.next} shows the next page, `alerts groups` counts them")


@app.command()
def groups(
    by: Annotated[list[str] | None, typer.Argument(help="Labels: rule, model, version, severity, feature, …")] = None,
    state: State = None,
    model: Model = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """How many alerts there are of each model, or by other labels; the most severe first."""
    from rich.table import Table

    from watchkeeper.domain.window import iso_time
    from watchkeeper.domain.wording import one_line

    labels = tuple(by or ("model",))
    wanted = _state(state)
    with opened(config) as watch:
        found = watch.alerting.groups(labels, wanted, model)
    if as_json:
        import attrs

        show_json([attrs.asdict(group) for group in found])
        return
    table = Table(*labels, "alerts", "severity", "states", "since")
    for group in found:
        states = ", ".join(f"{count} {one}" for one, count in group.states.items())
        values = [one_line(group.labels[label]) for label in labels]
        table.add_row(*values, str(group.count), group.severity, states, iso_time(group.since_us))
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
    from rich.table import Table

    from watchkeeper.domain.window import iso_time
    from watchkeeper.domain.wording import one_line

    table = Table("alert", alert.fingerprint)
    for name, value in attrs.asdict(alert).items():
        if name in {"fingerprint", "notes"} or value is False or value in (None, "", {}):
            continue
        if name == "labels":
            told = ", ".join(f"{label}={found}" for label, found in alert.labels.items())
        else:
            told = iso_time(value) if name.endswith("_us") else str(value)
        table.add_row(name.removesuffix("_us"), one_line(told))
    for note in alert.notes:
        table.add_row("comment", one_line(f"{iso_time(note.at_us)} {note.by}: {note.text}"))
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
    from rich.table import Table

    from watchkeeper.domain.window import iso_time
    from watchkeeper.domain.wording import one_line

    table = Table("number", "time", "event", "alert", "by", "what")
    for one in entries:
        body = one.body
        words = [str(body[key]) for key in ("receiver", "rule", "summary", "comment", "detail") if body.get(key)]
        told = f"told: {', '.join(body['told'])}" if body.get("told") else ""
        about = str(body.get("fingerprint") or body.get("silence") or "")[:8]
        what = one_line("; ".join([*words, *([told] if told else [])]))
        table.add_row(str(one.number), iso_time(body["at_us"]), body["event"], about, body.get("by") or "", what)
    show(table)


@app.command("ack", hidden=True)
@app.command()
def acknowledge(
    fingerprint: Fingerprint, comment: Comment = "", by: By = None, config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Say that you take care of it: it is not told again until it is over, and its escalation stops."""
    with opened(config) as watch:
        alert = watch.alerting.acknowledge(fingerprint, by or watch.actor, comment)
    _say_state(alert)


@app.command("give-back")
def give_back(
    fingerprint: Fingerprint, comment: Comment = "", by: By = None, config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Take an acknowledgement back: it is told again, and its escalation goes on."""
    with opened(config) as watch:
        alert = watch.alerting.give_back(fingerprint, by or watch.actor, comment)
    _say_state(alert)


@app.command("comment")
def comment_on(
    fingerprint: Fingerprint,
    text: Annotated[str, typer.Argument(help="What you want others to know.")],
    by: By = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Say something about it: it stays with the alert, and is in what is told from now on."""
    with opened(config) as watch:
        alert = watch.alerting.comment(fingerprint, by or watch.actor, text)
    say(f"{alert.fingerprint[:8]} {alert.rule} of {alert.model}: the comment is kept")


@app.command()
def resolve(
    fingerprint: Fingerprint, comment: Comment = "", by: By = None, config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """End it; should its condition hold at the next check, it begins anew."""
    with opened(config) as watch:
        alert = watch.alerting.resolve(fingerprint, by or watch.actor, comment)
    _say_state(alert)


letters.add_to(app)


def _state(state: str | None) -> AlertState | None:
    from watchkeeper.domain.alert import AlertState

    if state is not None and state not in list(AlertState):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(AlertState)}", param_hint="--state")
    return AlertState(state) if state else None


def _severity(severity: str | None) -> Severity | None:
    from watchkeeper.domain.alert import Severity

    if severity is not None and severity not in list(Severity):
        raise typer.BadParameter(f"{severity!r} is none of {', '.join(Severity)}", param_hint="--severity")
    return Severity(severity) if severity else None


def _table(alerts: Sequence[Alert]) -> Table:
    from rich.table import Table

    from watchkeeper.domain.window import iso_time
    from watchkeeper.domain.wording import one_line

    table = Table("alert", "state", "severity", "model", "rule", "since", "summary")
    for alert in alerts:
        marks = (" (muted)" if alert.muted else "") + (" (flapping)" if alert.is_flapping else "")
        since, told = iso_time(alert.since_us), one_line(alert.summary) + marks
        table.add_row(alert.fingerprint[:8], alert.state, alert.severity, alert.model, alert.rule, since, told)
    return table


def _say_state(alert: Alert) -> None:
    say(f"{alert.fingerprint[:8]} {alert.rule} of {alert.model} is {alert.state}")
