"""What a ``check`` was asked for, checked: stored rows, long stretches, files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .busy import busy
from .output import say

if TYPE_CHECKING:
    from watchkeeper.app import Watchkeeper
    from watchkeeper.monitor.result import CheckResult


def of_stored_rows(
    watch: Watchkeeper, models: list[str] | None, until_us: int | None, act: bool | None = None
) -> list[CheckResult]:
    """Of the named models, or of all; a model that is asked for by name and cannot be checked is an error."""
    names = models or list(watch.models)
    if models or len(names) == 1:
        return [watch.check(name, until_us=until_us, act=act) for name in names]
    return list(watch.check_all(until_us=until_us, act=act).values())


def of_stretches(
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


def of_files(
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
    model = only_model(watch, models)
    if each_file:
        return [of_file(watch, model, file, act=act) for file in _files_of(data)]
    if data.is_dir():
        from .folder import folder_result

        return [folder_result(watch, model, data, executor=executor, workers=workers, act=act)]
    return [of_file(watch, model, data, act=act)]


def of_file(watch: Watchkeeper, model: str, file: Path, *, act: bool) -> CheckResult:
    """Of the rows of one file."""
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


def only_model(watch: Watchkeeper, models: list[str] | None) -> str:
    """The model that a file's or folder's rows belong to."""
    from watchkeeper.domain.errors import UsageError

    names = models or list(watch.models)
    if len(names) != 1:
        raise UsageError(f"--data is rows of one model; name it: {', '.join(watch.models)}")
    return names[0]


def acting_on_files(watch: Watchkeeper, model: str, act: bool | None) -> bool:
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
