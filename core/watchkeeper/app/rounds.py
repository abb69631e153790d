"""The daily life: check every model, deliver, wait, again."""

from __future__ import annotations

import threading
from collections.abc import Generator

from watchkeeper.domain.spans import Duration
from watchkeeper.monitor.result import CheckResult

from .watchkeeper import Watchkeeper


def rounds(
    watch: Watchkeeper, pause: Duration, times: int | None = None, stop: threading.Event | None = None
) -> Generator[dict[str, CheckResult]]:
    """Each round's results, `pause` apart; ends after `times`, or when `stop` is set.

    Between the rounds, threads send what is due and take the steps of escalations; they stop when it ends: close the
    generator (`contextlib.closing`) when you leave it earlier.
    """
    stopped = stop or threading.Event()
    done = 0
    with watch.delivering():
        while not stopped.is_set():
            results = watch.check_all()
            watch.advance_deployments()
            watch.deliver()
            yield results
            done += 1
            if done == times or stopped.wait(pause.us / 1e6):
                return
