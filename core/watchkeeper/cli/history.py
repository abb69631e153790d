"""``history``: what was measured before, what replaced it, and what was estimated meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchkeeper.domain.plural import counted

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from watchkeeper.app import Watchkeeper
    from watchkeeper.domain.measurement import Measurement
    from watchkeeper.monitor.estimation.timeline import Point
    from watchkeeper.monitor.recent_history import Measured, Wanted

_ALL: Final = 2**31
_MOST_TOLD: Final = 60


def history(
    model: Annotated[str, typer.Argument(help="The model.")],
    name: Annotated[
        str | None, typer.Argument(help="A measurement, rmse or 'rmse{segment=large}'; all when left out.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="The last so many.", min=1)] = 50,
    since: Annotated[str | None, typer.Option(help="Only windows that end after this day or time.")] = None,
    until: Annotated[str | None, typer.Option(help="Only windows that end by this day or time.")] = None,
    version: Annotated[str | None, typer.Option(help="Only what this version predicted.")] = None,
    as_timeline: Annotated[
        bool,
        typer.Option("--timeline", help="The metric's realised and estimated values side by side, a window a row."),
    ] = False,
    every: Annotated[
        bool, typer.Option("--every", help="A row for each value, also for those replaced later.")
    ] = False,
    restate: Annotated[
        bool, typer.Option("--restate", help="First measure windows again whose outcomes have come or changed since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What was measured before, in order of the windows; beside each value those that it replaced."""
    from watchkeeper.domain.errors import NothingToCheck, UsageError
    from watchkeeper.monitor.estimation.names import estimate_of
    from watchkeeper.monitor.estimation.timeline import plain_point, timeline, values_of
    from watchkeeper.monitor.rendering import plain_measurement
    from watchkeeper.monitor.titles import is_asked

    if as_timeline and name is None:
        raise UsageError(f"a timeline is of one metric; name it: watchkeeper history {model} METRIC --timeline")
    names = None if name is None else (name, estimate_of(name)) if as_timeline else (name,)
    wanted = _wanted(names, since, until, version)
    with opened(config) as watch:
        if restate:
            windows = {one.window for one in watch.restate(model)}
            say(f"{counted(len(windows), 'window')} measured again")
        most = _ALL if as_timeline else limit
        measured = watch.last_measurements(model, wanted, most, by_window=not every)
        if not measured:
            raise NothingToCheck(_nothing_measured(watch, model, name))
    points = timeline(measured, name)[-limit:] if as_timeline and name is not None else ()
    found = values_of([one for one in measured if name is None or is_asked(one, name)], every=every)[-limit:]
    if as_json and as_timeline:
        show_json([plain_point(point) for point in points])
    elif as_json:
        show_json([_plain(one, before, plain_measurement(one)) for one, before in found])
    elif as_timeline and not points:
        raise NothingToCheck(f"{name} of {model!r} has neither a value nor an estimate in these windows")
    else:
        show(_timeline_table(points) if as_timeline else _history_table(found))


def _wanted(names: tuple[str, ...] | None, since: str | None, until: str | None, version: str | None) -> Wanted:
    from watchkeeper.monitor.recent_history import Wanted

    from .moments import moment

    return Wanted(
        names,
        version,
        None if since is None else moment(since, "--since", is_end=False),
        None if until is None else moment(until, "--until", is_end=True),
    )


def _plain(found: Measurement, before: Sequence[Measurement], told: dict[str, Any]) -> dict[str, Any]:
    replaced = [one.value.number for one in before]
    return {"window": str(found.window), **told, "version": found.version, "replaced": replaced}


def _history_table(found: Sequence[tuple[Measurement, Sequence[Measurement]]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    has_versions = any(one.version is not None for one, _ in found)
    version_heading = ["version"] if has_versions else []
    table = Table("window", *version_heading, "measurement", "value", "interval", "samples", "before")
    for one, before in found:
        version = [one.version or ""] if has_versions else []
        replaced = ", ".join(_number(other) for other in before)
        interval = "" if one.value.interval is None else "{:.4g} to {:.4g}".format(*one.value.interval)
        row = (str(one.window), *version, one.title, _number(one), interval, str(one.value.samples), replaced)
        table.add_row(*(escape(text) for text in row))
    return table


def _number(found: Measurement) -> str:
    value = found.value
    return f"{value.number:.5g}" if value.number is not None else f"undefined: {value.reason}"


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


def _nothing_measured(watch: Watchkeeper, model: str, name: str | None) -> str:
    """Why there is nothing to show; a model that was measured may have left the configuration."""
    from watchkeeper.domain.errors import UsageError
    from watchkeeper.domain.nearest import did_you_mean
    from watchkeeper.monitor.titles import is_asked, is_title, name_asked

    there = watch.measured(model)
    if there is None and model not in watch.models:
        known = ", ".join(watch.models) or "none"
        raise UsageError(
            f"there is no model {model!r} in the configuration, which has {known}{did_you_mean(model, watch.models)}"
        )
    if there is None:
        return f"nothing was measured of {model!r} yet; run `watchkeeper check`"
    if name is None or name in there.names:
        return _not_in_these_windows(model, there)
    titles = there.names
    if is_title(name) and name_asked(name) in titles:
        measured = watch.measurements(model, name_asked(name))
        if any(is_asked(one, name) for one in measured):
            return _not_in_these_windows(model, there)
        titles = frozenset(one.title for one in measured)
    return f"no {name!r} was measured of {model!r}; found {_told(sorted(titles))}{did_you_mean(name, titles)}"


def _not_in_these_windows(model: str, there: Measured) -> str:
    return f"nothing was measured of {model!r} in these windows; the store has some that end from {_span(there)}"


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return ", ".join(names[:_MOST_TOLD]) + more


def _span(there: Measured) -> str:
    from watchkeeper.domain.window import told_time

    return f"{told_time(there.first_end_us)} to {told_time(there.last_end_us)}"
