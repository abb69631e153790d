"""``compare``: two versions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchkeeper.domain.plural import counted

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from watchkeeper.app.comparing import VersionComparison
    from watchkeeper.domain.value import Value
    from watchkeeper.monitor.versions import Compared


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)


def compare(
    first: Annotated[str, typer.Argument(help="A version, such as momentum@1.2.0 or momentum@production.")],
    second: Annotated[str, typer.Argument(help="The other; it may be of another model.")],
    metric: Annotated[str | None, typer.Argument(help="Show this metric window by window.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    since: Annotated[str | None, typer.Option(help="Only predictions from this day or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only predictions up to this day or time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every metric of two versions over the time in which both predicted, and whether one is better."""
    from watchkeeper.domain.errors import UsageError
    from watchkeeper.domain.nearest import did_you_mean

    from .moments import moment

    since_us = None if since is None else moment(since, "--since", is_end=False)
    until_us = None if until is None else moment(until, "--until", is_end=True)
    with opened(config) as watch:
        found = watch.compare(first, second, since_us=since_us, until_us=until_us)
    names = [one.metric for one in found.metrics]
    if metric is not None and metric not in names:
        raise UsageError(f"{metric!r} is no metric of {first}; it has {', '.join(names)}{did_you_mean(metric, names)}")
    if as_json:
        show_json(_plain(found, metric))
        return
    show(_metrics_table(found) if metric is None else _windows_table(found, metric))
    say(_summary(found))


def _metrics_table(found: VersionComparison) -> Table:
    from rich.table import Table

    table = Table("metric", found.first, found.second, "difference", "better", title=str(found.window))
    for one in found.metrics:
        table.add_row(one.metric, _told(one.first), _told(one.second), _told(one.difference), _better(found, one))
    return table


def _windows_table(found: VersionComparison, metric: str) -> Table:
    from rich.table import Table

    table = Table("window", found.first, "outcomes", found.second, "outcomes", title=metric)
    for window, values in found.windows:
        first, second = values[metric]
        table.add_row(str(window), _told(first), str(first.samples), _told(second), str(second.samples))
    return table


def _told(value: Value) -> str:
    if value.number is None:
        return f"undefined: {value.reason}"
    around = value.interval
    return f"{value.number:.4g}" + (f" ({around[0]:.4g} to {around[1]:.4g})" if around else "")


def _better(found: VersionComparison, one: Compared) -> str:
    if one.better:
        return found.first if one.better == "first" else found.second
    return "may be chance" if one.difference.interval is not None else "unknown"


def _summary(found: VersionComparison) -> str:
    rows = "; ".join(
        f"{title}: {counted(count, 'prediction')}, {counted(known, 'outcome')}"
        for title, count, known in zip((found.first, found.second), found.rows, found.labelled, strict=True)
    )
    if found.pairs:
        return f"{rows}; the differences are of the {counted(found.pairs, 'row')} that both predicted"
    return (
        f"{rows}; they predicted different rows, so that differences of the rows count as differences of the versions"
    )


def _plain(found: VersionComparison, metric: str | None) -> dict[str, Any]:
    from watchkeeper.domain.window import iso_time

    return {
        "first": found.first,
        "second": found.second,
        "since": iso_time(found.window.start_us),
        "until": iso_time(found.window.end_us),
        "rows": list(found.rows),
        "labelled": list(found.labelled),
        "pairs": found.pairs,
        "metrics": [
            {
                "metric": one.metric,
                "first": _plain_value(one.first),
                "second": _plain_value(one.second),
                "difference": _plain_value(one.difference),
                "better": one.better or None,
            }
            for one in found.metrics
            if metric in (None, one.metric)
        ],
        "windows": [
            {
                "window": str(window),
                "metrics": {
                    name: [_plain_value(value) for value in pair]
                    for name, pair in values.items()
                    if metric in (None, name)
                },
            }
            for window, values in found.windows
        ],
    }


def _plain_value(value: Value) -> dict[str, Any]:
    interval = None if value.interval is None else list(value.interval)
    return {"value": value.number, "reason": value.reason, "interval": interval, "samples": value.samples}
