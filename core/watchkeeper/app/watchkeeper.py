"""Watchkeeper: one project, its models, its store and its alerts, as Python code sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from watchkeeper.alerting.letters import Letter
from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.reports import DeliveryReport, Undelivered
from watchkeeper.alerting.silences import Silence
from watchkeeper.config.schema import Config
from watchkeeper.domain.alert import Delivery
from watchkeeper.domain.ensemble import Weights
from watchkeeper.domain.errors import StoreError, UsageError
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.verdict import Failure
from watchkeeper.monitor.recording.refusals import Refused, refused_rows
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.scale.folder import Progress
from watchkeeper.monitor.stored_windows import has_rows
from watchkeeper.registry.deployments import Deployment
from watchkeeper.registry.report import Report

from .answering import answers
from .assembly import Systems, acted_on
from .checking import acts, checked, version_checked
from .delivering import delivered, delivering, is_delivering, tried_out
from .deploying import advanced_deployments
from .explaining import explained
from .filing import LoggedFile, file_logged
from .illustrating import illustrated
from .intake import doubts_about
from .isolation import isolated
from .large import compacted, folder_checked, pools, stretch_checked, tidied
from .past import Past
from .recording import RecordedOutcomes, logged, outcomes_recorded, refused_acknowledged
from .reporting import reported
from .silencing import require_known_labels
from .weighing import reweighed

_WEEK_US: Final = 7 * 86_400_000_000


class Watchkeeper(Past):
    """One project. Make one with `watchkeeper.open`; two in one process do not see each other.

    >>> import watchkeeper as wk
    >>> with wk.open("watchkeeper.toml") as watch:  # doctest: +SKIP
    ...     ids = watch.log("momentum", features, predictions)
    ...     watch.record_outcomes("momentum", ids, outcomes)
    ...     result = watch.check("momentum")
    """

    def __init__(self, systems: Systems) -> None:
        super().__init__(systems)
        self.registry = systems.registry
        self.alerting = systems.alerting
        self.ensembles = systems.ensembles

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self._systems.config

    @property
    def actor(self) -> str:
        """Who acts, for roles and the logs."""
        return self.registry.acting.actor

    def acting_as(self, actor: str) -> Self:
        """The same project for somebody else who acts: their roles count, and the logs name them.

        Who calls it vouches for the name. Stores, recorders and threads are shared: close the first one alone.
        """
        return type(self)(acted_on(self._systems, actor))

    @property
    def models(self) -> tuple[str, ...]:
        """The configured models' names."""
        return tuple(self.config.models)

    def log(
        self,
        model: str,
        features: Any,
        predictions: Any,
        *,
        ids: Any = None,
        times_us: Any = None,
        version: str | None = None,
        latency: Any = None,
        error: Any = None,
    ) -> Any:
        """Record predictions and return their ids; an append to memory, committed by a flusher every 100 ms.

        Parameters
        ----------
        features
            (n, d) array in the configured order, one row of it, or a mapping of columns.
        predictions
            (n,) probabilities, labels or values; one for one row.
        ids, times_us
            (n,); made up and taken from the clock when left out. Times are UTC microseconds since 1970.
        version
            Which version answered, such as ``1.4.0``.
        latency, error
            (n,) or one for all: how long it took, in the unit of your choice, and whether it failed (then the
            prediction may be None). Only for models whose ``columns`` name a ``latency`` and an ``error``.
        """
        self._systems.declare(model)
        features = self._systems.completed(model, features)
        features = self._systems.served(model, features, predictions, latency, error)
        return self._systems.recorder.log(model, features, predictions, ids=ids, times_us=times_us, version=version)

    def record_outcomes(self, model: str, ids: Any, outcomes: Any, *, times_us: Any = None) -> None:
        """Record what turned out to be true; a later outcome of the same id replaces the earlier one."""
        self._systems.expect_outcomes(model)
        self._systems.recorder.record_outcomes(model, ids, outcomes, times_us=times_us)

    def log_table(self, model: str, data: Any, *, source: str = "data") -> int:
        """Record rows with the columns that the configuration names, outcomes too where they are there.

        Returns
        -------
        How many predictions were stored; they are in the store when this returns.
        """
        self._systems.declare(model)
        return logged(self._systems, model, data, source)

    def log_file(self, model: str, path: str | Path, *, again: bool = False) -> LoggedFile:
        """Record a file's rows as `log_table` does, each once: a file that was logged is left alone.

        Of a file with other bytes the rows are left out whose id and time are stored; outcomes of those are recorded
        where they are new or corrected. With `again` every row is stored.

        Raises
        ------
        DataError
            The file cannot be read as configured.
        """
        self._systems.declare(model)
        return file_logged(self._systems, model, Path(path), again=again)

    def record_outcomes_table(self, model: str, data: Any, *, source: str = "data") -> RecordedOutcomes:
        """Record outcomes from rows with the configured id and outcome columns.

        Returns
        -------
        How many were recorded, and the ids among them of which no prediction is stored.
        """
        return outcomes_recorded(self._systems, model, data, source)

    def flush(self) -> None:
        """Return when everything recorded so far is in the store."""
        self._systems.recorder.flush()

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

    def tidy(self, budget_seconds: float = 1.0) -> tuple[Failure, ...]:
        """Merge each model's hourly roll-ups, and let the store compact and expire, for about this long.

        What went wrong is returned and logged; the rest was done, and the next call tries again.
        """
        return tidied(self._systems, budget_seconds)

    def check_all(self, *, until_us: int | None = None, act: bool | None = None) -> dict[str, CheckResult]:
        """Check every model; one that cannot be checked is UNKNOWN with its reason, and the others go on."""
        return {model: self.check_alone(model, until_us=until_us, act=act) for model in self.models}

    def check_alone(self, model: str, *, until_us: int | None = None, act: bool | None = None) -> CheckResult:
        """Check one model; when it cannot be checked it is UNKNOWN with the reason, which `status` then shows."""
        is_kept = until_us is None and act is not False
        return isolated(self._systems, model, lambda: self.check(model, until_us=until_us, act=act), keep=is_kept)

    def compact(self, budget_seconds: float = 1.0) -> Failure | None:
        """Let the store compact and expire, for about this long: what each flush brought becomes larger chunks.

        Windows are read several times faster then. What went wrong is returned and logged; the next call tries again.
        """
        return compacted(self._systems, budget_seconds)

    def has_rows_since(self, model: str, since_us: int, rows: int) -> bool:
        """Whether so many predictions have a time from `since_us` on; reads no more than it takes to tell."""
        self._systems.recorder.flush()
        return has_rows(answers(self._systems, model), model, since_us, rows)

    def now_us(self) -> int:
        """What time it is for this project: UTC, microseconds since 1970."""
        return self._systems.clock.now_us()

    def deliver(self) -> DeliveryReport:
        """Send the notifications that are due; tells what was delivered, and what will be tried again."""
        return delivered(self._systems)

    def delivering(self, heard: Callable[[DeliveryReport], None] | None = None) -> AbstractContextManager[None]:
        """Inside the ``with`` block, threads send notifications as they come and take the steps of escalations.

        `heard` is called with what each pass delivered and what it could not, from those threads.
        """
        return delivering(self._systems, heard)

    @property
    def is_delivering(self) -> bool:
        """Whether `delivering` is under way, and every one of its threads is alive."""
        return is_delivering(self._systems)

    def try_out(self, notifier: str) -> Delivery | Undelivered:
        """Send one notification that says it is a test to a configured notifier."""
        return tried_out(self._systems, notifier)

    def resend(self, key: str) -> Letter:
        """Make a notification that could not be delivered due again; `deliver` sends it."""
        return self.alerting.outbox.send_again(key, self._systems.clock.now_us(), self.actor)

    def drop(self, key: str) -> Letter:
        """Remove a notification that could not be delivered, because it is of no use any more; the log says who did."""
        return self.alerting.outbox.drop(key, self._systems.clock.now_us(), self.actor)

    def silence(
        self, matchers: Iterable[Matcher], lasts_us: int, *, by: str, comment: str, wait_us: int = 0
    ) -> Silence:
        """Tell nobody about alerts that fit all matchers, for so long, beginning in `wait_us`.

        Raises
        ------
        UsageError
            A matcher has a label that no alert has, with the nearest known one; or there is none at all.
        """
        matchers = tuple(matchers)
        require_known_labels(matchers, self.config, self.alerting.alerts())
        starts_us = self._systems.clock.now_us() + wait_us
        ends_us = starts_us + lasts_us
        return self.alerting.silences.add(matchers, ends_us, by=by, comment=comment, starts_us=starts_us)

    def compliance_report(self, model: str) -> Report:
        """What can be proved about a model, under the headings of SR 11-7 and of the EU AI Act's Annex IV."""
        return reported(self.registry, self.alerting, self._systems.storage, model)

    def advance_deployments(self) -> tuple[Deployment, ...]:
        """Move every deployment on as far as the measurements of its versions let it."""
        self._systems.recorder.flush()
        return advanced_deployments(self._systems)

    def reweigh(self, ensemble: str) -> Weights:
        """Learn the members' weights from their latest outcomes and store them."""
        self._systems.recorder.flush()
        return reweighed(self._systems, ensemble)

    def explain(self, model: str, rows: Any = None, *, explainer: str = "surrogate") -> Explanation:
        """Explain rows (the latest window's when left out) by the registered version in production, or the latest."""
        self._systems.recorder.flush()
        return explained(self._systems, model, rows, explainer)

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

    def refused(self, model: str) -> Refused | None:
        """The rows of a model that the store did not take, since somebody last took note of them."""
        self._systems.models.config(model)
        return refused_rows(self._systems.storage, model)

    def acknowledge_refused(self, model: str, reason: str = "") -> Refused | None:
        """Take note of the rows that the store did not take: checks and the doctor tell of later ones only.

        Returns
        -------
        What was acknowledged, which the audit log keeps; None when there was nothing.

        Raises
        ------
        NotAllowed
            The actor's role does not let them check the model.
        """
        self._systems.recorder.flush()
        return refused_acknowledged(self._systems, model, reason)

    def close(self) -> None:
        """Flush and release everything; may be called twice."""
        self._systems.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StoreError:
            if not isinstance(error, StoreError):  # else that one has told why the store cannot be used
                raise
