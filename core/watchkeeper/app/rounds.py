"""The daily life: check every model, deliver, wait, again."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Final

from watchkeeper.domain.spans import Duration
from watchkeeper.monitor.result import CheckResult

from .watchkeeper import Watchkeeper

_TIDY_SECONDS: Final = 600.0


def rounds(
    watch: Watchkeeper, pause: Duration, times: int | None = None, stop: threading.Event | None = None
) -> Generator[dict[str, CheckResult]]:
    """Each round's results, `pause` apart; ends after `times`, or when `stop` is set.

    Between the rounds, threads send what is due and take the steps of escalations; they stop when it ends: close the
    generator (`contextlib.closing`) when you leave it earlier. Every ten minutes the store is tidied.
    """
    stopped = stop or threading.Event()
    done = 0
    tidied: float | None = None
    with watch.delivering():
        while not stopped.is_set():
            results = watch.check_all()
            watch.advance_deployments()
            watch.deliver()
            if tidied is None or time.monotonic() - tidied >= _TIDY_SECONDS:
                watch.tidy()
                tidied = time.monotonic()
            yield results
            done += 1
            if done == times or stopped.wait(pause.us / 1e6):
                return
