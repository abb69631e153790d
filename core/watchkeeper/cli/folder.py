"""How `check` goes through a folder of Parquet files, with a progress bar where somebody watches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.app import Watchkeeper
    from watchkeeper.monitor.result import CheckResult
    from watchkeeper.monitor.scale.folder import Progress


def folder_result(
    watch: Watchkeeper, model: str, folder: Path, *, executor: str | None, workers: int | None, act: bool | None = None
) -> CheckResult:
    """The check of all the folder's files; talk goes to stderr, and none when that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(file=sys.stderr)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"))
    with Bars(*shown, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty(), transient=True) as bars:
        bar = bars.add_task(f"checking {folder.name}", total=None)

        def tell(progress: Progress) -> None:
            told = f"checking {folder.name}: {progress.done_files} of {progress.files} files,"
            bars.update(bar, description=told, total=progress.rows, completed=progress.done_rows)

        return watch.check_folder(model, folder, executor=executor, workers=workers, progress=tell, act=act)
