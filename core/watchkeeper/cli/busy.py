"""That something is being done, for somebody who waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LARGE_BYTES = 20_000_000


@contextmanager
def busy(doing: str, file: Path) -> Iterator[None]:
    """Shows ``doing FILE (1.2 GB)`` and the time that has gone by on stderr; nothing for small files or no terminal."""
    size = file.stat().st_size if file.is_file() else 0
    if size < _LARGE_BYTES or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        bars.add_task(
            f"{doing} {file.name} ({size / 1e9:.1f} GB)"
            if size >= 1e9
            else f"{doing} {file.name} ({size / 1e6:.0f} MB)"
        )
        yield
