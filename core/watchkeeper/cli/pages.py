"""Writing results as one HTML page: with earlier windows and distributions drawn beside the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .output import say

if TYPE_CHECKING:
    from watchkeeper.app import Watchkeeper
    from watchkeeper.monitor.result import CheckResult


def write_page(watch: Watchkeeper, results: Sequence[CheckResult], output: Path, data: Path | None = None) -> None:
    """One self-contained file, the worst model first; says where it is.

    Parameters
    ----------
    data
        The file that was checked, or the folder whose files were; None for stored rows.
    """
    from watchkeeper.monitor.html import page

    text = page([_illustrated(watch, result, data) for result in results])
    output.write_text(text, encoding="utf-8")
    say(f"wrote {output} ({output.stat().st_size / 1000:.0f} kB)")


def _illustrated(watch: Watchkeeper, result: CheckResult, data: Path | None) -> CheckResult:
    from watchkeeper.data.files import read_table

    if data is None or result.window is None:
        return watch.illustrated(result)
    file = data / result.window.source if data.is_dir() else data
    return watch.illustrated(result, read_table(file) if file.is_file() else None)
