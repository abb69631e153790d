"""How models are now: windows, files, folders and long stretches, measured and judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from watchkeeper.domain.errors import UsageError
from watchkeeper.monitor.recording.refusals import refused_rows
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.scale.folder import Progress
from watchkeeper.monitor.stored_windows import has_rows

from .answering import answers
from .checking import acts, checked, version_checked
from .illustrating import illustrated
from .intake import doubts_about
from .isolation import isolated
from .large import folder_checked, pools, stretch_checked
from .project import Project

_WEEK_US: Final = 7 * 86_400_000_000


class Checks(Project):
    """The part of `Watchkeeper` that checks."""

    def check(
        self,
        model: str,
        data: Any = None,
        *,
        until_us: int | None = None,
        source: str = "data",
        act: bool | None = None,
        version: str | None = None,
    ) -> CheckResult:
        """Measure and judge the model's latest window, store the measurements, and let rules act on them.

        Where the registry knows what is in production, the rows are those that it answered, and not a shadow's.

        Parameters
        ----------
        data
            Rows to check instead of the stored ones: any frame, with the columns that the configuration names.
        until_us
            Where the window ends; with the model's last row when left out. With it the check is a look at the past:
            nothing is kept, and no alert begins or ends by it.
        act
            Whether measurements are stored and rules act; if not, it is a look. When left out, `data` is looked at
            where predictions of the model are stored, and acted upon where there are none.
        version
            Look at what this version predicted alone, such as ``1.3.0`` or ``staging``, whether it answers or not:
            nothing is kept, and nobody is told.

        Raises
        ------
        NothingToCheck
            There are no rows.
        DataError
            The reference or `data` cannot be read as configured.
        UsageError
            `act` with `until_us`: rules do not act on the past. `version` with `data` or `act`.
        """
        self._systems.recorder.flush()
        if version is not None:
            if data is not None or act:
                raise UsageError("a check of one version is a look at its stored rows: leave out data and act")
            return version_checked(self._systems, model, version, until_us)
        return checked(self._systems, model, data, until_us=until_us, source=source, act=act)

    def illustrated(self, result: CheckResult, data: Any = None) -> CheckResult:
        """The result with what `CheckResult.to_html` draws beside its numbers; nothing is measured or kept.

        Earlier windows with their limits, realised and estimated, and the distributions of columns that are not well.

        Parameters
        ----------
        data
            The rows that were checked, where they were not stored ones.
        """
        self._systems.recorder.flush()
        return illustrated(self._systems, result, data)

    def acts_on_files(self, model: str) -> bool:
        """Whether checks of files are acted upon when nobody says: where no predictions of the model are stored."""
        self._systems.recorder.flush()
        return acts(self._systems, model, is_of_files=True)

    def check_folder(
        self,
        model: str,
        folder: str | Path,
        *,
        executor: str | None = None,
        workers: int | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        act: bool | None = None,
    ) -> CheckResult:
        """Check all rows of a folder of Parquet files as one window; memory does not grow with them.

        Features are compared by profiles, with the bounds of each distance; metrics are of the files' own outcomes. A
        file that cannot be read is a finding, and the others are checked. Rules act on the result as `check` says.

        Parameters
        ----------
        executor
            The plugin that brings the workers, such as ``local`` (processes) or ``dask``; threads when left out.
        workers
            How many; one a core when left out.
        progress
            Called when a part of a file is done.
        act
            As in `check`.

        Raises
        ------
        DataError
            There is no such folder, or no Parquet file in it.
        NothingToCheck
            None of the files has a row that can be read.
        """
        opener = pools(self._systems, executor, workers)
        self._systems.recorder.flush()
        return folder_checked(self._systems, model, Path(folder), opener, progress, act=act)

    def check_stretch(self, model: str, since_us: int, until_us: int | None = None) -> CheckResult:
        """Check a long stretch of stored rows as one window: days and weeks, merged from hourly roll-ups.

        It is a look at the past: nothing is kept, and no alert begins or ends by it.

        Parameters
        ----------
        until_us
            Where it ends; now when left out.

        Raises
        ------
        NothingToCheck
            There are no rows.
        """
        self._systems.recorder.flush()
        end_us = self._systems.clock.now_us() if until_us is None else until_us
        return stretch_checked(self._systems, model, since_us, end_us)

    def check_all(self, *, until_us: int | None = None, act: bool | None = None) -> dict[str, CheckResult]:
        """Check every model; one that cannot be checked is UNKNOWN with its reason, and the others go on."""
        return {model: self.check_alone(model, until_us=until_us, act=act) for model in self.models}

    def check_alone(self, model: str, *, until_us: int | None = None, act: bool | None = None) -> CheckResult:
        """Check one model; when it cannot be checked it is UNKNOWN with the reason, which `status` then shows."""
        is_kept = until_us is None and act is not False
        return isolated(self._systems, model, lambda: self.check(model, until_us=until_us, act=act), keep=is_kept)

    def has_rows_since(self, model: str, since_us: int, rows: int) -> bool:
        """Whether so many predictions have a time from `since_us` on; reads no more than it takes to tell."""
        self._systems.recorder.flush()
        return has_rows(answers(self._systems, model), model, since_us, rows)

    def told_of(self, model: str) -> str:
        """What is known of a model before any window is looked at, in a sentence; errors are those of `check`."""
        watched = self._systems.models.watched(model)
        calibrated = sum(edge.threshold.is_defined for edge in watched.edges.values())
        return (
            f"{len(watched.features)} features, {len(watched.metrics)} metrics, "
            f"{calibrated} of {len(watched.edges)} drift thresholds calibrated on the reference"
        )

    def doubts_of(self, model: str) -> tuple[str, ...]:
        """What the model's reference lacks of the configured columns, and rows of a week that the store refused."""
        config = self._systems.models.config(model)
        found = doubts_about(config.columns, *self._systems.models.reference(model))
        refused = refused_rows(self._systems.storage, model)
        if refused is None or refused.last_us < self.now_us() - _WEEK_US:
            return found
        return (*found, refused.sentence)
