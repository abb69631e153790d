"""``history``: what was measured before, what replaced it, and what was estimated meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from watchkeeper.app import Watchkeeper
    from watchkeeper.domain.measurement import Measurement
    from watchkeeper.monitor.estimation.timeline import Point


def history(
    model: Annotated[str, typer.Argument(help="The model.")],
    name: Annotated[str | None, typer.Argument(help="A measurement, such as rmse; all when left out.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="The last so many.", min=1)] = 50,
    as_timeline: Annotated[
        bool,
        typer.Option("--timeline", help="The metric's realised and estimated values side by side, a window a row."),
    ] = False,
    every: Annotated[bool, typer.Option("--every", help="Also what was measured again later.")] = False,
    restate: Annotated[
        bool, typer.Option("--restate", help="First measure windows again whose outcomes have come or changed since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What was measured before, oldest first; of a window that was measured again the last value."""
    from watchkeeper.domain.errors import NothingToCheck, UsageError
    from watchkeeper.monitor.estimation.timeline import latest, plain_point, timeline
    from watchkeeper.monitor.rendering import plain_measurement

    if as_timeline and name is None:
        raise UsageError(f"a timeline is of one metric; name it: watchkeeper history {model} METRIC --timeline")
    with opened(config) as watch:
        if restate:
            windows = {one.window for one in watch.restate(model)}
            say(f"{len(windows)} windows measured again")
        measured = watch.measurements(model)
        _require_known(watch, model, measured)
    points = timeline(measured, name)[-limit:] if as_timeline and name is not None else ()
    found = [one for one in measured if name is None or one.name == name]
    found = (found if every else latest(found))[-limit:]
    if as_json:
        told = [{"window": str(one.window), **plain_measurement(one)} for one in found]
        show_json([plain_point(point) for point in points] if as_timeline else told)
    elif points or (found and not as_timeline):
        show(_timeline_table(points) if as_timeline else _history_table(found))
    else:
        raise NothingToCheck(_nothing_measured(model, name, {one.name for one in measured}))


def _history_table(found: list[Measurement]) -> Table:
    from rich.table import Table

    table = Table("window", "measurement", "value", "samples")
    for one in found:
        value = one.value
        number = f"{value.number:.5g}" if value.number is not None else f"undefined: {value.reason}"
        table.add_row(str(one.window), one.title, number, str(value.samples))
    return table


def _timeline_table(points: Sequence[Point]) -> Table:
    from rich.table import Table

    table = Table("window", "realised", "outcomes", "before", "estimated")
    for point in points:
        realised = point.realised
        outcomes = "" if realised is None else f"{realised.value.samples} of {point.window.rows}"
        before = ", ".join(f"{one.value.number:.4g}" for one in point.replaced)
        table.add_row(str(point.window), _with_interval(realised), outcomes, before, _with_interval(point.estimated))
    return table


def _with_interval(found: Measurement | None) -> str:
    if found is None or found.value.number is None:
        return "unknown"
    interval = found.value.interval
    return f"{found.value.number:.4g}" + (f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else "")


def _require_known(watch: Watchkeeper, model: str, found: list[Measurement]) -> None:
    """A model that was measured may have left the configuration; one that was not and is not in it is a mistake."""
    from watchkeeper.domain.errors import UsageError
    from watchkeeper.domain.nearest import did_you_mean

    if not found and model not in watch.models:
        known = ", ".join(watch.models) or "none"
        raise UsageError(
            f"there is no model {model!r} in the configuration, which has {known}{did_you_mean(model, watch.models)}"
        )


def _nothing_measured(model: str, name: str | None, measured: set[str]) -> str:
    from watchkeeper.domain.nearest import did_you_mean

    if name is None or not measured:
        return f"nothing was measured of {model!r} yet; run `watchkeeper check`"
    return f"no {name!r} was measured of {model!r}; found {', '.join(sorted(measured))}{did_you_mean(name, measured)}"
