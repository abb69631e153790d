"""More rows than memory holds: a folder of Parquet files, a long stretch of the store, its upkeep."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import cast

from watchkeeper.contracts.executor import ExecutorProvider
from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.verdict import Failure
from watchkeeper.domain.window import iso_time
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.rollups.stored import ROLLUPS
from watchkeeper.monitor.rollups.tidying import merge_hours
from watchkeeper.monitor.scale.folder import Progress, planned_folder, profiled_folder
from watchkeeper.monitor.scale.questions import Question
from watchkeeper.monitor.scale.stretch import profiled_stretch
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.plugins.boundary import attempt, each_told_once

from .answering import answers
from .assembly import Systems
from .checking import acted_upon, acts, looked_at


@each_told_once()
def folder_checked(
    systems: Systems,
    model: str,
    folder: Path,
    open_pool: Callable[[], Executor],
    tell: Callable[[Progress], None],
    *,
    act: bool | None = None,
) -> CheckResult:
    """Check all rows of a folder's files as one window; keep it and let rules act, or only look: see `acts`."""
    watched = systems.models.watched(model)
    columns = systems.models.config(model).columns
    question = Question(
        cells=_cells(watched),
        prediction=columns.prediction,
        judging=watched.judging,
        outcome=columns.outcome,
        time=columns.time,
        expected_share=1.0 if watched.estimator is not None and watched.metrics else 0.0,
        together_share=0.0 if watched.tables is None else 1.0,
        latency=columns.latency if watched.service is not None else None,
        error=columns.error if watched.service is not None else None,
        segments=tuple(dict.fromkeys(name for segment in watched.segments for name in segment.columns)),
        numbers=frozenset(name for segment in watched.segments for name in segment.number_columns),
    )
    rows = profiled_folder(planned_folder(folder), question, open_pool, tell)
    result = watched.check_profiles(rows)  # files are handed over: how old their rows are says nothing of the model
    if not acts(systems, model, is_of_files=True, act=act):
        return looked_at(systems, result)
    return acted_upon(systems, watched, result, systems.clock.now_us())


@each_told_once()
def stretch_checked(systems: Systems, model: str, since_us: int, until_us: int) -> CheckResult:
    """Check all stored rows of a stretch of time as one window; nothing is kept, and nobody is told."""
    if since_us >= until_us:
        raise UsageError(f"the stretch from {iso_time(since_us)} to {iso_time(until_us)} is empty: give a later end")
    watched = systems.models.watched(model)
    rows = profiled_stretch(
        answers(systems, model),
        model,
        since_us,
        until_us,
        cells=_cells(watched),
        judging=watched.judging,
        service=watched.service,
        segments=watched.segments,
    )
    return looked_at(systems, watched.check_profiles(rows))


def tidied(systems: Systems, budget_seconds: float) -> tuple[Failure, ...]:
    """Merge the hourly roll-ups of every model, then let the store do its chores; what failed, the rest being done."""
    chores: dict[str, Callable[[], object]] = {
        f"roll-ups of {model}": partial(_merge, systems, model) for model in systems.config.models
    }
    chores["the store"] = partial(systems.storage.maintain, budget_seconds)
    found = [attempt("storage", f"tidying {what}", work) for what, work in chores.items()]
    return tuple(failure for failure in found if isinstance(failure, Failure))


def compacted(systems: Systems, budget_seconds: float) -> Failure | None:
    """Let the store do its chores alone; what went wrong, or None."""
    found = attempt("storage", "tidying the store", partial(systems.storage.maintain, budget_seconds))
    return found if isinstance(found, Failure) else None


def _merge(systems: Systems, model: str) -> None:
    if systems.storage.span(ROLLUPS, model) is not None:
        cells = _cells(systems.models.watched(model))
        merge_hours(systems.storage, model, cells, systems.clock.now_us())


def pools(systems: Systems, executor: str | None, workers: int | None) -> Callable[[], Executor]:
    """What opens the pool: an executor plugin, or threads of this process when none is named."""
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers: expected at least 1")
    if executor is None:
        count = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        return lambda: ThreadPoolExecutor(count, thread_name_prefix="watchkeeper-folder")
    options = {} if workers is None else {"workers": workers}
    return cast("ExecutorProvider", systems.plugins.build(Kind.EXECUTOR, executor, options)).open


def _cells(watched: WatchedModel) -> dict[str, Cells]:
    return {name: reference.cells for name, reference in watched.references.items() if reference.cells is not None}
