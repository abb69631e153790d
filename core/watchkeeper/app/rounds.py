"""The daily life: check every model when it is due, deliver, wait, again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Final, Protocol

from watchkeeper.alerting.reports import DeliveryReport
from watchkeeper.domain.spans import Duration
from watchkeeper.monitor.result import CheckResult

from .schedule import Schedule
from .watchkeeper import Watchkeeper

_TIDY_SECONDS: Final = 600.0
_COMPACT_SECONDS: Final = 10.0
"""Measured: with 50 models at 10,000 rows a minute, a window lies in 1,500 chunks after a minute and in 250 so."""
_COMPACT_SHARE: Final = 0.2
_LONGEST_COMPACT_SECONDS: Final = 10.0
_SELDOM_US: Final = 3_600_000_000
"""An hour: a model that is checked every so many rows is looked at this often, even when they do not come."""


class Stop(Protocol):
    """What `threading.Event` can, as far as it is needed here."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...

    def wait(self, seconds: float, /) -> object:
        """Wait so long, or until it is set."""
        ...


def rounds(
    watch: Watchkeeper,
    pause: Duration,
    times: int | None = None,
    stop: Stop | None = None,
    wait: Callable[[float], object] | None = None,
    *,
    heard: Callable[[DeliveryReport], None] = lambda _: None,
) -> Generator[dict[str, CheckResult]]:
    """Each round's results; ends after `times` rounds, or when `stop` is set, after the model that is being checked.

    A model is checked as often as its `every` says, others each `pause`; a round has those that are due together.
    Between the rounds, threads send what is due and take the steps of escalations; they stop when it ends: close the
    generator (`contextlib.closing`) when you leave it earlier. Every ten seconds of work the store is compacted,
    for at most a fifth of the pause; every ten minutes roll-ups are merged, too.

    Parameters
    ----------
    wait
        Waits so many seconds, or until `stop` is set; the event's own when left out. A replay lets its clock go on.
    heard
        Called with what was delivered and what was not; also from the threads.
    """
    stopped: Stop = stop or threading.Event()
    waits = wait or stopped.wait
    schedule = Schedule({model: _step_us(watch, model, pause) for model in watch.models} or {"": pause.us})
    done = 0
    tidied: float | None = None
    compacting = _Compacting(watch, min(max(_COMPACT_SHARE * pause.us / 1e6, 1.0), _LONGEST_COMPACT_SECONDS))
    with watch.delivering(heard):
        while not stopped.is_set():
            began_us = watch.now_us()
            due = schedule.due(began_us)
            if due:
                worth = (model for model in due if not stopped.is_set() and _is_worth(watch, model))
                results: dict[str, CheckResult] = {}
                for model in worth:
                    results[model] = watch.check_alone(model)
                    compacting.when_due()  # in a long round, too: what is not compacted makes it longer
                if stopped.is_set():
                    yield results
                    return
                schedule.begun(due, began_us)
                watch.advance_deployments()
                heard(watch.deliver())
                if tidied is None or time.monotonic() - tidied >= _TIDY_SECONDS:
                    watch.tidy()
                    tidied = time.monotonic()
                yield results
                done += 1
                if done == times:
                    return
            waits(schedule.wait_us(watch.now_us()) / 1e6)


class _Compacting:
    """Compacts the store when ten seconds have passed since it was done."""

    def __init__(self, watch: Watchkeeper, budget_seconds: float) -> None:
        self._watch = watch
        self._budget_seconds = budget_seconds
        self._done = time.monotonic()

    def when_due(self) -> None:
        """Do it, if it is time."""
        if time.monotonic() - self._done >= _COMPACT_SECONDS:
            self._watch.compact(self._budget_seconds)
            self._done = time.monotonic()


def _step_us(watch: Watchkeeper, model: str, pause: Duration) -> int:
    every = watch.config.models[model].every
    return pause.us if every is None or every.duration is None else every.duration.us


def _is_worth(watch: Watchkeeper, model: str) -> bool:
    """Whether a model that is checked every so many rows has as many new ones, or was not looked at for long."""
    if model not in watch.config.models:
        return False
    every = watch.config.models[model].every
    if every is None or every.rows is None:
        return True
    last = next((one for one in watch.standings() if one.model == model), None)
    if last is None or last.window is None or watch.now_us() - last.checked_us >= _SELDOM_US:
        return True
    return watch.has_rows_since(model, last.window.end_us, every.rows)
