"""``check`` and ``report``: what a model is like now; ``status`` and ``history`` are registered here too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .checked import acting_on_files, of_file, of_files, of_stored_rows, of_stretches, only_model
from .exclusions import (
    require_alone,
    require_no_each_file,
    require_no_until,
    require_no_version,
    require_no_word,
    require_no_workers,
    require_order,
)
from .history import history
from .moments import end_moment, moment
from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json
from .pages import write_page
from .status import status

if TYPE_CHECKING:
    from watchkeeper.alerting.reports import DeliveryReport
    from watchkeeper.monitor.result import CheckResult

Models = Annotated[list[str] | None, typer.Argument(help="Models to check; all when left out.", show_default=False)]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Check the rows of this file (CSV, Parquet, …), or of a folder of Parquet files, not stored ones.",
    ),
]
Over = Annotated[
    str | None,
    typer.Option("--over", help="Judge so long a stretch as one, such as 7d, from hourly roll-ups; nobody is told."),
]
WithExecutor = Annotated[
    str | None,
    typer.Option("--executor", help="Which plugin's workers count a folder: local, dask, …; threads when left out."),
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="How many workers count a folder.")]
Until = Annotated[
    str | None, typer.Option("--until", help="Judge the window that ends here: 2010-12-31, or a time in ISO 8601.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", help="Measure every window since then, in order, and keep what is measured; nobody is told."
    ),
]
Act = Annotated[
    bool | None,
    typer.Option(
        "--act/--look",
        help="Store what is measured and let rules act, or only look. Left out: --data is looked at where predictions "
        "of the model are logged, and acted upon where none are.",
        show_default=False,
    ),
]
OfVersion = Annotated[
    str | None,
    typer.Option(
        "--version",
        help="Look at what this version predicted alone, such as 1.3.0 or staging, whether it answers or not.",
    ),
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Also write the results as one self-contained page into this file.")
]
FailOn = Annotated[
    str, typer.Option("--fail-on", help="Exit with 1 from this status on: warn, unknown, alert or never.")
]
_FAILING = {
    "never": (),
    "alert": ("ALERT",),
    "unknown": ("ALERT", "UNKNOWN"),
    "warn": ("ALERT", "UNKNOWN", "WARN"),
}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(check)
    app.command()(status)
    app.command()(report)
    app.command()(history)


def check(
    models: Models = None,
    config: ConfigPath = DEFAULT_CONFIG,
    data: Data = None,
    since: Since = None,
    until: Until = None,
    over: Over = None,
    version: OfVersion = None,
    each_file: Annotated[
        bool, typer.Option("--each-file", help="Each file of the folder is a window of its own, in order of the names.")
    ] = False,
    executor: WithExecutor = None,
    workers: Workers = None,
    act: Act = None,
    fail_on: FailOn = "unknown",
    html: Html = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List what is well, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check models: measure the latest window, judge it, and notify whom the rules name."""
    failing = _failing(fail_on)
    if data is None or each_file or not data.is_dir():
        require_no_workers(executor, workers)
    if since is not None:
        from .past import history_checked

        require_alone(data, over)
        require_no_version(version, "--since measures what answered; `watchkeeper compare` has versions by window")
        require_no_word(act, "--since stores what it measures, and nobody is told")
        bounds = moment(since, "--since", is_end=False), end_moment(until)
        require_order(since, until, *bounds)
        last = history_checked(config, models, *bounds, verbose=verbose, as_json=as_json)
        if any(window.status.value in failing for window in last):
            raise typer.Exit(1)
        return
    with opened(config) as watch:
        if version is not None and over is None and data is None:
            require_no_word(act, "--version is a look")
            require_no_each_file(each_file)
            act = False
            results = [
                watch.check(name, until_us=end_moment(until), version=version) for name in models or watch.models
            ]
        elif over is not None:
            require_no_version(version, "--over is about what answered")
            require_no_word(act, "--over is a look")
            results = of_stretches(watch, models, data, over, end_moment(until))
        elif data is not None:
            require_no_until(until)
            require_no_version(version, "--data checks files, and --version stored rows")
            act = acting_on_files(watch, only_model(watch, models), act)
            results = of_files(watch, models, data, each_file=each_file, executor=executor, workers=workers, act=act)
        else:
            require_no_each_file(each_file)
            results = of_stored_rows(watch, models, end_moment(until), act)
        report = None if act is False else watch.deliver()
        if html is not None:
            write_page(watch, results, html, data)
    _show_results(results, verbose=verbose, as_json=as_json)
    if report is not None:
        _say_what_failed(report)
    if any(result.status.value in failing for result in results):
        raise typer.Exit(1)


def _show_results(results: list[CheckResult], *, verbose: bool, as_json: bool) -> None:
    if as_json:
        show_json([result.to_dict() for result in results])
        return
    for result in results:
        show(result.table(verbose=verbose))


def _say_what_failed(report: DeliveryReport) -> None:
    for missed in report.undelivered:
        say(f"not delivered to {missed.receiver}: {missed.error}")
    for failure in report.failures:
        say(f"{failure.plugin} failed: {failure.error}")


def report(
    model: Annotated[str, typer.Argument(help="The model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the page.")] = Path("report.html"),
    config: ConfigPath = DEFAULT_CONFIG,
    data: Data = None,
    until: Until = None,
) -> None:
    """Write how one model is as one self-contained HTML page: a look, nothing is stored and nobody is told."""
    with opened(config) as watch:
        if data is not None:
            require_no_until(until)
            result = of_file(watch, model, data, act=False)
        else:
            result = of_stored_rows(watch, [model], end_moment(until), act=False)[0]
        write_page(watch, [result], output, data)


def _failing(fail_on: str) -> tuple[str, ...]:
    if fail_on not in _FAILING:
        raise typer.BadParameter(f"{fail_on!r} is none of {', '.join(_FAILING)}", param_hint="--fail-on")
    return _FAILING[fail_on]
