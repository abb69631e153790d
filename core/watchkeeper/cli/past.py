"""``check --since``: a history measured window after window, with a progress bar where somebody watches."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchkeeper.domain.plural import counted

from .opening import opened
from .output import say, show, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from watchkeeper.app import Watchkeeper
    from watchkeeper.app.backfilling import BackfillProgress, PastWindow

_SHOWN = 20


def history_checked(
    config: str, models: list[str] | None, since_us: int, until_us: int | None, *, verbose: bool, as_json: bool
) -> list[PastWindow]:
    """Measure the windows of the named models, or of all, and show them; returns each model's last window."""
    from watchkeeper.domain.errors import WatchkeeperError

    last: list[PastWindow] = []
    told: list[dict[str, Any]] = []
    failed: WatchkeeperError | None = None
    with opened(config) as watch:
        for model in models or list(watch.models):
            try:
                windows = _measured(watch, model, since_us, until_us)
            except WatchkeeperError as error:
                if models:
                    raise
                say(f"{model}: {error}")
                failed = error
                continue
            last.append(windows[-1])
            if as_json:
                told += [_plain(model, one) for one in windows]
                continue
            show(_table(model, windows if verbose else _worth_showing(windows)))
            say(_summary(model, windows))
            if alerts := len(watch.alerting.alerts(model=model)):
                verb = "alert is" if alerts == 1 else "alerts are"
                say(
                    f"{model}: nobody was told; {alerts} {verb} open, of which the next check tells: "
                    "`watchkeeper alerts list`"
                )
    if failed is not None and not last:
        raise failed
    if as_json:
        show_json(told)
    return last


def _measured(watch: Watchkeeper, model: str, since_us: int, until_us: int | None) -> Sequence[PastWindow]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from watchkeeper.domain.window import told_time

    console = Console(file=sys.stderr)
    shown = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(
        *shown, TimeRemainingColumn(), console=console, disable=not console.is_terminal, transient=True
    ) as bars:
        bar = bars.add_task(f"{model}: reading", total=None)

        def tell(progress: BackfillProgress) -> None:
            description = f"{model}: {counted(progress.windows, 'window')}, up to {told_time(progress.through_us)}"
            total = progress.until_us - progress.since_us
            bars.update(bar, description=description, total=total, completed=progress.through_us - progress.since_us)

        return watch.backfill(model, since_us, until_us, progress=tell)


def _worth_showing(windows: Sequence[PastWindow]) -> Sequence[PastWindow]:
    """The last of those that are not well, or the last of all."""
    return [one for one in windows if one.status.value != "OK"][-_SHOWN:] or windows[-_SHOWN:]


def _table(model: str, windows: Sequence[PastWindow]) -> Table:
    from rich.table import Table

    from watchkeeper.monitor.rendering import COLOURS, ICONS

    table = Table("", "status", "window", "rows", "", "most serious finding", title=model)
    for one in windows:
        novelty = "" if one.novelty.value == "known" else one.novelty.value
        row = (ICONS[one.status], one.status.value, str(one.window), str(one.window.rows), novelty)
        is_well = one.status.value == "OK"
        table.add_row(*row, "" if is_well else one.sentence, style=None if is_well else COLOURS[one.status])
    return table


def _summary(model: str, windows: Sequence[PastWindow]) -> str:
    novelty = Counter(one.novelty.value for one in windows)
    status = Counter(one.status.value for one in windows)
    judged = ", ".join(f"{status[name]} {name}" for name in ("ALERT", "UNKNOWN", "WARN", "OK") if status[name])
    new = ", ".join(f"{novelty[name]} {name}" for name in ("measured", "restated", "known") if novelty[name])
    return f"{model}: {counted(len(windows), 'window')} ({new}): {judged}; see them with `watchkeeper history {model}`"


def _plain(model: str, one: PastWindow) -> dict[str, Any]:
    from watchkeeper.domain.window import iso_time

    return {
        "model": model,
        "start": iso_time(one.window.start_us),
        "end": iso_time(one.window.end_us),
        "rows": one.window.rows,
        "status": one.status.value,
        "finding": one.sentence,
        "novelty": one.novelty.value,
    }
