"""``check``, ``status`` and ``report``: what a model is like now; ``history`` is registered here too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .busy import busy
from .history import history
from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json
from .pages import write_page

if TYPE_CHECKING:
    from watchkeeper.alerting.reports import DeliveryReport
    from watchkeeper.app import Watchkeeper
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
    if since is not None:
        from .past import history_checked

        _require_alone(data, over)
        _require_no_version(version, "--since measures what answered; `watchkeeper compare` has versions by window")
        _require_no_word(act, "--since stores what it measures, and nobody is told")
        bounds = moment(since, "--since", is_end=False), _moment(until)
        last = history_checked(config, models, *bounds, verbose=verbose, as_json=as_json)
        if any(window.status.value in failing for window in last):
            raise typer.Exit(1)
        return
    with opened(config) as watch:
        if version is not None and over is None and data is None:
            _require_no_word(act, "--version is a look")
            _require_no_each_file(each_file)
            act = False
            results = [watch.check(name, until_us=_moment(until), version=version) for name in models or watch.models]
        elif over is not None:
            _require_no_version(version, "--over is about what answered")
            _require_no_word(act, "--over is a look")
            results = _stretches(watch, models, data, over, _moment(until))
        elif data is not None:
            _require_no_until(until)
            _require_no_version(version, "--data checks files, and --version stored rows")
            act = _acting(watch, _only_model(watch, models), act)
            results = _of_files(watch, models, data, each_file=each_file, executor=executor, workers=workers, act=act)
        else:
            _require_no_each_file(each_file)
            results = _stored(watch, models, _moment(until), act)
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


def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """How every model stood when it was last checked, worst first; measures nothing."""
    import attrs
    from rich.markup import escape
    from rich.table import Table

    from watchkeeper.domain.errors import NothingToCheck
    from watchkeeper.domain.window import told_time
    from watchkeeper.monitor.rendering import COLOURS, ICONS

    with opened(config) as watch:
        found = watch.standings()
    if as_json:
        show_json([attrs.asdict(one) for one in found])
        return
    if not found:
        raise NothingToCheck("no model was checked yet; run `watchkeeper check`")
    table = Table()
    table.add_column("status", no_wrap=True)
    table.add_column("model", overflow="fold")
    for heading in ("since (UTC)", "checked (UTC)", "metrics", "drifted", "most serious finding"):
        table.add_column(heading)
    for one in found:
        metrics = ", ".join(f"{name} {number:.4g}" for name, number in one.metrics.items())
        share = "" if one.drift_share is None else f"{one.drift_share:.0%}"
        checked = told_time(one.checked_us)
        since = told_time(one.since_us) if one.since_us else ""
        row = (f"{ICONS[one.status]} {one.status}", one.model, since, checked, metrics, share, one.sentence)
        table.add_row(*(escape(text) for text in row), style=COLOURS[one.status] if one.status.value != "OK" else None)
    show(table)


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
            _require_no_until(until)
            result = _file(watch, model, data, act=False)
        else:
            result = _stored(watch, [model], _moment(until), act=False)[0]
        write_page(watch, [result], output, data)


def _failing(fail_on: str) -> tuple[str, ...]:
    if fail_on not in _FAILING:
        raise typer.BadParameter(f"{fail_on!r} is none of {', '.join(_FAILING)}", param_hint="--fail-on")
    return _FAILING[fail_on]


def _moment(until: str | None) -> int | None:
    return None if until is None else moment(until, "--until", is_end=True)


def moment(text: str, option: str, *, is_end: bool) -> int:
    """A day or time in ISO 8601 as UTC microseconds; a day means its begin, or its end."""
    from datetime import UTC, datetime, timedelta

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; expected such as 2010-12-31 or 2010-12-31T16:00", param_hint=option
        ) from None
    if is_end and len(text) <= len("2010-12-31"):
        found += timedelta(days=1)
    return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1e6)


def _require_alone(data: object, over: object) -> None:
    from watchkeeper.domain.errors import UsageError

    if data is not None or over is not None:
        other = "--data checks files" if data is not None else "--over judges one long stretch"
        raise UsageError(f"{other} and --since every window of the stored rows; give one of the two")


def _acting(watch: Watchkeeper, model: str, act: bool | None) -> bool:
    """Whether the check of files is acted upon; says so when it is not, and nobody asked for that."""
    if act is not None:
        return act
    acting = watch.acts_on_files(model)
    if not acting:
        say(
            f"this is a look: predictions of {model} are logged, so that nothing of these files is stored and nobody "
            "is told; --act stores it and lets rules act"
        )
    return acting


def _require_no_word(act: bool | None, why: str) -> None:
    from watchkeeper.domain.errors import UsageError

    if act is not None:
        raise UsageError(f"{why}; leave out {'--act' if act else '--look'}")


def _require_no_version(version: object, why: str) -> None:
    from watchkeeper.domain.errors import UsageError

    if version is not None:
        raise UsageError(f"{why}; leave out --version")


def _stored(
    watch: Watchkeeper, models: list[str] | None, until_us: int | None, act: bool | None = None
) -> list[CheckResult]:
    """Of the named models, or of all; a model that is asked for by name and cannot be checked is an error."""
    names = models or list(watch.models)
    if models or len(names) == 1:
        return [watch.check(name, until_us=until_us, act=act) for name in names]
    return list(watch.check_all(until_us=until_us, act=act).values())


def _of_files(
    watch: Watchkeeper,
    models: list[str] | None,
    data: Path,
    *,
    each_file: bool,
    executor: str | None,
    workers: int | None,
    act: bool,
) -> list[CheckResult]:
    """Of the model whose rows they are: the file, the folder as one window, or each of its files."""
    model = _only_model(watch, models)
    if each_file:
        return [_file(watch, model, file, act=act) for file in _files_of(data)]
    if data.is_dir():
        from .folder import folder_result

        return [folder_result(watch, model, data, executor=executor, workers=workers, act=act)]
    return [_file(watch, model, data, act=act)]


def _file(watch: Watchkeeper, model: str, file: Path, *, act: bool) -> CheckResult:
    from watchkeeper.data.files import read_table

    with busy("checking", file):
        return watch.check(model, read_table(file), source=file.name, act=act)


def _files_of(folder: Path) -> tuple[Path, ...]:
    from watchkeeper.data.files import readable_files
    from watchkeeper.domain.errors import NothingToCheck, UsageError

    if not folder.is_dir():
        raise UsageError(f"--each-file wants a folder as --data; found {folder}")
    files = readable_files(folder)
    if not files:
        raise NothingToCheck(f"{folder} has no file of rows: expected .csv, .parquet, .feather, .arrow or .jsonl")
    return files


def _require_no_each_file(each_file: bool) -> None:
    from watchkeeper.domain.errors import UsageError

    if each_file:
        raise UsageError("--each-file is for the files of a folder; name it by --data")


def _require_no_until(until: object) -> None:
    from watchkeeper.domain.errors import UsageError

    if until is not None:
        raise UsageError("--data checks a whole file and --until a window of stored rows; give one of the two")


def _stretches(
    watch: Watchkeeper, models: list[str] | None, data: Path | None, over: str, until_us: int | None
) -> list[CheckResult]:
    """Of the named models, or of all: the last so long up to `until_us`, or up to now."""
    import time

    from watchkeeper.domain.errors import UsageError
    from watchkeeper.domain.spans import Duration

    if data is not None:
        raise UsageError("--data checks files and --over a stretch of stored rows; give one of the two")
    end_us = time.time_ns() // 1000 if until_us is None else until_us
    return [watch.check_stretch(name, end_us - Duration.parse(over).us, end_us) for name in models or watch.models]


def _only_model(watch: Watchkeeper, models: list[str] | None) -> str:
    """The model that a file's or folder's rows belong to."""
    from watchkeeper.domain.errors import UsageError

    names = models or list(watch.models)
    if len(names) != 1:
        raise UsageError(f"--data is rows of one model; name it: {', '.join(watch.models)}")
    return names[0]
