"""How the demonstration is told: a timeline as it happens, and what it comes to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from watchkeeper.demo.replay import EXPLAINED, EXPLAINED_ON, Estimated, Story, Teller, run
from watchkeeper.domain.alert import Alert, AlertState
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.value import Value
from watchkeeper.monitor.rendering import COLOURS, ICONS
from watchkeeper.monitor.result import CheckResult


def told(folder: Path) -> None:
    """Run the demonstration and print it."""
    console = Console(soft_wrap=True)
    console.print(
        "[bold]Five forecasters of tomorrow's S&P 500 volatility[/], fitted on 2003 to 2005 "
        "(log of the annual percent; the error is the root mean square of 2006):"
    )
    bar = Progress(
        TextColumn("replaying 2007 to 2010"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        story = run(folder, _teller(console, bar))
    _tell_story(console, story, folder)


def _teller(console: Console, bar: Progress) -> Teller:
    task = bar.add_task("days", total=None)
    return Teller(
        fitted=lambda name, error: console.print(f"  {name:<12} {error:.3f}"),
        registered=lambda date, refs: console.print(f"{date}   registered, now in production: {', '.join(refs)}"),
        day=lambda day, days: bar.update(task, completed=day, total=days),
        checked=lambda date, results, weights: _tell_half_year(console, date, results, weights),
        alert=lambda date, alert: _tell_alert(console, date, alert),
        drawn=lambda date, page: console.print(f"{date}   the page of that check: [bold]{escape(str(page))}[/]"),
        received=lambda payload: console.print(f"             webhook received {_payload_told(payload)}"),
        explained=lambda explanation: _tell_explanation(console, explanation),
    )


def _tell_half_year(console: Console, date: str, results: dict[str, CheckResult], weights: dict[str, float]) -> None:
    title = f"{date}: the error of the last 60 trading days, realised and as it was estimated without outcomes"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("forecaster", "status", "rmse (95 %)", "estimated", "drifted", "weight"):
        table.add_column(heading, no_wrap=True)
    for name, result in results.items():
        rmse, share = result.measurement("rmse"), result.measurement("drift_share")
        estimate = result.measurement("estimated_rmse")
        status = result.status
        table.add_row(
            name,
            f"[{COLOURS[status]}]{ICONS[status]} {status}[/]",
            "" if rmse is None else _short(rmse.value),
            "" if estimate is None else _short(estimate.value),
            "unknown" if share is None or share.value.number is None else f"{share.value.number:.0%}",
            f"{weights[name]:.2f}" if name in weights else "",
        )
    console.print(table)


def _short(value: Value) -> str:
    """``0.60 (0.50-0.72)``: two of them fit beside each other on 80 columns."""
    if value.number is None:
        return "undefined"
    return f"{value.number:.2f}" + (f" ({value.interval[0]:.2f}-{value.interval[1]:.2f})" if value.interval else "")


def _number(number: float | None, interval: tuple[float, float] | None) -> str:
    if number is None:
        return "undefined"
    return f"{number:.3f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def _tell_alert(console: Console, date: str, alert: Alert) -> None:
    if alert.state is not AlertState.PENDING:
        console.print(f"[bold red]{date}[/]   alert {alert.state}: {escape(alert.summary)}")


def _payload_told(payload: dict[str, Any]) -> str:
    alert = payload.get("alert", payload)
    return escape(f"{alert.get('rule')} of {alert.get('model')}: {alert.get('state')}")


def _tell_explanation(console: Console, explanation: Explanation) -> None:
    fidelity = explanation.fidelity
    told = f"R² {fidelity.number:.2f}" if fidelity.number is not None else f"undefined: {fidelity.reason}"
    leading = ", ".join(f"{name} {size:.2f}" for name, size in list(explanation.importance.items())[:4])
    console.print(
        f"[bold]{EXPLAINED_ON}[/]   what {EXPLAINED} looks at ({explanation.method}, fidelity {told}): {leading}"
    )


def _tell_story(console: Console, story: Story, folder: Path) -> None:
    ranked = sorted(story.rmse.items(), key=lambda item: item[1])
    errors = ", ".join(f"{name} {error:.3f}" for name, error in ranked)
    console.print("\n[bold]What it comes to[/]")
    console.print(f"  Root mean square error of all four years: {errors}.")
    change = story.rmse["blend"] / story.equal_rmse - 1.0
    better = "better than" if change < 0 else "no better than"
    console.print(
        f"  The weighted blend is {better} an equally weighted one: {story.rmse['blend']:.3f} "
        f"against {story.equal_rmse:.3f} ({change:+.1%})."
    )
    console.print(
        f"  In the calm first half of 2007 a fixed PSI > 0.25 would have raised an alarm in "
        f"{story.calm_psi_alarms} of {story.calm_checks} checks; the drift alarms were raised in "
        f"{story.calm_drift_alarms}."
    )
    _tell_estimates(console, story)
    console.print(
        f"  {story.predictions:,} predictions, {story.checks:,} checks, {story.notifications} notifications "
        f"in {story.seconds:.0f} s."
    )
    console.print(f"\nThe project is in [bold]{folder}[/]. Go on with:  cd {folder} && watchkeeper check")
    console.print(f"What was expected and what came, a window a row:  watchkeeper history {EXPLAINED} rmse --timeline")


def _tell_estimates(console: Console, story: Story) -> None:
    """What was expected from the features alone: where that held, and where it cannot."""
    held = ", ".join(f"{name} {one.inside} of {one.checks}" for name, one in story.estimated.items())
    console.print(
        f"  Estimated without outcomes, the error of the last 60 days was inside the interval in {held} checks."
    )
    name, worst = max(story.estimated.items(), key=lambda item: abs(_gap(item[1])))
    console.print(
        f"  Furthest off was {name} on {worst.date}: {_number(worst.estimate.number, worst.estimate.interval)} was "
        f"expected, {_number(worst.realised.number, worst.realised.interval)} it was. An estimate knows what its "
        "reference knows: there were no such days in it, and three of its four years are those the forecasters were "
        "fitted on. That is why drift is watched too, and why the realised value replaces the estimate."
    )


def _gap(found: Estimated) -> float:
    return (found.estimate.number or 0.0) - (found.realised.number or 0.0)
