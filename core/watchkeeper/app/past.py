"""What was measured before: read, measured again, filled in for years, and compared between versions."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.domain.measurement import Measurement
from watchkeeper.monitor.estimation.names import estimate_of
from watchkeeper.monitor.estimation.restating import Remeasuring, restated
from watchkeeper.monitor.estimation.timeline import Point, timeline
from watchkeeper.monitor.history import kept_measurements
from watchkeeper.monitor.recent_history import Measured, Wanted, last_measurements, measured
from watchkeeper.monitor.standing import Standing, standings

from .answering import answers
from .backfilling import BackfillProgress, PastWindow, backfilled
from .comparing import VersionComparison, versions_compared
from .project import Project


class Past(Project):
    """The part of `Watchkeeper` that looks back."""

    def standings(self) -> tuple[Standing, ...]:
        """How each model stood when it was last checked, worst first; reads one small document a model."""
        return standings(self._systems.storage)

    def measurements(self, model: str, name: str | None = None, since_us: int | None = None) -> list[Measurement]:
        """What was measured, oldest first; by name, ``accuracy``, or by title, ``accuracy{segment=large}``."""
        return [found for _, found in kept_measurements(self._systems.storage, model, name, since_us)]

    def last_measurements(self, model: str, wanted: Wanted, limit: int, *, by_window: bool = True) -> list[Measurement]:
        """Every value of the last `limit` measurements or more that are wanted, as `last_measurements` tells."""
        return last_measurements(self._systems.storage, model, wanted, limit, by_window=by_window)

    def measured(self, model: str) -> Measured | None:
        """The names of all that was measured of a model, and where the windows end; None without any."""
        return measured(self._systems.storage, model)

    def timeline(self, model: str, metric: str) -> tuple[Point, ...]:
        """One point a window: the metric's realised value, what it replaced, and the estimate; in order of time.

        `metric` may be a title: ``accuracy{segment=large}``.
        """
        found = [*self.measurements(model, metric), *self.measurements(model, estimate_of(metric))]
        return timeline(found, metric)

    def restate(self, model: str) -> list[Measurement]:
        """Measure again every window that was checked and whose outcomes have changed since; returns what is new.

        A check does so for recent windows; this looks at all that are remembered, 200 at most.
        """
        self._systems.recorder.flush()
        watched = self._systems.models.watched(model)
        now_us = self._systems.clock.now_us()
        return restated(answers(self._systems, model), Remeasuring(model, watched.judging, watched.metrics), now_us)

    def backfill(
        self,
        model: str,
        since_us: int,
        until_us: int | None = None,
        *,
        progress: Callable[[BackfillProgress], None] = lambda _: None,
    ) -> tuple[PastWindow, ...]:
        """Measure every complete window from `since_us` on, in order, and keep what was measured; nobody is told.

        Windows are the model's `window` long and `every` apart, on the hour, at midnight, on Mondays. What was
        interrupted goes on where it was when it is called again. A window whose rows, outcomes, configuration or
        reference have changed is restated: both values stay in the history.

        Parameters
        ----------
        until_us
            Where the last window ends at the latest; the model's last row when left out.
        progress
            Called after each 256 windows.

        Raises
        ------
        NothingToCheck
            There is no complete window.
        """
        self._systems.recorder.flush()
        return backfilled(self._systems, model, since_us, until_us, progress)

    def compare(
        self, first: str, second: str, *, since_us: int | None = None, until_us: int | None = None
    ) -> VersionComparison:
        """Two versions side by side, such as ``m@1.2.0`` and ``m@1.3.0``: every metric of both, and the difference.

        It is of the stretch in which both predicted. Where both predicted the same rows, told by their ids, the
        difference is of those pairs, which shows smaller ones.

        Raises
        ------
        NothingToCheck
            One of them has predicted nothing, or there is no time in which both did.
        """
        self._systems.recorder.flush()
        return versions_compared(self._systems, first, second, since_us, until_us)
